package warden

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// TestStatus has a protected device, one whose last backup failed, one without
// any backup and one whose backup is too old.
func TestStatus(t *testing.T) {
	l, n, ctx := opened(t, "a-good", "b-failed", "c-never", "d-old")
	now := time.Now()
	for name, before := range map[string]time.Duration{"a-good": time.Hour, "b-failed": 24 * time.Hour, "d-old": 9 * 24 * time.Hour} {
		keep(t, n, name, now.Add(-before), map[string]string{"flash:/x.bin": "image of " + name})
	}
	failed := api.Run{ID: "run-1", Device: "b-failed", Kind: api.RunBackup, Status: api.StatusFailed, Cause: "no_request", Message: "no request", Hint: "look",
		Started: now.Add(-time.Hour), Ended: now}
	if err := n.Catalog.EndRun(ctx, failed); err != nil {
		t.Fatal(err)
	}
	got, err := l.Status(ctx, api.StatusQuery{})
	if err != nil {
		t.Fatal(err)
	}
	if want := (api.StatusSummary{Devices: 4, Protected: 2, AtRisk: 2, Failed: 1}); got.Summary != want {
		t.Errorf("summary %+v, want %+v", got.Summary, want)
	}
	for i, want := range []struct {
		name   string
		reason string
		fails  bool
	}{{"c-never", api.RiskNever, false}, {"d-old", api.RiskOld, false}, {"b-failed", "", true}, {"a-good", "", false}} {
		d, reason := got.Devices[i], ""
		if len(d.Reasons) > 0 {
			reason = d.Reasons[0].Reason
		}
		if d.Device != want.name || reason != want.reason || d.Protected != (reason == "") || d.LastFails != want.fails || d.Reasons == nil ||
			(d.LastBackup == nil) != (reason == api.RiskNever) || (d.LastFailure != nil) != want.fails || d.NextRun != nil {
			t.Errorf("device %d: %+v; want %+v", i, d, want)
		}
	}
}

// TestStatusOfOverdueDigests has a device that only looks have confirmed for long.
func TestStatusOfOverdueDigests(t *testing.T) {
	l, _, _ := opened(t)
	const day = 24 * time.Hour
	l.opts.Config.Schedule.Reverify = 30 * day
	now := time.Now()
	for name, c := range map[string]struct {
		backup, look time.Duration // ago
		reverify     time.Duration
		want         bool
	}{
		"looked at for long":     {40 * day, day, 30 * day, true},
		"not due for long":       {6 * day, day, 30 * day, false},
		"backed up a moment ago": {time.Hour, 3 * day, 30 * day, false},
		"never reverified":       {400 * day, day, 0, false},
	} {
		l.opts.Config.Schedule.Reverify = c.reverify
		s := catalog.State{Name: "sw1", Good: catalog.Saved{ID: "x", Started: now.Add(-c.backup)}, Looked: now.Add(-c.look)}
		d := l.statusOf(s, l.protection(), now)
		if got := len(d.Warnings) == 1 && strings.Contains(d.Warnings[0], "digests have been due since"); got != c.want || !c.want && len(d.Warnings) > 0 {
			t.Errorf("%s: warnings %q", name, d.Warnings)
		}
	}
}

// TestStatusOfNothing: no devices are no mistake, and a name, group or site that
// nothing has is one.
func TestStatusOfNothing(t *testing.T) {
	l, n, ctx := opened(t)
	if got, err := l.Status(ctx, api.StatusQuery{}); err != nil || got.Devices == nil || len(got.Devices) > 0 {
		t.Errorf("%+v, error %v; want no devices", got, err)
	}
	for _, s := range []api.Select{{Group: "nope"}, {Site: "nope"}, {Names: []string{"nope"}}} {
		if _, err := l.Status(ctx, api.StatusQuery{Select: s}); AsProblem(err) == nil || AsProblem(err).Exit != api.ExitUnknown {
			t.Errorf("%+v: error %v; want that nothing matches", s, err)
		}
	}
	if _, err := n.Catalog.States(ctx, api.Select{Names: []string{"nope"}}); !errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("error %v", err)
	}
}

