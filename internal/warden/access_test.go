package warden

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// wantExit wants an operation to end with a problem of this kind, which names none of
// these words.
func wantExit(t *testing.T, what string, err error, exit api.Exit, secrets ...string) {
	t.Helper()
	p := AsProblem(err)
	if p == nil || p.Exit != exit {
		t.Errorf("%s: %v; want a problem with exit code %d", what, err, exit)
		return
	}
	for _, s := range secrets {
		if strings.Contains(p.Detail+p.Fix.String(), s) {
			t.Errorf("%s: %q names %s", what, p.Detail, s)
		}
	}
}

// TestOperatorsStayInTheVault: an operator has no way to a file of the machine that is not
// in the vault, and none out of the vault to a place of its own choice.
func TestOperatorsStayInTheVault(t *testing.T) {
	l, _, admin := opened(t, "sw1")
	operator := As(t.Context(), Actor{Name: "otto", From: "192.0.2.7", Role: api.RoleOperator})
	secret, place := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	if err := os.WriteFile(filepath.Join(secret, "key"), []byte("the key"), 0o600); err != nil {
		t.Fatal(err)
	}
	operations := map[string]func(context.Context) error{
		"import": func(ctx context.Context) error { return second(l.Import(ctx, api.Import{Dir: secret}, nil)) },
		"mirror": func(ctx context.Context) error { return second(l.Mirror(ctx, api.Mirror{Target: place}, nil)) },
		"repair": func(ctx context.Context) error { return second(l.Check(ctx, api.Check{RepairFrom: place}, nil)) },
		"encrypt": func(ctx context.Context) error {
			return second(l.Mirror(ctx, api.Mirror{Name: "x", EncryptTo: "age1"}, nil))
		},
		"new": func(ctx context.Context) error { return second(l.Mirror(ctx, api.Mirror{Name: "x", New: true}, nil)) },
	}
	for name, op := range operations {
		wantExit(t, name, op(operator), api.ExitRefused)
	}
	wantExit(t, "a mirror that nobody configured", second(l.Mirror(operator, api.Mirror{Name: "x"}, nil)), api.ExitUsage)
	if _, err := os.Stat(place); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the place of the mirror: %v; want none", err)
	}
	for name, op := range operations {
		if p := AsProblem(op(admin)); p != nil && p.Exit == api.ExitRefused {
			t.Errorf("%s of an administrator: %v", name, p)
		}
	}
}

