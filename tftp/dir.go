//go:build linux

package tftp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"
)

// Dir is a Handler that serves the regular files of a directory. It cannot reach
// files outside: every open resolves below Root, symbolic links included. An
// absolute link may begin with the path of Root or be relative to Root. Names are
// relative to Root; leading and repeated slashes and parts "." are ignored. Dir
// refuses names that contain "..", another part that begins with a dot, or a
// control character.
//
// An upload appears under its name only when it is complete and synced. Until
// then, and if it fails, an existing file of that name stays unchanged.
//
// A complete upload replaces an existing file by rename(2) if the new file can
// have the owner, the group and the ACL of the old one. Otherwise, and if the file
// has several hard links or its directory permits no new files, Dir writes the
// content into the existing file. See Staging.
type Dir struct {
	Root      *os.Root     // required; open it by its absolute path if there are absolute links
	ReadOnly  bool         // refuse uploads
	Create    bool         // uploads may create files; default: they may only replace files
	Public    bool         // send only world-readable files, replace only world-writable ones
	MaxUpload int64        // bytes; 0: limited only by the disk
	Mode      *fs.FileMode // of new files; nil: 0644. A replaced file keeps its mode

	// Staging is a directory for the uploads that Dir must write into the existing
	// file. It belongs to this Dir alone and only its user may write in it. An
	// upload is stored there first. If a crash interrupts the writing, the next
	// Sweep completes it, unless somebody has changed the file meanwhile; until then
	// OpenRead refuses the file. If Staging is nil, Dir replaces files as well as it
	// can and refuses those whose directory permits no new files.
	Staging *os.Root

	wrap func(*os.Root) disk // replaces the disk in tests; nil: the file system
}

// newMode is the mode of new files if Dir.Mode is nil.
const newMode fs.FileMode = 0o644

// disk returns the disk below one of the roots.
func (d *Dir) disk(r *os.Root) disk {
	if d.wrap != nil {
		return d.wrap(r)
	}
	return rootDisk{r}
}

// denied returns ERROR 2 with a reason that the peer may see.
func denied(why string) error { return &Error{Code: CodeAccess, Message: why} }

var (
	tooLarge   = &Error{CodeDiskFull, "the file is larger than this server accepts"}
	errChanged = errors.New("the file has changed")
)

// OpenRead opens a regular file. It returns an *Error with CodeAccess for names
// and files that it does not serve, and fs.ErrNotExist for missing files.
func (d *Dir) OpenRead(_ context.Context, r *Request) (Reader, error) {
	name, err := localName(r.Filename)
	if err != nil {
		return nil, err
	}
	name, info, err := d.find(name)
	if err != nil {
		return nil, openError(err)
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, denied("not a file")
	case d.Public && info.Mode().Perm()&0o004 == 0:
		return nil, denied("not a public file")
	case d.beingReplaced(info):
		return nil, denied("the file is being replaced")
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
	if d.ReadOnly {
		return nil, denied("this server is read-only")
	}
	name, err := localName(r.Filename)
	if err != nil {
		return nil, err
	}
	name, info, err := d.find(name)
	if err != nil && !(errors.Is(err, fs.ErrNotExist) && d.Create) {
		return nil, openError(err)
	}
	w := &dirWriter{dir: d, disk: d.disk(d.Root), name: name}
	if err == nil {
		err = w.replaces(info)
	} else {
		err = w.creates()
	}
	if err != nil {
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
	f, err := d.Root.OpenFile(dir, unix.O_PATH, 0)
	if err != nil {
		return openError(err)
	}
	defer f.Close()
	var s syscall.Statfs_t
	if err := syscall.Fstatfs(int(f.Fd()), &s); err != nil || s.Blocks == 0 {
		return nil // the size of the file system is unknown, as for ramfs and some FUSE ones
	}
	if size > 0 && size/int64(s.Bsize) >= int64(s.Bavail) {
		return fmt.Errorf("%d bytes announced: %w", size, syscall.ENOSPC)
	}
	return nil
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
