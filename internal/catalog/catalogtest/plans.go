package catalogtest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// testPlans keeps plans as they were made, each for one use.
func testPlans(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	now := time.Now().UTC().Truncate(time.Millisecond)
	plan := func(id string, expires time.Time) api.StoredPlan {
		p := api.Plan{Request: api.Restore{Device: "sw1", Files: []string{"x\x00.bin"}}, Steps: []api.PlanStep{{Kind: api.PlanMkdir, Commands: []string{"mkdir flash:/<d>"}}}, Notes: []string{}}
		var err error
		if p.Digest, err = p.Sum(); err != nil {
			t.Fatal(err)
		}
		return api.StoredPlan{ID: id, By: "ann", Created: now, Expires: expires, Plan: p}
	}
	want := plan("a", now.Add(time.Hour))
	for _, p := range []api.StoredPlan{want, plan("old", now.Add(-catalog.PlansKeptFor-time.Hour)), plan("expired", now.Add(-time.Hour)), plan("b", now)} {
		if err := c.AddPlan(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.Plan(ctx, "a")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v, differs: %s", err, diff)
	}
	if sum, err := got.Sum(); err != nil || sum != got.Digest {
		t.Errorf("its digest is %s, not %s; error %v", sum, got.Digest, err)
	}
	for _, id := range []string{"old", "x"} {
		if _, err := c.Plan(ctx, id); !errors.Is(err, catalog.ErrNoPlan) {
			t.Errorf("plan %s: error %v", id, err)
		}
	}
	if _, err := c.Plan(ctx, "expired"); err != nil {
		t.Error(err)
	}
	for _, first := range []bool{true, false} {
		if got, err := c.UsePlan(ctx, "a"); err != nil || got != first {
			t.Errorf("first use %t, error %v; want %t", got, err, first)
		}
	}
	if got, err := c.UsePlan(ctx, "x"); err != nil || got {
		t.Errorf("use of no plan: %t, error %v", got, err)
	}
}
