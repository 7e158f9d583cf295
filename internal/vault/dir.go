// Package vault keeps what backups saved: blobs, named by the SHA-256 of
// their content, and snapshots, which name blobs. Both are written once and
// never changed.
//
// A vault is a directory that can be read without this program;
// docs/vault-format.md describes it:
//
//	blobs/ab/abcdef…        content; the name is its SHA-256 in hexadecimal
//	snapshots/2026/ID.json  what one backup captured of one device
//	tmp/                    files that are still being written
//
// Whatever is in blobs/ or snapshots/ got there complete and on stable
// storage: it is written in tmp/ or in the spool, synced, then linked to its
// final name, which fails where the name is taken, and the directory is
// synced. Only a blob that turns out to be damaged when the same content comes
// again is replaced, by rename(2). A snapshot is written after its blobs. So a process that dies at
// any moment leaves a vault that Check finds clean.
package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// Errors that callers branch on; test with errors.Is.
var (
	ErrNotFound = errors.New("not in the vault")     // no such snapshot or blob
	ErrExists   = errors.New("already in the vault") // a snapshot with this ID is there
	ErrDamaged  = errors.New("damaged")              // a file of the vault is not what it was when it was written
)

const (
	blobsDir     = "blobs"
	snapshotsDir = "snapshots"
	tmpDir       = "tmp"

	dirMode  fs.FileMode = 0o700
	fileMode fs.FileMode = 0o400
)

// Dir is a vault in a directory. Its methods may be used by several
// goroutines, and several processes may use one directory, at once.
type Dir struct {
	path string

	// fault stands in for the file system's failures in tests: it is asked
	// before each step that changes the disk. nil lets every step happen.
	fault func(op, path string) error
}

// Open opens the vault in the directory path and creates it, with its
// parents, where it is missing. It touches nothing that is there already.
func Open(path string) (*Dir, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open vault %s: %w", path, err)
	}
	d := &Dir{path: abs}
	for _, dir := range []string{"", blobsDir, snapshotsDir, tmpDir} {
		if err := d.makeDir(filepath.Join(abs, dir)); err != nil {
			return nil, fmt.Errorf("open vault %s: %w", abs, err)
		}
	}
	return d, nil
}

// Path returns the absolute path of the vault's directory.
func (d *Dir) Path() string { return d.path }

// Sweep removes what dead processes left in tmp/. Only the process that holds
// the lock of the data directory may call it: it would take away what another
// one is writing.
func (d *Dir) Sweep() error {
	tmp := filepath.Join(d.path, tmpDir)
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return fmt.Errorf("sweep vault: %w", err)
	}
	var errs []error
	for _, e := range entries {
		errs = append(errs, os.RemoveAll(filepath.Join(tmp, e.Name())))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sweep vault: %w", err)
	}
	return nil
}

// makeDir makes sure that the directory path exists, is ours and can be
// written, and that its name is on stable storage.
func (d *Dir) makeDir(path string) error {
	info, err := os.Stat(path)
	if err == nil {
		return checkOurs(path, info)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if parent := filepath.Dir(path); parent != path {
		if err := d.makeParent(parent); err != nil {
			return err
		}
	}
	return d.mkdir(path)
}

// makeParent is makeDir for a directory above the vault, which may belong to
// anybody.
func (d *Dir) makeParent(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := d.makeParent(filepath.Dir(path)); err != nil {
		return err
	}
	return d.mkdir(path)
}

// mkdir makes one directory and syncs its parent. Another process may make it
// at the same time: the sync is done in either case.
func (d *Dir) mkdir(path string) error {
	if err := d.step("mkdir", path); err != nil {
		return err
	}
	if err := os.Mkdir(path, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.syncDir(filepath.Dir(path))
}

// checkOurs refuses a directory in which this process could not write, or
// could write only what the directory's owner cannot read afterwards.
func checkOurs(path string, info fs.FileInfo) error {
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", path)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to %s, but this process runs as %s: run flashwarden as the owner, or type: chown -R %d %s",
			path, userName(int(st.Uid)), userName(os.Geteuid()), os.Geteuid(), path)
	}
	const writeAndSearch = 0x3 // W_OK | X_OK of access(2)
	err := syscall.Access(path, writeAndSearch)
	switch {
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%s is on a read-only file system: mount it writable", path)
	case err != nil:
		return fmt.Errorf("%s cannot be written (%w): type: chmod u+rwx %s", path, err, path)
	}
	return nil
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return fmt.Sprintf("user %s (uid %d)", u.Username, uid)
	}
	return fmt.Sprintf("uid %d", uid)
}

// The steps that change the disk. Everything that the vault writes goes
// through them.

func (d *Dir) step(op, path string) error {
	if d.fault == nil {
		return nil
	}
	return d.fault(op, path)
}

// syncFile brings the content and the mode of f to stable storage.
func (d *Dir) syncFile(f *os.File) error {
	if err := d.step("sync", f.Name()); err != nil {
		return err
	}
	return f.Sync()
}

// syncDir brings the names in the directory path to stable storage.
func (d *Dir) syncDir(path string) error {
	if err := d.step("syncdir", path); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// link gives the file from its final name to, which must be free: the error
// is fs.ErrExist where it is not. Unlike rename(2), link(2) never replaces.
func (d *Dir) link(from, to string) error {
	if err := d.step("link", to); err != nil {
		return err
	}
	return os.Link(from, to)
}

// rename puts from in the place of the file to, which goes away: only for a
// blob that is damaged.
func (d *Dir) rename(from, to string) error {
	if err := d.step("rename", to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

func (d *Dir) chmod(f *os.File) error {
	if err := d.step("chmod", f.Name()); err != nil {
		return err
	}
	return f.Chmod(fileMode)
}

func (d *Dir) remove(path string) error {
	if err := d.step("remove", path); err != nil {
		return err
	}
	return os.Remove(path)
}
