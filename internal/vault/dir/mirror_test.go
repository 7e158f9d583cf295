package dir

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/disk"
	"flashwarden/internal/disk/disktest"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/vault"
)

// TestPowerCutDuringMirror cuts the power of a mirror's disk at every step. Every
// snapshot that the mirror then has is whole, and the next run completes it.
func TestPowerCutDuringMirror(t *testing.T) {
	testlevel.NeedFull(t, "TestPowerCut")
	t.Parallel()
	from := newVault(t)
	spool, previous := t.TempDir(), ""
	for _, content := range []string{"an image", "another image", "an image"} {
		s, err := backupAfter(from, spool, content, previous)
		if err != nil {
			t.Fatal(err)
		}
		previous = s.Document
	}
	top := t.TempDir()
	recorded := disktest.New(t, top)
	if err := mirrorTo(t, from, &Store{path: filepath.Join(top, "mirror"), disk: recorded}); err != nil {
		t.Fatal(err)
	}
	for at := 0; at <= recorded.Steps(); at += testlevel.Of(1, 11, 1) {
		for _, loss := range disktest.Losses(testlevel.Of(1, 1, 20)) {
			left := recorded.Cut(t, at, loss)
			to := &Store{path: filepath.Join(left, "mirror"), disk: disk.OS{}}
			if _, err := vault.New(to).Identity(t.Context()); !errors.Is(err, vault.ErrNotFound) {
				wantMirror(t, to, api.CheckSnapshotMissing) // it is not complete
			}
			if err := mirrorTo(t, from, to); err != nil {
				t.Fatalf("power cut after %d steps, %+v: %v", at, loss, err)
			}
			if err := to.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantMirror(t, to, "")
			if t.Failed() {
				t.Fatalf("power cut after %d steps, %+v", at, loss)
			}
			os.RemoveAll(left)
		}
	}
}

func mirrorTo(t *testing.T, from *kit, to *Store) error {
	t.Helper()
	_, err := from.MirrorTo(t.Context(), vault.NewTwin(to, nil), vault.MirrorOptions{Fresh: true, Parallel: 1})
	return err
}

// wantMirror wants no problem in a mirror but of one kind.
func wantMirror(t *testing.T, s *Store, but string) {
	t.Helper()
	res, err := vault.New(s).Check(t.Context(), vault.CheckOptions{ReadData: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range res.Problems {
		if p.Kind != but {
			t.Errorf("%s %s: %s", p.Kind, p.Path, p.Message)
		}
	}
}
