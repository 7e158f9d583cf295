//go:build linux

package tftp

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// An upload in Staging is one file: the name of its target, a newline, then the
// content. When it is complete and synced, it gets a second name, with the device
// and inode numbers of the target. From then on it replaces the target: it empties
// the target and writes the content. It loses this name when the target is synced.
//
// A crash in between leaves a target that holds a part of the upload and nothing
// else, because the emptying is synced before the first write. Sweep completes such a
// target. If the target is anything else, somebody has changed it, or the crash came
// before the emptying: Sweep touches nothing and keeps the upload aside.
//
// Two uploads for one target take turns: the one with the second name holds a
// lock on its file.

// completePrefix begins the names of complete uploads in Staging. The device and inode
// numbers of the target follow, or the inode number alone.
const completePrefix = ".flashwarden-complete-"

// isCompleteName reports whether a complete upload in Staging has the name.
func isCompleteName(name string) bool {
	numbers, ok := strings.CutPrefix(name, completePrefix)
	first, second, two := strings.Cut(numbers, "-")
	return ok && isNumber(first) && (!two || isNumber(second))
}

func isNumber(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// keptPrefix begins the names of complete uploads that Sweep keeps aside.
const keptPrefix = ".flashwarden-kept-"

// completeFor returns the name of the complete upload for a target.
func completeFor(target fs.FileInfo) string {
	s := target.Sys().(*syscall.Stat_t)
	return fmt.Sprintf(completePrefix+"%d-%d", s.Dev, s.Ino)
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
	if err := target.Truncate(0); err != nil { // nothing has changed
		return errors.Join(inPlace(err), w.disk.Remove(complete))
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

// replaceContent fills an emptied target with the content of the upload after its
// header, and then removes the upload's name. That must be on stable storage before
// the peer gets its last ACK: otherwise a crash could bring this content back after
// a later upload.
func replaceContent(d disk, name string, upload diskFile, header int64, target diskFile) error {
	if err := target.Sync(); err != nil { // no old byte may survive among the new ones
		return inPlace(err)
	}
	content, err := section(upload, header)
	if err != nil {
		return err
	}
	if _, err := io.Copy(target, content); err != nil {
		return inPlace(err)
	}
	if err := target.Sync(); err != nil {
		return inPlace(err)
	}
	if err := d.Remove(name); err != nil {
		return err
	}
	return syncDir(d, name)
}

func inPlace(err error) error { return fmt.Errorf("write into the existing file: %w", err) }

// section returns the content of a file from an offset on.
func section(f diskFile, from int64) (*io.SectionReader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return io.NewSectionReader(f, from, info.Size()-from), nil
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
		case isCompleteName(e.Name()):
			errs = append(errs, d.recoverOne(staging, e.Name()))
		case isTempName(e.Name()):
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
	f, err := d.disk(d.Root).OpenFile(target, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return d.keepAside(staging, name)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	header := int64(len(target) + 1)
	part, err := isPart(f, upload, header)
	if err != nil {
		return err
	}
	if !part {
		return d.keepAside(staging, name)
	}
	if err := f.Truncate(0); err != nil {
		return inPlace(err)
	}
	return replaceContent(staging, name, upload, header, f)
}

// isPart reports whether a file holds nothing but a part of the upload after its
// header: it is not longer, and each byte is that of the upload, or zero as in blocks
// that were not written yet.
func isPart(file, upload diskFile, header int64) (bool, error) {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false, err
	}
	want, err := section(upload, header)
	if err != nil || info.Size() > want.Size() {
		return false, err
	}
	has := io.NewSectionReader(file, 0, info.Size())
	a, b := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := readFull(has, a)
		if n == 0 || err != nil {
			return err == nil, err
		}
		if _, err := io.ReadFull(want, b[:n]); err != nil {
			return false, err
		}
		for i, have := range a[:n] {
			if have != b[i] && have != 0 {
				return false, nil
			}
		}
	}
}

// keepAside renames a complete upload that must not be written into its target, so
// that the target is served again. It always returns an error, which has the new name. The
// directory is not synced: if a crash brings the old name back, the next Sweep decides
// again.
func (d *Dir) keepAside(staging disk, name string) error {
	kept := keptPrefix + rand.Text()
	if err := staging.Rename(name, kept); err != nil {
		return err
	}
	return fmt.Errorf("the file stays as it is, because it was changed, or the writing had not begun; the upload is kept as %s, after a line with its name", path.Join(d.Staging.Name(), kept))
}