// TestLimitedActorsReadTheirSnapshots: a token of one group reads the snapshots of its
// devices, and does not learn whether there are others.
func TestLimitedActorsReadTheirSnapshots(t *testing.T) {
	l, admin := asAdmin(t)
	n, err := l.open(admin)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	own := keep(t, n, "core1", at, map[string]string{"flash:/own.txt": "own"})
	later := keep(t, n, "core1", at.Add(time.Hour), map[string]string{"flash:/own.txt": "later"})
	foreign := keep(t, n, "edge1", at, map[string]string{"flash:/foreign.txt": "foreign"})
	keep(t, n, "edge1", at.Add(time.Hour), map[string]string{"flash:/foreign.txt": "later"})
	removed := keep(t, n, "gone1", at, map[string]string{"flash:/removed.txt": "removed"})
	ctx := As(t.Context(), Actor{Name: "token x", Role: api.RoleOperator, Group: "core"})

	if s, err := l.Snapshot(ctx, api.Named{Name: own.ID}); err != nil || s.ID != own.ID {
		t.Errorf("%+v, error %v", s, err)
	}
	if s, err := l.Snapshot(ctx, api.Named{Name: "core1"}); err != nil || s.ID != later.ID {
		t.Errorf("%+v, error %v", s, err)
	}
	found, err := l.Find(ctx, api.Named{Name: own.ID + ":own.txt"})
	if err != nil || len(found.Files) != 1 {
		t.Fatalf("%+v, error %v", found, err)
	}
	content := found.Files[0]
	wantExit(t, "content without its snapshot", second(l.Open(ctx, content)), api.ExitUnknown)
	content.Snapshot = own.ID
	body, err := l.Open(ctx, content)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(body); err != nil || string(text) != "own" {
		t.Errorf("%q, error %v", text, err)
	}
	if err := body.Close(); err != nil {
		t.Error(err)
	}
	for _, d := range []api.Diff{{A: own.ID, B: later.ID}, {A: "core1"}} {
		if _, err := l.Diff(ctx, d); err != nil {
			t.Errorf("%+v: %v", d, err)
		}
	}

	for _, s := range []api.Snapshot{foreign, removed} {
		file := s.Files[len(s.Files)-1]
		wrong := s.ID[:len(s.ID)-1] + "0" // there is none
		for _, name := range []string{s.ID, s.Device, wrong, s.Device + "0", file.SHA256} {
			var hidden []string // all that the actor did not say itself
			for _, secret := range []string{"edge1", "gone1", foreign.ID, removed.ID} {
				if !strings.Contains(name, secret) {
					hidden = append(hidden, secret)
				}
			}
			wantExit(t, "snapshot "+name, second(l.Snapshot(ctx, api.Named{Name: name})), api.ExitUnknown, hidden...)
			wantExit(t, "find "+name, second(l.Find(ctx, api.Named{Name: name})), api.ExitUnknown, hidden...)
			wantExit(t, "diff "+name, second(l.Diff(ctx, api.Diff{A: name})), api.ExitUnknown, hidden...)
			wantExit(t, "diff to "+name, second(l.Diff(ctx, api.Diff{A: own.ID, B: name})), api.ExitUnknown, hidden...)
			wantExit(t, "restore "+name, second(l.PlanRestore(ctx, api.Restore{Device: "core1", Snapshot: name}, nil)), api.ExitUnknown, hidden...)
		}
		for _, from := range []string{s.ID, own.ID, ""} {
			wantExit(t, "content from "+from, second(l.Open(ctx, api.Content{SHA256: file.SHA256, Snapshot: from})), api.ExitUnknown)
		}
	}
	at = time.Now()
	if _, err := n.Catalog.AddJobs(t.Context(), catalog.Job{Job: api.Job{ID: "job-x", Kind: api.JobBackup, Device: "edge1", State: api.JobQueued, Created: at, Due: at}}); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"read": second(l.Job(ctx, api.Named{Name: "job-x"})), "cancel": second(l.CancelJob(ctx, api.Named{Name: "job-x"})), "retry": second(l.RetryJob(ctx, api.Named{Name: "job-x"})),
	} {
		wantExit(t, name+" a foreign job", err, api.ExitUnknown, "edge1")
	}
	inBer := As(t.Context(), Actor{Name: "token y", Role: api.RoleOperator, Site: "ber"})
	wantExit(t, "an unknown group", second(l.TestDevices(inBer, api.Select{Group: "nonsense"}, nil)), api.ExitUnknown, "edge")
	for _, name := range []string{"edge1", "nobody"} {
		wantExit(t, "device "+name, second(l.Device(ctx, api.Named{Name: name})), api.ExitRefused, "core2", "edge1x")
	}
	_, one := l.Device(ctx, api.Named{Name: "edge1"})
	_, none := l.Device(ctx, api.Named{Name: "edge9"})
	if strings.ReplaceAll(one.Error(), "edge1", "X") != strings.ReplaceAll(none.Error(), "edge9", "X") {
		t.Errorf("two answers: %v; %v", one, none)
	}
}

// TestAuditOfAnyText: a name of any bytes has its line in the trail, also where the
// operation is refused.
func TestAuditOfAnyText(t *testing.T) {
	l, admin := asAdmin(t)
	viewer := As(t.Context(), Actor{Name: "v\x00\xe9", From: "192.0.2.7", Role: api.RoleViewer})
	wantExit(t, "a viewer", second(l.RemoveDevices(viewer, api.Select{Names: []string{"sw\x00\xe9\n", strings.Repeat("x", 1<<20)}})), api.ExitRefused)
	page, err := l.Audit(admin, api.AuditSelect{Limit: 1})
	if err != nil || len(page.Lines) != 1 {
		t.Fatalf("%+v, error %v", page, err)
	}
	line := page.Lines[0]
	if line.User != "v��" || len(line.On) != 2 || line.On[0] != "sw���" || len(line.On[1]) > 300 {
		t.Errorf("%.500q", append(line.On, line.User))
	}
	if check, err := l.VerifyAudit(admin); err != nil || check.Broken != 0 {
		t.Error(errors.Join(err), check)
	}
}
