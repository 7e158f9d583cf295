package warden

import (
	"context"
	"errors"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/node"
)

// Jobs returns a page of jobs, the newest first.
func (l *queue) Jobs(ctx context.Context, s api.JobSelect) (api.Jobs, error) {
	n, err := l.beginOnDevice(ctx, reading, "list jobs", s.Device)
	if err != nil {
		return api.Jobs{}, err
	}
	return n.Catalog.Jobs(ctx, s)
}

// Job returns one job with its result.
func (l *queue) Job(ctx context.Context, id api.Named) (api.Job, error) {
	_, j, err := l.beginOnJob(ctx, reading, "read a job", id.Name)
	return j.Job, err
}

// beginOnJob is begin for an operation on a job. It returns the job.
func (l *queue) beginOnJob(ctx context.Context, needs need, operation, id string) (*node.Node, catalog.Job, error) {
	if err := l.allowOnDevices(ctx, needs, operation, id); err != nil {
		return nil, catalog.Job{}, err
	}
	n, err := l.existing(ctx)
	if err != nil {
		return nil, catalog.Job{}, err
	}
	j, err := n.Catalog.Job(ctx, id)
	if err != nil {
		return nil, j, jobProblem(id, err)
	}
	if actorOf(ctx).limited() {
		its, err := l.its(ctx, n, j.Device)
		if err == nil && !its { // as if there were none
			err = jobProblem(id, catalog.ErrNoJob)
		}
		if err != nil {
			return nil, catalog.Job{}, err
		}
	}
	n, err = l.recorded(ctx, needs, operation, []string{id})
	return n, j, err
}

// CancelJob ends a job that waits or runs.
func (l *queue) CancelJob(ctx context.Context, id api.Named) (api.Job, error) {
	n, _, err := l.beginOnJob(ctx, working, "cancel a job", id.Name)
	if err != nil {
		return api.Job{}, err
	}
	cancel := n.Catalog.CancelJob
	if u := l.jobs(); u != nil {
		cancel = u.queue.Cancel
	}
	j, err := cancel(ctx, id.Name)
	return j.Job, jobProblem(id.Name, err)
}

// RetryJob lets a job that did not succeed wait for another attempt.
func (l *queue) RetryJob(ctx context.Context, id api.Named) (api.Job, error) {
	n, j, err := l.beginOnJob(ctx, working, "retry a job", id.Name)
	if err != nil {
		return api.Job{}, err
	}
	if j.Kind == api.JobRestore {
		return api.Job{}, conflict(api.Say("look at the device, then make a new plan: ").Do("restore", j.Device), "a restore is never repeated: the device may have changed half-way")
	}
	retry := n.Catalog.RetryJob
	if u := l.jobs(); u != nil {
		retry = u.queue.Retry
	}
	j, err = retry(ctx, id.Name, actorOf(ctx).Name)
	return j.Job, jobProblem(id.Name, err)
}

// jobProblem says what to do about an error of a job.
func jobProblem(id string, err error) error {
	switch {
	case errors.Is(err, catalog.ErrNoJob):
		return unknown(api.Do("jobs"), "%w", err)
	case errors.Is(err, catalog.ErrJobState):
		return &api.Problem{Detail: err.Error(), Exit: api.ExitError, Err: errors.Join(err, ErrConflict), Fix: api.Say("look at it with ").Do("jobs show", id)}
	}
	return err
}
