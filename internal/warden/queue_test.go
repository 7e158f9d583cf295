package warden

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/catalog/sqlite"
	"flashwarden/internal/catalog/sqlite/sqlitetest"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
	"flashwarden/internal/job"
	"flashwarden/internal/schedule"
)

// TestEndOfTheServiceKeepsJobs ends a service over its limit while a client waits for a backup:
// the client hears of it, and the job waits for the next start although the client goes.
func TestEndOfTheServiceKeepsJobs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	sqlitetest.Create(t, path)
	c, err := sqlite.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	started := make(chan string, 1)
	u := &unattended{queue: job.New(job.Options{Store: c, Worker: catalog.Worker{ID: "local"}, Log: slog.New(slog.DiscardHandler),
		Limits: func() job.Limits { return job.Limits{} },
		Work: func(ctx context.Context, j catalog.Job, _ func(api.Event)) job.Outcome {
			started <- j.ID
			<-ctx.Done()
			return job.Outcome{Failed: true, Cause: cause.Cancelled}
		}})}
	service, end := context.WithCancel(t.Context())
	over, cut := context.WithCancel(t.Context())
	cut()
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- u.queue.Run(service, over, func() { close(ready) }) }()
	<-ready
	l := New(Options{})
	client, leave := context.WithCancel(As(t.Context(), Admin("alice", "socket")))
	answer := make(chan error, 1)
	go func() {
		_, err := l.backupByQueue(client, u, []api.Device{{Name: "sw1"}}, api.Backup{}, nil)
		answer <- err
	}()
	id := <-started
	end()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	leave()
	var failed *cause.Error
	if err := <-answer; !errors.As(err, &failed) || failed.Cause != cause.Cancelled {
		t.Errorf("the client got %v", err)
	}
	l.cancelJobs(t.Context(), u, []string{id})
	if j, err := c.Job(t.Context(), id); err != nil || j.State != api.JobQueued {
		t.Errorf("job %+v, error %v; want it to wait", j, err)
	}
}

// TestLimitsFollowTheWindow lets the schedule start at any time without a window, and else
// from its begin.
func TestLimitsFollowTheWindow(t *testing.T) {
	c := config.Default()
	c.Schedule.Zone = time.UTC
	noon := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	if l := limits(c, noon); !l.Schedule.IsZero() || l.Jobs != 8 || l.Kept != 2 {
		t.Errorf("without a window: %+v", l)
	}
	var err error
	if c.Schedule.Window, err = schedule.ParseWindow("22:00-06:00"); err != nil {
		t.Fatal(err)
	}
	if l := limits(c, noon); !l.Schedule.Equal(noon.Add(10 * time.Hour)) {
		t.Errorf("at noon: %+v", l)
	}
	if l := limits(c, noon.Add(11*time.Hour)); !l.Schedule.IsZero() {
		t.Errorf("within the window: %+v", l)
	}
	c.Backup.Parallel = 2
	if l := limits(c, noon); l.Kept != 1 {
		t.Errorf("of two, %d are kept for persons", l.Kept)
	}
}
