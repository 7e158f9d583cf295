package sftp

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/pkg/sftp"

	"flashwarden/internal/disk"
)

// The extensions of OpenSSH that we use (PROTOCOL, section 4).
const (
	extSync   = "fsync@openssh.com"
	extLink   = "hardlink@openssh.com"
	extRename = "posix-rename@openssh.com"
	extSpace  = "statvfs@openssh.com"
)

// remote is the file system of an SFTP server over one connection.
type remote struct {
	client *sftp.Client
	syncs  bool          // files and directories
	lost   chan struct{} // closed when the connection has ended
	wait   func() error  // for the end of the program that made the connection
}

// newRemote returns the file system over a connection. wait ends when its program has.
func newRemote(c *sftp.Client, wait func() error) *remote {
	r := &remote{client: c, lost: make(chan struct{}), wait: wait}
	go func() {
		defer close(r.lost)
		c.Wait() // its error is that of the operations
	}()
	if !r.offers(extSync) {
		return r
	}
	// OpenSSH opens a directory as it opens a file, and then syncs it.
	if root, err := c.Open("/"); err == nil {
		r.syncs = root.Close() == nil
	}
	return r
}

// isLost reports whether the connection has ended.
func (r *remote) isLost() bool {
	select {
	case <-r.lost:
		return true
	default:
		return false
	}
}

// end ends the connection.
func (r *remote) end() error {
	r.client.Close() // its error is that of the connection, which ends
	<-r.lost
	return r.wait()
}

func (r *remote) offers(extension string) bool {
	_, ok := r.client.HasExtension(extension)
	return ok
}

// OpenFile is like os.OpenFile. Anything that is neither a file nor a directory
// is not opened: the server would follow a link, or wait at a pipe.
func (r *remote) OpenFile(name string, flag int, perm fs.FileMode) (disk.File, error) {
	if flag&os.O_CREATE != 0 {
		return r.create(name, flag, perm)
	}
	info, err := r.Lstat(name)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir() && !r.syncs:
		return unsynced{name: name, info: info}, nil
	case !info.IsDir() && !info.Mode().IsRegular():
		return nil, wrap("open", name, syscall.ELOOP)
	}
	f, err := r.client.OpenFile(name, flag&^(syscall.O_NOFOLLOW|syscall.O_NONBLOCK))
	if err != nil {
		return nil, wrap("open", name, err)
	}
	return &file{File: f, remote: r}, nil
}

// create makes a file that only its owner may read before anything is in it.
func (r *remote) create(name string, flag int, perm fs.FileMode) (disk.File, error) {
	f, err := r.client.OpenFile(name, flag)
	if err != nil {
		return nil, wrap("create", name, r.full(name, err))
	}
	if err := f.Chmod(perm); err != nil {
		return nil, errors.Join(wrap("chmod", name, err), f.Close(), r.Remove(name))
	}
	return &file{File: f, remote: r}, nil
}

// Mkdir is like os.Mkdir.
func (r *remote) Mkdir(name string, perm fs.FileMode) error {
	if err := r.client.Mkdir(name); err != nil {
		return wrap("mkdir", name, r.taken(name, r.full(name, err)))
	}
	return wrap("chmod", name, r.client.Chmod(name, perm))
}

// Link is like os.Link. A server without hard links renames instead: then from
// is gone. Some of these replace, against the draft: so we look first.
func (r *remote) Link(from, to string) error {
	if r.offers(extLink) {
		return wrap("link", to, r.taken(to, r.full(to, r.client.Link(from, to))))
	}
	if _, absent := r.client.Lstat(to); absent == nil {
		return wrap("rename", to, fs.ErrExist)
	}
	return wrap("rename", to, r.taken(to, r.full(to, r.client.Rename(from, to))))
}

// Rename is like os.Rename. A server that cannot replace has neither file for
// a moment.
func (r *remote) Rename(from, to string) error {
	if r.offers(extRename) {
		return wrap("rename", to, r.full(to, r.client.PosixRename(from, to)))
	}
	if err := r.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return wrap("rename", to, r.client.Rename(from, to))
}

