package warden

import (
	"context"
	"errors"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// Jobs returns a page of jobs, the newest first.
func (l *Local) Jobs(ctx context.Context, s api.JobSelect) (api.Jobs, error) {
	n, err := l.begin(ctx, viewer, "list jobs")
	if err != nil {
		return api.Jobs{}, err
	}
	return n.Catalog.Jobs(ctx, s)
}

// Job returns one job with its result.
func (l *Local) Job(ctx context.Context, id api.Named) (api.Job, error) {
	n, err := l.begin(ctx, viewer, "read a job", id.Name)
	if err != nil {
		return api.Job{}, err
	}
	j, err := n.Catalog.Job(ctx, id.Name)
	return j.Job, jobProblem(id.Name, err)
}

// CancelJob ends a job that waits or runs.
func (l *Local) CancelJob(ctx context.Context, id api.Named) (api.Job, error) {
	n, err := l.begin(ctx, operator, "cancel a job", id.Name)
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
func (l *Local) RetryJob(ctx context.Context, id api.Named) (api.Job, error) {
	n, err := l.begin(ctx, operator, "retry a job", id.Name)
	if err != nil {
		return api.Job{}, err
	}
	a, _ := ctx.Value(actorKey{}).(Actor)
	retry := n.Catalog.RetryJob
	if u := l.jobs(); u != nil {
		retry = u.queue.Retry
	}
	j, err := retry(ctx, id.Name, a.Name)
	return j.Job, jobProblem(id.Name, err)
}

// jobProblem says what to do about an error of a job.
func jobProblem(id string, err error) error {
	switch {
	case errors.Is(err, catalog.ErrNoJob):
		return unknown(api.Do("jobs"), "%w", err)
	case errors.Is(err, catalog.ErrJobState):
		return &api.Problem{Detail: err.Error(), Exit: api.ExitError, Err: err, Fix: api.Say("look at it with ").Do("jobs show", id)}
	}
	return err
}
