//go:build linux

package tftp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"
)

// Dir is a Handler that serves the regular files of a directory. It cannot reach
// files outside: every open resolves below Root, symbolic links included. Names
// are relative to Root; leading slashes are ignored. Dir refuses names that
// contain "..", a part that begins with a dot, or a control character.
//
// An upload appears under its name only when it is complete, synced and renamed.
// Until then, and if it fails, an existing file of that name stays unchanged.
type Dir struct {
	Root      *os.Root    // required
	ReadOnly  bool        // refuse uploads
	Create    bool        // uploads may create files; default: they may only replace files
	Public    bool        // send only world-readable files, replace only world-writable ones
	MaxUpload int64       // bytes; 0: limited only by the disk
	Mode      fs.FileMode // of new files; 0: 0644. A replaced file keeps its mode
}

const (
	tempPrefix = ".tmp-" // of incomplete uploads
	newMode    = 0o644
	maxName    = 1024 // bytes of a whole name
	maxPart    = 255  // bytes of one part of a name
)

// denied returns ERROR 2 with a reason that the peer may see.
func denied(why string) error { return &Error{Code: CodeAccess, Message: why} }

// Sweep removes the temporary files of uploads that a crash interrupted. It
// leaves the files of running processes untouched.
func (d *Dir) Sweep() error {
	return fs.WalkDir(d.Root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil && name == ".":
			return err
		case err != nil:
			return nil // an unreadable directory holds no upload of ours
		case !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), tempPrefix):
			return nil
		}
		return d.sweep(name)
	})
}

func (d *Dir) sweep(name string) error {
	f, err := d.Root.Open(name)
	if err != nil {
		return fmt.Errorf("sweep %s: %w", name, err)
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return nil // being written
	}
	if err := d.Root.Remove(name); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	return nil
}

// OpenRead opens a regular file. It returns an *Error with CodeAccess for names
// and files that it does not serve, and fs.ErrNotExist for missing files.
func (d *Dir) OpenRead(_ context.Context, r *Request) (Reader, error) {
	name, err := localName(r.Filename)
	if err != nil {
		return nil, err
	}
	info, err := d.Root.Stat(name)
	if err != nil {
		return nil, openError(err)
	}
	if !info.Mode().IsRegular() {
		return nil, denied("not a file")
	}
	if d.Public && info.Mode().Perm()&0o004 == 0 {
		return nil, denied("not a public file")
	}
	rd := &dirReader{root: d.Root, name: name, info: info}
	if err := rd.open(); err != nil {
		return nil, openError(err)
	}
	return rd, rd.Close()
}

// OpenWrite prepares an upload. The first Write creates the temporary file. It
// returns an *Error with CodeAccess if the upload is not permitted, one with
// CodeDiskFull if the announced size is above MaxUpload, and ENOSPC if the disk
// has too little space for it.
func (d *Dir) OpenWrite(_ context.Context, r *Request) (Writer, error) {
	name, err := localName(r.Filename)
	switch {
	case d.ReadOnly:
		return nil, denied("this server is read-only")
	case err != nil:
		return nil, err
	}
	w := &dirWriter{dir: d, name: name, mode: d.Mode}
	if w.mode == 0 {
		w.mode = newMode
	}
	if err := w.checkTarget(); err != nil {
		return nil, err
	}
	return w, d.checkSize(path.Dir(name), r.Size)
}

// checkSize refuses an upload whose announced size exceeds the limit or the free
// space.
func (d *Dir) checkSize(dir string, size int64) error {
	if d.MaxUpload > 0 && size > d.MaxUpload {
		return tooLarge
	}
	f, err := d.Root.Open(dir)
	if err != nil {
		return openError(err)
	}
	defer f.Close()
	var s syscall.Statfs_t
	if err := syscall.Fstatfs(int(f.Fd()), &s); err == nil && size/int64(s.Bsize) >= int64(s.Bavail) && size > 0 {
		return fmt.Errorf("%d bytes announced: %w", size, syscall.ENOSPC)
	}
	return nil
}

var tooLarge = &Error{CodeDiskFull, "the file is larger than this server accepts"}

// localName converts the file name of a request to a path below the root.
func localName(name string) (string, error) {
	if len(name) > maxName {
		return "", denied("the name is too long")
	}
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return "", denied("the name has characters that are not allowed")
	}
	for part := range strings.SplitSeq(strings.TrimLeft(name, "/"), "/") {
		switch {
		case part == "" || part[0] == '.':
			return "", denied("the name is not allowed")
		case len(part) > maxPart:
			return "", denied("the name is too long")
		}
	}
	return strings.TrimLeft(name, "/"), nil
}

