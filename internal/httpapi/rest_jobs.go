package httpapi

import (
	"context"
	"net/http"

	"flashwarden/api"
)

func (r *resources) jobs() {
	resource(r, http.MethodPost, "/jobs", "Start a job; it continues after the request was answered", func(ctx context.Context, in *struct{ Body api.NewJobs }) (*body[api.Jobs], error) {
		return bodyOf(r.warden.AddJobs(ctx, in.Body))
	}, answers(http.StatusAccepted), also(http.StatusConflict))
	resource(r, http.MethodPost, "/plans", "Plan a restore: log in, look, and change nothing", func(ctx context.Context, in *struct{ Body api.NewPlan }) (*body[api.StoredPlan], error) {
		return bodyOf(r.warden.AddPlan(ctx, in.Body, nil))
	}, answers(http.StatusCreated))
	type ByPlan struct {
		ID string `path:"id"`
	}
	resource(r, http.MethodGet, "/plans/{id}", "One plan", func(ctx context.Context, in *ByPlan) (*body[api.StoredPlan], error) {
		return bodyOf(r.warden.Plan(ctx, api.Named{Name: in.ID}))
	})
	resource(r, http.MethodGet, "/jobs", "Jobs, the newest first", func(ctx context.Context, in *struct {
		Paged
		State  string `query:"state" enum:"queued,running,retrying,done,failed,cancelled,interrupted"`
		Device string `query:"device"`
	}) (*body[api.Jobs], error) {
		return bodyOf(r.warden.Jobs(ctx, api.JobSelect{State: in.State, Device: in.Device, Cursor: in.Cursor, Limit: in.Limit}))
	})
	type ByID struct {
		ID string `path:"id"`
	}
	resource(r, http.MethodGet, "/jobs/{id}", "One job, with its result once it has ended", func(ctx context.Context, in *ByID) (*body[api.Job], error) {
		return bodyOf(r.warden.Job(ctx, api.Named{Name: in.ID}))
	})
	resource(r, http.MethodPost, "/jobs/{id}/cancel", "End a job that waits or runs", func(ctx context.Context, in *ByID) (*body[api.Job], error) {
		return bodyOf(r.warden.CancelJob(ctx, api.Named{Name: in.ID}))
	}, also(http.StatusConflict))
	resource(r, http.MethodPost, "/jobs/{id}/retry", "Put a job that did not succeed back into the queue", func(ctx context.Context, in *ByID) (*body[api.Job], error) {
		return bodyOf(r.warden.RetryJob(ctx, api.Named{Name: in.ID}))
	}, also(http.StatusConflict))
}
