package backup

import (
	"context"
	"sync"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// All backs several devices up side by side: Parallel at once in all,
// ParallelSite of one site (devices without a site are limited only in all).
// The results are in the order of the devices.
func (r *Runner) All(ctx context.Context, devices []api.Device, o Options) []api.BackupResult {
	results := make([]api.BackupResult, len(devices))
	limits := r.newLimits(devices)
	for _, d := range devices {
		r.tell(api.Event{Device: d.Name, Step: api.StepQueued})
	}
	var wg sync.WaitGroup
	for i, d := range devices {
		wg.Go(func() {
			defer limits.take(d.Site)()
			held, release, err := r.hold(ctx, d)
			if err != nil {
				results[i] = notTried(err, d, o)
				return
			}
			defer release()
			end := r.begin(held, d)
			results[i] = end(r.Backup(held, d, o))
		})
	}
	wg.Wait()
	return results
}

// hold takes a device when its turn has come.
func (r *Runner) hold(ctx context.Context, d api.Device) (held context.Context, release func(), err error) {
	if ctx.Err() != nil {
		return nil, nil, cause.Ended(ctx)
	}
	if r.Hold == nil {
		return ctx, func() {}, nil
	}
	return r.Hold(ctx, d)
}

// notTried is the result of a device that All did not begin with, and why.
func notTried(why error, d api.Device, o Options) api.BackupResult {
	res := failed(api.BackupResult{Device: d.Name, Started: time.Now().UTC().Truncate(time.Second), Files: []api.File{}, NotTried: true}, why)
	res.Message = "not tried: " + res.Message
	return continued(res, o)
}

func (r *Runner) begin(ctx context.Context, d api.Device) (end func(api.BackupResult) api.BackupResult) {
	if r.Begin == nil {
		return func(res api.BackupResult) api.BackupResult { return res }
	}
	return r.Begin(ctx, d)
}

// limits holds one slot for each device that may be backed up at once.
type limits struct {
	all   chan struct{}
	sites map[string]chan struct{}
}

func (r *Runner) newLimits(devices []api.Device) limits {
	l := limits{all: make(chan struct{}, orDefault(r.Parallel, 8)), sites: make(map[string]chan struct{})}
	for _, d := range devices {
		if d.Site != "" && l.sites[d.Site] == nil {
			l.sites[d.Site] = make(chan struct{}, orDefault(r.ParallelSite, 4))
		}
	}
	return l
}

// take waits for a slot and returns what frees it. The site's slot comes
// first, so that a device that waits for its site keeps nobody else waiting.
func (l limits) take(site string) (free func()) {
	at := l.sites[site]
	if at != nil {
		at <- struct{}{}
	}
	l.all <- struct{}{}
	return func() {
		<-l.all
		if at != nil {
			<-at
		}
	}
}

func orDefault(n, def int) int {
	if n > 0 {
		return n
	}
	return def
}
