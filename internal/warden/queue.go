package warden

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
	"flashwarden/internal/job"
	"flashwarden/internal/node"
)

// fromQueue is where the operations of jobs come from.
const fromQueue = "queue"

// BySchedule is who asks for the jobs of the schedule.
const BySchedule = "schedule"

// keptForPersons is how many of the jobs that may run at once the schedule leaves free.
const keptForPersons = 2

// betweenLogins is the time between two logins of one site and credential: a server for
// passwords locks who comes too often.
const betweenLogins = time.Second

// unattended is the queue and the schedule of a service.
type unattended struct {
	queue   *job.Queue
	planner *job.Planner
	since   time.Time
	shared  catalog.Jobs // nil: this process does the jobs; else services on other machines do
}

// UseQueue lets backups from now on go through a queue, which RunQueue works on. It is
// called once, before operations begin. If devices is set,
// it does only jobs on devices: those of the vault belong to a process with the schedule.
func (l *queue) UseQueue(ctx context.Context, devices bool) error {
	n, err := l.served(ctx)
	if err != nil {
		return err
	}
	u := &unattended{since: time.Now()}
	worker := n.Worker()
	worker.Devices = devices
	u.queue = job.New(job.Options{Store: n.Jobs(), Worker: worker, Log: l.log(), Work: l.work, Changed: l.live.jobs,
		Limits: func() job.Limits { return limits(l.config(), time.Now()) }, Keep: func() time.Duration { return l.config().Jobs.Keep }})
	u.planner = job.NewPlanner(job.Planner{Queue: u.queue, Log: l.log(),
		Turns:   func(ctx context.Context) ([]catalog.Turn, error) { return l.turns(ctx, n) },
		Cadence: func(t catalog.Turn) job.Cadence { return cadence(l.config(), t) },
		Job:     func(t catalog.Turn) catalog.Job { return scheduledJob(l.config(), t) }})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unattended = u
	return nil
}

// visitor is the queue of a process that works on no jobs, and shares its catalog with
// services that do.
func (l *core) visitor(n *node.Node) *unattended {
	return &unattended{queue: job.New(job.Options{Store: n.Jobs(), Worker: n.Worker(), Log: l.log()}), shared: n.Catalog}
}

// RunQueue works on the jobs of the queue until ctx ends. Then running jobs may go on until
// limit ends.
func (l *queue) RunQueue(ctx, limit context.Context, ready func()) error {
	watching, stop := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() { l.watchJobs(watching) })
	defer watcher.Wait()
	defer stop()
	return l.jobs().queue.Run(ctx, limit, ready)
}

// RunSchedule gives devices their turns until ctx ends.
func (l *queue) RunSchedule(ctx context.Context, ready func()) error {
	return l.jobs().planner.Run(ctx, ready)
}

// jobs returns the queue and the schedule; nil: this process has none.
func (l *core) jobs() *unattended {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.unattended
}

// limits are those of the configuration at a time.
func limits(c config.Config, now time.Time) job.Limits {
	l := job.Limits{Jobs: c.Backup.Parallel, Kept: min(keptForPersons, max(1, c.Backup.Parallel/4)), PerSite: c.Backup.ParallelPerSite, Login: betweenLogins}
	if s := c.Schedule; !s.Window.Contains(now, s.Zone) {
		l.Schedule = s.Window.Next(now, s.Zone)
	}
	return l
}

// turns returns the turns of everything, and learns first in which time zone they are.
func (l *queue) turns(ctx context.Context, n *node.Node) ([]catalog.Turn, error) {
	if n.Shared() {
		if err := l.followZone(ctx, n.Catalog); err != nil {
			return nil, err
		}
	}
	return turns(ctx, n.Catalog, l.config())
}

// turns returns the turns of all devices and of all tasks of the vault.
func turns(ctx context.Context, c catalog.Catalog, conf config.Config) ([]catalog.Turn, error) {
	devices, err := c.Turns(ctx, api.JobBackup)
	if err != nil {
		return nil, err
	}
	tasks, err := careTurns(ctx, c, conf)
	return append(devices, tasks...), err
}

func cadence(c config.Config, t catalog.Turn) job.Cadence {
	s := c.Schedule
	if t.Kind != api.JobBackup {
		return job.Cadence{Schedule: careSchedule(c, t), Zone: s.Zone, Skip: s.Missed == config.Skip}
	}
	return job.Cadence{Schedule: s.Of(t.Device, t.Group, t.Site), Zone: s.Zone, Spread: s.Spread, Window: s.Window, Skip: s.Missed == config.Skip}
}

