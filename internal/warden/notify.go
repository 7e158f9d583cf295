package warden

import (
	"cmp"
	"context"
	"os"
	"sync"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
	"flashwarden/internal/notify"
)

// TestNotify sends a test message to one target of notifications, or to all of them. A target
// that does not get it is a result, not an error.
func (l *notices) TestNotify(ctx context.Context, r api.NotifyTest) ([]api.NotifyTestResult, error) {
	if err := l.allowTest(ctx, r.Name); err != nil {
		return nil, err
	}
	targets, err := targetsOf(l.config(), r.Name)
	if err != nil {
		return nil, err
	}
	results := make([]api.NotifyTestResult, len(targets))
	var waits sync.WaitGroup
	for i, t := range targets {
		waits.Go(func() {
			err := l.send(ctx, t, notify.Test(t, thisHost(), time.Now()))
			results[i] = api.NotifyTestResult{Name: t.Name, Type: t.Type, OK: err == nil, Message: cause.Text(err)}
			if err != nil {
				results[i].Hint = cause.Hint(err)
			}
		})
	}
	waits.Wait()
	return results, ctx.Err()
}

// allowTest authorises a test, which needs no data directory. If there is one, it has a line in
// the audit trail.
func (l *notices) allowTest(ctx context.Context, name string) error {
	if l.stat() != nil {
		return l.allow(ctx, working, "test notifications", name)
	}
	_, err := l.begin(ctx, working, "test notifications", name)
	return err
}

// targetsOf returns the target with this name; empty: all targets.
func targetsOf(c config.Config, name string) ([]config.Notify, error) {
	names := each(c.Notify, func(t config.Notify) string { return t.Name })
	t, found := c.Target(name)
	switch {
	case len(c.Notify) == 0:
		p := Invalid("the configuration has no targets for notifications")
		p.Fix = api.Say("add one under ").Set("notify", "").Say(" in the configuration that the service reads")
		return nil, p
	case name == "":
		return c.Notify, nil
	case !found:
		return nil, unknown(namesOf("targets", names), "no target of notifications has the name %q%s", name, meant(names, name))
	}
	return []config.Notify{t}, nil
}

// send sends one message.
func (l *notices) send(ctx context.Context, t config.Notify, n api.Notification) error {
	return notify.Sender{}.Send(ctx, t, n)
}

// thisHost is the name of this host in messages.
func thisHost() string {
	name, _ := os.Hostname()
	return cmp.Or(name, "localhost")
}
