package vault

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// copyBuffer is the buffer, in bytes, for reading and copying blobs.
const copyBuffer = 1 << 20

// Adopt takes the file path, whose content has the given SHA-256, into the
// vault and removes it from where it was. The caller has computed the digest
// itself while it wrote the file; on the vault's own file system the content
// is not read again.
//
// Where the vault has the content already, its blob is read: one that still is
// what its name says stays, a damaged one is replaced. After an error the file
// may still be there, and must not be trusted to be on stable storage: the
// caller removes it and gets its content anew.
func (d *Dir) Adopt(path, sha256 string) error {
	if err := d.adopt(path, sha256); err != nil {
		return fmt.Errorf("adopt %s: %w", path, err)
	}
	return nil
}

func (d *Dir) adopt(path, sum string) error {
	if !validSHA256(sum) {
		return fmt.Errorf("%q is not a SHA-256 in lower-case hexadecimal", sum)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	if err := d.seal(f); err != nil {
		return err
	}
	err = d.place(path, sum, info.Size())
	if errors.Is(err, syscall.EXDEV) {
		err = d.adoptCopy(f, sum, info.Size())
	}
	if err != nil {
		return err
	}
	return d.remove(path)
}

// adoptCopy brings the content of src, on another file system, into the
// vault.
func (d *Dir) adoptCopy(src *os.File, sum string, size int64) error {
	tmp, err := d.createTemp()
	if err != nil {
		return err
	}
	defer d.discard(tmp)
	hash := sha256.New()
	n, err := io.CopyBuffer(onlyWriter{io.MultiWriter(&stepWriter{d, tmp}, hash)}, onlyReader{src}, make([]byte, copyBuffer))
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != sum || n != size {
		return fmt.Errorf("its SHA-256 is %s with %d bytes, expected %s with %d bytes", got, n, sum, size)
	}
	if err := d.seal(tmp); err != nil {
		return err
	}
	return d.place(tmp.Name(), sum, size)
}

// Put keeps a small text and returns its digests in hexadecimal.
func (d *Dir) Put(data []byte) (sha256Hex, md5Hex string, err error) {
	sum, weak := sha256.Sum256(data), md5.Sum(data)
	sha256Hex, md5Hex = hex.EncodeToString(sum[:]), hex.EncodeToString(weak[:])
	tmp, err := d.writeTemp(data)
	if err != nil {
		return "", "", fmt.Errorf("put %d bytes into the vault: %w", len(data), err)
	}
	defer d.discard(tmp)
	if err := d.place(tmp.Name(), sha256Hex, int64(len(data))); err != nil {
		return "", "", fmt.Errorf("put %d bytes into the vault: %w", len(data), err)
	}
	return sha256Hex, md5Hex, nil
}

// OpenBlob opens the content with the given SHA-256 for reading. The error is
// ErrNotFound where the vault does not have it.
func (d *Dir) OpenBlob(sha256 string) (*os.File, error) {
	if !validSHA256(sha256) {
		return nil, fmt.Errorf("open blob: %q is not a SHA-256 in lower-case hexadecimal", sha256)
	}
	f, err := os.OpenFile(d.blobPath(sha256), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("blob %s: %w", sha256, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("open blob: %w", err)
	}
	return f, nil
}

// HasBlob reports whether the vault has the content with the given SHA-256,
// with size bytes.
func (d *Dir) HasBlob(sha256 string, size int64) bool {
	return d.checkBlob(sha256, size) == nil
}

// checkBlob says what is wrong with the blob as its name and size show it.
func (d *Dir) checkBlob(sum string, size int64) error {
	if !validSHA256(sum) {
		return fmt.Errorf("%q is not a SHA-256 in lower-case hexadecimal", sum)
	}
	info, err := os.Lstat(d.blobPath(sum))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("blob %s: %w", sum, ErrNotFound)
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("blob %s is not a regular file: %w", sum, ErrDamaged)
	case info.Size() != size:
		return fmt.Errorf("blob %s has %d bytes where %d are expected: %w", sum, info.Size(), size, ErrDamaged)
	}
	return nil
}

func (d *Dir) blobPath(sum string) string {
	return filepath.Join(d.path, blobsDir, sum[:2], sum)
}

// place gives the sealed file from its name in blobs/. A blob that is there
// already stays, unless it is damaged.
func (d *Dir) place(from, sum string, size int64) error {
	dir := filepath.Dir(d.blobPath(sum))
	if err := d.mkdir(dir); err != nil {
		return err
	}
	err := d.link(from, d.blobPath(sum))
	if errors.Is(err, fs.ErrExist) {
		if err = d.Prove(sum, size); errors.Is(err, ErrDamaged) {
			err = d.replaceBlob(from, sum)
		}
	}
	if err != nil {
		return err
	}
	return d.syncDir(dir)
}

// Prove reads the content with the given SHA-256 and says what is wrong with
// it: ErrNotFound, ErrDamaged, or that it cannot be read.
func (d *Dir) Prove(sum string, size int64) error {
	if err := d.checkBlob(sum, size); err != nil {
		return err
	}
	got := d.hashBlob(context.Background(), sum, make([]byte, copyBuffer), &counter{})
	if got.err == nil && got.sha256 != sum {
		return fmt.Errorf("blob %s has the SHA-256 %s: %w", sum, got.sha256, ErrDamaged)
	}
	return got.err
}

// replaceBlob puts the sealed file from in the place of a damaged blob, at
// once: there is no moment without one of the two. What is no file at all
// stays, and is an error.
func (d *Dir) replaceBlob(from, sum string) error {
	spare, err := d.spareName()
	if err != nil {
		return err
	}
	if err := d.link(from, spare); err != nil {
		return err
	}
	if err := d.rename(spare, d.blobPath(sum)); err != nil {
		return errors.Join(fmt.Errorf("replace the damaged blob: %w; move %s out of the vault, then try again", err, d.blobPath(sum)),
			d.remove(spare))
	}
	return nil
}

// spareName is a free name in tmp/.
func (d *Dir) spareName() (string, error) {
	tmp, err := d.createTemp()
	if err != nil {
		return "", err
	}
	d.discard(tmp)
	return tmp.Name(), nil
}

// seal makes f read-only and brings it to stable storage.
func (d *Dir) seal(f *os.File) error {
	if err := d.chmod(f); err != nil {
		return err
	}
	return d.syncFile(f)
}

// writeTemp writes data into a sealed file in tmp/, which the caller places
// and discards.
func (d *Dir) writeTemp(data []byte) (*os.File, error) {
	tmp, err := d.createTemp()
	if err != nil {
		return nil, err
	}
	if _, err = (&stepWriter{d, tmp}).Write(data); err == nil {
		err = d.seal(tmp)
	}
	if err != nil {
		d.discard(tmp)
		return nil, err
	}
	return tmp, nil
}

func (d *Dir) createTemp() (*os.File, error) {
	if err := d.step("create", tmpDir); err != nil {
		return nil, err
	}
	return os.CreateTemp(filepath.Join(d.path, tmpDir), "put-*")
}

// discard closes and removes a file in tmp/. Its errors do no harm: what
// stays there is removed by Sweep.
func (d *Dir) discard(tmp *os.File) {
	tmp.Close()
	d.remove(tmp.Name())
}

// stepWriter is a file whose writes are steps.
type stepWriter struct {
	dir  *Dir
	file *os.File
}

func (w *stepWriter) Write(p []byte) (int, error) {
	if err := w.dir.step("write", w.file.Name()); err != nil {
		return 0, err
	}
	return w.file.Write(p)
}

// onlyReader and onlyWriter hide the shortcuts of io.CopyBuffer, which would
// bypass its buffer.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)

func validSHA256(s string) bool { return validHex(s, 2*sha256.Size) }

// validHex reports whether s is n lower-case hexadecimal digits.
func validHex(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
