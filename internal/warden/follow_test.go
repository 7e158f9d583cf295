package warden

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// follow follows events as an actor.
func follow(t *testing.T, l *Local, a Actor, s api.LiveSelect) Stream {
	t.Helper()
	f, err := l.Follow(As(t.Context(), a), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// brief returns the events that are there, each in a few words.
func brief(t *testing.T, f Stream) string {
	t.Helper()
	var all []string
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		events, err := f.Next(ctx)
		cancel()
		for _, e := range events {
			var d struct{ Device, Change, State, Job, ID, Step, Reason string }
			if err := json.Unmarshal(e.Data, &d); err != nil {
				t.Fatal(err)
			}
			all = append(all, strings.Join(strings.Fields(strings.Join([]string{e.Kind, d.Device, d.Change, d.State, d.Step, d.Reason}, " ")), " "))
		}
		if errors.Is(err, io.EOF) {
			all = append(all, "end")
		}
		if err != nil {
			return strings.Join(all, ", ")
		}
	}
}

var root = Admin("ann", "terminal")

// jobOf adds a job and returns it.
func jobOf(t *testing.T, l *Local, device, state string) catalog.Job {
	t.Helper()
	n, err := l.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	added, err := n.Catalog.AddJobs(t.Context(), catalog.Job{Job: api.Job{Kind: api.JobBackup, Device: device, By: "ann"}, Request: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	if state != api.JobQueued {
		start(t, l, added[0].ID)
	}
	return added[0]
}

// start has another worker start a job.
func start(t *testing.T, l *Local, id string) catalog.Lease {
	t.Helper()
	n, err := l.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	started, err := n.Catalog.StartJobs(t.Context(), catalog.Worker{ID: "other"}, time.Minute, func(catalog.Board) []string { return []string{id} })
	if err != nil || len(started) != 1 {
		t.Fatalf("%+v, error %v", started, err)
	}
	return started[0].Lease
}

// TestFollow gives a reader the present state and then each event once, also if it was away.
func TestFollow(t *testing.T) {
	l, ctx := asAdmin(t)
	jobOf(t, l, "core1", api.JobRunning)
	f := follow(t, l, root, api.LiveSelect{})
	if got := brief(t, f); got != "job core1 running" {
		t.Errorf("at the begin: %q", got)
	}
	place := f.Place()
	l.live.snapshot("core1", "s1", api.StatusOK)
	l.live.snapshot("core1", "s1", api.StatusUnchanged)
	l.live.vault(api.VaultEvent{Change: api.JobPrune})
	if _, err := l.RemoveDevices(ctx, api.Select{Names: []string{"core2"}}); err != nil {
		t.Fatal(err)
	}
	want := "vault core1 snapshot, vault prune, device core2 removed"
	if got := brief(t, f); got != want {
		t.Errorf("live: %q", got)
	}
	if got := brief(t, follow(t, l, root, api.LiveSelect{After: place})); got != want {
		t.Errorf("after a pause: %q", got)
	}
	for _, gone := range []string{"x", "elsewhere-3", f.Place() + "0"} {
		if got := brief(t, follow(t, l, root, api.LiveSelect{After: gone})); !strings.HasPrefix(got, "reset the events after") || !strings.HasSuffix(got, ", job core1 running") {
			t.Errorf("after %s: %q", gone, got)
		}
	}
	l.live.anew("devices were imported")
	if got := brief(t, f); got != "reset devices were imported, job core1 running" {
		t.Errorf("after an import: %q", got)
	}
	for range liveKept + 1 {
		l.live.vault(api.VaultEvent{Change: api.JobPrune})
	}
	if got := brief(t, f); got != "reset the client is too slow, job core1 running" {
		t.Errorf("a slow reader: %q", got)
	}
	l.Drain()
	if got := brief(t, f); got != "end" {
		t.Errorf("at the end of the service: %q", got)
	}
}

// TestFollowOneJob ends with the job, and has nothing more for a reader who knows its end.
func TestFollowOneJob(t *testing.T) {
	l, _ := asAdmin(t)
	j, other := jobOf(t, l, "core1", api.JobQueued), jobOf(t, l, "core2", api.JobQueued)
	f := follow(t, l, root, api.LiveSelect{Job: j.ID})
	if got := brief(t, f); got != "job core1 queued" {
		t.Errorf("at the begin: %q", got)
	}
	place := f.Place()
	other.State, other.Attempts = api.JobRunning, 1
	l.live.jobs(other)
	j.State, j.Attempts = api.JobRunning, 1
	l.live.jobs(j)
	report := l.live.progress(j, func(api.Event) {})
	report(api.Event{Step: api.StepLogin})
	report(api.Event{Step: api.StepCopy, File: "flash:/x.bin", Bytes: 5, Size: 10})
	late := follow(t, l, root, api.LiveSelect{Job: j.ID})
	if got := brief(t, late); got != "job core1 queued, transfer core1 copy" { // the catalog does not know of the start
		t.Errorf("a later reader: %q", got)
	}
	j.State = api.JobDone
	l.live.jobs(j)
	want := "job core1 running, job core1 running login, transfer core1 copy, job core1 done, end"
	for name, f := range map[string]Stream{"live": f, "after a pause": follow(t, l, root, api.LiveSelect{Job: j.ID, After: place})} {
		if got := brief(t, f); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	ended := jobOf(t, l, "edge1", api.JobQueued)
	if _, err := l.CancelJob(As(t.Context(), root), api.Named{Name: ended.ID}); err != nil {
		t.Fatal(err)
	}
	f = follow(t, l, root, api.LiveSelect{Job: ended.ID})
	if got := brief(t, f); got != "job edge1 cancelled, end" {
		t.Errorf("of a job that has ended: %q", got)
	}
	if _, err := l.Follow(As(t.Context(), root), api.LiveSelect{Job: ended.ID, After: f.Place()}); !errors.Is(err, io.EOF) {
		t.Errorf("once more: %v", err)
	}
	wantExit(t, "no such job", second(l.Follow(As(t.Context(), root), api.LiveSelect{Job: "job-x"})), api.ExitUnknown)
}

// TestFollowWithinLimits shows a limited actor the events of its own devices alone.
func TestFollowWithinLimits(t *testing.T) {
	l, ctx := asAdmin(t)
	foreign := jobOf(t, l, "edge1", api.JobRunning)
	own := jobOf(t, l, "core1", api.JobRunning)
	core := Actor{Name: "token x", Role: api.RoleViewer, Group: "core", Site: "ams"}
	f := follow(t, l, core, api.LiveSelect{})
	gone := follow(t, l, core, api.LiveSelect{After: "x"})
	begin := "job core1 running"
	if got := brief(t, f); got != begin {
		t.Errorf("at the begin: %q", got)
	}
	if got := brief(t, gone); !strings.HasPrefix(got, "reset ") || !strings.HasSuffix(got, ", "+begin) {
		t.Errorf("after a gap: %q", got)
	}
	for _, j := range []catalog.Job{foreign, own} {
		l.live.progress(j, func(api.Event) {})(api.Event{Step: api.StepCopy, File: "flash:/x.bin", Bytes: 5, Size: 10})
		l.live.snapshot(j.Device, "s", api.StatusOK)
		j.State, j.Attempts = api.JobDone, 1
		l.live.jobs(j)
	}
	l.live.vault(api.VaultEvent{Change: api.JobPrune})
	l.live.transfer(api.TransferEvent{Step: api.StepTransfer, File: "y.bin"}, time.Now())
	if got := brief(t, f); got != "transfer core1 copy, vault core1 snapshot, job core1 done, device core1 run" {
		t.Errorf("events: %q", got)
	}
	wantExit(t, "a foreign job", second(l.Follow(As(t.Context(), core), api.LiveSelect{Job: foreign.ID})), api.ExitUnknown, "edge1")
	// A device that moves away says so once, and is not seen any more.
	d, err := l.Device(ctx, api.Named{Name: "core1"})
	if err != nil {
		t.Fatal(err)
	}
	d.Device.Group = "edge"
	if _, err := l.EditDevice(ctx, api.DeviceChange{Device: d.Device}); err != nil {
		t.Fatal(err)
	}
	if got := brief(t, f); got != "device core1 edited" {
		t.Errorf("a device that moves: %q", got)
	}
	clear(f.(*follower).its) // two seconds later
	l.live.device(api.DeviceRun, "core1")
	if _, err := l.RemoveDevices(ctx, api.Select{Names: []string{"core1", "core2"}}); err != nil {
		t.Fatal(err)
	}
	if got := brief(t, f); got != "" {
		t.Errorf("foreign devices: %q", got)
	}
	wantExit(t, "nobody", second(l.Follow(t.Context(), api.LiveSelect{})), api.ExitRefused)
}

// TestChangesOfOthers reports jobs that another machine starts and ends.
func TestChangesOfOthers(t *testing.T) {
	l, ctx := asAdmin(t)
	j := jobOf(t, l, "core1", api.JobQueued)
	f, one := follow(t, l, root, api.LiveSelect{}), follow(t, l, root, api.LiveSelect{Job: j.ID})
	if got := brief(t, one); got != "job core1 queued" {
		t.Errorf("at the begin: %q", got)
	}
	lease := start(t, l, j.ID)
	for range 2 { // the second time nothing is new
		if err := l.lookForChanges(ctx); err != nil {
			t.Fatal(err)
		}
	}
	n, err := l.open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Catalog.EndJob(ctx, lease, catalog.JobEnd{State: api.JobDone}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.lookForChanges(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if got := brief(t, f); got != "job core1 running, job core1 done, device core1 run" {
		t.Errorf("events: %q", got)
	}
	one.(*follower).looked = time.Time{} // five seconds later
	if got := brief(t, one); got != "job core1 done, end" {
		t.Errorf("one job: %q", got)
	}
}

// TestTransferEvents has at most two events a second for a file, the last one in any case, and
// the rate of the last seconds.
func TestTransferEvents(t *testing.T) {
	v := newLiveEvents()
	now := time.Now()
	for i := range 201 { // 10 s at 1,000,000 bytes a second
		v.transfer(api.TransferEvent{Job: "j", Device: "sw1", Step: api.StepCopy, File: "x", Bytes: int64(i) * 50_000, Size: 10_000_000, Retransmits: i}, now.Add(time.Duration(i)*50*time.Millisecond))
	}
	events, _, _, _ := v.ring.After(0)
	var last api.TransferEvent
	if err := json.Unmarshal(events[len(events)-1].Data, &last); err != nil {
		t.Fatal(err)
	}
	if len(events) < 19 || len(events) > 22 || last.Bytes != last.Size || last.Retransmits != 200 {
		t.Errorf("%d events, the last is %+v", len(events), last)
	}
	if last.Rate < 990_000 || last.Rate > 1_010_000 {
		t.Errorf("rate %d", last.Rate)
	}
	if m := v.moving[file{"j", "x"}]; len(m.past) > 15 {
		t.Errorf("%d samples are kept", len(m.past))
	}
	v.jobs(catalog.Job{Job: api.Job{ID: "j", State: api.JobDone, Attempts: 1}})
	if len(v.transfers()) != 0 {
		t.Error("the transfer of a job that has ended is kept")
	}
	many := make([]catalog.Job, manyChanges+1)
	place := v.ring.Place()
	if v.jobs(many...); v.ring.Place() != place+1 {
		t.Error("many jobs are many events")
	}
}

// TestStaleQueuedJob leaves a job out that has started before it was reported as queued.
func TestStaleQueuedJob(t *testing.T) {
	v := newLiveEvents()
	j := catalog.Job{Job: api.Job{ID: "j", State: api.JobRunning, Attempts: 1, Created: time.Now()}}
	v.jobs(j)
	j.State, j.Attempts = api.JobQueued, 0
	if v.jobs(j); v.ring.Place() != 1 {
		t.Error("a running job was reported as queued")
	}
	j.Created = j.Created.Add(-time.Hour)
	if v.jobs(j); v.ring.Place() != 2 {
		t.Error("a job that was put back was not reported")
	}
}
