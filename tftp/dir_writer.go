//go:build linux

package tftp

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"
)

// accessACL is the extended attribute of a POSIX ACL.
const accessACL = "system.posix_acl_access"

// dirWriter is an upload.
type dirWriter struct {
	dir    *Dir
	disk   disk // of the temporary file: that of Root or that of Staging
	name   string
	mode   fs.FileMode
	old    fs.FileInfo // the file to replace; nil: a new file
	temp   string      // empty: not created yet, or renamed
	file   diskFile
	header int64 // bytes before the content, in Staging
	length int64 // bytes of the content
	back   WriteBack
}

// creates checks that the directory permits new files.
func (w *dirWriter) creates() error {
	if _, err := w.dir.Root.Lstat(w.name); err == nil {
		return denied("a link to nothing")
	}
	if w.mode = newMode; w.dir.Mode != nil {
		w.mode = *w.dir.Mode
	}
	dir, err := w.dir.Root.OpenFile(path.Dir(w.name), unix.O_PATH, 0)
	if err != nil {
		return openError(err)
	}
	defer dir.Close()
	err = unix.Faccessat(int(dir.Fd()), ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	if err != nil {
		return openError(err)
	}
	return nil
}

// replaces checks that the existing file may be written.
func (w *dirWriter) replaces(old fs.FileInfo) error {
	switch {
	case !old.Mode().IsRegular():
		return denied("not a file")
	case w.dir.Public && old.Mode().Perm()&0o002 == 0:
		return denied("not a public file")
	}
	resolved, err := follow(w.dir.Root, w.name) // a rename would replace the link, not the file
	if err != nil {
		return openError(err)
	}
	w.name, w.mode, w.old = resolved, old.Mode().Perm(), old
	f, err := w.openOld()
	if err != nil {
		return openError(err)
	}
	return f.Close()
}

// openOld opens the existing file for writing, and changes nothing.
func (w *dirWriter) openOld() (diskFile, error) {
	f, err := w.dir.disk(w.dir.Root).OpenFile(w.name, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !os.SameFile(info, w.old) {
		return nil, errors.Join(errChanged, err, f.Close())
	}
	return f, nil
}

// Limit implements Limiter: MaxUpload.
func (w *dirWriter) Limit() int64 { return w.dir.MaxUpload }

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
	if err != nil {
		return n, err
	}
	return n, w.back.Written(w.file.Fd(), w.header+w.length)
}

// begin creates the temporary file: beside the final one, or in Staging if the
// content must be written into the existing file.
func (w *dirWriter) begin() error {
	if w.file != nil {
		return nil
	}
	if w.old == nil || w.dir.Staging == nil {
		return w.beginBeside()
	}
	if w.old.Sys().(*syscall.Stat_t).Nlink == 1 {
		err := w.beginBeside()
		if err == nil || !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return w.beginStaged()
}

// beginBeside creates the temporary file in the directory of the final one, with
// the owner, the ACL and the mode of the final one. The error is a
// fs.ErrPermission if the directory does not permit that.
func (w *dirWriter) beginBeside() error {
	if err := w.createTemp(path.Dir(w.name), hasNoLocks); err != nil {
		return openError(err)
	}
	if err := w.dress(); err != nil {
		w.Abort(err)
		return err
	}
	return nil
}

// hasNoLocks reports whether an error of flock(2) means that the file system has no
// locks, like NFS whose server has no lock service. There, Sweep removes no file.
func hasNoLocks(err error) bool {
	return errors.Is(err, syscall.ENOLCK) || errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS)
}

// createTemp creates the temporary file in dir and locks it against Sweep. If it
// cannot be locked, spared decides whether to go on.
func (w *dirWriter) createTemp(dir string, spared func(error) bool) error {
	for {
		temp := newTemp(dir)
		f, err := w.disk.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		kept, err := lock(f)
		if err != nil && !spared(err) {
			return errors.Join(err, w.disk.Remove(temp), f.Close())
		}
		if kept || err != nil {
			w.temp, w.file = temp, f
			return nil
		}
		f.Close()
	}
}

// lock locks a new file against Sweep. kept is false if Sweep removed it first.
func lock(f diskFile) (kept bool, err error) {
	if err := f.Lock(); err != nil {
		return false, err
	}
	var s syscall.Stat_t
	err = syscall.Fstat(int(f.Fd()), &s)
	return s.Nlink > 0, err
}

// dress gives the temporary file the owner, the ACL and the mode of the final one.
// Without Staging, a new owner is better than no upload.
func (w *dirWriter) dress() error {
	if w.old != nil {
		err := errors.Join(w.copyOwner(), w.copyACL())
		if err != nil && w.dir.Staging != nil {
			return fmt.Errorf("%w: %w", fs.ErrPermission, err)
		}
	}
	return w.file.Chmod(w.mode)
}

func (w *dirWriter) copyOwner() error {
	s := w.old.Sys().(*syscall.Stat_t)
	return w.file.Chown(int(s.Uid), int(s.Gid))
}

// copyACL copies the ACL of the old file, if it has one.
func (w *dirWriter) copyACL() error {
	old, err := w.openOld()
	if err != nil {
		return err
	}
	defer old.Close()
	acl := make([]byte, 64<<10) // the largest value of an extended attribute
	n, err := unix.Fgetxattr(int(old.Fd()), accessACL, acl)
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	if err != nil {
		return err
	}
	return unix.Fsetxattr(int(w.file.Fd()), accessACL, acl[:n], 0)
}

// Commit makes the upload durable under its name.
func (w *dirWriter) Commit() error {
	err := w.begin() // an empty file had no Write
	if err == nil {
		err = w.finish()
	}
	w.Abort(err) // removes the rest of the temporary file
	return err
}

func (w *dirWriter) finish() error {
	if err := w.file.Sync(); err != nil {
		return err
	}
	info, err := w.file.Stat()
	if err != nil {
		return err
	}
	if got := info.Size() - w.header; got != w.length {
		return fmt.Errorf("only %d of %d bytes were stored", got, w.length)
	}
	if w.header > 0 {
		return w.writeInPlace()
	}
	if err := w.disk.Rename(w.temp, w.name); err != nil {
		return openError(err)
	}
	w.temp = ""
	return syncDir(w.disk, w.name)
}

// Abort removes the temporary file. It does so before it gives up the lock, so that
// nobody takes the file for the rest of a failed upload.
func (w *dirWriter) Abort(error) {
	if w.temp != "" {
		w.disk.Remove(w.temp)
		w.temp = ""
	}
	if w.file != nil {
		w.file.Close()
		w.file = nil
	}
}
