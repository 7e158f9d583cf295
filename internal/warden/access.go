package warden

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"flashwarden/api"
	"flashwarden/internal/audit"
	"flashwarden/internal/catalog"
	"flashwarden/internal/node"
)

// Actor is who asks for an operation.
type Actor struct {
	Name  string // of the Unix user, the user of the page, or the token
	From  string // "terminal", "socket", or the address of the client
	Role  api.Role
	Group string // only the devices of this group; empty: of all
	Site  string // only the devices of this site; empty: of all
	Owner bool   // root, or the user whom this process runs as
}

// Admin returns an actor who may do everything: the owner of the data
// directory, or a user whom the socket lets in.
func Admin(name, from string) Actor { return Actor{Name: name, From: from, Role: api.RoleAdmin} }

// Owner returns the user of this process, who types at a terminal.
func Owner(name string) Actor {
	a := Admin(name, "terminal")
	a.Owner = true
	return a
}

// limited reports whether the actor may work on some devices only.
func (a Actor) limited() bool { return a.Group != "" || a.Site != "" }

// limits says on which devices a limited actor may work.
func (a Actor) limits() string {
	switch {
	case a.Site == "":
		return "the group " + a.Group
	case a.Group == "":
		return "the site " + a.Site
	}
	return "the group " + a.Group + " at the site " + a.Site
}

type actorKey struct{}

// As returns a context whose operations are done for a.
func As(ctx context.Context, a Actor) context.Context { return context.WithValue(ctx, actorKey{}, a) }

// ActorOf returns who asks, for a face that shows only what the actor may do. Nobody is an
// actor without a role.
func ActorOf(ctx context.Context) Actor { return actorOf(ctx) }

// actorOf returns who asks. Nobody is an actor without a role.
func actorOf(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}

// need is what an operation asks of its actor.
type need struct {
	role    api.Role
	changes bool // it has a line in the audit trail
}

// What operations need. Those on devices change nothing, but somebody logs in.
var (
	reading   = need{api.RoleViewer, false}
	looking   = need{api.RoleOperator, false} // logs in to devices, or shows secrets
	working   = need{api.RoleOperator, true}
	directing = need{api.RoleAdmin, true}
)

// allow authorises an operation that is not about some devices only. A refused one has a
// line in the audit trail. Without an actor nothing is allowed.
func (l *core) allow(ctx context.Context, needs need, operation string, on ...string) error {
	a := actorOf(ctx)
	if a.limited() {
		return l.refuse(ctx, fmt.Sprintf("%q may work on %s only, and may not %s", a.Name, a.limits(), operation), operation, on)
	}
	return l.allowOnDevices(ctx, needs, operation, on...)
}

// allowOnDevices authorises an operation that later asks within whether it may work on
// its devices.
func (l *core) allowOnDevices(ctx context.Context, needs need, operation string, on ...string) error {
	a := actorOf(ctx)
	if !a.Role.Includes(needs.role) {
		return l.refuse(ctx, fmt.Sprintf("%q may not %s", a.Name, operation), operation, on)
	}
	level := slog.LevelDebug
	if needs.role != api.RoleViewer {
		level = slog.LevelInfo
	}
	l.log().Log(ctx, level, "operation", "operation", operation, "on", on, "user", a.Name, "from", a.From, "result", api.AuditAllowed)
	return nil
}

// refuse records a refused operation and returns its problem.
func (l *core) refuse(ctx context.Context, why, operation string, on []string) error {
	a := actorOf(ctx)
	l.log().Log(ctx, slog.LevelWarn, "operation", "operation", operation, "on", on, "user", a.Name, "from", a.From, "result", api.AuditRefused)
	if err := l.recordRefusal(ctx, operation, on); err != nil {
		l.log().Error("a refused operation is not in the audit trail", "operation", operation, "user", a.Name, "err", err)
	}
	err := fmt.Errorf("%s", why)
	return &api.Problem{Detail: why, Exit: api.ExitRefused, Err: err, Fix: api.Say("ask an administrator for the right to do this")}
}

// recordRefusal writes a line if there is a data directory.
func (l *core) recordRefusal(ctx context.Context, operation string, on []string) error {
	if actorOf(ctx) == (Actor{}) || node.Exists(ctx, l.nodeOptions()) != nil {
		return nil // nobody asked, or there is nothing to protect yet
	}
	n, err := l.open(ctx)
	if err != nil {
		return err
	}
	return l.record(ctx, n, operation, api.AuditRefused, on)
}

// record writes a line of the audit trail. The log gets the hash: whoever writes the
// trail again cannot change the logs that have left this machine.
func (l *core) record(ctx context.Context, n *node.Node, operation, result string, on []string) error {
	a := actorOf(ctx)
	line, err := n.Catalog.Record(ctx, audit.Plain(api.AuditLine{User: a.Name, From: a.From, Operation: operation, On: on, Result: result}))
	if err != nil {
		return err
	}
	l.log().Info("audit", "number", line.Number, "operation", operation, "user", a.Name, "result", result, "hash", line.Hash)
	return nil
}

// within returns s, limited to the devices on which the actor may work. It refuses
// others.
func (l *core) within(ctx context.Context, n *node.Node, operation string, s api.Select) (api.Select, error) {
	a := actorOf(ctx)
	if !a.limited() {
		return s, nil
	}
	outside := func(what string) (api.Select, error) {
		return s, l.refuse(ctx, fmt.Sprintf("%q may work on %s only, and %s is not part of it", a.Name, a.limits(), what), operation, s.Names)
	}
	if s.Group != "" && a.Group != "" && s.Group != a.Group {
		return outside("the group " + s.Group)
	}
	if s.Site != "" && a.Site != "" && s.Site != a.Site {
		return outside("the site " + s.Site)
	}
	for _, name := range s.Names {
		switch its, err := l.its(ctx, n, name); {
		case err != nil:
			return s, err
		case !its:
			return outside(name)
		}
	}
	s.Group, s.Site = cmp.Or(s.Group, a.Group), cmp.Or(s.Site, a.Site)
	return s, nil
}

// its reports whether a limited actor may work on the device of this name. A name that is
// nobody's is as foreign to it as the name of another device: it does not learn which
// names there are.
func (l *core) its(ctx context.Context, n *node.Node, device string) (bool, error) {
	a := actorOf(ctx)
	d, err := n.Catalog.Device(ctx, device)
	if errors.Is(err, catalog.ErrNotFound) {
		return false, nil
	}
	return err == nil && (a.Group == "" || d.Group == a.Group) && (a.Site == "" || d.Site == a.Site), err
}
