package warden

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/node"
)

// A process without a queue, beside other machines: their services do its backups. Where none
// works, it does them itself.

// backupBesideOthers backs devices up: those on whose site a service works by its queue, the
// others in this process.
func (l *queue) backupBesideOthers(ctx context.Context, n *node.Node, devices []api.Device, r api.Backup, events func(api.Event)) ([]api.BackupResult, error) {
	sites := make(map[string]bool)
	for _, d := range devices {
		sites[d.Site] = true
	}
	unserved, err := n.Catalog.Unserved(ctx, slices.Collect(maps.Keys(sites))...)
	if err != nil {
		return nil, err
	}
	var here, there []api.Device
	for _, d := range devices {
		if slices.Contains(unserved, d.Site) {
			here = append(here, d)
		} else {
			there = append(there, d)
		}
	}
	events = oneAtATime(events)
	var own, others []api.BackupResult
	var failed [2]error
	var both sync.WaitGroup
	if len(there) > 0 {
		both.Go(func() { others, failed[0] = l.backupByQueue(ctx, l.visitor(n), there, r, events) })
	}
	if len(here) > 0 {
		both.Go(func() { own, failed[1] = l.backupHere(ctx, here, r, events) })
	}
	both.Wait()
	return inOrderOf(devices, append(own, others...)), errors.Join(failed[:]...)
}

// backupHere backs devices up in this process, and holds each while it works on it.
func (l *queue) backupHere(ctx context.Context, devices []api.Device, r api.Backup, events func(api.Event)) ([]api.BackupResult, error) {
	n, err := l.servedVault(ctx)
	if err != nil {
		return nil, err
	}
	hold := func(ctx context.Context, d api.Device) (context.Context, func(), error) {
		held, release, err := l.alone(ctx, d.Name)
		var busy *api.Problem
		if errors.As(err, &busy) {
			err = cause.New(cause.Cancelled, busy.Detail, busy.Fix)
		}
		return held, release, err
	}
	return l.backup(ctx, n, devices, r, hold, events), nil
}

// oneAtATime is events for several sources.
func oneAtATime(events func(api.Event)) func(api.Event) {
	if events == nil {
		return nil
	}
	var mu sync.Mutex
	return func(e api.Event) {
		mu.Lock()
		defer mu.Unlock()
		events(e)
	}
}

// inOrderOf returns the results in the order of the devices.
func inOrderOf(devices []api.Device, results []api.BackupResult) (sorted []api.BackupResult) {
	for _, d := range devices {
		if i := slices.IndexFunc(results, func(r api.BackupResult) bool { return r.Device == d.Name }); i >= 0 {
			sorted = append(sorted, results[i])
		}
	}
	return sorted
}

// errUnserved ends the wait for jobs that no service does any more.
var errUnserved = errors.New("no service does the job")

// watchEvery is how often a client looks whether services still do its jobs.
const watchEvery = 5 * time.Second

// watchServices ends a wait when a job has not ended whose site no service works on any more.
func (l *queue) watchServices(ctx context.Context, c catalog.Jobs, ids []string, end context.CancelCauseFunc) {
	every := time.NewTicker(watchEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		unserved, err := unservedJobs(ctx, c, ids)
		if err == nil && len(unserved) > 0 { // after an error it asks again: the wait itself reports a catalog that is away
			end(errUnserved)
			return
		}
	}
}

// unservedJobs returns those of these jobs that have not ended and that no service does.
func unservedJobs(ctx context.Context, c catalog.Jobs, ids []string) (unserved []string, err error) {
	sites := make(map[string][]string) // jobs by site
	for part := range slices.Chunk(ids, manyIDs) {
		page, err := c.Jobs(ctx, api.JobSelect{IDs: part, Limit: manyIDs})
		if err != nil {
			return nil, err
		}
		for _, j := range page.Jobs {
			if !api.Ended(j.State) {
				sites[j.Site] = append(sites[j.Site], j.ID)
			}
		}
	}
	for site, jobs := range sites {
		none, err := c.Unserved(ctx, site)
		if err != nil {
			return nil, err
		}
		if len(none) > 0 {
			unserved = append(unserved, jobs...)
		}
	}
	return unserved, nil
}

// manyIDs is how many jobs one query asks for.
const manyIDs = 1000

// withUnserved returns the jobs of a client whose wait ended because no service does some of
// them any more. It cancels these; others go on.
func (l *queue) withUnserved(ctx context.Context, u *unattended, ended, all []catalog.Job) ([]catalog.Job, error) {
	ctx = context.WithoutCancel(ctx)
	var ids []string
	for _, j := range all {
		ids = append(ids, j.ID)
	}
	unserved, err := unservedJobs(ctx, u.shared, ids)
	if err != nil {
		return nil, err
	}
	l.cancelJobs(ctx, u, unserved)
	none := cause.New(cause.Cancelled, "the service has not answered for a minute: the backup was cancelled",
		api.Say("look at its log, start it again (").Do("serve").Say("), and repeat the backup"))
	goesOn := cause.New(cause.Cancelled, "not waiting for the backup: it continues in the service", api.Say("see its result with ").Do("jobs"))
	return inPlace(ended, all, func(j catalog.Job) *cause.Error {
		if slices.Contains(unserved, j.ID) {
			return none
		}
		return goesOn
	}), nil
}