// openError returns the reason why a file cannot be opened, without paths.
func openError(err error) error {
	var e *Error
	switch {
	case errors.As(err, &e), errors.Is(err, fs.ErrNotExist):
		return err
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.EIO):
		return err
	}
	return fmt.Errorf("%w: %w", fs.ErrPermission, err)
}

// dirReader is a file that is sent. It keeps the file open only from the second
// read on. Peers that have not proved their address get no second read, so they
// hold no file descriptors.
type dirReader struct {
	root  *os.Root
	name  string
	info  fs.FileInfo
	file  *os.File
	reads int
}

// Size implements Reader: bytes, as OpenRead found them.
func (r *dirReader) Size() int64 { return r.info.Size() }

// ReadAt implements io.ReaderAt. It fails if the file has changed since OpenRead.
func (r *dirReader) ReadAt(b []byte, off int64) (int, error) {
	if r.file == nil {
		if err := r.open(); err != nil {
			return 0, err
		}
	}
	if r.reads++; r.reads == 1 {
		defer r.Close()
	}
	return r.file.ReadAt(b, off)
}

// open opens the file and checks that it is the one that OpenRead examined.
func (r *dirReader) open() error {
	f, err := r.root.OpenFile(r.name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && !(os.SameFile(info, r.info) && info.Mode().IsRegular() && info.Size() == r.info.Size() && info.ModTime().Equal(r.info.ModTime())) {
		err = errors.New("the file has changed")
	}
	if err != nil {
		f.Close()
		return err
	}
	r.file = f
	return nil
}

// Close closes the file if it is open.
func (r *dirReader) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}

// dirWriter is an upload.
type dirWriter struct {
	dir    *Dir
	name   string
	mode   fs.FileMode
	owner  *syscall.Stat_t // of the replaced file; nil: a new file
	temp   string          // empty: not created yet
	file   *os.File
	length int64
}

// checkTarget examines the existing file of this name, if any.
func (w *dirWriter) checkTarget() error {
	info, err := w.dir.Root.Lstat(w.name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && w.dir.Create:
		return nil
	case err != nil:
		return openError(err)
	case !info.Mode().IsRegular():
		return denied("not a file")
	case w.dir.Public && info.Mode().Perm()&0o002 == 0:
		return denied("not a public file")
	}
	w.mode = info.Mode().Perm()
	w.owner, _ = info.Sys().(*syscall.Stat_t)
	return nil
}

// Write appends b to the temporary file, and refuses more than MaxUpload.
func (w *dirWriter) Write(b []byte) (int, error) {
	if w.dir.MaxUpload > 0 && w.length+int64(len(b)) > w.dir.MaxUpload {
		return 0, tooLarge
	}
	if err := w.begin(); err != nil {
		return 0, err
	}
	n, err := w.file.Write(b)
	w.length += int64(n)
	return n, err
}

// begin creates the temporary file, in the directory of the final one.
func (w *dirWriter) begin() error {
	for w.file == nil {
		temp := path.Join(path.Dir(w.name), tempPrefix+rand.Text())
		f, err := w.dir.Root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return openError(err)
		}
		kept, err := lock(f)
		if err != nil {
			f.Close()
			return err
		}
		if kept {
			w.temp, w.file = temp, f
			return nil
		}
		f.Close()
	}
	return nil
}

// lock locks a new file against Sweep. kept is false if Sweep removed it first.
func lock(f *os.File) (kept bool, err error) {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return false, err
	}
	var s syscall.Stat_t
	err = syscall.Fstat(int(f.Fd()), &s)
	return s.Nlink > 0, err
}

// Commit makes the upload durable under its name.
func (w *dirWriter) Commit() error {
	err := w.begin() // an empty file had no Write
	if err == nil {
		err = w.finish()
	}
	if err != nil {
		w.Abort(err)
		return err
	}
	return w.syncDir()
}

func (w *dirWriter) finish() error {
	if err := w.file.Chmod(w.mode); err != nil {
		return err
	}
	if w.owner != nil {
		w.file.Chown(int(w.owner.Uid), int(w.owner.Gid)) // best effort: only root may change the owner
	}
	if err := w.file.Sync(); err != nil {
		return err
	}
	info, err := w.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() != w.length {
		return fmt.Errorf("only %d of %d bytes were stored", info.Size(), w.length)
	}
	if err := w.dir.Root.Rename(w.temp, w.name); err != nil {
		return openError(err)
	}
	w.temp = ""
	err = w.file.Close()
	w.file = nil
	return err
}

func (w *dirWriter) syncDir() error {
	d, err := w.dir.Root.Open(path.Dir(w.name))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Abort removes the temporary file.
func (w *dirWriter) Abort(error) {
	if w.file != nil {
		w.file.Close()
		w.file = nil
	}
	if w.temp != "" {
		w.dir.Root.Remove(w.temp)
		w.temp = ""
	}
}
