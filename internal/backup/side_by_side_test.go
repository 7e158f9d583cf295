package backup

import (
	"context"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// TestCancelledBeforeItBegan: a device that the runner did not come to has no run,
// no session and no event of its own, and its result says so.
func TestCancelledBeforeItBegan(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := &Runner{Begin: func(context.Context, api.Device) func(api.BackupResult) api.BackupResult {
		t.Error("a run begins")
		return func(r api.BackupResult) api.BackupResult { return r }
	}}
	for i, res := range r.All(ctx, []api.Device{{Name: "sw1"}, {Name: "sw2", Site: "hq"}}, Options{}) {
		if res.Device != []string{"sw1", "sw2"}[i] || !res.NotTried || res.Status != api.StatusFailed || res.Cause != cause.Cancelled || res.Hint == "" ||
			res.Attempts != 0 || res.Files == nil || res.Message != "not tried: cancelled" {
			t.Errorf("%+v", res)
		}
	}
}
