package dir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// TestMirrorRemovesOldLeftovers: a run that was killed left a file in tmp/ of the
// mirror. A later one removes it, but not what another one is writing.
func TestMirrorRemovesOldLeftovers(t *testing.T) {
	k := newVault(t)
	to := mirrorOf(t, k)
	old, young := filepath.Join(to.path, tmpDir, "put-old"), filepath.Join(to.path, tmpDir, "put-young")
	for path, age := range map[string]time.Duration{old: 8 * 24 * time.Hour, young: 24 * time.Hour} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	mirror(t, k, to, false)
	if exists(old) || !exists(young) {
		t.Errorf("the old file is there: %v; the young one: %v", exists(old), exists(young))
	}
}

// TestDirectoryInTmp: a directory in tmp/, as lost+found, is left and reported, and
// refuses no backup.
func TestDirectoryInTmp(t *testing.T) {
	k := newVault(t)
	if err := os.MkdirAll(filepath.Join(k.dir.path, tmpDir, "found/x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := k.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	res, err := k.Check(t.Context(), vault.CheckOptions{})
	if err != nil || len(res.Problems) != 1 || res.Problems[0].Kind != api.CheckStray || res.Problems[0].Path != "tmp/found" {
		t.Errorf("%+v, error %v; want the directory as a stray", res.Problems, err)
	}
}

// TestFileSystemWithoutLinks has one that cannot link, and one without modes.
func TestFileSystemWithoutLinks(t *testing.T) {
	for _, op := range []string{"link", "chmod"} {
		k := newVault(t)
		k.faults(func(did, _ string) error {
			if did == op {
				return &os.PathError{Op: op, Err: syscall.EPERM}
			}
			return nil
		})
		_, _, err := k.Put(t.Context(), []byte("an image"))
		if !errors.Is(err, syscall.EPERM) || !strings.Contains(err.Error(), "no hard links") {
			t.Errorf("%s: error %v", op, err)
		}
	}
}

// TestWithoutTmp: a copy of a vault by hand has no tmp/. It is a vault, and a place for a mirror.
func TestWithoutTmp(t *testing.T) {
	d := newVault(t)
	tmp := filepath.Join(d.dir.Path(), tmpDir)
	for what, do := range map[string]func() error{
		"sweep":     func() error { return d.Sweep(t.Context()) },
		"sweep old": func() error { return d.SweepOld(t.Context()) },
		"put":       func() error { _, _, err := d.Put(t.Context(), []byte("a text")); return err },
	} {
		if err := os.RemoveAll(tmp); err != nil {
			t.Fatal(err)
		}
		if err := do(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		wantClean(t, d)
	}
	if err := os.RemoveAll(d.dir.Path()); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(d.dir.Path(), 0o700); err != nil { // the disk is not mounted
		t.Fatal(err)
	}
	if _, _, err := d.Put(t.Context(), []byte("a text")); err == nil {
		t.Error("put without a disk")
	}
	if err := d.Sweep(t.Context()); err == nil {
		t.Error("swept without a disk")
	}
	if left, err := os.ReadDir(d.dir.Path()); err != nil || len(left) > 0 {
		t.Errorf("left %v, error %v", left, err)
	}
}
