package warden

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/job"
)

// planFor is how long a plan may be carried out. Later the device has probably changed.
const planFor = time.Hour

// AddPlan makes a plan, as PlanRestore does, and keeps it so that a job can carry it out. A
// device that cannot be looked at is a problem.
func (l *restores) AddPlan(ctx context.Context, r api.NewPlan, events func(api.Event)) (api.StoredPlan, error) {
	if r.Kind != api.JobRestore {
		return api.StoredPlan{}, wrongField("kind", "%q: want %s", r.Kind, api.JobRestore)
	}
	if r.Device == "" {
		return api.StoredPlan{}, wrongField("device", "which device?")
	}
	made, err := l.PlanRestore(ctx, r.Restore, events)
	if err != nil {
		return api.StoredPlan{}, err
	}
	if made.Plan == nil {
		return api.StoredPlan{}, &api.Problem{Cause: made.Cause, Detail: made.Message, Fix: api.Say("%s", made.Hint), Exit: api.ExitFailed}
	}
	n, err := l.existing(ctx)
	if err != nil {
		return api.StoredPlan{}, err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	p := api.StoredPlan{ID: "plan-" + now.Format("20060102T150405Z") + "-" + strings.ToLower(rand.Text()[:8]), By: actorOf(ctx).Name, Created: now, Expires: now.Add(planFor), Plan: *made.Plan}
	return p, n.Catalog.AddPlan(ctx, p)
}

// Plan returns a plan that is kept.
func (l *restores) Plan(ctx context.Context, id api.Named) (api.StoredPlan, error) {
	return l.beginOnPlan(ctx, looking, "read a plan", id.Name)
}

// beginOnPlan is begin for an operation on a plan. It returns the plan. A limited actor does
// not learn which plans there are of other devices.
func (l *restores) beginOnPlan(ctx context.Context, needs need, operation, id string) (api.StoredPlan, error) {
	if err := l.allowOnDevices(ctx, needs, operation, id); err != nil {
		return api.StoredPlan{}, err
	}
	n, err := l.existing(ctx)
	if err != nil {
		return api.StoredPlan{}, err
	}
	p, err := n.Catalog.Plan(ctx, id)
	if err == nil && actorOf(ctx).limited() {
		var its bool
		if its, err = l.its(ctx, n, p.Request.Device); err == nil && !its {
			err = fmt.Errorf("%w: %s", catalog.ErrNoPlan, id)
		}
	}
	if errors.Is(err, catalog.ErrNoPlan) {
		return api.StoredPlan{}, unknown(api.Say("make a new plan"), "%w", err)
	}
	if err != nil {
		return api.StoredPlan{}, err
	}
	on := []string{id}
	if needs.changes {
		on = append(on, p.Request.Device)
	}
	_, err = l.recorded(ctx, needs, operation, on)
	return p, err
}

// newRestore is the job that carries out a plan.
func (l *queue) newRestore(ctx context.Context, r api.NewJobs) ([]catalog.Job, error) {
	if r.Plan == "" || r.Digest == "" {
		return nil, Invalid("a restore needs the plan and the digest that was shown with it")
	}
	p, err := l.restores.beginOnPlan(ctx, directing, "restore", r.Plan)
	if err == nil {
		err = l.withQueue()
	}
	if err == nil {
		err = usable(p, r)
	}
	if err != nil {
		return nil, err
	}
	n, err := l.existing(ctx)
	if err != nil {
		return nil, err
	}
	d, err := n.Catalog.Device(ctx, p.Request.Device)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil, conflict(newPlan, "the device of the plan is no longer in the inventory")
	}
	if err != nil {
		return nil, err
	}
	first, err := n.Catalog.UsePlan(ctx, p.ID)
	if err == nil && !first {
		err = conflict(newPlan, "this plan was used before: a plan can be carried out only once")
	}
	if err != nil {
		return nil, err
	}
	return []catalog.Job{personJob(ctx, api.JobRestore, d, planned{p.ID, p.Digest})}, nil
}

// newPlan is the next step where a plan cannot be carried out.
var newPlan = api.Say("make a new plan, and look at it")

// planned is the request of a job that carries out a plan.
type planned struct {
	Plan   string `json:"plan"`
	Digest string `json:"digest"`
}

// usable refuses a plan that is not the one that was shown, or cannot be carried out.
func usable(p api.StoredPlan, r api.NewJobs) error {
	switch {
	case p.Digest != r.Digest:
		return conflict(newPlan, "the digest is not that of the plan %s", p.ID)
	case len(r.Names) > 0 && !slices.Equal(r.Names, []string{p.Request.Device}):
		return conflict(newPlan, "the plan is for %s", p.Request.Device)
	case time.Now().After(p.Expires):
		return conflict(newPlan, "the plan expired at %s", p.Expires.Format(time.RFC3339))
	case len(p.Refusals) > 0:
		return conflict(p.Refusals[0].Fix, "the plan has refusals: %s", p.Refusals[0].Detail)
	}
	return nil
}

// restoreResults is the result of a job, as the command restore prints it.
type restoreResults struct {
	Results []api.RestoreResult `json:"results"`
}

// restoreByQueue carries out the plan of a job. The job has the lease of the device.
func (l *queue) restoreByQueue(ctx context.Context, j catalog.Job, events func(api.Event)) job.Outcome {
	res, err := l.restores.carryOut(ctx, j, events)
	if err != nil {
		out := failedOutcome(err)
		out.Message += "; nothing was changed on the device"
		return out
	}
	res.Plan = nil // the catalog has it
	l.logResult("restore", ofRestore(res))
	return job.Outcome{Failed: res.Status != api.StatusOK, Cause: res.Cause, Message: res.Message, Hint: res.Hint, Result: requestOf(restoreResults{[]api.RestoreResult{res}})}
}

// carryOut does the steps of a plan. An error comes before the first of them.
func (l *restores) carryOut(ctx context.Context, j catalog.Job, events func(api.Event)) (api.RestoreResult, error) {
	var r planned
	if err := json.Unmarshal(j.Request, &r); err != nil {
		return api.RestoreResult{}, fmt.Errorf("read the request of a job: %w", err)
	}
	n, err := l.servedVault(ctx)
	if err != nil {
		return api.RestoreResult{}, err
	}
	p, err := n.Catalog.Plan(ctx, r.Plan)
	switch {
	case err != nil:
		return api.RestoreResult{}, err
	case p.Digest != r.Digest:
		return api.RestoreResult{}, cause.New(cause.Cancelled, "the plan is not the one that was asked for", newPlan)
	case time.Now().After(p.Expires):
		return api.RestoreResult{}, cause.New(cause.Cancelled, "the plan expired while the job waited", newPlan)
	}
	d, s, err := l.restoreFrom(ctx, n, p.Request.Device, p.Snapshot)
	if err != nil {
		return api.RestoreResult{}, err
	}
	ctx, done := untilFailure(ctx, n)
	defer done()
	return n.ApplyPlan(ctx, d, s, p.Plan, events)
}
