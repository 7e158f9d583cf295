//go:build linux

package tftp

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

// tempPrefix begins the names of incomplete uploads. It makes the names hidden, so that
// no request can reach them, and no other program uses such names.
const tempPrefix = ".flashwarden-upload-"

// isTempName reports whether an incomplete upload has the name.
func isTempName(name string) bool {
	random, ok := strings.CutPrefix(name, tempPrefix)
	return ok && len(random) == 26 && strings.Trim(random, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// newTemp returns a name for an incomplete upload in directory dir.
func newTemp(dir string) string { return path.Join(dir, tempPrefix+rand.Text()) }

// Sweep completes or removes the uploads that a crash has interrupted. Call it before
// the Dir serves.
//
// It completes an existing file that is empty, or holds nothing but a part of a complete
// upload in Staging. If the file is anything else, somebody has changed it: Sweep leaves
// it, renames the upload in Staging, and returns an error with the new name.
//
// It removes the temporary files of all other uploads: only regular files of this
// process's user with the names of temporary files, and no file of a running process. It
// goes on after an error and returns all errors; the Dir can serve in any case.
func (d *Dir) Sweep() error { return errors.Join(d.recover(), d.sweepBelow(".")) }

// sweepBelow removes the incomplete uploads in a directory and below it. It reads the
// directories itself, because fs.WalkDir refuses names that are not UTF-8.
func (d *Dir) sweepBelow(dir string) error {
	f, err := d.Root.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil && dir != "." {
		return nil // an unreadable directory holds no upload of ours
	}
	if err != nil {
		return err
	}
	entries, err := f.ReadDir(-1)
	errs := []error{err, f.Close()}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch {
		case e.IsDir():
			errs = append(errs, d.sweepBelow(name))
		case e.Type().IsRegular() && isTempName(e.Name()):
			errs = append(errs, sweepTemp(d.disk(d.Root), name))
		}
	}
	return errors.Join(errs...)
}

// sweepTemp removes an incomplete upload, unless a running process writes it.
func sweepTemp(d disk, name string) error {
	f, err := openOwn(d, name)
	if f == nil {
		return err
	}
	defer f.Close()
	if err := d.Remove(name); err != nil {
		return fmt.Errorf("remove interrupted upload: %w", err)
	}
	return nil
}

// openOwn opens a regular file of this process's user and locks it. It returns nil
// if the file belongs to another user, is gone, or is locked by a running process.
func openOwn(d disk, name string) (diskFile, error) {
	f, err := d.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open interrupted upload: %w", err)
	}
	var s syscall.Stat_t
	err = syscall.Fstat(int(f.Fd()), &s)
	ours := err == nil && s.Mode&syscall.S_IFMT == syscall.S_IFREG && int(s.Uid) == os.Geteuid()
	if !ours || syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
