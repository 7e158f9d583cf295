package vault

import (
	"context"
	"io"
)

// original opens one content of the vault. damage gets the reason why it cannot
// be read to its end.
func (r *mirrorRun) original(ctx context.Context, sum string, size int64, damage *error) (io.ReadCloser, error) {
	if err := r.vault.checkBlob(ctx, sum, size); err != nil {
		return nil, err
	}
	f, err := r.vault.store.Get(ctx, BlobKey(sum), 0)
	if err != nil {
		return nil, err
	}
	return &originalReader{Reader: newProvedReader(f, sum, size), Closer: f, ctx: ctx, run: r, damage: damage}, nil
}

// originalReader reads one content of the vault, at most as fast as the limit.
type originalReader struct {
	io.Reader
	io.Closer
	ctx    context.Context
	run    *mirrorRun
	damage *error
}

// Read implements io.Reader.
func (o *originalReader) Read(p []byte) (int, error) {
	n, err := o.Reader.Read(o.run.limit.Part(p))
	if err != nil && err != io.EOF {
		*o.damage = err
		return n, err
	}
	o.run.count.add(int64(n))
	if limited := o.run.limit.Wait(o.ctx, n); limited != nil {
		return n, limited
	}
	return n, err
}