// TestStatusOfARunThatNeverEnded: while a process works on the devices the run
// goes on, afterwards it is interrupted.
func TestStatusOfARunThatNeverEnded(t *testing.T) {
	l, n, ctx := opened(t, "sw1")
	if err := n.Catalog.BeginRun(ctx, api.Run{ID: "run-1", Device: "sw1", Kind: api.RunBackup, Started: time.Now()}); err != nil {
		t.Fatal(err)
	}
	got, err := l.Status(ctx, api.StatusQuery{})
	if err != nil || got.Summary.Running != 0 || got.Summary.Failed != 1 || got.Devices[0].LastFailure.Status != api.StatusInterrupted ||
		got.Devices[0].Reasons[0].Hint != "`flashwarden backup sw1`" {
		t.Errorf("%+v, error %v; want it interrupted", got, err)
	}
	s := catalog.State{Name: "sw1", Last: catalog.Attempt{Status: api.StatusRunning, Started: time.Now()}}
	settle(&s, true)
	if d := l.statusOf(s, l.protection(), time.Now()); !d.Running || d.LastFails || d.LastFailure != nil {
		t.Errorf("%+v; want it running", d)
	}
}

// TestDevicesWithTheirState lists devices, and shows one, with the facts of
// them.
func TestDevicesWithTheirState(t *testing.T) {
	l, n, ctx := opened(t, "sw1", "sw2")
	s := keep(t, n, "sw1", time.Now().Add(-time.Hour), map[string]string{"flash:/x.bin": "image"})
	failed := api.Run{ID: "run-1", Device: "sw1", Kind: api.RunBackup, Status: api.StatusFailed, Cause: "no_request", Started: time.Now(), Ended: time.Now()}
	if err := n.Catalog.EndRun(ctx, failed); err != nil {
		t.Fatal(err)
	}
	rows, err := l.Devices(ctx, api.Select{})
	if err != nil || len(rows) != 2 {
		t.Fatalf("%+v, error %v", rows, err)
	}
	if r := rows[0]; r.Name != "sw1" || r.Version != s.Facts.Version || !r.Protected || !r.LastFails || r.LastSnapshot != s.ID ||
		!r.LastBackup.Equal(s.Started) || r.LastFailure.Cause != "no_request" {
		t.Errorf("%+v", r)
	}
	if r := rows[1]; r.Name != "sw2" || r.Protected || r.LastFails || r.LastBackup != nil || r.LastFailure != nil {
		t.Errorf("%+v", r)
	}
	if one, err := l.Devices(ctx, api.Select{Names: []string{"sw2"}}); err != nil || len(one) != 1 || one[0].Name != "sw2" {
		t.Errorf("%+v, error %v", one, err)
	}
	d, err := l.Device(ctx, api.Named{Name: "sw1"})
	if err != nil || !d.Status.Protected || len(d.Runs) != 1 || d.Runs[0].ID != "run-1" {
		t.Errorf("%+v, error %v", d, err)
	}
}

// TestBriefStatus leaves out what needs no attention, and the last of many devices with one
// problem; its summary is that of the whole fleet.
func TestBriefStatus(t *testing.T) {
	names := []string{"good", "failed"}
	for i := range api.MostNamed + 3 {
		names = append(names, fmt.Sprintf("never%d", i+1))
	}
	l, n, ctx := opened(t, names...)
	now := time.Now()
	for _, name := range names[:2] {
		keep(t, n, name, now.Add(-time.Hour), map[string]string{"flash:/x.bin": "image of " + name})
	}
	failed := api.Run{ID: "run-1", Device: "failed", Kind: api.RunBackup, Status: api.StatusFailed, Cause: "no_request", Message: "no request", Hint: "look",
		Started: now.Add(-time.Minute), Ended: now}
	if err := n.Catalog.EndRun(ctx, failed); err != nil {
		t.Fatal(err)
	}
	whole, err := l.Status(ctx, api.StatusQuery{})
	if err != nil {
		t.Fatal(err)
	}
	brief, err := l.Status(ctx, api.StatusQuery{Brief: true})
	if err != nil || brief.Summary != whole.Summary || len(brief.Devices) != api.MostNamed+1 {
		t.Fatalf("summary %+v, %d devices, error %v; want %+v", brief.Summary, len(brief.Devices), err, whole.Summary)
	}
	more := 0
	for _, d := range brief.Devices {
		more += d.More
		if d.Device == "good" || d.Device == "never53" || d.Device == "failed" && (!d.Protected || d.LastFailure.Message != "no request") {
			t.Errorf("%+v", d)
		}
	}
	if more != 3 {
		t.Errorf("%d devices were left out, want 3", more)
	}
	if named, err := l.Status(ctx, api.StatusQuery{Select: api.Select{Names: []string{"good"}}, Brief: true}); err != nil || len(named.Devices) != 1 {
		t.Errorf("%+v, error %v; want the device that was named", named, err)
	}
	if none, err := l.Status(ctx, api.StatusQuery{Select: api.Select{Site: "nope"}, Brief: true}); AsProblem(err) == nil || AsProblem(err).Exit != api.ExitUnknown {
		t.Errorf("%+v, error %v; want that nothing matches", none, err)
	}
}
