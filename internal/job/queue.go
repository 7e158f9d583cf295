package job

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// Store keeps the jobs.
type Store interface {
	catalog.Jobs
	// River returns the driver of River for the same database, with its tables made.
	River(ctx context.Context) (d riverdriver.Driver[*sql.Tx], close func() error, err error)
}

// Options say how a Queue works.
type Options struct {
	Store  Store
	Worker catalog.Worker
	Limits func() Limits // asked before each decision, because a user may change them
	// Work does one job. It ends soon after its context does, and reports then too.
	Work func(ctx context.Context, j catalog.Job, events func(api.Event)) Outcome
	Log  *slog.Logger
	Keep func() time.Duration // how long jobs are kept after their end; nil: for ever
	// Changed is called after jobs have changed by this process, and must return at once; nil: nobody asks.
	Changed func(jobs ...catalog.Job)

	// Defaults of zero: 50 s, so that the devices of a dead worker are free within a minute, and a second.
	Lease time.Duration // how long a job is safe after the last sign of its worker
	Poll  time.Duration // how often jobs are looked for that another process added
}

// Queue starts the jobs that the rules allow, and works on them. The catalog has the
// truth; River carries the jobs that have started to a worker.
type Queue struct {
	Options
	wake  chan struct{}
	ended chan struct{} // closed at the end of Run
	feed  feed

	mu      sync.Mutex
	running map[catalog.Lease]*held
	given   map[catalog.Lease]bool // of jobs that River has and did not begin
	holds   int                    // devices that Hold took
	waits   map[string]string      // why jobs wait, by their IDs, as the last decision found it

	starting, renewing fault
}

// held is a lease of this process.
type held struct {
	cancel  context.CancelCauseFunc // of its work
	renewed time.Time               // when it was renewed, by our own clock: it lasts from then on
	alone   bool                    // a hold renews it, and it is not ended when the catalog is away
}

// New returns a queue. Run makes it work.
func New(o Options) *Queue {
	if o.Lease == 0 {
		o.Lease = 50 * time.Second
	}
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	return &Queue{Options: o, wake: make(chan struct{}, 1), ended: make(chan struct{}), running: make(map[catalog.Lease]*held), given: make(map[catalog.Lease]bool)}
}

// ErrStopped is the error of Await when the queue has ended before the jobs.
var ErrStopped = errors.New("the service has ended")

// Ended reports whether Run has ended.
func (q *Queue) Ended() bool {
	select {
	case <-q.ended:
		return true
	default:
		return false
	}
}

// errCancelled is why the context of a job ends that somebody cancelled.
var errCancelled = errors.New("the job was cancelled")

// Run works, once, until ctx ends. Then no job starts any more, and running ones may go on
// until limit ends; those that are cut off wait again. It calls ready when jobs can start.
func (q *Queue) Run(ctx, limit context.Context, ready func()) error {
	defer close(q.ended)
	driver, closeRiver, err := q.Store.River(ctx)
	if err != nil {
		return err
	}
	r, err := newRiver(driver, q.Worker.ID, q.work, q.Log)
	if err != nil {
		return errors.Join(err, closeRiver())
	}
	background := context.WithoutCancel(ctx)
	if err := r.Start(background); err != nil {
		return errors.Join(fmt.Errorf("start the queue: %w", err), closeRiver())
	}
	renewing, stopRenewing := context.WithCancel(background)
	var renewer sync.WaitGroup
	renewer.Go(func() { q.renewUntil(renewing) })
	renewer.Go(func() { q.expireUntil(renewing) })
	renewer.Go(func() { q.forgetUntil(renewing) })
	ready()
	q.dispatchUntil(ctx, r)
	if err = r.Stop(limit); limit.Err() != nil {
		err = r.StopAndCancel(background)
	}
	stopRenewing()
	renewer.Wait()
	q.putBack(background, q.neverBegun())
	return errors.Join(err, q.freeAll(background), closeRiver())
}

// freeAll frees the leases that this worker still has. While work of Hold goes on, it keeps its device,
// and the rest is free when the leases end.
func (q *Queue) freeAll(ctx context.Context) error {
	q.mu.Lock()
	held := q.holds > 0
	q.mu.Unlock()
	if held {
		return nil
	}
	return q.Store.FreeWorker(ctx, q.Worker)
}

// neverBegun returns the leases of jobs that River has and did not begin.
func (q *Queue) neverBegun() []catalog.Lease {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Collect(maps.Keys(q.given))
}

// Wake lets the queue look for jobs now.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default: // it will look
	}
}

// pause is the least time between two decisions.
const pause = 200 * time.Millisecond

