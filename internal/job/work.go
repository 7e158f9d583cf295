package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
)

// Outcome is the result of one attempt of a job.
type Outcome struct {
	Failed  bool
	Final   bool // to try again would change nothing
	Cause   api.Cause
	Message string
	Hint    string
	Result  json.RawMessage // of the operation; nil: none
}

// work works on a job that the dispatcher started.
func (q *Queue) work(ctx context.Context, l catalog.Lease) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	q.begin(l, cancel)
	defer q.finished(l)
	log := q.Log.With("job", l.Job, "device", l.Name)
	// The job may have waited so long for a worker that another one has the lease.
	if err := q.renew(ctx, l); err != nil {
		log.Error("the job waits until its lease ends", "err", err)
		return
	}
	if errors.Is(context.Cause(ctx), catalog.ErrLeaseLost) {
		log.Warn("the job was left to another worker")
		return
	}
	j, err := q.Store.Job(context.WithoutCancel(ctx), l.Job)
	if err != nil {
		log.Error("the job could not be read", "err", err)
		q.end(ctx, l, catalog.JobEnd{State: api.JobQueued, Wait: q.Lease})
		return
	}
	q.feed.changed()
	q.changed(j)
	out := Outcome{Failed: true, Cause: cause.Cancelled, Message: "cancelled"}
	if ctx.Err() == nil {
		log.Info("job started", "kind", j.Kind, "by", j.By, "attempt", j.Attempts)
		out = q.doUnderLease(catalog.UnderLease(ctx, l), l, j)
	}
	end := after(out, j, context.Cause(ctx))
	if end.State == "" {
		log.Warn("the job was left to another worker", "err", context.Cause(ctx))
		return
	}
	q.end(ctx, l, end)
	if now, err := q.Store.Job(context.WithoutCancel(ctx), l.Job); err == nil {
		q.changed(now)
	}
	if end.Cause != "" {
		log = log.With("cause", end.Cause)
	}
	log.Info("job ended", "state", end.State, "dur", time.Since(j.Started).Round(time.Millisecond).String())
}

func (q *Queue) begin(l catalog.Lease, cancel context.CancelCauseFunc) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.given, l)
	q.running[l] = &held{cancel: cancel, renewed: time.Now()}
}

func (q *Queue) finished(l catalog.Lease) {
	q.mu.Lock()
	delete(q.running, l)
	q.mu.Unlock()
	q.feed.changed()
	q.Wake()
}

// doUnderLease does the job. A restore is not ended half-way when the catalog is away.
func (q *Queue) doUnderLease(ctx context.Context, l catalog.Lease, j catalog.Job) Outcome {
	if j.Kind != api.JobRestore {
		return q.do(ctx, j)
	}
	held, release, err := q.holdJob(ctx, l)
	if err != nil {
		return Outcome{Failed: true, Cause: cause.Internal, Message: "nothing was changed on the device: because of the catalog the restore could not begin: " + err.Error(), Hint: "make a new plan once the service is ready"}
	}
	defer release()
	return q.do(held, j)
}

// do does the job. A panic of its code fails this job alone.
func (q *Queue) do(ctx context.Context, j catalog.Job) (out Outcome) {
	defer func() {
		if p := recover(); p != nil {
			q.Log.Error("a job panicked", "job", j.ID, "err", fmt.Sprint(p), "stack", string(debug.Stack()))
			out = Outcome{Failed: true, Cause: cause.Internal, Message: fmt.Sprint("a fault in the program: ", p), Hint: "report it with the lines of the log"}
		}
	}()
	return q.Work(ctx, j, func(e api.Event) { q.feed.event(j.ID, e) })
}

// after decides what becomes of a job after an attempt. why is the reason for which its
// context ended; nil: it did not. The State is empty if another worker has the job.
func after(out Outcome, j catalog.Job, why error) catalog.JobEnd {
	end := catalog.JobEnd{State: api.JobDone, Cause: out.Cause, Message: out.Message, Hint: out.Hint, Result: out.Result}
	switch {
	case errors.Is(why, catalog.ErrLeaseLost):
		end.State = ""
	case !out.Failed: // it was done before its context ended
	case errors.Is(why, errCancelled):
		end.State = api.JobCancelled
	case why != nil && j.Kind == api.JobRestore: // the device may have changed half-way
		end.State = api.JobInterrupted
	case why != nil: // the service stops
		end.State = api.JobQueued
	default:
		end.State = api.JobFailed
		if wait, again := Retry(out.Cause, j.Attempts, j.Device); again && !j.Person && !out.Final && j.Kind != api.JobRestore {
			end.State, end.Wait = api.JobRetrying, wait
		}
	}
	return end
}

// end enters the end of an attempt. If the store fails for longer than the lease lasts,
// the job is done again: nothing is lost.
func (q *Queue) end(ctx context.Context, l catalog.Lease, end catalog.JobEnd) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), q.Lease)
	defer cancel()
	for {
		err := q.Store.EndJob(ctx, l, end)
		if err == nil || errors.Is(err, catalog.ErrLeaseLost) || ctx.Err() != nil {
			if err != nil {
				q.Log.Error("the end of a job could not be recorded", "job", l.Job, "err", err)
			}
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(q.Poll):
		}
	}
}
