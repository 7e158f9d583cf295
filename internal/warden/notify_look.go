package warden

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/config"
	"flashwarden/internal/node"
	"flashwarden/internal/notify"
	"flashwarden/internal/protect"
)

const (
	// notifyLease is the lease of the process that sends notifications. It is no device: a
	// device has no slash in its name.
	notifyLease = "/notify"
	// notifyLeads is how long that process may take for one turn. It is more than all messages
	// to a target that does not answer take.
	notifyLeads = 5 * time.Minute

	// mirrorPatience is how old a backup may be without a copy in a mirror before that is
	// worth a message: mirrors run once a day or once a week.
	mirrorPatience = 48 * time.Hour
	// retrySoon is how soon another attempt of a failed backup must be to wait for it.
	retrySoon = 15 * time.Minute
)

// RunNotify sends notifications until ctx ends. It is called after UseQueue.
func (l *notices) RunNotify(ctx context.Context, ready func()) error {
	n, err := l.open(ctx)
	if err != nil {
		return err
	}
	return l.runner(n).Run(ctx, ready)
}

// runner returns what sends the notifications of this process.
func (l *notices) runner(n *node.Node) *notify.Runner {
	looked := &lookout{fleet: l.fleet, node: n}
	return &notify.Runner{Host: thisHost(), Log: l.log(), Store: n.Catalog, Send: l.send, Alone: !n.Shared(),
		Targets: func() []config.Notify { return l.config().Notify },
		Lead: func(ctx context.Context) (func(), bool, error) {
			if !n.Shared() {
				return func() {}, true, nil
			}
			return leadNotify(ctx, l.core, n.Catalog, n.Worker())
		},
		Look:     looked.look,
		Describe: looked.describe,
		Summary:  func(ctx context.Context, now time.Time) (api.Notification, error) { return l.summary(ctx, n, now) }}
}

// leadNotify takes the lease of the process that sends: other machines may do so too.
func leadNotify(ctx context.Context, l *core, c catalog.Jobs, w catalog.Worker) (release func(), lead bool, err error) {
	lease, lead, err := c.TakeLease(ctx, w, notifyLease, notifyLeads)
	return func() {
		if err := c.FreeLeases(context.WithoutCancel(ctx), lease); err != nil {
			l.log().Warn("other machines send notifications only when a lease has ended", "lease", notifyLease, "err", err)
		}
	}, lead, err
}

// lookout finds what notifications are about.
type lookout struct {
	*fleet
	node *node.Node

	images   []api.Image // of the vault, and those that it lacks; nil: not read yet
	imagesAt time.Time
}

// look returns the fleet now. It reads outlines only: most devices are in order.
func (l *lookout) look(ctx context.Context) (notify.View, error) {
	now := time.Now()
	c := l.config()
	v := notify.View{Time: now, Zone: c.Schedule.Zone, Known: make(map[string]bool), Spread: c.Schedule.Spread}
	last := make(map[string]notify.Turn)
	err := l.outlines(ctx, func(o catalog.State, risks protect.Risks) {
		v.Known[o.Name] = true
		last[o.Name] = lastTurn(o)
		v.Conditions = append(v.Conditions, conditionsOf(o, risks, now)...)
	})
	if err == nil {
		err = l.addImages(ctx, &v)
	}
	if err == nil {
		err = l.addTasks(ctx, &v, now)
	}
	v.Turns = sync.OnceValues(func() ([]notify.Turn, error) { return l.turns(ctx, last, now) })
	return v, err
}

// outlines calls yield with the outline of each device, and why it is at risk.
func (l *lookout) outlines(ctx context.Context, yield func(catalog.State, protect.Risks)) error {
	served, err := l.node.Served()
	if err != nil {
		return err
	}
	mirrored, err := l.mirrored(ctx, l.node)
	if err != nil {
		return err
	}
	rules, now := l.protection(), time.Now()
	return l.node.Catalog.Outlines(ctx, "", "", func(o catalog.State) {
		settle(&o, served)
		o.Mirrors = mirrored[o.Good.ID]
		yield(o, rules.Risks(o, now))
	})
}

// conditionsOf are those of a device: its newest backup failed, or it is at risk. A run that was
// interrupted says nothing: the queue does it again. A device that was never tried is new.
func conditionsOf(o catalog.State, risks protect.Risks, now time.Time) (all []api.NotifyItem) {
	item := api.NotifyItem{Subject: o.Name, Device: o.Name}
	if protect.LastFails(o) && o.Failed.Status != api.StatusInterrupted {
		item.Event, item.Cause = api.NotifyFailed, o.Failed.Cause
		all = append(all, item)
	}
	for i, risk := range risks {
		if risk == api.RiskMirror && now.Sub(o.Good.Started) < mirrorPatience || risk == api.RiskNever && o.Last.Status == "" {
			risks[i] = ""
		}
	}
	if risks != (protect.Risks{}) {
		item.Event, item.Cause = api.NotifyAtRisk, ""
		all = append(all, item)
	}
	return all
}

// lastTurn is when a device had its newest backup that ended. Outlines have no ends of runs,
// so these are beginnings.
func lastTurn(o catalog.State) notify.Turn {
	if o.Last.Status != api.StatusRunning {
		return notify.Turn{Ended: o.Last.Started}
	}
	t := notify.Turn{Busy: true}
	times := []time.Time{o.Good.Started, o.Looked}
	if o.Failed != nil {
		times = append(times, o.Failed.Started)
	}
	t.Ended = slices.MaxFunc(times, time.Time.Compare)
	return t
}

// turns completes when the devices are backed up: those that wait in the queue, or are tried
// again soon, and those that the schedule takes next.
func (l *lookout) turns(ctx context.Context, last map[string]notify.Turn, now time.Time) ([]notify.Turn, error) {
	for _, state := range []string{api.JobQueued, api.JobRetrying, api.JobRunning} {
		page, err := l.node.Catalog.Jobs(ctx, api.JobSelect{State: state, Limit: manyJobs})
		if err != nil {
			return nil, err
		}
		for _, j := range page.Jobs {
			if t, ok := last[j.Device]; ok && (state != api.JobRetrying || j.Due.Sub(now) < retrySoon) {
				t.Busy = true
				last[j.Device] = t
			}
		}
	}
	if u := l.jobs(); u != nil {
		next, err := l.nextRuns(ctx, l.node, u, api.Select{}, now)
		if err != nil {
			return nil, err
		}
		for name, run := range next {
			if t, ok := last[name]; ok {
				t.Due = run.at
				last[name] = t
			}
		}
	}
	return slices.Collect(maps.Values(last)), nil
}
