package notify

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
)

// Runner sends notifications while a service runs. All exported fields are needed.
type Runner struct {
	Targets func() []config.Notify
	// Lead reports whether this process is the one that sends, until release is called.
	Lead func(ctx context.Context) (release func(), lead bool, err error)
	// Look returns the fleet now.
	Look func(ctx context.Context) (View, error)
	// Describe completes conditions: what happened, and the next step.
	Describe func(ctx context.Context, items []api.NotifyItem) ([]api.NotifyItem, error)
	// Summary returns the daily summary.
	Summary func(ctx context.Context, now time.Time) (api.Notification, error)
	Store   catalog.Notices
	Send    func(ctx context.Context, c config.Notify, n api.Notification) error
	Host    string // the name of this host
	Log     *slog.Logger
	// Alone says that no other process uses the Store. Then what it remembers of a target goes with the target:
	// one of the same name that comes later is a new one. Another process may have other targets.
	Alone bool

	cleared []string         // the targets when those of others were last forgotten; nil: not yet
	every   time.Duration    // between two looks; 0: lookEvery
	lines   map[string]*line // by the name of the target
	fails   bool             // of the fleet or the catalog: the log has it
}

// line is the way to one target.
type line struct {
	target   config.Notify
	failures int       // since the last success
	again    time.Time // nothing is tried before
}

const (
	// lookEvery is how often a Runner looks at the fleet.
	lookEvery = 20 * time.Second
	// firstRetry is how long a target that failed gets until the next try. This doubles with
	// each failure, up to lastRetry.
	firstRetry = 30 * time.Second
	lastRetry  = 15 * time.Minute
	// described is how many alerts of one event say more than what and which device.
	described = 200
)

// Retry is how long to wait after so many failures.
func Retry(failures int) time.Duration {
	wait := firstRetry
	for range failures - 1 {
		if wait *= 2; wait >= lastRetry {
			return lastRetry
		}
	}
	return wait
}

// mostLater is how long a receiver can make us wait.
const mostLater = time.Hour

// waitAfter returns how long a target gets until the next try: what it asked for, if that is longer than what its
// failures call for.
func waitAfter(err error, failures int) time.Duration {
	wait := Retry(failures)
	if later, ok := errors.AsType[*Later](err); ok {
		wait = max(wait, min(later.Wait, mostLater))
	}
	return wait
}

