package warden

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
	"flashwarden/internal/schedule"
	"flashwarden/internal/vault"
)

// careOf returns the state of a task in the status.
func careOf(t *testing.T, l *Local, task, name string) api.Care {
	t.Helper()
	s, err := l.Status(As(t.Context(), Admin("ops", "terminal")), api.StatusQuery{})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(s.Care, func(c api.Care) bool { return c.Task == task && c.Name == name })
	if i < 0 {
		t.Fatalf("no %s %s in %+v", task, name, s.Care)
	}
	if s.Care[i].Failed != (s.Summary.CareFailed == 1) {
		t.Errorf("summary %+v", s.Summary)
	}
	return s.Care[i]
}

// TestCareByQueue does each task as the queue does it, first on a good vault and then on one
// that lost a blob. The failure is in the result, in the status and in the log.
func TestCareByQueue(t *testing.T) {
	for _, task := range []catalog.Turn{{Kind: api.JobCheck}, {Kind: api.JobMirror, Name: "usb"}, {Kind: api.JobPrune}} {
		t.Run(task.Kind, func(t *testing.T) {
			l, n, ctx := opened(t, "sw1")
			var log bytes.Buffer
			l.opts.Log, l.opts.LogResults = slog.New(slog.NewTextHandler(&log, nil)), true
			l.opts.Config.Mirrors = []config.Mirror{{Name: "usb", Target: filepath.Join(t.TempDir(), "mirror")}}
			s := keep(t, n, "sw1", time.Now().Add(-time.Hour), map[string]string{"flash:/x.bin": "image"})
			j := careJob(l.config(), task)
			out := l.work(ctx, j, nil)
			if out.Failed || !json.Valid(out.Result) {
				t.Fatalf("%+v", out)
			}
			good := careOf(t, l, task.Kind, task.Name)
			if good.Failed || good.LastRun == nil || !good.LastSuccess.Equal(*good.LastRun) || good.NextRun != nil {
				t.Errorf("%+v", good)
			}
			spoilVault(t, l, task.Kind, s)
			out = l.work(ctx, j, nil)
			if !out.Failed || !out.Final || out.Cause != cause.VaultError || out.Message == "" || out.Hint == "" {
				t.Errorf("%+v; want a failure that is not tried again", out)
			}
			bad := careOf(t, l, task.Kind, task.Name)
			if !bad.Failed || bad.Cause != out.Cause || bad.Message != out.Message || bad.Hint != out.Hint || !bad.LastSuccess.Equal(*good.LastSuccess) {
				t.Errorf("%+v; want %+v", bad, out)
			}
			if text := log.String(); !strings.Contains(text, "level=ERROR msg=\""+task.Kind+" failed\"") {
				t.Error(text)
			}
		})
	}
}

