// Package disktest is a test kit: a disk that loses its power, and a small disk
// (OnSmallDisk). A Disk passes each
// change of a directory to the file system and records it. Cut then builds what a
// restart may find after a power cut at any step: a file system keeps only what
// fsync(2) brought to stable storage. Of the rest, any part may be lost, torn or
// kept, in any order:
//
//   - writes, changes of the size and of the mode, until their file is synced;
//   - names that were given, moved or removed, until their directory is synced.
//     A move within one directory happens whole or not at all.
package disktest

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"flashwarden/internal/disk"
)

// Disk records the changes below one directory. Names that are not absolute are
// relative to this directory. It implements disk.FS.
type Disk struct {
	base string
	log  *record
}

// record is what a Disk and its views share.
type record struct {
	root  string // empty: nothing is recorded
	fault func(op, path string) error

	mu    sync.Mutex
	nodes int            // number of nodes so far
	names map[string]int // the node of each path, now
	first []change       // makes the state at the beginning; on stable storage
	steps []change
}

// New returns a Disk for the directory dir. The files in dir count as stored.
func New(t testing.TB, dir string) *Disk {
	t.Helper()
	r := &record{root: dir, names: map[string]int{}}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return r.found(path, e)
	})
	if err != nil {
		t.Fatal(err)
	}
	return &Disk{base: dir, log: r}
}

// Faults returns a Disk that asks f before each change, see Fault, and records
// nothing. It is the whole file system.
func Faults(f func(op, path string) error) *Disk {
	return &Disk{base: "/", log: &record{fault: f}}
}

// Fault sets a function that is asked before each change. If it returns an error,
// the change fails with it. op is create, write, truncate, chmod, sync, syncdir,
// mkdir, link, rename or remove; path is absolute, and the new one of two.
func (d *Disk) Fault(f func(op, path string) error) { d.log.fault = f }

// At returns a view of the same disk in which names are relative to dir.
func (d *Disk) At(dir string) *Disk { return &Disk{base: dir, log: d.log} }

// Steps returns the number of changes so far.
func (d *Disk) Steps() int {
	d.log.mu.Lock()
	defer d.log.mu.Unlock()
	return len(d.log.steps)
}

func (d *Disk) abs(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(d.base, name)
}

// Mkdir is os.Mkdir.
func (d *Disk) Mkdir(name string, perm fs.FileMode) error {
	path := d.abs(name)
	return d.log.do("mkdir", path, func() error { return os.Mkdir(path, perm) }, func() []change {
		return d.log.create(path, perm|fs.ModeDir)
	})
}

// Link is os.Link.
func (d *Disk) Link(from, to string) error {
	from, to = d.abs(from), d.abs(to)
	return d.log.do("link", to, func() error { return os.Link(from, to) }, func() []change {
		node := d.log.names[from]
		d.log.names[to] = node
		return []change{d.log.naming(to, node)}
	})
}

// Rename is os.Rename.
func (d *Disk) Rename(from, to string) error {
	from, to = d.abs(from), d.abs(to)
	return d.log.do("rename", to, func() error { return os.Rename(from, to) }, func() []change {
		node := d.log.names[from]
		delete(d.log.names, from)
		d.log.names[to] = node
		arrive, leave := d.log.naming(to, node), d.log.naming(from, 0)
		if arrive.node != leave.node {
			return []change{arrive, leave}
		}
		arrive.names = append(arrive.names, leave.names...)
		return []change{arrive}
	})
}

// Remove is os.Remove.
func (d *Disk) Remove(name string) error {
	path := d.abs(name)
	return d.log.do("remove", path, func() error { return os.Remove(path) }, func() []change {
		delete(d.log.names, path)
		return []change{d.log.naming(path, 0)}
	})
}

// Stat is os.Stat.
func (d *Disk) Stat(name string) (fs.FileInfo, error) { return os.Stat(d.abs(name)) }

// Lstat is os.Lstat.
func (d *Disk) Lstat(name string) (fs.FileInfo, error) { return os.Lstat(d.abs(name)) }

// ReadDir is os.ReadDir.
func (d *Disk) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(d.abs(name)) }

