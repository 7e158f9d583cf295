//go:build linux

package tftp

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
)

// disk is the part of *os.Root that changes a directory. A test replaces it with a
// disk that loses its power.
type disk interface {
	OpenFile(name string, flag int, perm fs.FileMode) (diskFile, error)
	Link(from, to string) error
	Rename(from, to string) error
	Remove(name string) error
}

// diskFile is the part of *os.File that an upload needs.
type diskFile interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Chmod(fs.FileMode) error
	Chown(uid, gid int) error
	Fd() uintptr
	Lock() error // flock(2), exclusive; waits
	Stat() (fs.FileInfo, error)
	Sync() error
	Truncate(size int64) error
}

// rootDisk is the disk below an *os.Root.
type rootDisk struct{ *os.Root }

// OpenFile implements disk. On 32 bits, a file of more than 2 GiB needs O_LARGEFILE
// (open(2)), which *os.Root does not add.
func (r rootDisk) OpenFile(name string, flag int, perm fs.FileMode) (diskFile, error) {
	f, err := r.Root.OpenFile(name, flag|syscall.O_LARGEFILE, perm)
	if err != nil {
		return nil, err
	}
	return rootFile{f}, nil
}

// rootFile is a file below an *os.Root.
type rootFile struct{ *os.File }

// Lock implements diskFile.
func (f rootFile) Lock() error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }

// syncDir brings the names in the directory of a file to stable storage. Some file
// systems, such as CIFS, cannot do that for a directory (fsync(2), EINVAL): there the
// server of the file system decides when it stores a name.
func syncDir(d disk, file string) error {
	f, err := d.OpenFile(path.Dir(file), os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.EOPNOTSUPP) {
		return err
	}
	return nil
}
