package demo

import (
	"context"
	"time"

	"flashwarden/api"
	"flashwarden/internal/iossim"
)

// The devices with a part in the story of Play.
const (
	failing = "lab-rtr1"
	changed = "hq-sw2"
	slow    = "branch-sw1"
)

// slowPace is the pace of an old switch that writes to a server far away, in bytes per second.
const slowPace = 250_000

// Morning returns the fleet of a demonstration that goes on: most of its devices are healthy.
// Images that are larger than largest, in bytes, get this size; 0: they keep theirs.
func Morning(largest int64) []Switch {
	fleet := append([]Switch{}, standard...)
	for _, s := range []Switch{
		{name: changed, profile: "c2960", site: "hq"},
		{name: failing, profile: "isr2900", site: "lab"},
		{name: slow, profile: "c2960x-stack", site: "branch", pace: slowPace},
		{name: "depot-sw1", profile: "c1000-tftpboot", site: "depot"}, // it has no image to save: it is at risk
	} {
		s.listen = listenOf(len(fleet))
		fleet = append(fleet, s)
	}
	for i := range fleet {
		fleet[i].largest = largest
	}
	return fleet
}

// Queue does the jobs of a demonstration.
type Queue interface {
	AddJobs(ctx context.Context, r api.NewJobs) (api.Jobs, error)
	Job(ctx context.Context, id api.Named) (api.Job, error)
}

// Play backs up the whole fleet, and then lets happen what a morning brings: a device refuses
// the login, another one has a new configuration, and a slow transfer runs again and again. It
// returns when ctx ends. A fleet that a user has chosen is only backed up.
func (d *Demo) Play(ctx context.Context, q Queue) error {
	first, err := q.AddJobs(ctx, api.NewJobs{Kind: api.JobBackup, Backup: api.Backup{All: true}})
	jobs := map[string]string{}
	for _, j := range first.Jobs {
		jobs[j.Device] = j.ID
	}
	for _, part := range []struct {
		device string
		happen func(*iossim.Switch) error
	}{
		{failing, func(s *iossim.Switch) error { s.Arm(iossim.Faults{NoSession: iossim.Always}); return nil }},
		{changed, func(s *iossim.Switch) error {
			return s.EditRunningConfig("no ip domain-lookup\n", "no ip domain-lookup\nntp server 192.0.2.123\n")
		}},
	} {
		if s := d.named(part.device); s != nil && err == nil {
			err = d.then(ctx, q, jobs[part.device], s, part.happen)
		}
	}
	for err == nil && ctx.Err() == nil && d.named(slow) != nil {
		if err = await(ctx, q, jobs[slow]); err == nil {
			jobs[slow], err = backup(ctx, q, slow)
		}
	}
	if err == nil {
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		return nil // it is over, whatever was under way
	}
	return err
}

// then waits for the end of a job of a device, lets something happen to it, and backs it up
// again.
func (d *Demo) then(ctx context.Context, q Queue, job string, s *iossim.Switch, happen func(*iossim.Switch) error) error {
	if err := await(ctx, q, job); err != nil {
		return err
	}
	if err := happen(s); err != nil {
		return err
	}
	_, err := backup(ctx, q, s.Hostname())
	return err
}

// named returns a switch of the fleet; nil: it has none of this name.
func (d *Demo) named(name string) *iossim.Switch {
	for _, s := range d.switches {
		if s.Hostname() == name {
			return s
		}
	}
	return nil
}

// backup adds a backup that copies everything again, and returns the ID of its job.
func backup(ctx context.Context, q Queue, device string) (string, error) {
	jobs, err := q.AddJobs(ctx, api.NewJobs{Kind: api.JobBackup, Backup: api.Backup{Select: api.Select{Names: []string{device}}, Recopy: true}})
	if err != nil || len(jobs.Jobs) == 0 {
		return "", err
	}
	return jobs.Jobs[0].ID, nil
}

// betweenLooks is how often await looks.
const betweenLooks = 500 * time.Millisecond

// await waits for the end of a job.
func await(ctx context.Context, q Queue, id string) error {
	for {
		j, err := q.Job(ctx, api.Named{Name: id})
		if err != nil || api.Ended(j.State) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(betweenLooks):
		}
	}
}
