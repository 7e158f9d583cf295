package catalog

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"flashwarden/api"
)

// Errors of Jobs; test with errors.Is.
var (
	ErrNoJob     = errors.New("no such job")
	ErrJobState  = errors.New("the state of the job does not allow this")
	ErrLeaseLost = errors.New("the lease was lost") // another worker may have the device
)

// Job is a job with everything that its worker needs.
type Job struct {
	api.Job
	Request json.RawMessage // of the operation
	Person  bool            // a person waits for it; else the schedule made it
	Login   string          // whose logins are counted together: site and credential; empty: it logs in nowhere
	Slot    time.Time       // of the schedule; zero: it is not from the schedule
}

// Board shows the jobs that may concern a decision about the next ones.
type Board struct {
	Now     time.Time // by the clock of the catalog
	Waiting []Job     // of each Login the first ones; none whose lease somebody has
	Running []Job
	Logins  map[string]time.Time // the newest login of each Login of Waiting
}

// Lease is the right to work on something alone for a while. Its token grows each
// time: the holder of an older token has lost the right.
type Lease struct {
	Name  string // of a device; or of other work, with a leading slash
	Token int64
	Job   string // empty: it belongs to no job
}

// Started is a job that has started, and its lease.
type Started struct {
	Job   Job
	Lease Lease
}

// JobEnd is the end of one attempt of a job.
type JobEnd struct {
	State   string        // of api.Job; JobQueued puts it back as if it had not started
	Wait    time.Duration // with JobRetrying and JobQueued: how long until it is due
	Cause   api.Cause
	Message string
	Hint    string
	Result  json.RawMessage
}

// Worker works on jobs.
type Worker struct {
	ID      string   // of this process alone: letters, digits and dashes
	Sites   []string // it does only the jobs of these sites; none: those of all sites without workers of their own
	Running []string // the IDs of the jobs that it works on
	// Devices has it do only jobs on devices. Those of the vault belong to a process that
	// has the schedule, and its configuration.
	Devices bool
}

// ServedFor is how long a worker is taken for alive after its last sign.
const ServedFor = time.Minute

// Turn is what decides about the next turn of a device, or of a task, in the schedule.
type Turn struct {
	Kind                string // of its jobs
	Device, Group, Site string
	Username            string // or the credential, where the device has no user name of its own
	Name                string // of a mirror

	Slot time.Time // the newest one that had its turn; zero: none
	// If the newest run failed: when it began, and since when the device fails, which is
	// when it last succeeded. Else both are zero.
	Tried, Failing time.Time
}

// Jobs keeps the jobs and the leases. All times of a decision are those of the
// catalog's own clock, because the clocks of workers differ.
type Jobs interface {
	// AddJobs enters jobs, all or none, and returns those that it entered. A job of the
	// schedule whose slot has a job already is left out.
	AddJobs(ctx context.Context, jobs ...Job) ([]Job, error)
	// Jobs returns a page of jobs, the newest first, without their results.
	Jobs(ctx context.Context, s api.JobSelect) (api.Jobs, error)
	// Job returns one job with its result, or ErrNoJob.
	Job(ctx context.Context, id string) (Job, error)
	// EndedJobs returns those of these jobs that have ended, with their results, in any order.
	EndedJobs(ctx context.Context, ids ...string) ([]Job, error)
	// StartJobs first frees what dead workers left: if the lease of a job has ended and w
	// does not work on it, it waits again, or is interrupted if its kind is not repeated by
	// itself, or has failed if too many workers died while they did it. A run on its device
	// is interrupted. Then decide says which jobs of the board start, by their IDs; the board
	// has those that w may do. Each gets a lease that w holds for a while.
	StartJobs(ctx context.Context, w Worker, lasts time.Duration, decide func(Board) []string) ([]Started, error)
	// RenewLeases prolongs leases of w. It returns those that are lost, and those whose job
	// was cancelled by somebody.
	RenewLeases(ctx context.Context, w Worker, lasts time.Duration, leases ...Lease) (lost, cancelled []Lease, err error)
	// NoteJob enters as its message what a job is about to do, so that somebody knows it if its
	// worker dies. The error is ErrLeaseLost if another one has the lease.
	NoteJob(ctx context.Context, l Lease, message string) error
	// EndJob enters the end of an attempt and frees the lease. The error is ErrLeaseLost
	// if another one has it.
	EndJob(ctx context.Context, l Lease, end JobEnd) error
	// TakeLease takes a lease for w without a job. ok is false if another worker has it.
	TakeLease(ctx context.Context, w Worker, name string, lasts time.Duration) (l Lease, ok bool, err error)
	// FreeLeases frees leases. One that is lost is no error.
	FreeLeases(ctx context.Context, leases ...Lease) error
	// FreeWorker frees at once what StartJobs would free of w when its leases end.
	FreeWorker(ctx context.Context, w Worker) error
	// Unserved returns those of these sites on whose devices no living worker works: none has
	// called StartJobs for ServedFor. FreeWorker is the end of a worker.
	Unserved(ctx context.Context, sites ...string) ([]string, error)
	// ScheduleZone returns the name of the time zone of the schedule, which all machines
	// follow. If there is none yet, it enters first, unless that is empty.
	ScheduleZone(ctx context.Context, first string) (name string, err error)
	// SetScheduleZone replaces it.
	SetScheduleZone(ctx context.Context, name string) error
	// CancelJob ends a job that waits, and marks one that runs. It returns the job;
	// the error is ErrNoJob, or ErrJobState if it has ended.
	CancelJob(ctx context.Context, id string) (Job, error)
	// RetryJob puts a job back that failed, was cancelled or interrupted, or is tried
	// again later: a person asks for it now. A restore is never put back. The errors are those of CancelJob.
	RetryJob(ctx context.Context, id, by string) (Job, error)
	// ForgetJobs removes jobs that ended before a time, and returns how many.
	ForgetJobs(ctx context.Context, before time.Time) (int64, error)
	// ForgetCarried removes what River still carries for workers that hold no lease, except w.
	ForgetCarried(ctx context.Context, w Worker) error
	// Turns returns when each device of the inventory had its turn in a kind of jobs
	// that the schedule makes.
	Turns(ctx context.Context, kind string) ([]Turn, error)
}

// NewJobID returns an ID for a job that is added at this time. IDs are in the order of
// time.
func NewJobID(added time.Time) string {
	return "job-" + added.UTC().Format("20060102T150405Z") + "-" + strings.ToLower(rand.Text()[:8])
}

type leaseKey struct{}

// UnderLease returns a context whose work needs the lease: Intend and Index refuse to
// write if it was lost.
func UnderLease(ctx context.Context, l Lease) context.Context {
	return context.WithValue(ctx, leaseKey{}, l)
}

// LeaseOf returns the lease of UnderLease.
func LeaseOf(ctx context.Context) (l Lease, ok bool) {
	l, ok = ctx.Value(leaseKey{}).(Lease)
	return l, ok
}

type fenceKey struct{}

// Fenced returns a context for work that asks before each step whether it may go on.
func Fenced(ctx context.Context, ask func(context.Context) error) context.Context {
	return context.WithValue(ctx, fenceKey{}, ask)
}

// StillOurs asks what Fenced was given. The error is ErrLeaseLost if another worker may have
// the device. Without Fenced nobody else can have it.
func StillOurs(ctx context.Context) error {
	if ask, ok := ctx.Value(fenceKey{}).(func(context.Context) error); ok {
		return ask(ctx)
	}
	return nil
}
