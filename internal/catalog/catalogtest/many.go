package catalogtest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// many is more than one statement changes.
const many = 1201

// testStartMany starts and renews more jobs than one statement changes, each of another login.
func testStartMany(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	jobs := make([]catalog.Job, many)
	for i := range jobs {
		jobs[i] = job(fmt.Sprint("sw", i))
		jobs[i].Login = fmt.Sprint("site ", i)
	}
	twice := job("sw0")
	twice.Login = "another"
	addJobs(t, c, append(jobs, twice)...)
	started := start(t, c, worker, lasts)
	leases := make([]catalog.Lease, len(started))
	for i, s := range started {
		leases[i] = s.Lease
		if l := s.Lease; l.Name != s.Job.Device || l.Token != 1 || l.Job != s.Job.ID {
			t.Fatalf("job %+v has the lease %+v", s.Job, l)
		}
	}
	if len(started) != many {
		t.Fatalf("%d jobs started; want %d, one for each device", len(started), many)
	}
	if j := wantJob(t, c, started[many-1].Job.ID, api.JobRunning); j.Attempts != 1 || j.Started.IsZero() {
		t.Errorf("job %+v", j)
	}
	if _, err := c.CancelJob(ctx, leases[1].Job); err != nil {
		t.Fatal(err)
	}
	if err := c.FreeLeases(ctx, leases[0]); err != nil {
		t.Fatal(err)
	}
	again, ok, err := c.TakeLease(ctx, worker, leases[0].Name, lasts)
	if err != nil || !ok || again.Token != 2 {
		t.Fatal(again, ok, err)
	}
	lost, cancelled, err := c.RenewLeases(ctx, worker, lasts, append([]catalog.Lease{again}, leases...)...)
	if err != nil || !slices.Equal(lost, leases[:1]) || !slices.Equal(cancelled, leases[1:2]) {
		t.Errorf("lost %v, cancelled %v, error %v; want %v and %v", lost, cancelled, err, leases[:1], leases[1:2])
	}
}

// testCondemnMany condemns and forgets more contents than one statement changes: of these, the
// catalog knows some, and a snapshot names some of them.
func testCondemnMany(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	var sums, kept []string
	var named []api.File
	for i := range many {
		f := File(fmt.Sprintf("flash:/%d", i), api.KindImage, fmt.Sprint("content ", i))
		sums = append(sums, f.SHA256)
		if i%30 != 0 {
			continue
		}
		if err := c.Remember(ctx, f); err != nil {
			t.Fatal(err)
		}
		if i%90 == 0 {
			named, kept = append(named, f), append(kept, f.SHA256)
		}
	}
	if err := c.Index(ctx, Snapshot("sw1", 0, "", named...)); err != nil {
		t.Fatal(err)
	}
	condemnNow(t, c, 0, 0, sums...)
	condemnNow(t, c, time.Minute, many-len(kept), sums...)
	condemnNow(t, c, 2*time.Minute, 0, sums...) // they go at this moment
	if err := c.ForgetContents(ctx, sums...); err != nil {
		t.Fatal(err)
	}
	condemnNow(t, c, 3*time.Minute, 0, sums...) // each was forgotten
	if _, ok, err := c.Known(ctx, named[0].MD5, named[0].Size); !ok || err != nil {
		t.Errorf("what a snapshot names is known: %v, error %v", ok, err)
	}
}
