package backup

import (
	"context"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/vaulttest"
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

// TestHeldByOthers: a device that another process works on has no run and no session here, and
// the next step is that of the reason. One that is free is released after its run.
func TestHeldByOthers(t *testing.T) {
	type key struct{}
	var steps []string
	r := &Runner{
		Vault: vault.New(new(vaulttest.Memory)),
		Hold: func(ctx context.Context, d api.Device) (context.Context, func(), error) {
			if d.Name == "sw1" {
				return ctx, nil, cause.New(cause.Cancelled, "a job works on sw1", api.Do("jobs"))
			}
			return context.WithValue(ctx, key{}, d.Name), func() { steps = append(steps, "release") }, nil
		},
		Begin: func(ctx context.Context, d api.Device) func(api.BackupResult) api.BackupResult {
			steps = append(steps, "begin "+d.Name, "under "+ctx.Value(key{}).(string))
			return func(res api.BackupResult) api.BackupResult { return res }
		},
		Dial: func(context.Context, api.Device) (Device, error) {
			return nil, cause.New(cause.AuthFailed, "no", api.Do("doctor"))
		},
	}
	res := r.All(t.Context(), []api.Device{{Name: "sw1"}, {Name: "sw2"}}, Options{})
	if !res[0].NotTried || res[0].Message != "not tried: a job works on sw1" || res[0].Hint != "`flashwarden jobs`" {
		t.Errorf("%+v", res[0])
	}
	if got := strings.Join(steps, ", "); got != "begin sw2, under sw2, release" || res[1].NotTried {
		t.Errorf("%s; %+v", got, res[1])
	}
}
