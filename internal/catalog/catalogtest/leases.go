package catalogtest

import (
	"errors"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
)

// testDeadWorker lets the lease of a worker end. Another one gets its job, and the first
// can change nothing any more.
func testDeadWorker(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	restore := job("sw2")
	restore.Kind, restore.Login = "restore", "hq root"
	addJobs(t, c, job("sw1"), restore)
	dead := start(t, c, worker, 0)
	if len(dead) != 2 {
		t.Fatalf("%d jobs started", len(dead))
	}
	for _, s := range dead {
		if err := c.NoteJob(ctx, s.Lease, "step 2 of 3"); err != nil {
			t.Error(err)
		}
	}
	again := start(t, c, another, lasts)
	if len(again) != 1 || again[0].Job.Kind != api.JobBackup || again[0].Lease.Token != 2 {
		t.Fatalf("the other worker started %+v", again)
	}
	for _, s := range dead {
		if s.Job.Kind != api.JobBackup {
			j := wantJob(t, c, s.Job.ID, api.JobInterrupted)
			if j.Message != "flashwarden ended during this restore; step 2 of 3" || j.Cause != cause.Internal || j.Hint == "" || j.Ended.IsZero() {
				t.Errorf("the restore: %+v", j.Job)
			}
			if _, err := c.RetryJob(ctx, j.ID, "ann"); !errors.Is(err, catalog.ErrJobState) {
				t.Errorf("the restore is tried again: %v", err)
			}
			continue
		}
		if err := c.EndJob(ctx, s.Lease, catalog.JobEnd{State: api.JobDone}); !errors.Is(err, catalog.ErrLeaseLost) {
			t.Errorf("the dead worker ended the job: error %v", err)
		}
		if err := c.NoteJob(ctx, s.Lease, "x"); !errors.Is(err, catalog.ErrLeaseLost) {
			t.Errorf("the dead worker noted something: error %v", err)
		}
		if lost, _, err := c.RenewLeases(ctx, worker, lasts, s.Lease); err != nil || len(lost) != 1 {
			t.Errorf("the dead worker renewed its lease: lost %v, error %v", lost, err)
		}
		if err := c.FreeLeases(ctx, s.Lease); err != nil {
			t.Error(err)
		}
	}
	if j := wantJob(t, c, again[0].Job.ID, api.JobRunning); j.Attempts != 2 {
		t.Errorf("%d attempts; want 2", j.Attempts)
	}
	if err := c.EndJob(ctx, again[0].Lease, catalog.JobEnd{State: api.JobDone}); err != nil {
		t.Error(err)
	}
}

// testOwnLease steps the clock forward: a worker does not start its own jobs again.
func testOwnLease(t *testing.T, create New) {
	c := empty(t, create)
	s := startOne(t, c, job("sw1"), 0)
	busy := catalog.Worker{ID: worker.ID, Running: []string{s.Job.ID}}
	if again := start(t, c, busy, lasts); len(again) != 0 {
		t.Errorf("started %+v", again)
	}
	if lost, _, err := c.RenewLeases(t.Context(), worker, lasts, s.Lease); err != nil || len(lost) != 0 {
		t.Errorf("lost %v, error %v", lost, err)
	}
	wantJob(t, c, s.Job.ID, api.JobRunning)
}

// testLostLease wants no snapshot of a worker that lost its lease.
func testLostLease(t *testing.T, create New) {
	c := empty(t, create)
	old := startOne(t, c, job("sw1"), 0)
	now := start(t, c, another, lasts)[0]
	ctx := catalog.UnderLease(t.Context(), old.Lease)
	late := Snapshot("sw1", 1, "")
	if err := c.Intend(ctx, late.ID); !errors.Is(err, catalog.ErrLeaseLost) {
		t.Errorf("intend: error %v", err)
	}
	if err := c.Index(ctx, late); !errors.Is(err, catalog.ErrLeaseLost) {
		t.Errorf("index: error %v", err)
	}
	v := vaultOf()
	if _, err := catalog.Keep(ctx, c, v, late); !errors.Is(err, catalog.ErrLeaseLost) || len(v) > 0 {
		t.Errorf("keep: error %v, %d snapshots were written", err, len(v))
	}
	if rows, err := c.Snapshots(t.Context(), ""); err != nil || len(rows) != 0 {
		t.Errorf("%d snapshots, error %v", len(rows), err)
	}
	ctx = catalog.UnderLease(t.Context(), now.Lease)
	if _, err := catalog.Keep(ctx, c, v, late); err != nil || len(v) != 1 {
		t.Errorf("keep under the present lease: error %v", err)
	}
}

func testFreeWorker(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	s := startOne(t, c, job("sw1"), lasts)
	if _, ok, err := c.TakeLease(ctx, worker, "/chain", lasts); !ok || err != nil {
		t.Fatalf("ok %v, error %v", ok, err)
	}
	if err := c.FreeWorker(ctx, another); err != nil {
		t.Fatal(err)
	}
	wantJob(t, c, s.Job.ID, api.JobRunning)
	if err := c.FreeWorker(ctx, worker); err != nil {
		t.Fatal(err)
	}
	wantJob(t, c, s.Job.ID, api.JobQueued)
	if _, ok, err := c.TakeLease(ctx, another, "/chain", lasts); !ok || err != nil {
		t.Errorf("the other lease was not freed: %v", err)
	}
}

func testLeases(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	l, ok, err := c.TakeLease(ctx, worker, "sw1", lasts)
	if err != nil || !ok {
		t.Fatalf("ok %v, error %v", ok, err)
	}
	if _, ok, err := c.TakeLease(ctx, another, "sw1", lasts); ok || err != nil {
		t.Errorf("taken twice: %v, error %v", ok, err)
	}
	addJobs(t, c, job("sw1"))
	if started := start(t, c, another, lasts); len(started) != 0 {
		t.Errorf("a job started on a device that is taken: %+v", started)
	}
	if err := c.FreeLeases(ctx, l); err != nil {
		t.Fatal(err)
	}
	if started := start(t, c, another, lasts); len(started) != 1 {
		t.Errorf("%d jobs started; want 1", len(started))
	}
}