// Remove is like os.Remove.
func (r *remote) Remove(name string) error { return wrap("remove", name, r.client.Remove(name)) }

// Stat is like os.Stat.
func (r *remote) Stat(name string) (fs.FileInfo, error) {
	return possible("stat", name, r.client.Stat)
}

// Lstat is like os.Lstat.
func (r *remote) Lstat(name string) (fs.FileInfo, error) {
	return possible("stat", name, r.client.Lstat)
}

// possible asks the server for attributes, and refuses a size that no file has.
func possible(op, name string, ask func(string) (fs.FileInfo, error)) (fs.FileInfo, error) {
	info, err := ask(name)
	if err != nil {
		return nil, wrap(op, name, err)
	}
	if info.Size() < 0 {
		return nil, wrap(op, name, fmt.Errorf("the server reports %d bytes", uint64(info.Size())))
	}
	return info, nil
}

// ReadDir is like os.ReadDir. The entries know their FileInfo. Names that lead to
// other directories are left out: the client reduces "x/.." to "..".
func (r *remote) ReadDir(name string) ([]fs.DirEntry, error) {
	infos, err := r.client.ReadDir(name)
	if err != nil {
		return nil, wrap("list", name, unreadable(err))
	}
	entries := make([]fs.DirEntry, 0, len(infos))
	for _, info := range infos {
		if name := info.Name(); name != "." && name != ".." && !strings.Contains(name, "/") {
			entries = append(entries, fs.FileInfoToDirEntry(info))
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// wrap adds the action and the file to an error; nil stays nil.
func wrap(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// failed reports whether err is the answer SSH_FX_FAILURE, in which a server
// says no more.
func failed(err error) bool {
	var status *sftp.StatusError
	return errors.As(err, &status) && status.FxCode() == sftp.ErrSSHFxFailure
}

// taken makes the failure to give a name that exists an fs.ErrExist.
func (r *remote) taken(name string, err error) error {
	if !failed(err) {
		return err
	}
	if _, exists := r.client.Lstat(name); exists != nil {
		return err
	}
	return fmt.Errorf("%w (%w)", fs.ErrExist, err)
}

// full adds to a failure that the server's disk has no space left, if that is the reason.
func (r *remote) full(name string, err error) error {
	if !failed(err) || !r.offers(extSpace) {
		return err
	}
	space, unknown := r.client.StatVFS(path.Dir(name))
	if unknown != nil || space.Bavail > 0 && (space.Favail > 0 || space.Files == 0) {
		return err
	}
	return fmt.Errorf("%w on the server (%w)", syscall.ENOSPC, err)
}

// unreadable returns EIO where an open file cannot be read: the server has no
// other code for the errors of read(2).
func unreadable(err error) error {
	if !failed(err) {
		return err
	}
	return fmt.Errorf("%w on the server (%w)", syscall.EIO, err)
}

// file is an open file or directory of a server.
type file struct {
	*sftp.File
	remote *remote
}

// Read implements io.Reader.
func (f *file) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	if err == io.EOF {
		return n, err
	}
	return n, wrap("read", f.Name(), unreadable(err))
}

// Write implements io.Writer.
func (f *file) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if err != nil {
		return n, wrap("write", f.Name(), f.remote.full(f.Name(), err))
	}
	return n, nil
}

// Sync is like os.File.Sync, where the server can do it.
func (f *file) Sync() error {
	if !f.remote.syncs {
		return nil
	}
	return wrap("sync", f.Name(), f.File.Sync())
}

// Fd returns no file descriptor: there is none on this host.
func (f *file) Fd() uintptr { return ^uintptr(0) }

// unsynced is a directory of a server that cannot sync it.
type unsynced struct {
	disk.File // nil: a directory is opened to be synced
	name      string
	info      fs.FileInfo
}

// Name returns the name of the directory.
func (u unsynced) Name() string { return u.name }

// Stat returns the attributes of the directory.
func (u unsynced) Stat() (fs.FileInfo, error) { return u.info, nil }

// Sync does nothing.
func (u unsynced) Sync() error { return nil }

// Close does nothing.
func (u unsynced) Close() error { return nil }
