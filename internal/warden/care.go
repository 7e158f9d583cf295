package warden

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
	"flashwarden/internal/job"
	"flashwarden/internal/node"
	"flashwarden/internal/schedule"
)

// The tasks that keep the vault and the inventory in order: a prune, a check of a share, and
// each mirror and list of devices of the configuration. The schedule makes jobs of them; a command of a person does the same work.
// Each run is recorded, whoever began it.

// careTurns returns the turns of the tasks that the configuration has.
func careTurns(ctx context.Context, c catalog.Catalog, conf config.Config) ([]catalog.Turn, error) {
	had, err := c.CareTurns(ctx)
	if err != nil {
		return nil, err
	}
	tasks := []catalog.Turn{{Kind: api.JobPrune}, {Kind: api.JobCheck}}
	for _, m := range conf.Mirrors {
		tasks = append(tasks, catalog.Turn{Kind: api.JobMirror, Name: m.Name})
	}
	for _, i := range conf.Inventory {
		tasks = append(tasks, catalog.Turn{Kind: api.JobInventory, Name: i.Source})
	}
	for i, t := range tasks {
		if at := slices.IndexFunc(had, func(h catalog.Turn) bool { return h.Kind == t.Kind && h.Name == t.Name }); at >= 0 {
			tasks[i].Slot = had[at].Slot
		}
	}
	return tasks, nil
}

// careSchedule is the schedule of a task.
func careSchedule(c config.Config, t catalog.Turn) (s schedule.Schedule) {
	switch t.Kind {
	case api.JobPrune:
		return c.Retention.Schedule
	case api.JobCheck:
		return c.Check.Schedule
	case api.JobInventory:
		i, _ := c.List(t.Name)
		return i.Schedule
	}
	m, _ := c.Mirror(t.Name)
	return m.Schedule // never, if it is gone
}

// careJob is the work of a turn of a task. What the configuration of this process says of it
// counts, whichever machine does it.
func careJob(c config.Config, t catalog.Turn) catalog.Job {
	j := catalog.Job{Job: api.Job{Kind: t.Kind, Name: t.Name, By: BySchedule}}
	switch t.Kind {
	case api.JobPrune:
		j.Request = requestOf(api.Prune{Retention: retention(c)})
	case api.JobCheck:
		j.Request = requestOf(api.Check{Share: c.Check.Share})
	case api.JobInventory:
		j.Request = requestOf(struct{}{}) // the list is read when the job runs
	default:
		j.Request = requestOf(configured(api.Mirror{Name: t.Name}, c))
	}
	return j
}

// careByQueue does one task.
func (l *queue) careByQueue(ctx context.Context, j catalog.Job, events func(api.Event)) job.Outcome {
	began := time.Now()
	var result any
	var problems []api.CheckProblem
	var err error
	switch j.Kind {
	case api.JobPrune:
		var r api.PruneResult
		r, err = doRequest(ctx, j, l.upkeep.Prune)
		result, problems = r, r.Problems
	case api.JobCheck:
		var r api.CheckResult
		r, err = doRequest(ctx, j, func(ctx context.Context, r api.Check) (api.CheckResult, error) { return l.upkeep.Check(ctx, r, events) })
		result, problems = r, r.Problems
	case api.JobMirror:
		var r api.MirrorResult
		r, err = doRequest(ctx, j, func(ctx context.Context, r api.Mirror) (api.MirrorResult, error) {
			return l.upkeep.Mirror(ctx, r, events)
		})
		result, problems = r, r.Problems
	case api.JobInventory:
		result, err = l.devices.importList(ctx, j.Name)
	}
	failed := careFailure(j.Kind, j.Name, problems, err)
	if n, openErr := l.open(ctx); openErr == nil {
		l.upkeep.putCare(ctx, n, failed, began)
	}
	out := job.Outcome{Failed: failed.Failed, Cause: failed.Cause, Message: failed.Message, Hint: failed.Hint, Final: err == nil}
	if err == nil {
		out.Result = requestOf(result)
	}
	return out
}

// doRequest does an operation with the request of a job.
func doRequest[Q, R any](ctx context.Context, j catalog.Job, do func(context.Context, Q) (R, error)) (R, error) {
	var r Q
	if err := json.Unmarshal(j.Request, &r); err != nil {
		var none R
		return none, fmt.Errorf("read the request of a job: %w", err)
	}
	return do(ctx, r)
}

// careFailure says how a task ended: well, with problems that it found, or with an error.
func careFailure(kind, name string, problems []api.CheckProblem, err error) catalog.CareRun {
	r := catalog.CareRun{Kind: kind, Name: name, Failed: err != nil || len(problems) > 0}
	switch {
	case err != nil:
		p := AsProblem(err)
		r.Cause, r.Message, r.Hint = cmp.Or(p.Cause, cause.Internal), p.Detail, p.Fix.String()
	case len(problems) > 0:
		r.Cause = cause.VaultError
		r.Message = fmt.Sprintf("%s: %s", problems[0].Path, problems[0].Message)
		if more := len(problems) - 1; more > 0 {
			r.Message += fmt.Sprintf("; and %d more", more)
		}
		list := api.Do("check")
		if kind == api.JobCheck { // it may have read the files
			list = list.With("read_data", "")
		}
		r.Hint = list.Say(" lists all problems").String()
	}
	return r
}

// recordCare records the run of a task that a person began at this time. The queue records its
// own runs, also those that were refused.
func (l *upkeep) recordCare(ctx context.Context, n *node.Node, kind, name string, began time.Time, problems []api.CheckProblem, err error) {
	if actorOf(ctx).From != fromQueue {
		l.putCare(ctx, n, careFailure(kind, name, problems, err), began)
	}
}

