package disk_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"flashwarden/internal/disk"
	"flashwarden/internal/disk/disktest"
)

// TestPowerCut writes a file twice, and creates one. After every power cut a file is
// absent or whole, and as new as the last call that has returned.
func TestPowerCut(t *testing.T) {
	top := t.TempDir()
	d := disktest.New(t, top)
	var ended []int
	for _, do := range []func() error{
		func() error { return disk.WriteFile(d, filepath.Join(top, "written"), []byte("first"), 0o600) },
		func() error { return disk.WriteFile(d, filepath.Join(top, "written"), []byte("second"), 0o600) },
		func() error { return disk.CreateFile(d, filepath.Join(top, "created"), []byte("only"), 0o600) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		ended = append(ended, d.Steps())
	}
	read := func(name string) string {
		b, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return string(b)
	}
	for at := range d.Steps() + 1 {
		for _, loss := range disktest.Losses(20) {
			left := d.Cut(t, at, loss)
			written, created := read(filepath.Join(left, "written")), read(filepath.Join(left, "created"))
			wholeWritten := written == "second" || at < ended[1] && written == "first" || at < ended[0] && written == ""
			wholeCreated := created == "only" || at < ended[2] && created == ""
			if !wholeWritten || !wholeCreated {
				t.Errorf("power cut after %d steps, %+v: written has %q, created has %q", at, loss, written, created)
			}
		}
	}
}

// TestCreateFileNeverReplaces: of two files with one name the first one stays.
func TestCreateFileNeverReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := disk.CreateFile(disk.OS{}, path, []byte("first"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := disk.CreateFile(disk.OS{}, path, []byte("second"), 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error %v", err)
	}
	info, err := os.Stat(path)
	if got, _ := os.ReadFile(path); err != nil || string(got) != "first" || info.Mode() != 0o640 {
		t.Errorf("the file has %q and %v, %v", got, info.Mode(), err)
	}
}

// TestEveryStepMayFail leaves no temporary file and the old content.
func TestEveryStepMayFail(t *testing.T) {
	for _, failing := range []string{"create", "write", "chmod", "sync", "rename", "link"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		d := disktest.Faults(func(op, _ string) error {
			if op == failing {
				return syscall.EIO
			}
			return nil
		})
		if err := disk.WriteFile(d, path, []byte("new"), 0o600); failing != "link" && !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: WriteFile: %v", failing, err)
		}
		if err := disk.CreateFile(d, path+"2", []byte("new"), 0o600); failing != "rename" && !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: CreateFile: %v", failing, err)
		}
		names, err := filepath.Glob(dir + "/*.new")
		if got, _ := os.ReadFile(path); err != nil || len(names) > 0 || failing != "link" && string(got) != "old" {
			t.Errorf("%s: left %v, the file has %q, %v", failing, names, got, err)
		}
	}
}

// TestPowerCutAfterMakingDirectories: once MkdirAll has returned, no power cut takes
// a directory away.
func TestPowerCutAfterMakingDirectories(t *testing.T) {
	top := t.TempDir()
	d := disktest.New(t, top)
	for range 2 { // the second time all are there
		if err := disk.MkdirAll(d, filepath.Join(top, "a", "b", "c"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, loss := range disktest.Losses(20) {
		if _, err := os.Stat(filepath.Join(d.Cut(t, d.Steps(), loss), "a", "b", "c")); err != nil {
			t.Errorf("%+v: %v", loss, err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below")} {
		if err := disk.MkdirAll(disk.OS{}, path, 0o700); !errors.Is(err, syscall.ENOTDIR) {
			t.Errorf("%s: error %v", path, err)
		}
	}
}

// TestWithoutFsyncOfDirectories has file systems that cannot sync a directory, and one
// whose disk is broken.
func TestWithoutFsyncOfDirectories(t *testing.T) {
	for want, works := range map[error]bool{syscall.EINVAL: true, syscall.EOPNOTSUPP: true, syscall.EIO: false} {
		d := disktest.Faults(func(op, _ string) error {
			if op == "syncdir" {
				return want
			}
			return nil
		})
		path := filepath.Join(t.TempDir(), "file")
		if err := disk.WriteFile(d, path, []byte("content"), 0o600); works && err != nil || !works && !errors.Is(err, want) {
			t.Errorf("%v: error %v", want, err)
		}
	}
	if disk.Unsynced(t.TempDir()) || !disk.Unsynced("/proc") { // proc(5) has no fsync
		t.Error("Unsynced does not know which file systems cannot sync")
	}
}