// Run looks at the fleet and sends messages until ctx ends.
func (r *Runner) Run(ctx context.Context, ready func()) error {
	ready()
	every := time.NewTicker(cmp.Or(r.every, lookEvery))
	defer every.Stop()
	for {
		err := r.Turn(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !r.fails {
			r.Log.Error("notifications wait: the state of the devices is not known", "err", err)
		} else if err == nil && r.fails {
			r.Log.Info("notifications go on")
		}
		r.fails = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
	}
}

// Turn looks once, and sends the messages that are due. It returns when every target has answered. A target
// that fails is no error: its messages wait, and the log has its first failure.
func (r *Runner) Turn(ctx context.Context) error {
	targets := r.Targets()
	if err := r.forgetRemoved(ctx, targets); err != nil || len(targets) == 0 {
		return err
	}
	release, lead, err := r.Lead(ctx)
	if err != nil || !lead {
		return err
	}
	defer release()
	view, err := r.Look(ctx)
	if err != nil {
		return err
	}
	all, err := r.Store.Notices(ctx)
	if err != nil {
		return err
	}
	var put, forget []catalog.Notice
	due := make([][]message, len(targets))
	for i, t := range targets {
		d := decide(t, notices(all, t.Name), view)
		put, forget, due[i] = append(put, d.put...), append(forget, d.forget...), d.messages
	}
	if err := r.Store.ChangeNotices(ctx, put, forget); err != nil {
		return err
	}
	return r.sendAll(ctx, targets, due, view)
}

// forgetRemoved forgets what targets know that the configuration does not have any more.
func (r *Runner) forgetRemoved(ctx context.Context, targets []config.Notify) error {
	names := make([]string, 0, len(targets))
	for _, t := range targets {
		names = append(names, t.Name)
	}
	if !r.Alone || r.cleared != nil && slices.Equal(names, r.cleared) {
		return nil
	}
	all, err := r.Store.Notices(ctx)
	if err != nil {
		return err
	}
	removed := slices.DeleteFunc(all, func(n catalog.Notice) bool { return slices.Contains(names, n.Target) })
	if len(removed) > 0 {
		err = r.Store.ChangeNotices(ctx, nil, removed)
	}
	if err == nil {
		r.cleared = names
	}
	return err
}

// sendAll sends the messages to all targets at the same time: one that hangs delays no other.
func (r *Runner) sendAll(ctx context.Context, targets []config.Notify, due [][]message, v View) error {
	if r.lines == nil {
		r.lines = make(map[string]*line)
	}
	errs := make([]error, len(targets))
	var waits sync.WaitGroup
	for i, t := range targets {
		l := r.lines[t.Name]
		if l == nil || !reflect.DeepEqual(l.target, t) { // a new configuration is tried at once
			l = &line{target: t}
			r.lines[t.Name] = l
		}
		if !v.Time.Before(l.again) {
			waits.Go(func() { errs[i] = r.sendTo(ctx, l, due[i], v) })
		}
	}
	waits.Wait()
	return errors.Join(errs...)
}

// sendTo sends messages to one target, in order, until one fails.
func (r *Runner) sendTo(ctx context.Context, l *line, due []message, v View) error {
	for _, m := range due {
		n, err := r.prepare(ctx, l.target, m, v)
		if err != nil {
			return err
		}
		err = r.Send(ctx, l.target, n)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var partly *Partly
		if errors.As(err, &partly) {
			r.Log.Warn("some receivers did not get a notification", "target", l.target.Name, "event", n.Event, "err", err, "hint", cause.Hint(partly.Err))
			err = nil
		}
		r.note(l, err)
		if err != nil {
			return nil
		}
		if len(m.put)+len(m.forget) == 0 { // an alert that holds on
			continue
		}
		if err := r.Store.ChangeNotices(ctx, m.put, m.forget); err != nil {
			return err
		}
		r.Log.Info("notification sent", "target", l.target.Name, "event", n.Event, "items", len(n.Items)+n.More)
	}
	return nil
}

// note remembers how a target answered. The log has the beginning and the end of a failure.
func (r *Runner) note(l *line, err error) {
	switch {
	case err != nil:
		l.failures++
		l.again = time.Now().Add(waitAfter(err, l.failures))
		if l.failures == 1 {
			r.Log.Error("a notification was not delivered: it waits, and is tried again", "target", l.target.Name, "err", cause.Text(err), "hint", cause.Hint(err))
		}
	case l.failures > 0:
		r.Log.Info("notifications are delivered again", "target", l.target.Name, "failures", l.failures)
		l.failures, l.again = 0, time.Time{}
	}
}

// prepare writes a message.
func (r *Runner) prepare(ctx context.Context, t config.Notify, m message, v View) (n api.Notification, err error) {
	if m.event == api.NotifySummary {
		n, err = r.Summary(ctx, v.Time)
	} else {
		items, more := shortened(m.items, api.MostNamed)
		if t.Type == config.Alertmanager {
			items, more = m.items, 0
		}
		if m.event != api.NotifyRecovered {
			var full []api.NotifyItem
			some := items[:min(len(items), described)]
			full, err = r.Describe(ctx, some)
			items = append(full, items[len(some):]...)
		}
		n = compose(m, items, more, v)
	}
	n.ID, n.Host = identity(t.Name, m), r.Host
	if n.Items == nil {
		n.Items = []api.NotifyItem{}
	}
	return n, err
}

// Test is the message that shows whether a target can be reached.
func Test(t config.Notify, host string, now time.Time) api.Notification {
	now = now.UTC().Truncate(time.Second)
	item := api.NotifyItem{Event: api.NotifyTesting, Subject: host, Since: now, Message: "somebody tests the notifications of flashwarden; nothing is wrong"}
	n := compose(message{event: api.NotifyTesting}, []api.NotifyItem{item}, 0, View{Time: now})
	n.ID, n.Host = identity(t.Name+now.String(), message{event: api.NotifyTesting}), host
	return n
}
