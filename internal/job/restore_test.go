package job_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/job"
)

// unrenewable is a store that renews no leases while it is away.
type unrenewable struct {
	job.Store
	away atomic.Bool
}

func (s *unrenewable) RenewLeases(ctx context.Context, w catalog.Worker, lasts time.Duration, leases ...catalog.Lease) (lost, cancelled []catalog.Lease, err error) {
	if s.away.Load() {
		return nil, nil, errors.New("the catalog is away")
	}
	return s.Store.RenewLeases(ctx, w, lasts, leases...)
}

func restoreOf(device string) catalog.Job {
	j := backup(device)
	j.Kind = api.JobRestore
	return j
}

// TestRestoreOutlivesTheCatalog ends a backup when its lease cannot be renewed, and not a
// restore, which still has its device.
func TestRestoreOutlivesTheCatalog(t *testing.T) {
	t.Parallel()
	s := &unrenewable{Store: onSQLite(t)(t)}
	began, cut, finish := make(chan string, 2), make(chan struct{}), make(chan struct{})
	q := job.New(job.Options{Store: s, Worker: catalog.Worker{ID: "a"}, Limits: func() job.Limits { return job.Limits{} }, Log: slog.New(slog.DiscardHandler),
		Poll: 20 * time.Millisecond, Lease: 2 * time.Second,
		Work: func(ctx context.Context, j catalog.Job, _ func(api.Event)) job.Outcome {
			began <- j.Kind
			if j.Kind == api.JobBackup {
				<-ctx.Done()
				close(cut)
				return job.Outcome{Failed: true, Cause: cause.Cancelled}
			}
			<-finish
			if err := errors.Join(ctx.Err(), catalog.StillOurs(ctx)); err != nil {
				t.Errorf("the restore was ended: %v", err)
			}
			return job.Outcome{}
		}})
	run(t, q)
	ids := add(t, q, backup("sw1"), restoreOf("sw2"))
	<-began
	<-began
	s.away.Store(true)
	<-cut
	s.away.Store(false)
	close(finish)
	await(t, q, ids[1])
	until(t, s, ids[1], api.JobDone)
}

// TestRestoreIsInterrupted ends the service during a restore: the job names the steps that were done, and
// nobody begins it again.
func TestRestoreIsInterrupted(t *testing.T) {
	s := onSQLite(t)(t)
	began := make(chan struct{}, 9)
	q := queue(s, "a", func(ctx context.Context, _ catalog.Job, _ func(api.Event)) job.Outcome {
		began <- struct{}{}
		<-ctx.Done()
		return job.Outcome{Failed: true, Cause: cause.Cancelled, Message: "cancelled; flash:/x.bin is restored", Hint: "look", Result: json.RawMessage(`{}`)}
	})
	end := run(t, q)
	id := add(t, q, restoreOf("sw1"))[0]
	<-began
	end()
	j := until(t, s, id, api.JobInterrupted)
	if !strings.Contains(j.Message, "flash:/x.bin is restored") || j.Result == nil || j.Ended.IsZero() {
		t.Errorf("%+v", j.Job)
	}
	again := queue(s, "b", func(_ context.Context, j catalog.Job, _ func(api.Event)) job.Outcome {
		if j.ID == id {
			t.Error("it began again")
		}
		return job.Outcome{}
	})
	run(t, again)
	await(t, again, add(t, again, backup("sw2"))...) // it had its chance
	if _, err := again.Retry(t.Context(), id, "ann"); !errors.Is(err, catalog.ErrJobState) {
		t.Errorf("retried: %v", err)
	}
}

// TestRestoreIsNotRetried fails a restore for a cause that lets a backup be tried again.
func TestRestoreIsNotRetried(t *testing.T) {
	s := onSQLite(t)(t)
	q := queue(s, "a", func(context.Context, catalog.Job, func(api.Event)) job.Outcome {
		return job.Outcome{Failed: true, Cause: cause.SessionLost}
	})
	run(t, q)
	restore, scheduled := restoreOf("sw1"), backup("sw2")
	restore.Person, scheduled.Person = false, false
	ids := add(t, q, restore, scheduled)
	until(t, s, ids[1], api.JobRetrying)
	until(t, s, ids[0], api.JobFailed)
}
