package catalogtest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// testPoison lets each worker die that does a job. In the end it has failed, and says why. A
// person can try it again.
func testPoison(t *testing.T, create New) {
	c := empty(t, create)
	j := addJobs(t, c, job("sw1"))[0]
	for range 5 {
		if started := start(t, c, worker, 0); len(started) != 1 {
			t.Fatalf("%d jobs started", len(started))
		}
	}
	if started := start(t, c, another, lasts); len(started) != 0 {
		t.Fatalf("it started again: %+v", started)
	}
	got := wantJob(t, c, j.ID, api.JobFailed)
	if got.Attempts != 5 || got.Cause != "internal" || !strings.Contains(got.Message, "5 times") || got.Hint == "" {
		t.Errorf("job %+v", got)
	}
	if _, err := c.RetryJob(t.Context(), j.ID, "alice"); err != nil {
		t.Fatal(err)
	}
	start(t, c, worker, 0)
	if started := start(t, c, another, lasts); len(started) != 1 {
		t.Error("after a person asked for it, one death ends it")
	}
}

// testRunOfDeadWorker wants the runs of a dead worker interrupted, once its lease has ended,
// and those of a living one going on.
func testRunOfDeadWorker(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	for _, name := range []string{"sw1", "sw2", "sw3"} {
		d := Device()
		d.Name = name
		if err := c.AddDevice(ctx, d, Sealed()); err != nil {
			t.Fatal(err)
		}
	}
	begin := func(id, device string) {
		t.Helper()
		if err := c.BeginRun(ctx, api.Run{ID: id, Device: device, Kind: api.RunBackup, Started: epoch}); err != nil {
			t.Fatal(err)
		}
	}
	startOne(t, c, job("sw1"), 0)
	take := func(w catalog.Worker, name string, lasts time.Duration) {
		t.Helper()
		if _, ok, err := c.TakeLease(ctx, w, name, lasts); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	take(worker, "sw2", 0)
	take(another, "sw3", lasts)
	for _, name := range []string{"sw1", "sw2", "sw3"} {
		begin("run-"+name, name)
	}
	start(t, c, catalog.Worker{ID: "third"}, lasts)
	for name, want := range map[string]string{"sw1": api.StatusInterrupted, "sw2": api.StatusInterrupted, "sw3": api.StatusRunning} {
		if s := stateOf(t, c, name); s.Last.Status != want {
			t.Errorf("%s: the run is %s; want %s", name, s.Last.Status, want)
		}
	}
	if err := c.FreeWorker(ctx, another); err != nil {
		t.Fatal(err)
	}
	if s := stateOf(t, c, "sw3"); s.Last.Status != api.StatusInterrupted {
		t.Errorf("the run of a freed worker is %s", s.Last.Status)
	}
}

// testRunWithoutEnd has work on two devices whose run could not be ended, because the catalog was
// away for a moment: the next work on them says that it was interrupted.
func testRunWithoutEnd(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	for _, name := range []string{"sw1", "sw2", "sw3"} {
		d := Device()
		d.Name = name
		if err := c.AddDevice(ctx, d, Sealed()); err != nil {
			t.Fatal(err)
		}
		if err := c.BeginRun(ctx, api.Run{ID: "run-" + name, Device: name, Kind: api.RunBackup, Started: epoch}); err != nil {
			t.Fatal(err)
		}
	}
	startOne(t, c, job("sw1"), lasts)
	if _, ok, err := c.TakeLease(ctx, worker, "sw2", lasts); !ok || err != nil {
		t.Fatal(ok, err)
	}
	for name, want := range map[string]string{"sw1": api.StatusInterrupted, "sw2": api.StatusInterrupted, "sw3": api.StatusRunning} {
		if s := stateOf(t, c, name); s.Last.Status != want {
			t.Errorf("%s: the run is %s; want %s", name, s.Last.Status, want)
		}
	}
}

// testSites gives the jobs of a site to its workers alone, from the moment they are there.
func testSites(t *testing.T, create New) {
	c := empty(t, create)
	devices := func(w catalog.Worker) (names []string) {
		_, err := c.StartJobs(t.Context(), w, lasts, func(b catalog.Board) []string {
			for _, j := range b.Waiting {
				names = append(names, j.Device)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(names)
		return names
	}
	for device, site := range map[string]string{"a1": "ams", "h1": "hq", "n1": ""} {
		j := job(device)
		j.Site, j.Login = site, site+" backup"
		addJobs(t, c, j)
	}
	anywhere, ams := catalog.Worker{ID: "a"}, catalog.Worker{ID: "b", Sites: []string{"ams", "lon"}}
	for _, step := range []struct {
		worker catalog.Worker
		want   []string
	}{{anywhere, []string{"a1", "h1", "n1"}}, {ams, []string{"a1"}}, {anywhere, []string{"h1", "n1"}}} {
		if got := devices(step.worker); !slices.Equal(got, step.want) {
			t.Errorf("worker %+v may do the jobs of %v; want %v", step.worker, got, step.want)
		}
	}
}

func testEndedJobs(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	done := startOne(t, c, job("sw1"), lasts)
	if err := c.EndJob(ctx, done.Lease, catalog.JobEnd{State: api.JobDone, Result: json.RawMessage(`{"x":1}`)}); err != nil {
		t.Fatal(err)
	}
	waits := addJobs(t, c, job("sw2"))[0]
	got, err := c.EndedJobs(ctx, waits.ID, done.Job.ID, "job-none")
	if err != nil || len(got) != 1 || got[0].ID != done.Job.ID || string(got[0].Result) != `{"x":1}` {
		t.Errorf("%+v, error %v", got, err)
	}
	if got, err := c.EndedJobs(ctx); err != nil || len(got) != 0 {
		t.Errorf("without any: %+v, error %v", got, err)
	}
}

// testRemovedDevice removes a device with a job that waits and one that runs.
func testRemovedDevice(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	d := Device()
	if err := c.AddDevice(ctx, d, Sealed()); err != nil {
		t.Fatal(err)
	}
	runs := startOne(t, c, job(d.Name), lasts)
	waits, other := addJobs(t, c, job(d.Name))[0], addJobs(t, c, job("other"))[0]
	if err := c.RemoveDevice(ctx, d.Name); err != nil {
		t.Fatal(err)
	}
	wantJob(t, c, waits.ID, api.JobCancelled)
	wantJob(t, c, other.ID, api.JobQueued)
	if _, cancelled, err := c.RenewLeases(ctx, worker, lasts, runs.Lease); err != nil || len(cancelled) != 1 {
		t.Errorf("the running job goes on: %v, error %v", cancelled, err)
	}
}

// testJobsOfTheVault has jobs without a device done by a process with the schedule alone,
// also if it has sites of its own.
func testJobsOfTheVault(t *testing.T, create New) {
	c := empty(t, create)
	devices, scheduled := worker, another
	devices.Devices, scheduled.Sites = true, []string{"ams"}
	addJobs(t, c, catalog.Job{Job: api.Job{Kind: api.JobPrune}, Request: []byte("{}")})
	if started := start(t, c, devices, lasts); len(started) != 0 {
		t.Errorf("a worker for devices began %+v", started)
	}
	if started := start(t, c, scheduled, lasts); len(started) != 1 {
		t.Errorf("a process with the schedule began %+v", started)
	}
}

// testUnserved: a worker for everywhere serves a site that has none of its own; the workers of a
// site serve it alone. One that ended serves nothing.
func testUnserved(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	want := func(sites string) {
		t.Helper()
		if got, err := c.Unserved(ctx, "", "ams", "lon"); err != nil || strings.Join(got, ",") != sites {
			t.Errorf("unserved: %q, error %v; want %s", got, err, sites)
		}
	}
	want(",ams,lon")
	start(t, c, worker, lasts)
	want("")
	if err := c.FreeWorker(ctx, worker); err != nil {
		t.Fatal(err)
	}
	want(",ams,lon")
	start(t, c, catalog.Worker{ID: "b", Sites: []string{"ams"}}, lasts)
	want(",lon")
	if got, err := c.Unserved(ctx); err != nil || len(got) > 0 {
		t.Errorf("of no sites: %q, error %v", got, err)
	}
}

// testScheduleZone keeps the first time zone until it is replaced.
func testScheduleZone(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	for _, step := range []struct{ offered, set, want string }{
		{"", "", ""}, {"Europe/Amsterdam", "", "Europe/Amsterdam"}, {"UTC", "", "Europe/Amsterdam"}, {"", "Asia/Tokyo", "Asia/Tokyo"}, {"UTC", "", "Asia/Tokyo"},
	} {
		if step.set != "" {
			if err := c.SetScheduleZone(ctx, step.set); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := c.ScheduleZone(ctx, step.offered); err != nil || got != step.want {
			t.Errorf("%+v: %q, error %v", step, got, err)
		}
	}
}
