// Package dir is a vault.Store in a directory. It can be read without this
// program; docs/vault-format.md describes it:
//
//	vault.json                        the identity of the vault
//	blobs/ab/cd/abcdef…               content; the name is its SHA-256 in hexadecimal
//	snapshots/2026/11/ID.SHA256.json  what one backup captured of one device
//	prunes/2026/ID.SHA256.json        which snapshots a prune removed
//	tmp/                              files that are still being written
//
// Whatever has its name got there complete and on stable
// storage: it is written in tmp/ or in the spool, synced, then linked to its
// final name, which fails where the name is taken, and the directory is
// synced. Only Replace, for damaged content, renames over a name.
package dir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"flashwarden/internal/disk"
	"flashwarden/internal/vault"
)

const (
	tmpDir = "tmp"

	dirMode  fs.FileMode = 0o700
	fileMode fs.FileMode = 0o400
)

// Store is a vault.Store in a directory.
type Store struct {
	path   string
	disk   FS
	remote bool // disk belongs to another host

	// durable are the directories below the first parts whose names are on stable
	// storage: one fsync for each is enough.
	durable sync.Map
}

// FS is the file system of a Store: of this host, or of a server.
type FS interface {
	disk.FS
	Stat(name string) (fs.FileInfo, error)
	Lstat(name string) (fs.FileInfo, error)
	ReadDir(name string) ([]fs.DirEntry, error) // sorted by name
}

// Open returns the store in the directory path, which it does not look at.
func Open(path string) (*Store, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open vault %s: %w", path, err)
	}
	return &Store{path: abs, disk: disk.OS{}}, nil
}

// On returns the store in the directory path, which is absolute, of another
// host. The file system decides who may write there, and no local file can be
// adopted.
func On(remote FS, path string) *Store { return &Store{path: path, disk: remote, remote: true} }

// Make implements vault.Maker: it makes the directories, with their parents.
func (d *Store) Make(ctx context.Context) error {
	if err := d.makeDir(d.path); err != nil {
		return err
	}
	for _, dir := range append([]string{tmpDir}, vault.Parts()...) {
		path := filepath.Join(d.path, dir)
		if err := errors.Join(ctx.Err(), d.makeDir(path)); err != nil {
			return err
		}
		if err := d.wantDir(path); err != nil {
			return err
		}
	}
	return nil
}

// wantDir refuses anything but a directory below the store. A symbolic link would
// bring contents to a place that neither List nor a check looks at.
func (d *Store) wantDir(path string) error {
	info, err := d.disk.Lstat(path)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a directory (a symbolic link counts as none): move it away", path)
	}
	return err
}

// Path returns the absolute path of the directory.
func (d *Store) Path() string { return d.path }

// Sweep implements vault.Sweeper: it removes what dead processes left in tmp/.
// A store that this process cannot write is an error.
func (d *Store) Sweep(ctx context.Context) error {
	for _, dir := range append([]string{"", tmpDir}, vault.Parts()...) {
		path := filepath.Join(d.path, dir)
		info, err := d.disk.Stat(path)
		if dir == tmpDir && errors.Is(err, fs.ErrNotExist) {
			continue // SweepOld makes it
		}
		if err == nil {
			err = d.checkOurs(path, info)
		}
		if err != nil {
			return err
		}
	}
	return d.SweepOld(ctx, 0)
}

// SweepOld implements vault.Sweeper. Only files are removed: the store makes
// nothing else in tmp/.
func (d *Store) SweepOld(ctx context.Context, age time.Duration) error {
	tmp := filepath.Join(d.path, tmpDir)
	entries, err := d.disk.ReadDir(tmp)
	if errors.Is(err, fs.ErrNotExist) {
		return d.makeTemp()
	}
	if err != nil {
		return err
	}
	errs := []error{ctx.Err()}
	for _, e := range entries {
		if ctx.Err() != nil || !e.Type().IsRegular() {
			continue
		}
		if info, err := e.Info(); err != nil || age > 0 && time.Since(info.ModTime()) < age {
			errs = append(errs, unlessGone(err))
			continue
		}
		errs = append(errs, unlessGone(d.disk.Remove(filepath.Join(tmp, e.Name()))))
	}
	return errors.Join(errs...)
}

// unlessGone returns err unless it says that a file does not exist: another
// process removed it.
func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// makeDir makes sure that the directory path exists, is ours and can be
// written, and that its name is on stable storage.
func (d *Store) makeDir(path string) error {
	info, err := d.disk.Stat(path)
	if err == nil {
		return d.checkOurs(path, info)
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
func (d *Store) makeParent(path string) error {
	if _, err := d.disk.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := d.makeParent(filepath.Dir(path)); err != nil {
		return err
	}
	return d.mkdir(path)
}

// mkdir makes one directory and syncs its parent. Another process may make it
// at the same time: the sync is done in either case.
func (d *Store) mkdir(path string) error {
	err := d.disk.Mkdir(path, dirMode)
	if errors.Is(err, fs.ErrExist) {
		err = d.wantDir(path)
	}
	if err != nil {
		return err
	}
	return disk.SyncDir(d.disk, filepath.Dir(path))
}

// checkOurs refuses a directory in which this process could not write, or
// could write only what the directory's owner cannot read afterwards.
func (d *Store) checkOurs(path string, info fs.FileInfo) error {
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", path)
	case d.remote:
		return nil
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
