package warden

import (
	"context"
	"fmt"
	"log/slog"

	"flashwarden/api"
)

// role is how much an actor may do; a higher role includes the lower ones.
type role int

const (
	viewer   role = iota + 1 // reads
	operator                 // also starts jobs, offers and receptions
	admin                    // also changes devices and restores
)

// Actor is who asks for an operation.
type Actor struct {
	Name string // of the Unix user
	From string // "terminal", "socket"
	role role
}

// Admin returns an actor who may do everything: the owner of the data
// directory, or a user whom the socket lets in.
func Admin(name, from string) Actor { return Actor{Name: name, From: from, role: admin} }

type actorKey struct{}

// As returns a context whose operations are done for a.
func As(ctx context.Context, a Actor) context.Context { return context.WithValue(ctx, actorKey{}, a) }

// allow authorises one operation and records it. Without an actor nothing is
// allowed.
func (l *Local) allow(ctx context.Context, need role, operation string, on ...string) error {
	a, _ := ctx.Value(actorKey{}).(Actor)
	level, result := slog.LevelDebug, "allowed"
	if need > viewer {
		level = slog.LevelInfo
	}
	if a.role < need {
		level, result = slog.LevelWarn, "refused"
	}
	l.log().Log(ctx, level, "operation", "operation", operation, "on", on, "user", a.Name, "from", a.From, "result", result)
	if a.role < need {
		err := fmt.Errorf("%q may not %s", a.Name, operation)
		return &api.Problem{Detail: err.Error(), Exit: api.ExitRefused, Err: err,
			Fix: api.Say("ask an administrator for the right to do this")}
	}
	return nil
}
