// Package disk is the part of the file system that brings files to stable storage.
// The spool and the vault use it through an interface, so that a test can cut the
// power at every step.
package disk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// FS makes the changes of a file system. The names are paths as in package os.
type FS interface {
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	Mkdir(name string, perm fs.FileMode) error
	Link(from, to string) error
	Rename(from, to string) error
	Remove(name string) error
}

// File is an open file or directory. *os.File is one.
type File interface {
	io.ReadWriteSeeker
	io.Closer
	Chmod(fs.FileMode) error
	Fd() uintptr
	Name() string
	Stat() (fs.FileInfo, error)
	Sync() error
}

// OS is the file system of the operating system.
type OS struct{}

// OpenFile is os.OpenFile.
func (OS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Mkdir is os.Mkdir.
func (OS) Mkdir(name string, perm fs.FileMode) error { return os.Mkdir(name, perm) }

// Link is os.Link.
func (OS) Link(from, to string) error { return os.Link(from, to) }

// Rename is os.Rename.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove is os.Remove.
func (OS) Remove(name string) error { return os.Remove(name) }

// Stat is os.Stat.
func (OS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// Lstat is os.Lstat.
func (OS) Lstat(name string) (fs.FileInfo, error) { return os.Lstat(name) }

// ReadDir is os.ReadDir.
func (OS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// EachEntry calls do for each entry of a directory, in any order, until do returns an
// error. Unlike ReadDir it keeps only some of them in memory.
func (OS) EachEntry(name string, do func(fs.DirEntry) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		entries, err := f.ReadDir(1024)
		for _, e := range entries {
			if err := do(e); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// SyncDir brings the names in a directory to stable storage. Some file systems, such
// as CIFS and some of FUSE, cannot do that for a directory. There the server of the
// file system decides when it stores a name, and SyncDir returns nil. See Unsynced.
func SyncDir(d FS, dir string) error {
	err := fsyncDir(d, dir)
	if cannotSync(err) {
		return nil
	}
	return err
}

// Unsynced reports whether the file system of a directory cannot sync names: after a
// power cut, a file that was just stored there may be missing.
func Unsynced(dir string) bool { return cannotSync(fsyncDir(OS{}, dir)) }

func fsyncDir(d FS, dir string) error {
	f, err := d.OpenFile(dir, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// cannotSync reports whether an error of fsync(2) means that there is no fsync for
// this file.
func cannotSync(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EOPNOTSUPP)
}

// WriteFile writes a file so that after a crash it has the old content or the new
// one, whole. When it returns nil, the new content is on stable storage.
func WriteFile(d FS, path string, content []byte, perm fs.FileMode) error {
	temp, err := writeTemp(d, path, content, perm)
	if err != nil {
		return err
	}
	if err := d.Rename(temp, path); err != nil {
		return errors.Join(err, d.Remove(temp))
	}
	return SyncDir(d, filepath.Dir(path))
}

// CreateFile is WriteFile for a new file. The error is a fs.ErrExist if there is
// one already.
func CreateFile(d FS, path string, content []byte, perm fs.FileMode) error {
	temp, err := writeTemp(d, path, content, perm)
	if err != nil {
		return err
	}
	err = d.Link(temp, path) // a rename would replace
	if err := errors.Join(err, d.Remove(temp)); err != nil {
		return err
	}
	return SyncDir(d, filepath.Dir(path))
}

// writeTemp writes a file beside path, with its content on stable storage.
func writeTemp(d FS, path string, content []byte, perm fs.FileMode) (string, error) {
	temp := fmt.Sprintf("%s.%s.new", path, rand.Text())
	f, err := d.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(perm))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, d.Remove(temp))
	}
	return temp, nil
}

// MkdirAll makes a directory with its parents where they are missing, and brings
// each new name to stable storage.
func MkdirAll(d FS, path string, perm fs.FileMode) error {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		return &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := MkdirAll(d, filepath.Dir(path), perm); err != nil {
		return err
	}
	if err := d.Mkdir(path, perm); err != nil && !errors.Is(err, fs.ErrExist) { // another process may have made it
		return err
	}
	return SyncDir(d, filepath.Dir(path))
}
