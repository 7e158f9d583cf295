package warden

import (
	"context"
	"time"

	"flashwarden/api"
	"flashwarden/internal/config"
)

// errKeepsNothing refuses a retention that is more likely a mistake than a wish.
var errKeepsNothing = &api.Problem{Detail: "the retention keeps nothing but the newest snapshot of each device", Exit: api.ExitUsage,
	Fix: api.Say("if you want that, say so: ").Do("prune").With("keep-last", "1")}

// retention is that of the configuration.
func retention(c config.Config) api.Retention {
	r := c.Retention
	return api.Retention{Last: r.KeepLast, Within: r.KeepWithin, Daily: r.KeepDaily, Weekly: r.KeepWeekly, Monthly: r.KeepMonthly, Yearly: r.KeepYearly}
}

// Prune removes old snapshots, and content that no snapshot names. Without a
// retention in the request, that of the configuration counts.
func (l *upkeep) Prune(ctx context.Context, r api.Prune) (api.PruneResult, error) {
	n, err := l.begin(ctx, need{api.RoleAdmin, !r.DryRun}, "prune")
	if err != nil {
		return api.PruneResult{}, err
	}
	for _, f := range []struct {
		name  string
		value int
	}{{"keep_last", r.Last}, {"keep_daily", r.Daily}, {"keep_weekly", r.Weekly}, {"keep_monthly", r.Monthly}, {"keep_yearly", r.Yearly}} {
		if f.value < 0 {
			return api.PruneResult{}, wrongField(f.name, "%d: want 0 or more", f.value)
		}
	}
	if r.Within < 0 {
		return api.PruneResult{}, wrongField("keep_within", "%s: want 0 or more", r.Within)
	}
	if r.Retention == (api.Retention{}) {
		r.Retention = retention(l.config())
	}
	if r.Retention == (api.Retention{}) {
		return api.PruneResult{}, errKeepsNothing
	}
	began := time.Now()
	res, err := n.Prune(ctx, r, l.turn())
	if !r.DryRun {
		l.recordCare(ctx, n, api.JobPrune, "", began, res.Problems, err)
	}
	return res, err
}
