package api_test

import (
	"encoding/json"
	"testing"

	"flashwarden/api"
)

// TestSum computes the digest of a plan before and after it was JSON, and of
// a plan that was changed.
func TestSum(t *testing.T) {
	plan := api.Plan{Request: api.Restore{Device: "sw1", Reload: true}, Notes: []string{"<a> & b"},
		Steps: []api.PlanStep{{Kind: api.PlanReload, Commands: []string{"reload"}}}, Seen: api.Seen{Listings: []api.Listing{{Path: "flash:/", Free: 1 << 60}}}}
	first, err := plan.Sum()
	if err != nil {
		t.Fatal(err)
	}
	plan.Digest = first
	text, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	var back api.Plan
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if again, err := back.Sum(); err != nil || again != first {
		t.Errorf("%s, after JSON %s, %v", first, again, err)
	}
	back.Steps[0].Commands[0] = "erase flash:"
	if changed, err := back.Sum(); err != nil || changed == first {
		t.Errorf("a changed plan has the same digest (%v)", err)
	}
}

func TestResultOfARefusedPlan(t *testing.T) {
	plan := api.Plan{Request: api.Restore{Device: "sw1"}, Files: []api.PlannedFile{{Path: "flash:/a", State: api.Equal}, {Path: "flash:/b", State: api.Differs}},
		Refusals: []api.Problem{{Cause: "cancelled", Detail: "b differs", Fix: api.Say("add ").Option("replace", ""), Exit: api.ExitRefused}, {Cause: "device_no_space", Detail: "it is full", Exit: api.ExitFailed}}}
	r := plan.Result()
	if r.Status != api.StatusFailed || !r.Refused || r.Cause != "cancelled" || r.Hint != "add --replace" ||
		r.Message != "b differs; it is full: nothing was changed on the device" || len(r.Files) != 1 {
		t.Errorf("%+v", r)
	}
}
