package dir

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"flashwarden/internal/disk"
	"flashwarden/internal/vault"
)

// copyBuffer is the buffer, in bytes, for copying contents.
const copyBuffer = 1 << 20

// Put implements vault.Store.
func (d *Store) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	name, err := d.name(ctx, key)
	if err != nil {
		return err
	}
	tmp, err := d.writeTemp(ctx, r, size)
	if err != nil {
		return err
	}
	defer d.discard(tmp)
	return d.place(tmp.Name(), name)
}

// Adopt implements vault.Adopter.
func (d *Store) Adopt(ctx context.Context, key, path string) error {
	name, err := d.name(ctx, key)
	if err != nil {
		return err
	}
	if d.remote {
		return errors.ErrUnsupported
	}
	f, err := openRegular(d.disk, path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := seal(f); err != nil {
		return err
	}
	err = d.place(path, name)
	if errors.Is(err, syscall.EXDEV) {
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	if err != nil {
		return err
	}
	return d.disk.Remove(path)
}

// Replace implements vault.Replacer. Anything that is not a file stays, and is an
// error.
func (d *Store) Replace(ctx context.Context, key string, r io.Reader, size int64) error {
	name, err := d.name(ctx, key)
	if err != nil {
		return err
	}
	tmp, err := d.writeTemp(ctx, r, size)
	if err != nil {
		return err
	}
	if err := d.disk.Rename(tmp.Name(), name); err != nil {
		d.discard(tmp)
		return fmt.Errorf("replace damaged content: %w; move %s out of the vault, then try again", err, name)
	}
	return errors.Join(disk.SyncDir(d.disk, filepath.Dir(name)), tmp.Close())
}

// Get implements vault.Store.
func (d *Store) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, error) {
	name, err := d.name(ctx, key)
	if err != nil {
		return nil, err
	}
	f, err := openRegular(d.disk, name)
	if err != nil {
		return nil, absent(err)
	}
	if offset == 0 {
		return f, nil
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Forget implements vault.Forgetter. A content was synced before it got its name, so
// the kernel can drop all its pages.
func (d *Store) Forget(ctx context.Context, key string) error {
	name, err := d.name(ctx, key)
	if err != nil || d.remote {
		return err
	}
	f, err := openRegular(d.disk, name)
	if err != nil {
		return absent(err)
	}
	defer f.Close()
	const whole = 0 // posix_fadvise(2): to the end of the file
	err = dropPages(func() error { return unix.Fadvise(int(f.Fd()), 0, whole, unix.FADV_DONTNEED) })
	if err != nil {
		return fmt.Errorf("drop %s from memory: %w", name, err)
	}
	return nil
}

// dropPages gives the kernel an advice, again if a signal interrupts it. A file
// system that takes no advice is no error: a proof then reads what the kernel has.
func dropPages(advise func() error) error {
	for {
		err := advise()
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.EINVAL): // ENOSYS, EOPNOTSUPP
			return nil
		}
		return err
	}
}

// Stat implements vault.Store.
func (d *Store) Stat(ctx context.Context, key string) (vault.Info, error) {
	name, err := d.name(ctx, key)
	if err != nil {
		return vault.Info{}, err
	}
	info, err := d.disk.Lstat(name)
	switch {
	case err != nil:
		return vault.Info{}, absent(err)
	case !info.Mode().IsRegular():
		return vault.Info{}, notRegular(name)
	}
	return vault.Info{Key: key, Size: info.Size(), Modified: info.ModTime()}, nil
}

// List implements vault.Store. It reads directories only: sizes are -1 unless a
// server sent them with the names.
func (d *Store) List(ctx context.Context, prefix string, yield func(vault.Info) error) error {
	var unlisted []error
	err := d.walk(ctx, prefix, func(part string, e fs.DirEntry, err error) error {
		switch key := part + "/" + entryName(e); {
		case err != nil:
			unlisted = append(unlisted, &vault.UnlistedError{Part: part, Err: err})
		case e.Type().IsRegular() && vault.ValidKey(key) && strings.HasPrefix(key, prefix):
			return yield(d.listed(key, e))
		}
		return nil
	})
	if err == nil && strings.HasPrefix(vault.IdentityKey, prefix) {
		err = d.listIdentity(ctx, yield)
	}
	if err != nil {
		return err
	}
	return errors.Join(unlisted...)
}

// listed is what a listing says of one file. On this host only its name is
// free.
func (d *Store) listed(key string, e fs.DirEntry) vault.Info {
	if d.remote {
		if info, err := e.Info(); err == nil && info.Size() >= 0 {
			return vault.Info{Key: key, Size: info.Size(), Modified: info.ModTime()}
		}
	}
	return vault.Info{Key: key, Size: -1}
}

// listIdentity yields the only key outside the parts, which is the last one in
// order.
func (d *Store) listIdentity(ctx context.Context, yield func(vault.Info) error) error {
	info, err := d.Stat(ctx, vault.IdentityKey)
	if errors.Is(err, vault.ErrNotFound) || errors.Is(err, vault.ErrDamaged) {
		return nil
	}
	if err != nil {
		return err
	}
	return yield(info)
}

// entryName is the name of an entry; empty for none.
func entryName(e fs.DirEntry) string {
	if e == nil {
		return ""
	}
	return e.Name()
}

// walk visits everything that lies where keys with this prefix lie: with a
// part of keys and an entry in it, or with a directory that cannot be listed
// and an error.
func (d *Store) walk(ctx context.Context, prefix string, visit func(part string, e fs.DirEntry, err error) error) error {
	for _, top := range vault.Parts() {
		if err := d.walkBelow(ctx, top, prefix, visit); err != nil {
			return err
		}
	}
	return nil
}

func (d *Store) walkBelow(ctx context.Context, dir, prefix string, visit func(part string, e fs.DirEntry, err error) error) error {
	if !vault.LeadsToPart(dir) || !leadsTo(dir, prefix) {
		return nil
	}
	return d.readDir(ctx, dir, visit, func(e fs.DirEntry) error {
		switch {
		case vault.ValidPart(dir):
			return visit(dir, e, nil)
		case e.IsDir():
			return d.walkBelow(ctx, dir+"/"+e.Name(), prefix, visit) // not path.Join: a server may send ".."
		case vault.LeadsToPart(dir+"/"+e.Name()) && leadsTo(dir+"/"+e.Name(), prefix):
			return visit(dir+"/"+e.Name(), nil, errNoDirectory) // nobody knows what a symbolic link hides
		}
		return nil
	})
}

// errNoDirectory says that keys cannot lie in something.
var errNoDirectory = errors.New("it is not a directory")

// leadsTo reports whether keys with this prefix may lie in part.
func leadsTo(part, prefix string) bool {
	part += "/"
	return strings.HasPrefix(part, prefix) || strings.HasPrefix(prefix, part)
}

// readDir calls do for each entry of a directory, and visit with an error where it
// cannot be listed.
func (d *Store) readDir(ctx context.Context, part string, visit func(string, fs.DirEntry, error) error, do func(fs.DirEntry) error) error {
	entries, err := d.disk.ReadDir(filepath.Join(d.path, part))
	switch {
	case err != nil && d.remote && !ofDirectory(err):
		return err // the connection
	case err != nil:
		return visit(part, nil, err)
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := do(e); err != nil {
			return err
		}
	}
	return nil
}

// ofDirectory reports whether an error of a server concerns one directory alone.
func ofDirectory(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || vault.Unreadable(err)
}

// Delete implements vault.Store.
func (d *Store) Delete(ctx context.Context, key string) error {
	name, err := d.name(ctx, key)
	if err != nil {
		return err
	}
	if err := d.disk.Remove(name); err != nil {
		return absent(err)
	}
	return disk.SyncDir(d.disk, filepath.Dir(name))
}

// DeleteAll implements vault.BatchDeleter: each directory is synced once.
func (d *Store) DeleteAll(ctx context.Context, keys []string) error {
	dirs := make(map[string]bool)
	for _, key := range keys {
		name, err := d.name(ctx, key)
		if err != nil {
			return err
		}
		if err := d.disk.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		dirs[filepath.Dir(name)] = true
	}
	for dir := range dirs {
		if err := disk.SyncDir(d.disk, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// name returns the path of the file for key.
func (d *Store) name(ctx context.Context, key string) (string, error) {
	if !vault.ValidKey(key) {
		return "", fmt.Errorf("%q is not a key of a vault", key)
	}
	return filepath.Join(d.path, filepath.FromSlash(key)), ctx.Err()
}

// absent makes an error of a missing file an ErrNotFound.
func absent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return vault.ErrNotFound
	}
	return err
}

func notRegular(path string) error {
	return fmt.Errorf("%s is %w: not a regular file", path, vault.ErrDamaged)
}

// openRegular opens a regular file for reading.
func openRegular(fsys disk.FS, path string) (disk.File, error) {
	f, err := fsys.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, notRegular(path)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notRegular(path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// place gives the sealed file from its name. The error is vault.ErrExists
// where the name is taken, and then too the name is on stable storage: another
// process may have given it a moment ago.
func (d *Store) place(from, to string) error {
	dir := filepath.Dir(to)
	if err := d.makePart(dir); err != nil {
		return err
	}
	err := d.disk.Link(from, to) // unlike a rename, it never replaces
	if errors.Is(err, fs.ErrNotExist) && d.forgotDirs(dir) {
		if err := d.makePart(dir); err != nil {
			return err
		}
		err = d.disk.Link(from, to) // fails again if from is gone
	}
	taken := errors.Is(err, fs.ErrExist) && !d.isOne(from, to)
	if errors.Is(err, fs.ErrExist) && !taken {
		err = nil
	}
	if err != nil && !taken {
		return d.unfit(err)
	}
	if err := disk.SyncDir(d.disk, dir); err != nil {
		return err
	}
	if taken {
		return vault.ErrExists
	}
	return nil
}

// isOne reports whether two names are those of one file: NFS repeats a LINK whose
// answer was lost, and the second one finds the name that the first one made.
func (d *Store) isOne(a, b string) bool {
	one, err := d.disk.Lstat(a)
	if err != nil {
		return false
	}
	other, err := d.disk.Lstat(b)
	return err == nil && os.SameFile(one, other)
}

// unfit explains the refusal to link a file of ours, or to make it read-only: the
// file system cannot do so.
func (d *Store) unfit(err error) error {
	if d.remote || !errors.Is(err, syscall.EPERM) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return fmt.Errorf("%w: the file system of %s has no hard links or no file modes, like FAT, exFAT and some SMB shares; "+
		"use ext4, XFS, Btrfs, ZFS or NFS, or an SFTP server", err, d.path)
}

// makePart makes the directories below a first part, which exists: where it
// does not, its disk is missing.
func (d *Store) makePart(dir string) error {
	if dir == d.path {
		return nil
	}
	if _, done := d.durable.Load(dir); done {
		return nil
	}
	if filepath.Dir(dir) == d.path {
		return d.wantDir(dir)
	}
	if err := d.makePart(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := d.mkdir(dir); err != nil {
		return err
	}
	d.durable.Store(dir, true)
	return nil
}

// forgotDirs reports whether a directory that makePart believed in is gone, and
// forgets it with those above.
func (d *Store) forgotDirs(dir string) bool {
	_, believed := d.durable.LoadAndDelete(dir)
	d.durable.Delete(filepath.Dir(dir))
	return believed
}

// seal makes f read-only and brings it to stable storage.
func seal(f disk.File) error {
	if err := f.Chmod(fileMode); err != nil {
		return err
	}
	return f.Sync()
}

// writeTemp writes size bytes of r into a sealed file in tmp/, which the
// caller places and discards.
func (d *Store) writeTemp(ctx context.Context, r io.Reader, size int64) (disk.File, error) {
	tmp, err := d.createTemp()
	if err != nil {
		return nil, err
	}
	n, err := io.CopyBuffer(onlyWriter{tmp}, contextReader{ctx, r}, make([]byte, max(1, min(copyBuffer, size+1))))
	if err == nil && n != size {
		err = fmt.Errorf("the content has %d bytes, expected %d", n, size)
	}
	if err == nil {
		err = d.unfit(seal(tmp))
	}
	if err != nil {
		d.discard(tmp)
		return nil, err
	}
	return tmp, nil
}

func (d *Store) createTemp() (disk.File, error) {
	name := filepath.Join(d.path, tmpDir, "put-"+rand.Text())
	f, err := d.disk.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if err := d.makeTemp(); err != nil {
		return nil, err
	}
	return d.disk.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// makeTemp makes tmp/ of a store that has only what belongs to a vault, like a copy of one that
// was made by hand. Without the first parts, its disk is missing.
func (d *Store) makeTemp() error {
	if err := d.wantDir(filepath.Join(d.path, vault.BlobsPart)); err != nil {
		return err
	}
	return d.mkdir(filepath.Join(d.path, tmpDir))
}

// discard closes and removes a file in tmp/. Its errors do no harm: what
// stays there is removed by Sweep.
func (d *Store) discard(tmp disk.File) {
	tmp.Close()
	d.disk.Remove(tmp.Name())
}

// onlyWriter hides the other methods of a file, so that io.CopyBuffer uses its buffer.
type onlyWriter struct{ io.Writer }

// contextReader stops reading when ctx ends. It has no other methods than
// Read, so that io.CopyBuffer uses its buffer.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