// spoilVault makes the next run of a task fail: it loses a blob, or for a prune damages a
// document.
func spoilVault(t *testing.T, l *Local, kind string, s api.Snapshot) {
	t.Helper()
	root := filepath.Join(l.opts.Data, "vault")
	var err error
	switch kind {
	case api.JobPrune:
		path := filepath.Join(root, "snapshots", s.ID[:4], s.ID[4:6], s.Document+".json")
		err = os.Chmod(path, 0o600)
		if err == nil {
			err = os.WriteFile(path, []byte("{}"), 0o600)
		}
	case api.JobMirror: // of a snapshot that the mirror does not have
		n, openErr := l.open(t.Context())
		if openErr != nil {
			t.Fatal(openErr)
		}
		s = keep(t, n, "sw1", time.Now(), map[string]string{"flash:/y.bin": "another"})
		fallthrough
	default:
		err = os.Remove(filepath.Join(root, filepath.FromSlash(vault.BlobKey(s.Files[0].SHA256))))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestCareTurns gives each task a turn by its own schedule, without spread and window.
func TestCareTurns(t *testing.T) {
	l, n, ctx := opened(t, "sw1")
	c := &l.opts.Config
	c.Schedule.Zone = time.UTC
	c.Schedule.Window, _ = schedule.ParseWindow("22:00-23:00")
	usb, err := schedule.Parse("daily 07:00")
	if err != nil {
		t.Fatal(err)
	}
	c.Mirrors = []config.Mirror{{Name: "usb", Schedule: usb}}
	sunday := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	if _, err := n.Catalog.AddJobs(ctx, catalog.Job{Job: api.Job{Kind: api.JobCheck}, Request: []byte("{}"), Slot: sunday.Add(-19 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	all, err := turns(ctx, n.Catalog, *c)
	if err != nil || len(all) != 4 {
		t.Fatalf("%+v, error %v; want those of a device and three tasks", all, err)
	}
	want := map[string]time.Time{api.JobPrune: sunday.Add(4 * time.Hour), api.JobCheck: sunday.Add(5 * time.Hour), api.JobMirror: sunday.Add(7 * time.Hour)}
	for _, turn := range all[1:] {
		p, ok := cadence(*c, turn).Next(turn, sunday, sunday)
		if !ok || !p.Due.Equal(want[turn.Kind]) {
			t.Errorf("%s: %+v; want %v", turn.Kind, p, want[turn.Kind])
		}
		if j := scheduledJob(*c, turn); j.Kind != turn.Kind || j.Name != turn.Name || j.By != BySchedule || j.Device != "" || j.Person {
			t.Errorf("%+v", j)
		}
	}
}

// TestCareRefused: a task that cannot begin has failed as loudly as one that did.
func TestCareRefused(t *testing.T) {
	l, n, ctx := opened(t, "sw1")
	keep(t, n, "sw1", time.Now(), map[string]string{"flash:/x.bin": "image"})
	l.opts.Config.Retention = config.Retention{}
	if out := l.work(ctx, careJob(l.config(), catalog.Turn{Kind: api.JobPrune}), nil); !out.Failed || out.Message == "" {
		t.Errorf("%+v", out)
	}
	if c := careOf(t, l, api.JobPrune, ""); !c.Failed || !strings.Contains(c.Message, "keeps nothing") || c.Hint == "" {
		t.Errorf("%+v", c)
	}
}

// TestCareOfOthers: a person's check counts as well; a dry run, a check that reads nothing and a
// run that was cancelled do not.
func TestCareOfOthers(t *testing.T) {
	l, n, ctx := opened(t, "sw1")
	keep(t, n, "sw1", time.Now(), map[string]string{"flash:/x.bin": "image"})
	l.Check(ctx, api.Check{}, nil)
	l.Prune(ctx, api.Prune{DryRun: true})
	l.recordCare(ctx, n, api.JobMirror, "usb", time.Now(), nil, cause.New(cause.Cancelled, "cancelled", nil))
	if runs, err := n.Catalog.CareRuns(ctx); err != nil || len(runs) > 0 {
		t.Errorf("%+v, error %v; want none", runs, err)
	}
	if _, err := l.Check(ctx, api.Check{ReadData: true}, nil); err != nil {
		t.Fatal(err)
	}
	if c := careOf(t, l, api.JobCheck, ""); c.Failed || c.LastRun == nil {
		t.Errorf("%+v", c)
	}
	if s, err := l.Status(ctx, api.StatusQuery{Select: api.Select{Names: []string{"sw1"}}}); err != nil || len(s.Care) > 0 {
		t.Errorf("%+v, error %v; want nothing about the vault for one device", s.Care, err)
	}
}

// TestLateCare: a task that the schedule has planned, and that nobody began, is late: with a
// service and without one, while its job waits too. One that runs, or that nobody planned, is not.
func TestLateCare(t *testing.T) {
	l, n, ctx := opened(t, "sw1")
	now := time.Now()
	slot := now.Add(-60 * time.Hour)
	wantLate := func(task string, want bool) {
		t.Helper()
		all, err := l.care(ctx, n, now)
		i := slices.IndexFunc(all, func(c api.Care) bool { return c.Task == task })
		if err != nil || i < 0 && want || i >= 0 && (all[i].LateSince != nil) != want || want && all[i].Hint == "" {
			t.Errorf("%s: %+v, error %v; want it late: %v", task, all, err, want)
		}
	}
	wantLate(api.JobCheck, false) // no service ever planned it
	added, err := n.Catalog.AddJobs(ctx, catalog.Job{Job: api.Job{Kind: api.JobCheck}, Request: []byte("{}"), Slot: slot})
	if err != nil {
		t.Fatal(err)
	}
	wantLate(api.JobCheck, true)
	wantLate(api.JobPrune, false)
	for _, run := range []struct {
		began time.Time
		late  bool
	}{{slot.Add(time.Minute), true}, {now.Add(-time.Hour), false}} {
		if _, err := n.Catalog.CancelJob(ctx, added[0].ID); err != nil && !errors.Is(err, catalog.ErrJobState) {
			t.Fatal(err)
		}
		if err := n.Catalog.PutCare(ctx, catalog.CareRun{Kind: api.JobCheck, Started: run.began}); err != nil {
			t.Fatal(err)
		}
		wantLate(api.JobCheck, run.late)
	}
	status, err := l.Status(ctx, api.StatusQuery{})
	if err != nil || status.Summary.CareLate != 0 {
		t.Errorf("%+v, error %v", status.Summary, err)
	}
	if _, err := n.Catalog.RetryJob(ctx, added[0].ID, "alice"); err != nil {
		t.Fatal(err)
	}
	if err := n.Catalog.PutCare(ctx, catalog.CareRun{Kind: api.JobCheck, Started: slot}); err != nil {
		t.Fatal(err)
	}
	wantLate(api.JobCheck, true)
	if _, err := n.Catalog.StartJobs(ctx, catalog.Worker{ID: "a"}, time.Minute, func(b catalog.Board) []string { return []string{b.Waiting[0].ID} }); err != nil {
		t.Fatal(err)
	}
	wantLate(api.JobCheck, false)
}

// TestLateInTheQueue: a job that waits since its turn is late before the next turn is.
func TestLateInTheQueue(t *testing.T) {
	l := New(Options{Config: config.Default()})
	slot := time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)
	l.opts.Config.Schedule.Zone = time.UTC
	for state, want := range map[string]bool{api.JobQueued: true, "": false} {
		var c api.Care
		j := catalog.Job{Job: api.Job{State: state}}
		l.addLateness(&c, catalog.Turn{Kind: api.JobPrune, Slot: slot}, j, nil, slot.Add(30*time.Hour))
		if late := c.LateSince != nil; late != want || late && !c.LateSince.Equal(slot) {
			t.Errorf("%q: %+v", state, c)
		}
	}
}