// scheduledJob is the work of a turn: a device that has not changed gets no new snapshot.
func scheduledJob(c config.Config, t catalog.Turn) catalog.Job {
	if t.Kind != api.JobBackup {
		return careJob(c, t)
	}
	return backupJob(api.Device{Name: t.Device, Site: t.Site, Username: t.Username}, api.Backup{Look: true}, BySchedule, false)
}

// backupJob is the backup of one device.
func backupJob(d api.Device, r api.Backup, by string, person bool) catalog.Job {
	r.Select, r.All = api.Select{Names: []string{d.Name}}, false
	return catalog.Job{Job: api.Job{Kind: api.JobBackup, Device: d.Name, Site: d.Site, By: by}, Request: requestOf(r), Person: person, Login: loginOf(d)}
}

// loginOf says whose logins are counted together with those of a device.
func loginOf(d api.Device) string { return d.Site + " " + cmp.Or(d.Username, d.Credential) }

// requestOf is the request of an operation for a job.
func requestOf(r any) json.RawMessage {
	request, err := json.Marshal(r)
	if err != nil {
		panic(err) // it has only texts and numbers
	}
	return request
}

// personJobs are backups of devices for the person who asks, one for each.
func personJobs(ctx context.Context, devices []api.Device, r api.Backup) []catalog.Job {
	var jobs []catalog.Job
	for _, d := range devices {
		jobs = append(jobs, backupJob(d, r, actorOf(ctx).Name, true))
	}
	return jobs
}

// backupByQueue backs devices up by jobs of a person, one for each, and waits for them. If
// ctx ends, the jobs are cancelled, except with the cause api.ErrLeft.
func (l *queue) backupByQueue(ctx context.Context, u *unattended, devices []api.Device, r api.Backup, events func(api.Event)) ([]api.BackupResult, error) {
	added, err := u.queue.Add(ctx, personJobs(ctx, devices, r)...)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, j := range added {
		ids = append(ids, j.ID)
		if events != nil {
			events(api.Event{Time: time.Now(), Device: j.Device, Job: j.ID, Step: api.StepQueued})
		}
	}
	ended, err := l.awaitJobs(ctx, u, ids, events)
	switch {
	case errors.Is(err, job.ErrStopped):
		ended, err = withStopped(ended, added)
	case errors.Is(err, errUnserved):
		ended, err = l.withUnserved(ctx, u, ended, added)
	}
	if err != nil {
		return nil, err
	}
	var results []api.BackupResult
	for _, j := range ended {
		results = append(results, resultOf(ctx, j))
	}
	return results, nil
}

// awaitJobs waits for jobs of a client and returns them when they have ended. The end of
// ctx cancels them and does not end the wait, unless its cause says something else.
func (l *queue) awaitJobs(ctx context.Context, u *unattended, ids []string, events func(api.Event)) ([]catalog.Job, error) {
	unending := context.WithoutCancel(ctx)
	wait, endWait := context.WithCancelCause(unending)
	defer endWait(nil)
	stop := context.AfterFunc(ctx, func() {
		why := context.Cause(ctx)
		if why != api.ErrLeft {
			l.cancelJobs(unending, u, ids)
		}
		if why == api.ErrLeft || why == api.ErrQuit {
			endWait(why)
		}
	})
	defer stop()
	if u.shared != nil {
		go l.watchServices(wait, u.shared, ids, endWait)
	}
	ended, err := u.queue.Await(wait, ids, events)
	switch {
	case context.Cause(wait) == errUnserved:
		ended, err := u.shared.EndedJobs(unending, ids...)
		return ended, errors.Join(err, errUnserved)
	case err == nil || wait.Err() == nil:
		return ended, err
	case context.Cause(wait) == api.ErrLeft:
		return nil, cause.New(cause.Cancelled, "not waiting for the backups: they continue in the service", api.Say("see their results with ").Do("jobs"))
	}
	return nil, cause.Ended(ctx)
}

// withStopped returns the jobs that ended before the service did, and in their order those
// that go on when it has started again. It is an error if none has ended.
func withStopped(ended, all []catalog.Job) ([]catalog.Job, error) {
	goesOn := cause.New(cause.Cancelled, "the service ends: the backups continue when it has started again", api.Say("see their results with ").Do("jobs"))
	if len(ended) == 0 {
		return nil, goesOn
	}
	return inPlace(ended, all, func(catalog.Job) *cause.Error { return goesOn }), nil
}

