package catalogtest

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// careTests is the part of the suite about the tasks that are on no device.
var careTests = []suiteTest{
	{"CareRuns", testCareRuns},
	{"CareTurns", testCareTurns},
	{"Totals", testTotals},
	{"CareOfADeadWorker", testCareOfDeadWorker},
	{"ManyMirrored", testManyMirrored},
}

// testCareRuns keeps the newest run of each task, and when it last succeeded.
func testCareRuns(t *testing.T, create New) {
	c := empty(t, create)
	run := func(kind, name string, hours int, failed bool) catalog.CareRun {
		r := catalog.CareRun{Kind: kind, Name: name, Started: epoch.Add(time.Duration(hours) * time.Hour), Failed: failed}
		if failed {
			r.Cause, r.Message, r.Hint = "vault_error", "a blob is missing", "look"
		}
		if err := c.PutCare(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := run(api.JobCheck, "", 0, false)
	check := run(api.JobCheck, "", 1, true)
	offsite := run(api.JobMirror, "offsite", 2, true)
	run(api.JobMirror, "usb", 3, true)
	usb := run(api.JobMirror, "usb", 4, false)
	check.Succeeded, usb.Succeeded = first.Started, usb.Started
	got, err := c.CareRuns(t.Context())
	if diff := cmp.Diff([]catalog.CareRun{check, offsite, usb}, got); err != nil || diff != "" {
		t.Errorf("error %v, want(-) got(+):\n%s", err, diff)
	}
}

// testCareTurns gives tasks their turns: each slot makes one job, and tasks of one kind differ by
// their names.
func testCareTurns(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	monday := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	task := func(kind, name string, slot time.Time) catalog.Job {
		return catalog.Job{Job: api.Job{Kind: kind, Name: name, By: "schedule"}, Request: []byte("{}"), Slot: slot}
	}
	added := addJobs(t, c, task(api.JobCheck, "", monday), task(api.JobMirror, "offsite", monday), task(api.JobMirror, "usb", monday), task(api.JobCheck, "", monday))
	if len(added) != 3 {
		t.Fatalf("added %+v; want three jobs", added)
	}
	if again := addJobs(t, c, task(api.JobMirror, "usb", monday.Add(24*time.Hour))); len(again) != 0 {
		t.Errorf("added %+v although the job before still waits", again)
	}
	if j, err := c.Job(ctx, added[1].ID); err != nil || j.Name != "offsite" || j.Device != "" {
		t.Errorf("job %+v, error %v", j, err)
	}
	addJobs(t, c, job("sw1"))
	turns, err := c.CareTurns(ctx)
	want := []catalog.Turn{{Kind: api.JobCheck, Slot: monday}, {Kind: api.JobMirror, Name: "offsite", Slot: monday},
		{Kind: api.JobMirror, Name: "usb", Slot: monday.Add(24 * time.Hour)}}
	if diff := cmp.Diff(want, turns); err != nil || diff != "" {
		t.Errorf("error %v, want(-) got(+):\n%s", err, diff)
	}
}

// testCareOfDeadWorker lets a worker die during a task: its run has failed, and the time of the
// last success stays. A task that somebody cancelled is not recorded.
func testCareOfDeadWorker(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	if err := c.PutCare(ctx, catalog.CareRun{Kind: api.JobMirror, Name: "offsite", Started: epoch}); err != nil {
		t.Fatal(err)
	}
	task := func(kind, name string) catalog.Job {
		return catalog.Job{Job: api.Job{Kind: kind, Name: name}, Request: []byte("{}")}
	}
	s := startOne(t, c, task(api.JobMirror, "offsite"), lasts)
	cancelled := startOne(t, c, task(api.JobCheck, ""), lasts)
	if _, err := c.CancelJob(ctx, cancelled.Job.ID); err != nil {
		t.Fatal(err)
	}
	if err := c.FreeWorker(ctx, worker); err != nil {
		t.Fatal(err)
	}
	runs, err := c.CareRuns(ctx)
	if err != nil || len(runs) != 1 {
		t.Fatalf("runs %+v, error %v; want that of the mirror", runs, err)
	}
	r := runs[0]
	if r.Kind != api.JobMirror || r.Name != "offsite" || !r.Failed || r.Cause != "internal" || r.Message == "" || r.Hint == "" || !r.Succeeded.Equal(epoch) || !r.Started.After(epoch) {
		t.Errorf("run %+v of job %s", r, s.Job.ID)
	}
}

// testManyMirrored enters more snapshots than one statement does, one of them twice.
func testManyMirrored(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	ids := []string{"s-7"}
	for i := range 1_201 {
		ids = append(ids, fmt.Sprintf("s-%d", i))
	}
	for _, want := range [][]string{ids, ids[:500], nil} {
		if err := c.SetMirrored(ctx, "offsite", want); err != nil {
			t.Fatal(err)
		}
		got, err := c.Mirrored(ctx)
		if once := slices.Compact(slices.Sorted(slices.Values(want))); err != nil || !slices.Equal(slices.Sorted(maps.Keys(got)), once) {
			t.Errorf("%d snapshots, error %v; entered %d", len(got), err, len(once))
		}
	}
}

// testLostDocument has a device whose newest complete backup lost its document.
func testLostDocument(t *testing.T, create New) {
	good := Snapshot("sw1", 1, "flash:/x.bin", File("flash:/x.bin", api.KindImage, "image"))
	c := indexAll(t, create, Snapshot("sw1", 0, "flash:/x.bin", File("flash:/x.bin", api.KindImage, "image")), good)
	addDevices(t, c, "sw1")
	indexed, err := c.Latest(t.Context(), "sw1")
	if err != nil {
		t.Fatal(err)
	}
	for _, whole := range []bool{false, true, false} {
		if err := c.RecordProofs(t.Context(), catalog.Proof{SHA256: indexed, Read: time.Now(), Whole: whole}); err != nil {
			t.Fatal(err)
		}
		if s := stateOf(t, c, "sw1"); s.Damaged == whole || s.Good.ID != good.ID {
			t.Errorf("whole %v: %+v", whole, s)
		}
	}
	if err := c.Unindex(t.Context(), good.ID); err != nil {
		t.Fatal(err)
	}
	if s := stateOf(t, c, "sw1"); s.Damaged {
		t.Errorf("%+v; want the older backup, which is whole", s)
	}
}

// testTotals counts jobs, snapshots and their contents, each once.
func testTotals(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	if got, err := c.Totals(ctx); err != nil || len(got.Jobs) != 0 || got.Snapshots+got.Contents+got.Bytes != 0 {
		t.Errorf("of nothing: %+v, error %v", got, err)
	}
	shared := File("flash:/x.bin", api.KindImage, "image")
	for i, device := range []string{"sw1", "sw2"} {
		if err := c.Index(ctx, Snapshot(device, i, "", shared, File("running-config", api.KindConfig, device))); err != nil {
			t.Fatal(err)
		}
	}
	startOne(t, c, job("sw3"), lasts)
	addJobs(t, c, job("sw1"), job("sw2"))
	want := catalog.Totals{Jobs: map[string]int64{api.JobQueued: 2, api.JobRunning: 1}, Snapshots: 2, Contents: 3, Bytes: int64(len("image") + 2*len("sw1"))}
	if got, err := c.Totals(ctx); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%+v, error %v; want %+v", got, err, want)
	}
}