// dispatchUntil starts jobs until ctx ends.
func (q *Queue) dispatchUntil(ctx context.Context, r *river.Client[*sql.Tx]) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.wake:
		case <-timer.C:
		}
		next := q.dispatch(ctx, r)
		rest := time.After(min(pause, q.Poll)) // many jobs end at once in a large fleet
		select {
		case <-ctx.Done():
			return
		case <-rest:
		}
		timer.Reset(next)
	}
}

// dispatch starts the jobs that may start now, and returns when to look again.
func (q *Queue) dispatch(ctx context.Context, r *river.Client[*sql.Tx]) time.Duration {
	next := q.Poll
	me := q.Worker
	for _, l := range q.leases() {
		me.Running = append(me.Running, l.Job)
	}
	started, err := q.Store.StartJobs(ctx, me, q.Lease, func(b catalog.Board) (ids []string) {
		start, waits, again := decide(waiting(b), running(b), b.Logins, q.Limits(), b.Now)
		q.setWaits(waits)
		for _, w := range start {
			ids = append(ids, w.ID)
		}
		if wait := again.Sub(b.Now); !again.IsZero() && wait < next {
			next = wait
		}
		return ids
	})
	leases := q.give(started)
	if err == nil {
		if err = hand(ctx, r, leases); err != nil {
			q.putBack(ctx, leases)
		}
	}
	if ctx.Err() == nil {
		q.starting.report(q.Log, err, "no job can start", "jobs can start again")
	}
	return next
}

// give notes the leases of jobs for River.
func (q *Queue) give(started []catalog.Started) (leases []catalog.Lease) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range started {
		leases = append(leases, s.Lease)
		q.given[s.Lease] = true
	}
	return leases
}

// putBack lets jobs wait again that River did not take.
func (q *Queue) putBack(ctx context.Context, leases []catalog.Lease) {
	for _, l := range leases {
		if err := q.Store.EndJob(context.WithoutCancel(ctx), l, catalog.JobEnd{State: api.JobQueued}); err != nil {
			q.Log.Error("a job waits until its lease ends", "job", l.Job, "err", err)
		}
		q.mu.Lock()
		delete(q.given, l)
		q.mu.Unlock()
	}
}

func waiting(b catalog.Board) []Waiting {
	var list []Waiting
	for _, j := range b.Waiting {
		list = append(list, Waiting{ID: j.ID, Device: j.Device, Site: j.Site, Login: j.Login, Person: j.Person, Added: j.Created, Due: j.Due})
	}
	return list
}

func running(b catalog.Board) []Running {
	var list []Running
	for _, j := range b.Running {
		list = append(list, Running{Device: j.Device, Site: j.Site, Person: j.Person})
	}
	return list
}

// renewUntil renews the leases of the running jobs until ctx ends.
func (q *Queue) renewUntil(ctx context.Context) {
	every := time.NewTicker(q.Lease / 12)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if err := q.renew(ctx, q.renewable()...); ctx.Err() == nil {
			q.renewing.report(q.Log, err, "the leases of running jobs cannot be renewed", "the leases of running jobs are renewed again")
		}
	}
}

// forgetUntil removes jobs that ended long ago, and the remains of dead workers, now and
// every hour, until ctx ends.
func (q *Queue) forgetUntil(ctx context.Context) {
	every := time.NewTicker(time.Hour)
	defer every.Stop()
	for {
		err := q.Store.ForgetCarried(ctx, q.Worker)
		if q.Keep != nil {
			_, old := q.Store.ForgetJobs(ctx, time.Now().Add(-q.Keep()))
			err = errors.Join(err, old)
		}
		if err != nil && ctx.Err() == nil {
			q.Log.Error("old jobs could not be removed", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

// renew renews the leases of jobs, and ends the jobs that lost theirs or were cancelled.
func (q *Queue) renew(ctx context.Context, leases ...catalog.Lease) error {
	if len(leases) == 0 {
		return nil
	}
	asked := time.Now()
	lost, cancelled, err := q.Store.RenewLeases(ctx, q.Worker, q.Lease, leases...)
	if err == nil {
		q.renewed(asked, leases)
	}
	for _, l := range lost {
		q.stop(l, catalog.ErrLeaseLost)
	}
	for _, l := range cancelled {
		q.stop(l, errCancelled)
	}
	return err
}

// renewed notes that leases last again from the time at which we asked for that.
func (q *Queue) renewed(asked time.Time, leases []catalog.Lease) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range leases {
		if h, ok := q.running[l]; ok {
			h.renewed = asked
		}
	}
}

// errExpired is why the context of a job ends whose lease could not be renewed.
var errExpired = fmt.Errorf("%w: it could not be renewed in time", catalog.ErrLeaseLost)

// expireUntil ends jobs, until ctx ends, whose lease will soon end because it could not be
// renewed: afterwards another worker may do them. It goes by our own clock, because the
// catalog may not answer, and leaves a sixth of the lease for their end.
func (q *Queue) expireUntil(ctx context.Context) {
	every := time.NewTicker(q.Lease / 60)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		for _, l := range q.expiring(time.Now().Add(-q.Lease * 5 / 6)) {
			q.stop(l, errExpired)
		}
	}
}

// expiring returns the leases that were not renewed since a time.
func (q *Queue) expiring(since time.Time) (list []catalog.Lease) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for l, h := range q.running {
		if !h.alone && h.renewed.Before(since) {
			list = append(list, l)
		}
	}
	return list
}

// renewable are the leases of the jobs whose work does not renew them.
func (q *Queue) renewable() (list []catalog.Lease) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for l, h := range q.running {
		if !h.alone {
			list = append(list, l)
		}
	}
	return list
}