// putCare records the run of a task, and logs a failure. A run that somebody cancelled says
// nothing.
func (l *upkeep) putCare(ctx context.Context, n *node.Node, r catalog.CareRun, began time.Time) {
	if ctx.Err() != nil || r.Cause == cause.Cancelled {
		return
	}
	if r.Kind != api.JobInventory { // that one changes devices
		l.live.vault(api.VaultEvent{Change: r.Kind, Name: r.Name, Failed: r.Failed, Cause: r.Cause})
	}
	r.Started = began.UTC().Truncate(time.Second)
	if err := n.Catalog.PutCare(ctx, r); err != nil {
		l.log().Error("the end of a task was not recorded", "operation", r.Kind, "name", r.Name, "err", err)
	}
	if r.Failed && l.opts.LogResults {
		l.log().Error(r.Kind+" failed", "operation", r.Kind, "name", r.Name, "cause", r.Cause, "err", r.Message, "hint", r.Hint)
	}
}

// addCare adds the tasks of the vault to the status of all devices.
func (l *fleet) addCare(ctx context.Context, n *node.Node, status *api.Status, s api.Select, now time.Time) (err error) {
	status.Care = []api.Care{}
	if s.Group != "" || s.Site != "" || len(s.Names) > 0 {
		return nil
	}
	status.Care, err = l.care(ctx, n, now)
	for _, c := range status.Care {
		if c.Failed {
			status.Summary.CareFailed++
		}
		if c.LateSince != nil {
			status.Summary.CareLate++
		}
	}
	return err
}

// care returns the state of all tasks: those of the schedule, and others that somebody has done.
func (l *fleet) care(ctx context.Context, n *node.Node, now time.Time) ([]api.Care, error) {
	runs, err := n.Catalog.CareRuns(ctx)
	if err != nil {
		return nil, err
	}
	all := []api.Care{}
	for _, r := range runs {
		if !l.configured(r.Kind, r.Name) {
			continue
		}
		all = append(all, api.Care{Task: r.Kind, Name: r.Name, LastRun: pointer(r.Started), LastSuccess: pointer(r.Succeeded), Failed: r.Failed,
			Cause: r.Cause, Message: r.Message, Hint: r.Hint})
	}
	turns, err := careTurns(ctx, n.Catalog, l.config())
	if err != nil {
		return nil, err
	}
	waiting, err := careJobs(ctx, n)
	if err != nil {
		return nil, err
	}
	for _, t := range turns {
		u := l.jobs()
		i := slices.IndexFunc(all, func(c api.Care) bool { return c.Task == t.Kind && c.Name == t.Name })
		if i < 0 && u == nil && t.Slot.IsZero() {
			continue // nobody plans it
		}
		if i < 0 {
			i, all = len(all), append(all, api.Care{Task: t.Kind, Name: t.Name})
		}
		j := waiting[task{t.Kind, t.Name}]
		if u != nil {
			l.addNextCare(&all[i], t, j, u.since, now)
		}
		l.addLateness(&all[i], t, j, u, now)
	}
	return all, nil
}

// configured reports whether a task is still in the configuration.
func (l *fleet) configured(kind, name string) bool {
	known := true
	switch kind {
	case api.JobMirror:
		_, known = l.config().Mirror(name)
	case api.JobInventory:
		_, known = l.config().List(name)
	}
	return known
}

// addNextCare adds when a task runs next: when the schedule says so, or its job that waits.
func (l *fleet) addNextCare(c *api.Care, t catalog.Turn, waits catalog.Job, since, now time.Time) {
	cadence := cadence(l.config(), t)
	if p, ok := cadence.Next(t, since, now); ok {
		at := p.Due.UTC()
		c.NextRun, c.NextWhy = &at, why(cadence, p)
	}
	if text, ok := whyWaiting[waits.State]; ok {
		c.NextRun, c.NextWhy = &waits.Due, text
	}
}

// addLateness adds since when a task is late, and the next step. u is nil if this process does
// not follow the schedule. A worker for devices does not know the schedule.
func (l *fleet) addLateness(c *api.Care, t catalog.Turn, j catalog.Job, u *unattended, now time.Time) {
	if u != nil && u.queue.Worker.Devices || u == nil && t.Slot.IsZero() {
		return
	}
	last := t.Slot
	if last.IsZero() {
		last = u.since
	}
	for _, began := range []*time.Time{c.LastRun, &j.Started} {
		if began != nil && began.After(last) {
			last = *began
		}
	}
	due, late := cadence(l.config(), t).Late(last, now)
	if j.State == api.JobQueued && !t.Slot.IsZero() {
		due, late = t.Slot, cadence(l.config(), t).Overdue(t.Slot, now)
	}
	if !late {
		return
	}
	due = due.UTC()
	c.LateSince = &due
	fix := api.Say("see what the service does with ").Do("jobs")
	if u == nil {
		fix = api.Say("see that a service runs that follows the schedule: ").Do("serve")
	}
	c.Hint = cmp.Or(c.Hint, fix.String())
}

// task names a task of the vault.
type task struct{ kind, name string }

// careJobs returns the job of each task that waits or runs.
func careJobs(ctx context.Context, n *node.Node) (map[task]catalog.Job, error) {
	jobs := make(map[task]catalog.Job)
	for _, state := range []string{api.JobQueued, api.JobRetrying, api.JobRunning} {
		page, err := n.Catalog.Jobs(ctx, api.JobSelect{State: state, Limit: manyJobs})
		if err != nil {
			return nil, err
		}
		for _, j := range page.Jobs {
			if j.Device == "" {
				jobs[task{j.Kind, j.Name}] = catalog.Job{Job: j}
			}
		}
	}
	return jobs, nil
}
