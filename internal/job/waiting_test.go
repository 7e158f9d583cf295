package job_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/job"
)

// TestAwaitSaysWhyItWaits: a client of a job that does not start learns what it waits for.
func TestAwaitSaysWhyItWaits(t *testing.T) {
	for name, c := range map[string]struct {
		limits  job.Limits
		waiting catalog.Job
		want    string // ID stands for that of the job that runs
	}{
		"all slots":   {job.Limits{Jobs: 1}, backup("sw2"), "all slots are taken (1 at once)"},
		"of its site": {job.Limits{PerSite: 1}, at("hq", backup("sw2")), "all slots of the site hq are taken (1 at once)"},
		"its device":  {job.Limits{}, backup("sw1"), "the job ID works on the device"},
		"its login":   {job.Limits{Login: time.Hour}, loggingIn("hq ops", backup("sw2")), "logins at its site as the same user are 1h0m0s apart"},
	} {
		t.Run(name, func(t *testing.T) {
			s := onSQLite(t)(t)
			release := make(chan struct{})
			q := queue(s, "a", func(ctx context.Context, _ catalog.Job, _ func(api.Event)) job.Outcome {
				select {
				case <-release:
				case <-ctx.Done():
				}
				return job.Outcome{}
			})
			q.Limits = func() job.Limits { return c.limits }
			run(t, q)
			first := add(t, q, loggingIn("hq ops", at("hq", backup("sw1"))))[0]
			until(t, s, first, api.JobRunning)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			said := make(chan api.Event, 100)
			go func() {
				defer close(said)
				_, _ = q.Await(ctx, add(t, q, c.waiting), func(e api.Event) { said <- e })
			}()
			want := strings.Replace(c.want, "ID", first, 1)
			e := <-said
			for e.Why != want && e.Step == api.StepQueued { // no decision has seen the job yet
				e = <-said
			}
			if e.Step != api.StepQueued || e.Device != c.waiting.Device {
				t.Errorf("%+v, want %q", e, want)
			}
			close(release)
			cancel()
			for e := range said {
				t.Errorf("also %s", fmt.Sprint(e))
			}
		})
	}
}

func at(site string, j catalog.Job) catalog.Job { j.Site = site; return j }

func loggingIn(login string, j catalog.Job) catalog.Job { j.Login = login; return j }
