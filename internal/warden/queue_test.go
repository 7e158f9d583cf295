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
	s := newWaiting(t)
	s.end()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
	s.leave(nil)
	var failed *cause.Error
	if err := <-s.answer; !errors.As(err, &failed) || failed.Cause != cause.Cancelled {
		t.Errorf("the client got %v", err)
	}
	s.l.cancelJobs(t.Context(), s.u, []string{s.id})
	if j, err := s.c.Job(t.Context(), s.id); err != nil || j.State != api.JobQueued {
		t.Errorf("job %+v, error %v; want it to wait", j, err)
	}
}

// TestClientEndsItsWait ends a client that waits for a backup. The cause decides what
// happens to the job.
func TestClientEndsItsWait(t *testing.T) {
	for name, test := range map[string]struct {
		why   error
		text  string // of the client's error; empty: it gets the result
		state string
	}{
		"goes":   {nil, "", api.JobCancelled},
		"leaves": {api.ErrLeft, "not waiting for the backups: they continue in the service", api.JobDone},
		"quits":  {api.ErrQuit, "cancelled", api.JobCancelled},
	} {
		t.Run(name, func(t *testing.T) {
			s := newWaiting(t)
			s.leave(test.why)
			if err := <-s.answer; test.text == "" && err != nil || test.text != "" && (err == nil || cause.Text(err) != test.text) {
				t.Errorf("the client got %v; want %q", err, test.text)
			}
			if test.state == api.JobDone { // otherwise it could end before it is cancelled
				close(s.finish)
			}
			if list, err := s.u.queue.Await(t.Context(), []string{s.id}, nil); err != nil || list[0].State != test.state {
				t.Errorf("jobs %+v, error %v; want it %s", list, err, test.state)
			}
			s.end()
			if err := <-s.ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// waiting is a client that waits for its backup. The job runs until finish is closed, or
// until it is cancelled.
type waiting struct {
	l      *Local
	u      *unattended
	c      *sqlite.Catalog
	id     string
	leave  context.CancelCauseFunc // of the client
	answer chan error              // of the client
	finish chan struct{}
	end    func() // of the service
	ended  chan error
}

func newWaiting(t *testing.T) *waiting {
	path := filepath.Join(t.TempDir(), "catalog.db")
	sqlitetest.Create(t, path)
	c, err := sqlite.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	started := make(chan string, 1)
	s := &waiting{l: New(Options{}), c: c, answer: make(chan error, 1), finish: make(chan struct{}), ended: make(chan error, 1)}
	s.u = &unattended{queue: job.New(job.Options{Store: c, Worker: catalog.Worker{ID: "local"}, Log: slog.New(slog.DiscardHandler),
		Limits: func() job.Limits { return job.Limits{} },
		Work: func(ctx context.Context, j catalog.Job, _ func(api.Event)) job.Outcome {
			started <- j.ID
			select {
			case <-s.finish:
				return job.Outcome{}
			case <-ctx.Done():
				return job.Outcome{Failed: true, Cause: cause.Cancelled}
			}
		}})}
	service, end := context.WithCancel(t.Context())
	s.end = end
	over, cut := context.WithCancel(t.Context())
	cut()
	ready := make(chan struct{})
	go func() { s.ended <- s.u.queue.Run(service, over, func() { close(ready) }) }()
	<-ready
	client, leave := context.WithCancelCause(As(t.Context(), Admin("alice", "socket")))
	s.leave = leave
	queued := make(chan string, 1)
	go func() {
		_, err := s.l.backupByQueue(client, s.u, []api.Device{{Name: "sw1"}}, api.Backup{}, func(e api.Event) {
			if e.Job != "" {
				queued <- e.Job
			}
		})
		s.answer <- err
	}()
	if s.id = <-started; s.id != <-queued {
		t.Errorf("another job runs than was queued: %s", s.id)
	}
	return s
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
