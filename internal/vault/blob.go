package vault

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Adopt takes the file path, whose content has the given SHA-256, into the
// vault and removes it from where it was. The caller has computed the digest
// itself while it wrote the file; a store that is an Adopter does not read the
// content again.
//
// Where the vault has the content already, its blob is read: one that still
// has the digest of its name stays, a damaged one is replaced. After an error
// the file may still exist, and must not be trusted to be on stable storage:
// the caller removes it and gets its content anew.
func (v *blobs) Adopt(ctx context.Context, path, sha256 string) error {
	if err := v.adopt(ctx, path, sha256); err != nil {
		return fmt.Errorf("adopt %s: %w", path, err)
	}
	return nil
}

func (v *blobs) adopt(ctx context.Context, path, sum string) error {
	if !validSHA256(sum) {
		return notSHA256(sum)
	}
	v.claims.claim(digestOf(sum))
	f, size, err := openFinished(path)
	if err != nil {
		return err
	}
	defer f.Close()
	content := func() (io.Reader, error) {
		_, err := f.Seek(0, io.SeekStart)
		return newProvedReader(f, sum, size), err
	}
	if err = v.takeOver(ctx, BlobKey(sum), path); errors.Is(err, errors.ErrUnsupported) {
		err = v.put(ctx, sum, size, content)
	}
	if errors.Is(err, ErrExists) {
		err = v.mend(ctx, sum, size, content)
	}
	if err != nil {
		return err
	}
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// openFinished opens a regular file for reading.
func openFinished(path string) (f *os.File, size int64, err error) {
	f, err = os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// takeOver has the store adopt the file path. The error is
// errors.ErrUnsupported where it cannot.
func (v *blobs) takeOver(ctx context.Context, key, path string) error {
	if a, ok := v.store.(Adopter); ok {
		return a.Adopt(ctx, key, path)
	}
	return errors.ErrUnsupported
}

// Put keeps a small text and returns its digests in hexadecimal.
func (v *blobs) Put(ctx context.Context, data []byte) (sha256Hex, md5Hex string, err error) {
	sum, weak := sha256.Sum256(data), md5.Sum(data)
	sha256Hex, md5Hex = hex.EncodeToString(sum[:]), hex.EncodeToString(weak[:])
	size := int64(len(data))
	content := func() (io.Reader, error) { return bytes.NewReader(data), nil }
	if err = v.put(ctx, sha256Hex, size, content); errors.Is(err, ErrExists) {
		err = v.mend(ctx, sha256Hex, size, content)
	}
	if err != nil {
		return "", "", fmt.Errorf("put %d bytes into the vault: %w", len(data), err)
	}
	return sha256Hex, md5Hex, nil
}

func (v *blobs) put(ctx context.Context, sum string, size int64, content func() (io.Reader, error)) error {
	v.claims.claim(digestOf(sum))
	r, err := content()
	if err != nil {
		return err
	}
	return v.store.Put(ctx, BlobKey(sum), r, size)
}

// mend proves a blob that exists, and replaces one that is damaged or cannot be
// read with content.
func (v *blobs) mend(ctx context.Context, sum string, size int64, content func() (io.Reader, error)) error {
	damage := v.Prove(ctx, sum, size)
	if damage == nil {
		return v.retain(ctx, BlobKey(sum))
	}
	if !replaceable(damage) {
		return damage
	}
	r, err := content()
	if err != nil {
		return err
	}
	return v.replace(ctx, BlobKey(sum), r, size)
}

// replaceable reports whether a content with this error is worth nothing: another
// copy may replace it.
func replaceable(err error) bool { return errors.Is(err, ErrDamaged) || Unreadable(err) }

// HasBlob reports whether the vault has the content with the given SHA-256,
// with size bytes. An error means that it cannot say.
func (v *blobs) HasBlob(ctx context.Context, sha256 string, size int64) (bool, error) {
	err := v.checkBlob(ctx, sha256, size)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrDamaged) {
		return false, nil
	}
	return err == nil, err
}

// checkBlob returns an error where the vault has no blob with this name and
// size. It does not read the content.
func (v *blobs) checkBlob(ctx context.Context, sum string, size int64) error {
	if !validSHA256(sum) {
		return notSHA256(sum)
	}
	v.claims.claim(digestOf(sum))
	info, err := v.store.Stat(ctx, BlobKey(sum))
	switch {
	case err != nil:
		return fmt.Errorf("blob %s: %w", sum, err)
	case info.Size != size:
		return fmt.Errorf("blob %s has %d bytes where %d are expected: %w", sum, info.Size, size, ErrDamaged)
	}
	return nil
}

// Prove reads the content with the given SHA-256 and compares its size and
// digest. The error is ErrNotFound, ErrDamaged, or says why it cannot be read.
func (v *blobs) Prove(ctx context.Context, sha256 string, size int64) error {
	if err := v.checkBlob(ctx, sha256, size); err != nil {
		return err
	}
	got := v.hashBlob(ctx, digestOf(sha256), make([]byte, min(readBuffer, size+1)), &counter{})
	if got.err == nil && got.sha256 != got.sum {
		return fmt.Errorf("blob %s has the SHA-256 %s: %w", sha256, got.sha256, ErrDamaged)
	}
	return got.err
}

func notSHA256(s string) error {
	return fmt.Errorf("%q is not a SHA-256 in lower-case hexadecimal", s)
}

// provedReader returns an error in place of its last bytes where the content does
// not have the digest and size that it should have.
type provedReader struct {
	r    io.Reader
	hash hash.Hash
	n    int64
	want string
	size int64
}

func newProvedReader(r io.Reader, sha256Hex string, size int64) *provedReader {
	return &provedReader{r: r, hash: sha256.New(), want: sha256Hex, size: size}
}

// Read implements io.Reader. A reader of exactly size bytes may never ask for the
// end: so the digest is compared with the last byte.
func (p *provedReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.hash.Write(b[:n])
	p.n += int64(n)
	if err != nil && err != io.EOF || err == nil && p.n < p.size {
		return n, err
	}
	if got := hex.EncodeToString(p.hash.Sum(nil)); got != p.want || p.n != p.size {
		return 0, fmt.Errorf("its SHA-256 is %s with %d bytes, expected %s with %d bytes", got, p.n, p.want, p.size)
	}
	return n, err
}

// Seek implements io.Seeker for the beginning alone: a store may have to send a content
// again.
func (p *provedReader) Seek(offset int64, whence int) (int64, error) {
	back, ok := p.r.(io.Seeker)
	if !ok || offset != 0 || whence != io.SeekStart {
		return 0, errors.ErrUnsupported
	}
	p.hash.Reset()
	p.n = 0
	return back.Seek(0, io.SeekStart)
}
