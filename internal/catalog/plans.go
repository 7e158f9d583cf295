package catalog

import (
	"context"
	"errors"
	"time"

	"flashwarden/api"
)

// ErrNoPlan reports that there is no such plan; test with errors.Is.
var ErrNoPlan = errors.New("no such plan")

// PlansKeptFor is how long a plan is kept after it has expired: a job that waits needs it, and
// a person may want to see the steps.
const PlansKeptFor = 30 * 24 * time.Hour

// Plans keeps plans of restores.
type Plans interface {
	// AddPlan keeps a plan, and removes those that expired PlansKeptFor ago.
	AddPlan(ctx context.Context, p api.StoredPlan) error
	// Plan returns a plan, also one that has expired, or ErrNoPlan.
	Plan(ctx context.Context, id string) (api.StoredPlan, error)
	// UsePlan marks a plan as carried out. It reports false if it was before.
	UsePlan(ctx context.Context, id string) (first bool, err error)
}