// OpenFile is os.OpenFile.
func (d *Disk) OpenFile(name string, flag int, perm fs.FileMode) (disk.File, error) {
	f, err := d.Open(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Open is OpenFile for a test with an interface of its own.
func (d *Disk) Open(name string, flag int, perm fs.FileMode) (*File, error) {
	path := d.abs(name)
	var f *os.File
	open := func() (err error) {
		f, err = os.OpenFile(path, flag, perm)
		return err
	}
	var err error
	if flag&os.O_CREATE == 0 {
		err = open()
	} else {
		err = d.log.do("create", path, open, func() []change { return d.log.create(path, perm) })
	}
	if err != nil {
		return nil, err
	}
	d.log.mu.Lock()
	defer d.log.mu.Unlock()
	return &File{file: f, log: d.log, node: d.log.names[path]}, nil
}

// do makes a change and records it.
func (r *record) do(op, path string, act func() error, changes func() []change) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault != nil {
		if err := r.fault(op, path); err != nil {
			return err
		}
	}
	if err := act(); err != nil || r.root == "" {
		return err
	}
	r.steps = append(r.steps, changes()...)
	return nil
}

// found records a file or a directory that is there at the beginning.
func (r *record) found(path string, e fs.DirEntry) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	r.first = append(r.first, r.create(path, info.Mode())...)
	if !e.Type().IsRegular() {
		return nil
	}
	content, err := os.ReadFile(path)
	r.first = append(r.first, change{kind: data, node: r.names[path], bytes: content})
	return err
}

// create gives a path a new node, unless it has one.
func (r *record) create(path string, mode fs.FileMode) []change {
	if r.names[path] != 0 {
		return nil
	}
	r.nodes++
	r.names[path] = r.nodes
	made := change{kind: creation, node: r.nodes, mode: mode}
	if path == r.root {
		return []change{made}
	}
	return []change{made, r.naming(path, r.nodes)}
}

// naming is the change that makes a path the name of a node; 0: of none.
func (r *record) naming(path string, node int) change {
	return change{kind: naming, node: r.names[filepath.Dir(path)], names: []name{{filepath.Base(path), node}}}
}

// File is an open file of a Disk.
type File struct {
	file *os.File
	log  *record
	node int
}

// Write is os.File.Write.
func (f *File) Write(b []byte) (n int, err error) {
	off, err := f.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	err = f.log.do("write", f.Name(), func() error {
		n, err = f.file.Write(b)
		return err
	}, func() []change {
		return []change{{kind: data, node: f.node, off: off, bytes: append([]byte(nil), b...)}}
	})
	return n, err
}

// Truncate is os.File.Truncate.
func (f *File) Truncate(size int64) error {
	return f.log.do("truncate", f.Name(), func() error { return f.file.Truncate(size) }, func() []change {
		return []change{{kind: length, node: f.node, off: size}}
	})
}

// Chmod is os.File.Chmod.
func (f *File) Chmod(mode fs.FileMode) error {
	return f.log.do("chmod", f.Name(), func() error { return f.file.Chmod(mode) }, func() []change {
		return []change{{kind: chmod, node: f.node, mode: mode}}
	})
}

// Sync is os.File.Sync: it brings the content of the file, or the names of the
// directory, to stable storage.
func (f *File) Sync() error {
	op := "sync"
	if info, err := f.file.Stat(); err == nil && info.IsDir() {
		op = "syncdir"
	}
	return f.log.do(op, f.Name(), f.file.Sync, func() []change {
		return []change{{kind: stored, node: f.node}}
	})
}

// Close is os.File.Close. It stores nothing.
func (f *File) Close() error { return f.file.Close() }

// Name is os.File.Name.
func (f *File) Name() string { return f.file.Name() }

// Fd is os.File.Fd. Changes over the file descriptor are not recorded.
func (f *File) Fd() uintptr { return f.file.Fd() }

// Stat is os.File.Stat.
func (f *File) Stat() (fs.FileInfo, error) { return f.file.Stat() }

// Chown is os.File.Chown. It is not recorded.
func (f *File) Chown(uid, gid int) error { return f.file.Chown(uid, gid) }

// Read is os.File.Read.
func (f *File) Read(b []byte) (int, error) { return f.file.Read(b) }

// ReadAt is os.File.ReadAt.
func (f *File) ReadAt(b []byte, off int64) (int, error) { return f.file.ReadAt(b, off) }

// Seek is os.File.Seek.
func (f *File) Seek(off int64, whence int) (int64, error) { return f.file.Seek(off, whence) }