// inPlace returns all jobs in their order: those that have ended, and for the others why nobody
// waits for them any more.
func inPlace(ended, all []catalog.Job, why func(catalog.Job) *cause.Error) (list []catalog.Job) {
	for _, j := range all {
		if i := slices.IndexFunc(ended, func(e catalog.Job) bool { return e.ID == j.ID }); i >= 0 {
			j = ended[i]
		} else {
			err := why(j)
			j.Cause, j.Message, j.Hint = err.Cause, err.Seen, err.Fix.String()
		}
		list = append(list, j)
	}
	return list
}

// cancelJobs cancels jobs that nobody waits for any more. Those of a service that has ended
// wait for its next start.
func (l *queue) cancelJobs(ctx context.Context, u *unattended, ids []string) {
	if u.queue.Ended() {
		return
	}
	for _, id := range ids {
		if _, err := u.queue.Cancel(ctx, id); err != nil && !errors.Is(err, catalog.ErrJobState) {
			l.log().Error("a job could not be cancelled", "job", id, "err", err)
		}
	}
}

// backupResults is the result of a job, as `backup --json` prints it.
type backupResults struct {
	Results []api.BackupResult `json:"results"`
}

// resultOf returns the result of a backup's job that has ended.
func resultOf(ctx context.Context, j catalog.Job) api.BackupResult {
	var all backupResults
	if err := json.Unmarshal(j.Result, &all); err == nil && len(all.Results) == 1 {
		return all.Results[0]
	}
	res := api.BackupResult{Device: j.Device, Status: api.StatusFailed, Cause: j.Cause, Message: j.Message, Hint: j.Hint, Started: j.Created.Truncate(time.Second), Files: []api.File{}}
	if j.State == api.JobCancelled && j.Attempts == 0 {
		err := cause.Ended(ctx)
		res.NotTried, res.Cause, res.Message, res.Hint = true, err.Cause, "not tried: "+cause.Text(err), cause.Hint(err)
	}
	return res
}

// work does one job of the queue.
func (l *queue) work(ctx context.Context, j catalog.Job, events func(api.Event)) job.Outcome {
	ctx, events = As(ctx, Admin(j.By, fromQueue)), l.live.progress(j, events)
	var err error
	switch j.Kind {
	case api.JobBackup:
		var res api.BackupResult
		if res, err = l.backupOne(ctx, j, events); err == nil {
			l.live.snapshot(res.Device, res.Snapshot, res.Status)
			return backupOutcome(res)
		}
	case api.JobPrune, api.JobCheck, api.JobMirror, api.JobInventory:
		return l.careByQueue(ctx, j, events)
	case api.JobRestore:
		return l.restoreByQueue(ctx, j, events)
	case api.JobDoctor:
		return l.doctorByQueue(ctx, j, events)
	default:
		err = fmt.Errorf("this version knows no jobs of the kind %q", j.Kind)
	}
	return failedOutcome(err)
}

// backupOne backs up the device of a job.
func (l *queue) backupOne(ctx context.Context, j catalog.Job, events func(api.Event)) (api.BackupResult, error) {
	var r api.Backup
	if err := json.Unmarshal(j.Request, &r); err != nil {
		return api.BackupResult{}, fmt.Errorf("read the request of a job: %w", err)
	}
	n, err := l.servedVault(ctx)
	if err != nil {
		return api.BackupResult{}, err
	}
	devices, err := chosen(ctx, n, r.Select)
	if err != nil {
		return api.BackupResult{}, err
	}
	return l.backup(ctx, n, devices, r, nil, events)[0], nil
}

func backupOutcome(r api.BackupResult) job.Outcome {
	out := job.Outcome{Failed: !r.Succeeded(), Cause: r.Cause, Message: r.Message, Hint: r.Hint}
	result, err := json.Marshal(backupResults{[]api.BackupResult{r}})
	if err != nil {
		return job.Outcome{Failed: true, Cause: cause.Internal, Message: err.Error()}
	}
	out.Result = result
	return out
}

// backup backs devices up in this process. hold is nil if no other one works on them.
func (l *queue) backup(ctx context.Context, n *node.Node, devices []api.Device, r api.Backup, hold node.Hold, events func(api.Event)) []api.BackupResult {
	ctx, done := untilFailure(ctx, n)
	defer done()
	results := n.Backup(ctx, devices, r, hold, events)
	for i := range results {
		results[i].Pinned = n.FirstLogins(results[i].Device)
		if !r.DryRun {
			l.logResult("backup", ofBackup(results[i]))
		}
	}
	return results
}

