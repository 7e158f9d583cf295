package catalogtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// historyTests is the part of the suite about runs and states.
var historyTests = []suiteTest{
	{"Runs", testRuns},
	{"RunsThatNeverEnded", testInterrupted},
	{"CancelledRuns", testCancelled},
	{"OldRunsAreRemoved", testThinned},
	{"TooManyRunsAreRemoved", testTooMany},
	{"StateOfADevice", testState},
	{"StateWithoutAnything", testStateEmpty},
	{"StateFollowsTheSnapshots", testStateFollows},
	{"LookOfAWrongClock", testLookOfAWrongClock},
	{"StateAfterRebuild", testStateRebuilt},
	{"FactsOfAFailedRun", testStateFacts},
	{"ProofsOfContent", testProofs},
	{"ProofsFromTheFuture", testFutureProofs},
	{"FindingStays", testFindingStays},
	{"ProofsOfSharedContent", testSharedProofs},
	{"LostDocument", testLostDocument},
	{"Warnings", testWarnings},
	{"DamagedImage", testDamagedImage},
	{"HistoryWithAClosedContext", testHistoryClosed},
}

// Run returns a backup run of a device that ended with this status, some hours
// after the first of them. It has every field set.
func Run(device string, hours int, status string) api.Run {
	started := epoch.Add(time.Duration(hours) * time.Hour)
	return api.Run{ID: catalog.NewRunID(started), Device: device, Kind: api.RunBackup, Status: status, Cause: "stalled", Message: "it stopped", Hint: "look",
		Attempts: 3, Snapshot: "of " + device, Started: started, Ended: started.Add(time.Minute),
		Model: "WS-C3750G", Version: "15.0(2)SE8", Image: "flash:/x.bin", BytesCopied: 18_286_080}
}

