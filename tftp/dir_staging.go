//go:build linux

package tftp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"syscall"

	"golang.org/x/sys/unix"
)

// An upload in Staging is one file: the name of its target, a newline, then the
// content. When it is complete and synced, it gets a second name, with the inode
// number of the target. From then on it replaces the target, after a crash too.
// It loses this name when the target is synced.
//
// Two uploads for one target take turns: the one with the second name holds a
// lock on its file.

// completeName matches the names of complete uploads in Staging.
var completeName = regexp.MustCompile(`^\.flashwarden-complete-[0-9]+$`)

// completeFor returns the name of the complete upload for a target.
func completeFor(target fs.FileInfo) string {
	return fmt.Sprintf(".flashwarden-complete-%d", target.Sys().(*syscall.Stat_t).Ino)
}

// beingReplaced reports whether a complete upload is still being written into the
// file. The file may then be half old and half new.
func (d *Dir) beingReplaced(info fs.FileInfo) bool {
	if d.Staging == nil {
		return false
	}
	_, err := d.Staging.Lstat(completeFor(info))
	return err == nil
}

// needsLock spares no error: two uploads for one target must take turns.
func needsLock(error) bool { return false }

// beginStaged creates the temporary file in Staging.
func (w *dirWriter) beginStaged() error {
	w.disk = w.dir.disk(w.dir.Staging)
	if err := w.createTemp(".", needsLock); err != nil {
		return fmt.Errorf("stage upload: %w", err)
	}
	header := w.name + "\n"
	if _, err := io.WriteString(w.file, header); err != nil {
		return fmt.Errorf("stage upload: %w", err)
	}
	w.header = int64(len(header))
	return nil
}

// writeInPlace writes a synced upload in Staging into the existing file.
func (w *dirWriter) writeInPlace() error {
	target, err := w.openOld()
	if err != nil {
		return openError(err)
	}
	defer target.Close()
	if err := reserve(target, w.length); err != nil {
		return err
	}
	complete := completeFor(w.old)
	if err := claim(w.disk, w.temp, complete); err != nil {
		return err
	}
	if err := syncDir(w.disk, complete); err != nil {
		return errors.Join(err, w.disk.Remove(complete))
	}
	return replaceContent(w.disk, complete, w.file, w.header, target)
}

// reserve allocates the space for size bytes, so that the disk cannot get full
// when the file is half written.
func reserve(f diskFile, size int64) error {
	if size == 0 {
		return nil
	}
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}

// claim gives the upload temp the name complete. It waits for another upload with
// that name to end, and replaces one that has failed.
func claim(d disk, temp, complete string) error {
	for {
		err := d.Link(temp, complete)
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		other, err := d.OpenFile(complete, os.O_RDONLY, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		failed, err := lock(other) // it has lost both names otherwise
		if err == nil && failed {
			err = d.Rename(temp, complete)
		}
		if err = errors.Join(err, other.Close()); err != nil || failed {
			return err
		}
	}
}

// replaceContent replaces the content of target with that of the upload after its
// header, and then removes the upload's name. That must be on stable storage
// before the peer gets its last ACK: otherwise a crash could bring this content
// back after a later upload.
func replaceContent(d disk, name string, upload diskFile, header int64, target diskFile) error {
	info, err := upload.Stat()
	if err != nil {
		return err
	}
	size := info.Size() - header
	if _, err := io.Copy(target, io.NewSectionReader(upload, header, size)); err != nil {
		return fmt.Errorf("write into the existing file: %w", err)
	}
	if err := target.Truncate(size); err != nil {
		return fmt.Errorf("write into the existing file: %w", err)
	}
	if err := target.Sync(); err != nil {
		return fmt.Errorf("write into the existing file: %w", err)
	}
	if err := d.Remove(name); err != nil {
		return err
	}
	return syncDir(d, name)
}

// recover completes the uploads in Staging that a crash interrupted while they
// were written into the existing file, and removes the incomplete ones.
func (d *Dir) recover() error {
	if d.Staging == nil {
		return nil
	}
	staging := d.disk(d.Staging)
	entries, err := fs.ReadDir(d.Staging.FS(), ".")
	errs := []error{err}
	for _, e := range entries {
		switch {
		case !e.Type().IsRegular():
		case completeName.MatchString(e.Name()):
			errs = append(errs, d.recoverOne(staging, e.Name()))
		case tempName.MatchString(e.Name()):
			errs = append(errs, sweepTemp(staging, e.Name()))
		}
	}
	return errors.Join(errs...)
}

func (d *Dir) recoverOne(staging disk, name string) error {
	upload, err := openOwn(staging, name)
	if upload == nil {
		return err
	}
	defer upload.Close()
	head := make([]byte, maxName+1)
	n, err := upload.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("complete upload: %w", err)
	}
	target, _, found := bytes.Cut(head[:n], []byte("\n"))
	if local, err := localName(string(target)); !found || err != nil || local != string(target) {
		return fmt.Errorf("complete upload: %s in the staging directory is damaged", name)
	}
	if err := d.recoverInto(staging, name, upload, string(target)); err != nil {
		return fmt.Errorf("complete upload of %q: %w", target, err)
	}
	return nil
}

func (d *Dir) recoverInto(staging disk, name string, upload diskFile, target string) error {
	f, err := d.disk(d.Root).OpenFile(target, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) { // no file to complete
		return errors.Join(staging.Remove(name), syncDir(staging, name))
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, errors.New("not a file"))
	}
	return replaceContent(staging, name, upload, int64(len(target)+1), f)
}
