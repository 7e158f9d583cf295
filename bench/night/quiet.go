package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"flashwarden/api"
)

// persons are the backups that a person types during the night.
const persons = 5

// planned is how long before they are due the schedule adds the jobs.
const planned = time.Minute

// quietNight measures a night of the schedule in which no device has changed, and how soon backups of a
// person begin meanwhile.
func (n *night) quietNight(ctx context.Context) error {
	due := time.Now().UTC().Truncate(time.Minute).Add(4 * time.Minute)
	if err := n.serve(ctx, fmt.Sprintf("%d %d * * *", due.Minute(), due.Hour())); err != nil {
		return err
	}
	login, err := n.logins(ctx, due.Add(-planned-20*time.Second))
	if err != nil {
		return err
	}
	if err := pause(ctx, time.Until(due.Add(-planned-5*time.Second))); err != nil {
		return err
	}
	before, begun := n.service.cpu(), due
	if err := pause(ctx, time.Until(due.Add(10*time.Second))); err != nil {
		return err
	}
	slowest, err := n.backupsByHand(ctx)
	if err != nil {
		return err
	}
	jobs, err := n.awaitNight(ctx)
	if err != nil {
		return err
	}
	took := slices.MaxFunc(jobs, func(a, b api.Job) int { return a.Ended.Compare(b.Ended) }).Ended.Sub(begun)
	each := (n.service.cpu() - before) / time.Duration(n.devices+persons)
	n.row(fmt.Sprintf("a night of %d devices, nothing changed, %d at once", n.devices, n.parallel), "5 ms of the processor beside the login",
		"%.1f ms (%.1f with the login, which alone takes %.1f); %.0f s", ms(each-login), ms(each), ms(login), took.Seconds())
	n.row("its memory", "300 MB", "%d MB", n.service.memory("VmHWM"))
	n.row("its devices", "none missed, none twice", "%s", account(jobs, n.devices))
	n.row("a person's `backup NAME` meanwhile", "begins within 2 s", "within %.1f s, the slowest of %d", slowest.Seconds(), persons)
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// logins measures the processor time of a login that reads the facts. It stops before a time.
func (n *night) logins(ctx context.Context, until time.Time) (time.Duration, error) {
	before, tested := n.service.cpu(), 0
	for site := 1; site <= sites(n.devices) && time.Now().Before(until); site++ {
		results, err := n.service.client.TestDevices(ctx, api.Select{Site: fmt.Sprintf("site%03d", site)}, nil)
		if err != nil {
			return 0, err
		}
		tested += len(results)
	}
	if tested == 0 {
		return 0, errors.New("no device was tested")
	}
	n.say("logged in to %d devices", tested)
	return (n.service.cpu() - before) / time.Duration(tested), nil
}

// backupsByHand backs up single devices, one after the other, and returns how long the slowest one waited for its begin.
func (n *night) backupsByHand(ctx context.Context) (slowest time.Duration, err error) {
	for i := range persons {
		name := fmt.Sprintf("sw%05d", 1+(i+1)*n.devices/(persons+1))
		if _, err := n.service.client.Backup(ctx, api.Backup{Select: api.Select{Names: []string{name}}}, nil); err != nil {
			return 0, err
		}
		page, err := n.service.client.Jobs(ctx, api.JobSelect{Device: name})
		if err != nil {
			return 0, err
		}
		for _, j := range page.Jobs {
			if j.By != bySchedule {
				slowest = max(slowest, j.Started.Sub(j.Created))
				break
			}
		}
	}
	return slowest, nil
}

// bySchedule is who asks for the jobs of the night.
const bySchedule = "schedule"

// awaitNight waits until no job waits or runs, and returns those of the night.
func (n *night) awaitNight(ctx context.Context) ([]api.Job, error) {
	for _, state := range []string{api.JobQueued, api.JobRunning, api.JobRetrying, api.JobQueued} {
		for {
			page, err := n.service.client.Jobs(ctx, api.JobSelect{State: state, Limit: 1})
			if err != nil {
				return nil, err
			}
			if len(page.Jobs) == 0 {
				break
			}
			if err := pause(ctx, time.Second); err != nil {
				return nil, err
			}
		}
	}
	var jobs []api.Job
	for next := ""; ; {
		page, err := n.service.client.Jobs(ctx, api.JobSelect{Limit: 1000, Cursor: next})
		if err != nil {
			return nil, err
		}
		for _, j := range page.Jobs {
			if j.By == bySchedule && j.Kind == api.JobBackup {
				jobs = append(jobs, j)
			}
		}
		if next = page.Next; next == "" {
			break
		}
	}
	if len(jobs) == 0 {
		return nil, errors.New("the schedule has begun nothing")
	}
	return jobs, nil
}

// account counts the jobs of the night.
func account(jobs []api.Job, devices int) string {
	times, failed := make(map[string]int), 0
	for _, j := range jobs {
		times[j.Device]++
		if j.State != api.JobDone {
			failed++
		}
	}
	twice := 0
	for _, n := range times {
		if n > 1 {
			twice++
		}
	}
	return fmt.Sprintf("%d missed, %d twice, %d failed", devices-len(times), twice, failed)
}
