package warden

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/config"
	"flashwarden/internal/node/nodetest"
	"flashwarden/internal/setup"
)

// setupBench is a setup on a host where each line but the broken one succeeds.
type setupBench struct {
	Setup
	typed  []string
	broken string
}

func newSetupBench(t *testing.T) *setupBench {
	t.Helper()
	o := nodetest.Options(t)
	b := &setupBench{Setup: Setup{Data: o.Data, File: filepath.Join(t.TempDir(), "etc", "fw.yaml")}}
	b.Config = func() (config.Config, error) { return o.Config, nil }
	b.Connect = func(context.Context) (Warden, error) { return New(Options{Data: o.Data, Config: o.Config}), nil }
	b.Run = func(_ context.Context, line string) (string, error) {
		b.typed = append(b.typed, line)
		if line == b.broken {
			return "", errors.New("it broke off")
		}
		return "", nil
	}
	return b
}

// plan has a step of each kind that needs no device.
func (b *setupBench) plan() api.SetupPlan {
	return api.SetupPlan{Steps: []api.SetupStep{
		{Kind: api.SetupRun, What: "stop", Lines: []string{"one", "two"}},
		{Kind: api.SetupWrite, What: "write", Path: b.File, Text: "schedule:\n  backup: never\n"},
		{Kind: api.SetupRun, What: "start", Lines: []string{"three"}},
		{Kind: api.SetupData, What: "data"},
		{Kind: api.SetupUser, What: "user", User: "anna"},
	}}
}

func (b *setupBench) apply(t *testing.T, p api.SetupPlan) (api.SetupResult, error) {
	t.Helper()
	return b.Apply(As(t.Context(), Admin("ann", "terminal")), p, api.SetupSecrets{UserPassword: "long enough"}, func(api.SetupStep) {})
}

// TestSetupGoesOn breaks a setup off at each line that it types. The steps before stay, and a new
// plan brings it to its end.
func TestSetupGoesOn(t *testing.T) {
	for broken, done := range map[string][]string{"one": {}, "two": {}, "three": {"stop", "write"}} {
		b := newSetupBench(t)
		b.broken = broken
		r, err := b.apply(t, b.plan())
		if p := AsProblem(err); p == nil || !strings.Contains(p.Detail, "it broke off") || !strings.Contains(p.Fix.String(), "it goes on from here") || !slices.Equal(r.Done, done) {
			t.Errorf("%s broke: done %q, error %v", broken, r.Done, err)
		}
		b.broken = ""
		again := b.plan()
		if text, err := os.ReadFile(b.File); err == nil {
			again.Steps[1].Was = setup.Sum(text)
		}
		if r, err = b.apply(t, again); err != nil || len(r.Done) != len(again.Steps) {
			t.Errorf("after %s broke: done %q, error %v", broken, r.Done, err)
		}
	}
}

// TestSetupWritesWhatItPlanned: a file that has changed since the plan stays, and one that is
// replaced keeps its mode, also behind a link.
func TestSetupWritesWhatItPlanned(t *testing.T) {
	b := newSetupBench(t)
	target := filepath.Join(t.TempDir(), "real.yaml")
	if err := errors.Join(os.WriteFile(target, []byte("# theirs\n"), 0o600), os.Chmod(target, 0o640), os.Mkdir(filepath.Dir(b.File), 0o755), os.Symlink(target, b.File)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.apply(t, b.plan()); !errors.Is(err, ErrConflict) || AsProblem(err).Exit != api.ExitRefused {
		t.Errorf("a file that has changed: error %v", err)
	}
	p := b.plan()
	p.Steps[1].Was = setup.Sum([]byte("# theirs\n"))
	if _, err := b.apply(t, p); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(target)
	text, readErr := os.ReadFile(target)
	link, linkErr := os.Readlink(b.File)
	if err := errors.Join(err, readErr, linkErr); err != nil || info.Mode().Perm() != 0o640 || string(text) != p.Steps[1].Text || link != target {
		t.Errorf("error %v, mode %v, link to %s, text %q", err, info.Mode(), link, text)
	}
	if _, err := b.apply(t, p); !errors.Is(err, ErrConflict) {
		t.Errorf("the same plan again: error %v", err)
	}
}

// TestSetupChecksSecretsFirst: a password that is too short changes nothing.
func TestSetupChecksSecretsFirst(t *testing.T) {
	b := newSetupBench(t)
	_, err := b.Apply(As(t.Context(), Admin("ann", "terminal")), b.plan(), api.SetupSecrets{UserPassword: "short"}, func(api.SetupStep) {})
	if AsProblem(err) == nil || AsProblem(err).Exit != api.ExitUsage || len(b.typed) > 0 {
		t.Errorf("error %v, typed %q", err, b.typed)
	}
}