func endAll(t *testing.T, c catalog.Catalog, runs ...api.Run) {
	t.Helper()
	for _, r := range runs {
		if err := c.EndRun(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

// wantRuns compares the runs of a device, newest first.
func wantRuns(t *testing.T, c catalog.Catalog, device string, want ...api.Run) {
	t.Helper()
	got, err := c.Runs(t.Context(), device, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append([]api.Run{}, want...), got); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
}

func testRuns(t *testing.T, create New) {
	c := empty(t, create)
	first, second, other := Run("sw1", 0, api.StatusFailed), Run("sw1", 1, api.StatusOK), Run("sw2", 0, api.StatusOK)
	second.Kind = api.RunRestore
	if err := c.BeginRun(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	running := first
	running.Status, running.Ended = api.StatusRunning, time.Time{}
	wantRuns(t, c, "sw1", running)
	endAll(t, c, first, other, second) // the last two were never begun
	wantRuns(t, c, "sw1", second, first)
	wantRuns(t, c, "sw9")
	if got, err := c.Runs(t.Context(), "sw1", 1); err != nil || len(got) != 1 || got[0].ID != second.ID {
		t.Errorf("%+v, error %v; want the newest", got, err)
	}
}

// testInterrupted has runs of a process that was killed.
func testInterrupted(t *testing.T, create New) {
	open := create(t)
	c := open(t)
	addDevices(t, c, "sw1", "sw2")
	done, killed := Run("sw1", 0, api.StatusOK), Run("sw2", 1, "")
	endAll(t, c, done)
	if err := c.BeginRun(t.Context(), killed); err != nil {
		t.Fatal(err)
	}
	if s := stateOf(t, c, "sw2"); s.Last.Status != api.StatusRunning || s.Failed != nil {
		t.Errorf("while it runs: %+v", s)
	}
	noticed := epoch.Add(5 * time.Hour)
	for range 2 {
		if err := open(t).InterruptRuns(t.Context(), noticed); err != nil {
			t.Fatal(err)
		}
	}
	killed.Status, killed.Ended = api.StatusInterrupted, noticed
	wantRuns(t, c, "sw1", done)
	wantRuns(t, c, "sw2", killed)
	if s := stateOf(t, c, "sw2"); s.Last.Status != api.StatusInterrupted || s.Failed == nil || s.Failed.ID != killed.ID {
		t.Errorf("after it was killed: %+v", s)
	}
}

// testCancelled: a run that somebody stopped is in the list, but is no failure, and
// hides none.
func testCancelled(t *testing.T, create New) {
	c := empty(t, create)
	addDevices(t, c, "sw1", "sw2")
	failed, good := Run("sw1", 0, api.StatusFailed), Run("sw2", 0, api.StatusOK)
	stopped := func(device string) api.Run {
		r := Run(device, 1, api.StatusIncomplete)
		r.Cause = api.Cancelled
		return r
	}
	endAll(t, c, failed, good, stopped("sw1"), stopped("sw2"))
	if s := stateOf(t, c, "sw1"); s.Failed == nil || s.Failed.ID != failed.ID || s.Last.Status != api.StatusFailed {
		t.Errorf("after a failure: last %+v, failed %+v", s.Last, s.Failed)
	}
	if s := stateOf(t, c, "sw2"); s.Failed != nil || s.Last.Status != api.StatusOK {
		t.Errorf("after a good run: last %+v, failed %+v", s.Last, s.Failed)
	}
	if runs, err := c.Runs(t.Context(), "sw2", 10); err != nil || len(runs) != 2 {
		t.Errorf("%d runs, error %v; want both", len(runs), err)
	}
}

// testThinned keeps old runs only where nothing newer says the same.
func testThinned(t *testing.T, create New) {
	c := empty(t, create)
	const year = 366 * 24
	good, failed, restore := Run("sw1", 1, api.StatusOK), Run("sw1", 2, api.StatusIncomplete), Run("sw1", 3, api.StatusOK)
	restore.Kind = api.RunRestore
	endAll(t, c, Run("sw1", 0, api.StatusOK), Run("sw1", 0, api.StatusFailed), good, failed, restore, Run("sw2", 0, api.StatusOK))
	recent := Run("sw1", 3*year, "")
	recent.Status = api.StatusInterrupted
	if err := c.BeginRun(t.Context(), recent); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Runs(t.Context(), "sw1", 10); err != nil || len(got) != 6 {
		t.Errorf("%d runs, error %v; want all until a run ends", len(got), err)
	}
	newest := Run("sw1", 3*year+1, api.StatusUnchanged)
	endAll(t, c, recent, newest)
	wantRuns(t, c, "sw1", newest, recent)
	endAll(t, c, Run("sw3", 1, api.StatusOK), Run("sw3", 2, api.StatusFailed), Run("sw3", 3*year, api.StatusFailed))
	if got, err := c.Runs(t.Context(), "sw3", 10); err != nil || len(got) != 2 || got[1].Status != api.StatusOK {
		t.Errorf("%+v, error %v; want the newest one and the newest good one", got, err)
	}
	if got, err := c.Runs(t.Context(), "sw2", 10); err != nil || len(got) != 1 {
		t.Errorf("%d runs of another device, error %v", len(got), err)
	}
}

func testTooMany(t *testing.T, create New) {
	c := empty(t, create)
	good := Run("sw1", 0, api.StatusOK)
	endAll(t, c, good)
	for i := range catalog.MostRuns + 5 {
		r := Run("sw1", 0, api.StatusFailed)
		r.Started = r.Started.Add(time.Duration(i+1) * time.Minute)
		r.Ended = r.Started
		endAll(t, c, r)
	}
	got, err := c.Runs(t.Context(), "sw1", 10_000)
	if err != nil || len(got) != catalog.MostRuns+1 || got[len(got)-1].ID != good.ID {
		t.Errorf("%d runs, error %v; want %d failed ones and the good one", len(got), err, catalog.MostRuns)
	}
}

func addDevices(t *testing.T, c catalog.Catalog, names ...string) {
	t.Helper()
	for _, name := range names {
		d := Device()
		d.Name = name
		if err := c.AddDevice(t.Context(), d, Sealed()); err != nil {
			t.Fatal(err)
		}
	}
}

func stateOf(t *testing.T, c catalog.Catalog, device string) catalog.State {
	t.Helper()
	states, err := c.States(t.Context(), api.Select{Names: []string{device}})
	if err != nil || len(states) != 1 {
		t.Fatalf("%d states, error %v", len(states), err)
	}
	for _, o := range outlines(t, c, "", "") {
		if diff := cmp.Diff(states[0].Outline(), o); o.Name == device && diff != "" {
			t.Errorf("outline: want(-) got(+):\n%s", diff)
		}
	}
	return states[0]
}

func outlines(t *testing.T, c catalog.Catalog, group, site string) (list []catalog.State) {
	t.Helper()
	if err := c.Outlines(t.Context(), group, site, func(s catalog.State) { list = append(list, s) }); err != nil {
		t.Fatal(err)
	}
	return list
}

func testState(t *testing.T, create New) {
	good := Snapshot("sw1", 1, "flash:/x.bin", File("flash:/x.bin", api.KindImage, "image"))
	good.Facts.Model = "WS-C3750G"
	newest := Snapshot("sw1", 2, "flash:/y.bin", missing("flash:/y.bin", api.KindImage, 5), File("flash:/vlan.dat", api.KindVLAN, "vlan"))
	received := Snapshot("sw1", 3, "", File("tftp:/z.bin", api.KindImage, "received"))
	c := indexAll(t, create, Snapshot("sw1", 0, "flash:/x.bin", File("flash:/x.bin", api.KindImage, "image")), good, newest, received)
	addDevices(t, c, "sw1", "sw10")
	look, failed, last := Run("sw1", 4, api.StatusUnchanged), Run("sw1", 5, api.StatusFailed), Run("sw1", 6, api.StatusOK)
	look.Snapshot = good.ID
	restore := Run("sw1", 7, api.StatusFailed)
	restore.Kind, restore.Version = api.RunRestore, ""
	endAll(t, c, look, failed, last, restore)
	known := failed
	known.Model, known.Version, known.Image = "", "", ""
	want := catalog.State{Name: "sw1", Site: "hq", Group: "access",
		Model: "WS-C3750G", Version: "15.0(2)SE8", Image: "flash:/x.bin", Seen: last.Started,
		Newest: catalog.Saved{ID: newest.ID, Started: newest.Started, Status: "incomplete"},
		Good:   catalog.Saved{ID: good.ID, Started: good.Started, Status: "ok"}, Holds: true, Looked: look.Ended, Failed: &known,
		Last: catalog.Attempt{Status: "ok", Started: last.Started, Ended: last.Ended}}
	if diff := cmp.Diff(want, stateOf(t, c, "sw1")); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
	_, err := c.States(t.Context(), api.Select{Names: []string{"sw1", "nope"}})
	if !errors.Is(err, catalog.ErrNotFound) || !strings.Contains(err.Error(), `"nope"`) {
		t.Errorf("error %v; want ErrNotFound with the name", err)
	}
}

func testStateEmpty(t *testing.T, create New) {
	c := empty(t, create)
	if all, err := c.States(t.Context(), api.Select{}); err != nil || all == nil || len(all) > 0 {
		t.Errorf("%v, error %v; want an empty list", all, err)
	}
	addDevices(t, c, "sw2", "sw1")
	all, err := c.States(t.Context(), api.Select{Group: "access"})
	want := []catalog.State{{Name: "sw1", Site: "hq", Group: "access"}, {Name: "sw2", Site: "hq", Group: "access"}}
	if diff := cmp.Diff(want, all); err != nil || diff != "" {
		t.Errorf("error %v, want(-) got(+):\n%s", err, diff)
	}
	named, err := c.States(t.Context(), api.Select{Names: []string{"sw2", "sw1", "sw2"}})
	if diff := cmp.Diff(want, named); err != nil || diff != "" {
		t.Errorf("by name: error %v, want(-) got(+):\n%s", err, diff)
	}
	if other, err := c.States(t.Context(), api.Select{Names: []string{"sw1"}, Site: "elsewhere"}); err != nil || len(other) > 0 {
		t.Errorf("of another site: %v, error %v", other, err)
	}
	for _, s := range []struct {
		group, site string
		devices     int
	}{{"", "", 2}, {"access", "", 2}, {"access", "hq", 2}, {"", "elsewhere", 0}, {"core", "hq", 0}} {
		if list := outlines(t, c, s.group, s.site); len(list) != s.devices {
			t.Errorf("group %q, site %q: %d outlines, want %d", s.group, s.site, len(list), s.devices)
		}
	}
}

// testLookOfAWrongClock has a look that is dated ahead, and then one that is not: the one that
// was recorded last counts, so that the device cannot seem to have been seen later than it was.
func testLookOfAWrongClock(t *testing.T, create New) {
	good := Snapshot("sw1", 0, "flash:/x.bin", File("flash:/x.bin", api.KindImage, "a"))
	c := indexAll(t, create, good)
	addDevices(t, c, "sw1")
	ahead, right := Run("sw1", 500, api.StatusUnchanged), Run("sw1", 2, api.StatusUnchanged)
	ahead.Snapshot, right.Snapshot = good.ID, good.ID
	endAll(t, c, ahead, right)
	if s := stateOf(t, c, "sw1"); !s.Looked.Equal(right.Ended) {
		t.Errorf("looked %v; want %v", s.Looked, right.Ended)
	}
}

// testStateFollows takes the newest snapshot out of the index again.
func testStateFollows(t *testing.T, create New) {
	older, newer := Snapshot("sw1", 0, "flash:/x.bin", File("flash:/x.bin", api.KindImage, "a")), Snapshot("sw1", 1, "flash:/y.bin", File("flash:/y.bin", api.KindImage, "b"))
	c := indexAll(t, create, newer, older)
	addDevices(t, c, "sw1")
	look := Run("sw1", 2, api.StatusUnchanged)
	look.Snapshot, look.Image = newer.ID, ""
	look.Version = ""
	endAll(t, c, look)
	if s := stateOf(t, c, "sw1"); s.Good.ID != newer.ID || s.Image != "flash:/y.bin" || !s.Looked.Equal(look.Ended) {
		t.Errorf("%+v; want the newer one, and the look that confirmed it", s)
	}
	if err := c.Unindex(t.Context(), newer.ID); err != nil {
		t.Fatal(err)
	}
	if s := stateOf(t, c, "sw1"); s.Good.ID != older.ID || s.Newest.ID != older.ID || s.Image != "flash:/x.bin" || !s.Looked.IsZero() {
		t.Errorf("%+v; want the older one, which no look confirmed", s)
	}
	if err := c.Unindex(t.Context(), older.ID); err != nil {
		t.Fatal(err)
	}
	if s := stateOf(t, c, "sw1"); s.Good.ID != "" || s.Newest.ID != "" || s.Image != "" || !s.Seen.IsZero() {
		t.Errorf("%+v; want nothing", s)
	}
}

// testStateRebuilt loses the catalog: the runs are gone, and all that follows
// from the vault is back.
func testStateRebuilt(t *testing.T, create New) {
	copied := File("flash:/x.bin", api.KindImage, "image")
	copied.Copied = true
	config := File(api.RunningConfigPath, api.KindConfig, "hostname")
	snapshots := []api.Snapshot{Snapshot("sw1", 0, "flash:/x.bin", copied, config),
		Snapshot("sw1", 9, "flash:/x.bin", File("flash:/x.bin", api.KindImage, "image"), config)}
	before, rebuilt := indexAll(t, create, snapshots...), empty(t, create)
	endAll(t, before, Run("sw1", 9, api.StatusOK))
	if _, err := catalog.Rebuild(t.Context(), rebuilt, vaultOf(snapshots...), catalog.RebuildOptions{}); err != nil {
		t.Fatal(err)
	}
	addDevices(t, before, "sw1")
	addDevices(t, rebuilt, "sw1")
	want, got := stateOf(t, before, "sw1"), stateOf(t, rebuilt, "sw1")
	want.Last, want.Model = catalog.Attempt{}, "" // the model was known from the run
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
	if !got.Proved.Equal(epoch) || !got.Holds {
		t.Errorf("%+v; want it proved when the image was copied", got)
	}
}

// testStateFacts has a device whose software was changed since, and whose
// backups fail.
func testStateFacts(t *testing.T, create New) {
	c := indexAll(t, create, Snapshot("sw1", 0, "flash:/x.bin", File("flash:/x.bin", api.KindImage, "image")))
	addDevices(t, c, "sw1")
	same := Run("sw1", 1, api.StatusFailed)
	same.Image = "flash:x.bin" // as show version prints it
	if endAll(t, c, same); !stateOf(t, c, "sw1").Holds {
		t.Error("flash:x.bin is another image than flash:/x.bin")
	}
	changed, unreached := Run("sw1", 1, api.StatusFailed), Run("sw1", 2, api.StatusFailed)
	changed.Version, changed.Image = "15.2(7)E4", "flash:/new.bin"
	unreached.Version, unreached.Image, unreached.Model = "", "", ""
	endAll(t, c, changed, unreached)
	if s := stateOf(t, c, "sw1"); s.Holds || s.Version != "15.2(7)E4" || s.Image != "flash:/new.bin" || !s.Seen.Equal(changed.Started) {
		t.Errorf("%+v; want the facts of the newest run that has some", s)
	}
}

func testProofs(t *testing.T, create New) {
	image, config := File("flash:/x.bin", api.KindImage, "image"), File("flash:/config.text", api.KindConfig, "config")
	c := indexAll(t, create, Snapshot("sw1", 0, "flash:/x.bin", image, config))
	addDevices(t, c, "sw1")
	at := func(hours int) time.Time { return epoch.Add(time.Duration(hours) * time.Hour) }
	for i, step := range []struct {
		at      int
		proofs  []catalog.Proof
		proved  time.Time
		damaged bool
	}{
		{1, []catalog.Proof{{SHA256: image.SHA256, Whole: true}}, time.Time{}, false}, // the other one was never read
		{2, []catalog.Proof{{SHA256: config.SHA256, Whole: true}}, at(1), false},
		{5, []catalog.Proof{{SHA256: image.SHA256, Whole: true}, {SHA256: config.SHA256, Whole: false}}, at(5), true},
		{4, []catalog.Proof{{SHA256: config.SHA256, Whole: true}}, at(5), true}, // it was read before the damage was seen
		{6, []catalog.Proof{{SHA256: config.SHA256, Whole: true}, {SHA256: sha("nobody"), Whole: true}}, at(5), false},
	} {
		for j := range step.proofs {
			step.proofs[j].Read = at(step.at)
		}
		if err := c.RecordProofs(t.Context(), step.proofs...); err != nil {
			t.Fatal(err)
		}
		if s := stateOf(t, c, "sw1"); !s.Proved.Equal(step.proved) || s.Damaged != step.damaged {
			t.Errorf("step %d: proved %s, damaged %t; want %s, %t", i, s.Proved, s.Damaged, step.proved, step.damaged)
		}
	}
}

// testFutureProofs records one proof while the clock is years ahead. The next
// result must replace it: else nobody learns of later damage.
func testFutureProofs(t *testing.T, create New) {
	image := File("flash:/x.bin", api.KindImage, "image")
	c := indexAll(t, create, Snapshot("sw1", 0, "flash:/x.bin", image))
	addDevices(t, c, "sw1")
	for _, step := range []struct {
		read    time.Time
		damaged bool
	}{
		{time.Now().AddDate(10, 0, 0), false},
		{time.Now().Add(-time.Second), true},
		{time.Now().AddDate(10, 0, 0), false},
		{time.Now().Add(-time.Second), false},
	} {
		if err := c.RecordProofs(t.Context(), catalog.Proof{SHA256: image.SHA256, Read: step.read, Whole: !step.damaged}); err != nil {
			t.Fatal(err)
		}
		if s := stateOf(t, c, "sw1"); s.Proved.Unix() != step.read.Unix() || s.Damaged != step.damaged {
			t.Errorf("read at %s: proved %s, damaged %t; want damaged %t", step.read, s.Proved, s.Damaged, step.damaged)
		}
		found := 0
		err := c.Proofs(t.Context(), func(sum string, at time.Time, whole bool) {
			if found++; sum != image.SHA256 || at.Unix() != step.read.Unix() || whole == step.damaged {
				t.Errorf("Proofs: %s at %s, whole %t; want damaged %t at %s", sum, at, whole, step.damaged, step.read)
			}
		})
		if err != nil || found != 1 {
			t.Errorf("%d proofs, error %v", found, err)
		}
	}
	ahead := catalog.Proof{SHA256: image.SHA256, Read: time.Now().AddDate(10, 0, 0), Whole: true}
	image.Copied = true
	if err := errors.Join(c.RecordProofs(t.Context(), ahead), c.Index(t.Context(), Snapshot("sw1", 1, "flash:/x.bin", image))); err != nil {
		t.Fatal(err)
	}
	if s := stateOf(t, c, "sw1"); s.Proved.After(time.Now()) {
		t.Errorf("proved %s after the content arrived again", s.Proved)
	}
}

// testFindingStays indexes a snapshot again, as a repair does. What a check found in
// its content stays known.
func testFindingStays(t *testing.T, create New) {
	image := File("flash:/x.bin", api.KindImage, "image")
	image.Copied = true
	s := Snapshot("sw1", 0, "flash:/x.bin", image)
	c := indexAll(t, create, s)
	addDevices(t, c, "sw1")
	found := catalog.Proof{SHA256: image.SHA256, Size: image.Size, Read: epoch.Add(time.Hour)}
	if err := errors.Join(c.RecordProofs(t.Context(), found), c.Index(t.Context(), s)); err != nil {
		t.Fatal(err)
	}
	if state := stateOf(t, c, "sw1"); !state.Damaged {
		t.Errorf("%+v; want it damaged", state)
	}
}

// testSharedProofs has two devices with one image: the second backup finds it in
// the vault and does not read it.
func testSharedProofs(t *testing.T, create New) {
	copied, known := File("flash:/x.bin", api.KindImage, "image"), File("flash:/x.bin", api.KindImage, "image")
	copied.Copied = true
	c := indexAll(t, create, Snapshot("sw1", 0, "flash:/x.bin", copied), Snapshot("sw2", 5, "flash:/x.bin", known))
	addDevices(t, c, "sw1", "sw2")
	if s := stateOf(t, c, "sw2"); !s.Proved.Equal(epoch) {
		t.Errorf("proved %s; want when the other device copied it", s.Proved)
	}
	if err := c.RecordProofs(t.Context(), catalog.Proof{SHA256: copied.SHA256, Read: epoch.Add(6 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	again := Snapshot("sw1", 7, "flash:/x.bin", copied) // every file was copied again
	if err := c.Index(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sw1", "sw2"} {
		if s := stateOf(t, c, name); !s.Proved.Equal(again.Started) || s.Damaged {
			t.Errorf("%s: proved %s, damaged %t; want it whole again", name, s.Proved, s.Damaged)
		}
	}
}

// testWarnings: the warnings are those of the newest backup, complete or not.
func testWarnings(t *testing.T, create New) {
	warned := Snapshot("sw1", 0, "flash:/x.bin", File("flash:/x.bin", api.KindImage, "image"))
	warned.Notes, warned.Warnings = []string{"a note", "a warning"}, []string{"a warning"}
	c := indexAll(t, create, warned)
	addDevices(t, c, "sw1", "sw2")
	if s := stateOf(t, c, "sw1"); !cmp.Equal(s.Warnings, warned.Warnings) {
		t.Errorf("warnings %q; want %q", s.Warnings, warned.Warnings)
	}
	if s := stateOf(t, c, "sw2"); len(s.Warnings) != 0 {
		t.Errorf("no backup, and the warnings %q", s.Warnings)
	}
	if err := c.Index(t.Context(), Snapshot("sw1", 5, "flash:/x.bin", missing("flash:/x.bin", api.KindImage, 9))); err != nil {
		t.Fatal(err)
	}
	if s := stateOf(t, c, "sw1"); len(s.Warnings) != 0 {
		t.Errorf("the newest backup has none, and the state %q", s.Warnings)
	}
}

// testDamagedImage: only a file that the device runs, or a unit of it starts
// from, makes the image bad.
func testDamagedImage(t *testing.T, create New) {
	bad := File("flash:/x.bin", api.KindImage, "bad")
	bad.Image = &api.Inspection{Format: "elf-zip", Verdict: api.ImageBad, Failed: &api.InspectionFailure{Check: "zip-crc"}}
	old, good := bad, File("flash:/y.bin", api.KindImage, "good")
	old.Path = "flash:/old.bin"
	unit := bad
	unit.Path, unit.Unit = "flash2:/old.bin", "switch 2"
	c := indexAll(t, create, Snapshot("runs", 0, "flash:/x.bin", bad), Snapshot("holds", 0, "flash:/y.bin", good, old),
		Snapshot("stack", 0, "flash:/y.bin", good, unit))
	addDevices(t, c, "runs", "holds", "stack")
	for device, want := range map[string]bool{"runs": true, "holds": false, "stack": true} {
		if s := stateOf(t, c, device); s.ImageBad != want {
			t.Errorf("%s: the image is bad: %t; want %t", device, s.ImageBad, want)
		}
	}
	if err := c.Index(t.Context(), Snapshot("runs", 5, "flash:/y.bin", good)); err != nil {
		t.Fatal(err)
	}
	if s := stateOf(t, c, "runs"); s.ImageBad {
		t.Error("a good image was saved since, and the state has the bad one")
	}
}

func testHistoryClosed(t *testing.T, create New) {
	c := empty(t, create)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, runs := c.Runs(ctx, "sw1", 1)
	_, states := c.States(ctx, api.Select{Names: []string{"sw1"}})
	for name, err := range map[string]error{"runs": runs, "states": states, "begin": c.BeginRun(ctx, Run("sw1", 0, "")), "end": c.EndRun(ctx, Run("sw1", 0, api.StatusOK)),
		"interrupt": c.InterruptRuns(ctx, epoch), "proofs": c.RecordProofs(ctx, catalog.Proof{})} {
		if err == nil || errors.Is(err, catalog.ErrNotFound) {
			t.Errorf("%s: error %v; want that of the context", name, err)
		}
	}
	if got := fmt.Sprint(c.Runs(t.Context(), "sw1", 1)); got != "[] <nil>" {
		t.Errorf("runs: %s", got)
	}
}