// leases are those of the jobs that run here.
func (q *Queue) leases() (list []catalog.Lease) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for l := range q.running {
		list = append(list, l)
	}
	return list
}

// stop ends the job of a lease if it runs here.
func (q *Queue) stop(l catalog.Lease, why error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if h, ok := q.running[l]; ok {
		h.cancel(why)
	}
}

// Add adds jobs, and starts them as soon as the rules allow.
func (q *Queue) Add(ctx context.Context, jobs ...catalog.Job) ([]catalog.Job, error) {
	added, err := q.Store.AddJobs(ctx, jobs...)
	q.changed(added...)
	q.Wake()
	return added, err
}

// Cancel cancels a job that has not ended.
func (q *Queue) Cancel(ctx context.Context, id string) (catalog.Job, error) {
	j, err := q.Store.CancelJob(ctx, id)
	if err != nil {
		return j, err
	}
	q.changed(j) // before its end can be reported
	for _, l := range q.leases() {
		if l.Job == id {
			q.stop(l, errCancelled)
		}
	}
	q.feed.changed()
	return j, nil
}

// Retry puts a job back that did not succeed.
func (q *Queue) Retry(ctx context.Context, id, by string) (catalog.Job, error) {
	j, err := q.Store.RetryJob(ctx, id, by)
	if err == nil {
		q.changed(j)
	}
	q.Wake()
	return j, err
}

// changed reports jobs that have changed.
func (q *Queue) changed(jobs ...catalog.Job) {
	if q.Changed != nil && len(jobs) > 0 {
		q.Changed(jobs...)
	}
}

// Await reports the events of jobs that run in this process until all have ended, and why
// others wait, and returns them with their results, in the order of ids. The error is ErrStopped if the queue
// ends first: then it returns those that have ended.
func (q *Queue) Await(ctx context.Context, ids []string, events func(api.Event)) ([]catalog.Job, error) {
	w := watch{queue: q, events: events, began: time.Now(), started: make(map[string]bool), said: make(map[string]string)}
	changes, unsubscribe := q.feed.subscribe(ids, w.event)
	defer unsubscribe()
	ended := make(map[string]catalog.Job, len(ids))
	for {
		stopped := q.Ended() // before the last look
		list, err := q.Store.EndedJobs(ctx, missing(ids, ended)...)
		if err != nil {
			return nil, err
		}
		for _, j := range list {
			ended[j.ID] = j
		}
		switch {
		case len(missing(ids, ended)) == 0:
			return inOrder(ids, ended), nil
		case stopped:
			return inOrder(ids, ended), ErrStopped
		}
		w.sayWhy(ctx, missing(ids, ended))
		if err := q.change(ctx, changes); err != nil {
			return nil, err
		}
	}
}

// change waits until something may have changed; at least a while, because many jobs end at
// once in a large fleet.
func (q *Queue) change(ctx context.Context, changes <-chan struct{}) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-q.ended:
		return nil
	case <-changes:
	case <-time.After(q.Poll): // another process may end them
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-q.ended:
	case <-time.After(min(pause, q.Poll) / 4):
	}
	return nil
}

// missing returns the IDs that are not in jobs.
func missing(ids []string, jobs map[string]catalog.Job) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		_, ok := jobs[id]
		return ok
	})
}

// inOrder returns jobs in the order of ids.
func inOrder(ids []string, jobs map[string]catalog.Job) (list []catalog.Job) {
	for _, id := range ids {
		if j, ok := jobs[id]; ok {
			list = append(list, j)
		}
	}
	return list
}
