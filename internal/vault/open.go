package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Blob is content of the vault that is open for reading. Several goroutines
// may call ReadAt at once.
type Blob struct {
	ctx  context.Context
	v    *blobs
	key  string
	size int64
	at   io.ReaderAt // reads anywhere; nil: the store has to be asked

	mu     sync.Mutex
	stream io.ReadCloser // nil: none
	pos    int64         // of stream
	next   int64         // where Read goes on
}

// OpenBlob opens the content with the given SHA-256 for reading. The error is
// ErrNotFound where the vault does not have it. Stores that have to be asked
// again for other parts of it are asked under ctx.
func (v *blobs) OpenBlob(ctx context.Context, sha256 string) (*Blob, error) {
	if !validSHA256(sha256) {
		return nil, fmt.Errorf("open blob: %w", notSHA256(sha256))
	}
	key := BlobKey(sha256)
	info, err := v.store.Stat(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", sha256, err)
	}
	stream, err := v.store.Get(ctx, key, 0)
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", sha256, err)
	}
	b := &Blob{ctx: ctx, v: v, key: key, size: info.Size, stream: stream}
	b.at, _ = stream.(io.ReaderAt)
	return b, nil
}

// Size returns the size of the content in bytes.
func (b *Blob) Size() int64 { return b.size }

// Read reads on where the last Read ended.
func (b *Blob) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.seek(b.next); err != nil {
		return 0, err
	}
	n, err := b.stream.Read(p)
	b.pos += int64(n)
	b.next = b.pos
	return n, err
}

// ReadAt implements io.ReaderAt.
func (b *Blob) ReadAt(p []byte, off int64) (int, error) {
	if b.at != nil {
		return b.at.ReadAt(p, off)
	}
	if off >= b.size {
		return 0, io.EOF
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.seek(off); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(b.stream, p)
	b.pos += int64(n)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// seek makes stream stand at off. Whoever reads in order needs one stream.
func (b *Blob) seek(off int64) error {
	if b.stream != nil && b.pos == off {
		return nil
	}
	if err := b.close(); err != nil {
		return err
	}
	stream, err := b.v.store.Get(b.ctx, b.key, off)
	if err != nil {
		return err
	}
	b.stream, b.pos = stream, off
	return nil
}

// Close ends reading.
func (b *Blob) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.close()
}

func (b *Blob) close() error {
	if b.stream == nil {
		return nil
	}
	err := b.stream.Close()
	b.stream = nil
	return err
}