// alone takes a device for work that is no job: no job may run on it meanwhile. It is a
// problem if one runs.
func (l *core) alone(ctx context.Context, device string) (held context.Context, release func(), err error) {
	u, n := l.jobs(), (*node.Node)(nil)
	if u == nil {
		if n, err = l.served(ctx); err != nil || !n.Shared() {
			return ctx, func() {}, err // this process alone works on devices, and does nothing else
		}
		u = l.visitor(n)
	}
	held, release, ok, err := u.queue.Hold(ctx, device)
	if err == nil && !ok {
		err = &api.Problem{Detail: "a job, a backup or a restore works on " + device, Exit: api.ExitError,
			Fix: api.Say("see the job with ").Do("jobs").With("state", api.JobRunning).Say(", and wait until it has ended")}
	}
	return held, release, err
}

// nextRun is the next backup of a device, and why it is then.
type nextRun struct {
	at  time.Time
	why string
}

// addNextRuns adds to a status when the devices that s selects are backed up next. Only a
// process with a schedule knows it.
func (l *fleet) addNextRuns(ctx context.Context, n *node.Node, status *api.Status, s api.Select, now time.Time) error {
	u := l.jobs()
	if u == nil {
		return nil
	}
	next, err := l.nextRuns(ctx, n, u, s, now)
	if err != nil {
		return err
	}
	for i := range status.Devices {
		if run, ok := next[status.Devices[i].Device]; ok {
			at := run.at.UTC()
			status.Devices[i].NextRun, status.Devices[i].NextWhy = &at, run.why
		}
	}
	var first nextRun
	for name, run := range next {
		if first.at.IsZero() || run.at.Before(first.at) || run.at.Equal(first.at) && api.CompareNames(name, status.Summary.NextDevice) < 0 {
			first, status.Summary.NextDevice = run, name
		}
	}
	if !first.at.IsZero() {
		at := first.at.UTC()
		status.Summary.NextRun = &at
	}
	return nil
}

// nextRuns returns the next backups of the devices that s selects, by name.
func (l *fleet) nextRuns(ctx context.Context, n *node.Node, u *unattended, s api.Select, now time.Time) (map[string]nextRun, error) {
	turns, err := n.Catalog.Turns(ctx, api.JobBackup)
	if err != nil {
		return nil, err
	}
	named := make(map[string]bool, len(s.Names))
	for _, name := range s.Names {
		named[name] = true
	}
	selected, next := make(map[string]bool, len(turns)), make(map[string]nextRun, len(turns))
	conf, slots := l.config(), make(job.Slots)
	for _, t := range turns {
		if len(named) > 0 && !named[t.Device] || s.Group != "" && t.Group != s.Group || s.Site != "" && t.Site != s.Site {
			continue
		}
		selected[t.Device] = true
		c := cadence(conf, t)
		c.Slots = slots
		if p, ok := c.Next(t, u.since, now); ok {
			next[t.Device] = nextRun{p.Due, why(c, p)}
		}
	}
	return next, l.addWaiting(ctx, n, selected, next)
}

// why says why the next turn is when it is.
func why(c job.Cadence, p job.Planned) string {
	switch {
	case p.Rest:
		return c.Schedule.String() + ", less often because it has failed for long"
	case c.Window.String() != "":
		return c.Schedule.String() + ", within " + c.Window.String()
	}
	return c.Schedule.String()
}

// addWaiting puts the backups of the selected devices that wait in the place of later turns.
func (l *fleet) addWaiting(ctx context.Context, n *node.Node, selected map[string]bool, next map[string]nextRun) error {
	for state, why := range whyWaiting {
		page, err := n.Catalog.Jobs(ctx, api.JobSelect{State: state, Limit: manyJobs})
		if err != nil {
			return err
		}
		for _, j := range page.Jobs {
			if was, ok := next[j.Device]; selected[j.Device] && j.Kind == api.JobBackup && (!ok || j.Due.Before(was.at)) {
				next[j.Device] = nextRun{j.Due, why}
			}
		}
	}
	return nil
}

// whyWaiting says for each state of a job that waits why it does.
var whyWaiting = map[string]string{api.JobQueued: "it waits in the queue", api.JobRetrying: "it failed and is tried again"}

// manyJobs is more than a fleet has.
const manyJobs = 100_000
