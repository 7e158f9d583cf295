package vault

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"io"
	"runtime"
	"sync"

	"flashwarden/api"
)

// readBuffer is the buffer, in bytes, for reading blobs.
const readBuffer = 1 << 20

// digests are those of one blob as it was read.
type digests struct {
	sum    digest // its name
	sha256 digest
	md5    [md5.Size]byte
	size   int64
	err    error
}

// readBlobs reads blobs and compares their digests with their names and with
// what snapshots say.
func (c *checker) readBlobs(ctx context.Context) error {
	sums, err := c.toRead(ctx)
	if err != nil {
		return err
	}
	count := &counter{report: c.opt.Progress}
	for _, sum := range sums {
		count.total += c.contents[sum].size
	}
	for r := range c.vault.hashBlobs(ctx, sums, count) {
		c.judge(ctx, r)
	}
	return ctx.Err()
}

// hashBlobs reads the blobs with a worker for each processor. The channel is closed when
// all is read, or soon after ctx ended; it must be drained.
func (v *blobs) hashBlobs(ctx context.Context, sums []digest, count *counter) <-chan digests {
	return sideBySide(ctx, sums, func() func(digest) digests {
		buffer := make([]byte, readBuffer)
		return func(sum digest) digests { return v.hashBlob(ctx, sum, buffer, count) }
	})
}

// sideBySide does work for each of all, with a worker for each processor. Each
// worker calls begin once. The results come in any order. The channel is closed
// when all is done, or soon after ctx ended; it must be drained.
func sideBySide[T, R any](ctx context.Context, all []T, begin func() func(T) R) <-chan R {
	todo, results := make(chan T), make(chan R, 64)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			work := begin()
			for one := range todo {
				results <- work(one)
			}
		})
	}
	go func() {
		defer close(results)
		defer workers.Wait()
		defer close(todo)
		for _, one := range all {
			select {
			case todo <- one:
			case <-ctx.Done():
				return
			}
		}
	}()
	return results
}

// judge reports wrong digests of one blob.
func (c *checker) judge(ctx context.Context, r digests) {
	switch {
	case errors.Is(r.err, context.Canceled) || errors.Is(r.err, context.DeadlineExceeded):
	case errors.Is(r.err, ErrNotFound):
		if claims := c.claims(r.sum); len(claims) > 0 {
			c.lacks(ctx, r.sum, claims[0], absent)
		}
	case r.err != nil:
		c.reportBlob(api.CheckUnreadable, r.sum, "%v", r.err)
		if Unreadable(r.err) { // other errors say nothing of the content, as a mode or a connection
			c.opt.Proved(r.sum.String(), c.contents[r.sum].size, false)
		}
	default:
		c.counts.BlobsRead++
		c.counts.BytesRead += r.size
		c.judgeContent(ctx, r)
	}
}

// judgeContent reports wrong digests of a blob that was read.
func (c *checker) judgeContent(ctx context.Context, r digests) {
	c.opt.Proved(r.sum.String(), r.size, r.sha256 == r.sum)
	if r.sha256 != r.sum {
		c.reportBlob(api.CheckBlobDamaged, r.sum,
			"its content has the SHA-256 %s: back up a device that has the file, and have all files copied again; or move it out of the vault, and the next backup copies it again", r.sha256)
		return
	}
	for _, said := range c.claims(r.sum) {
		if said.hasMD5 && said.md5 != r.md5 {
			key, path := c.where(ctx, r.sum, said)
			c.report(api.CheckMD5, key, "it says MD5 %x for %s, but the content has %x", said.md5, path, r.md5)
		}
	}
}

// getFromDisk is Store.Get for a proof: it reads the disk, not the memory of this
// host. A server may still answer from its own memory.
func (v *blobs) getFromDisk(ctx context.Context, key string) (io.ReadCloser, error) {
	if f, ok := v.store.(Forgetter); ok {
		if err := f.Forget(ctx, key); err != nil {
			return nil, err
		}
	}
	return v.store.Get(ctx, key, 0)
}

// hashBlob reads one blob in one pass.
func (v *blobs) hashBlob(ctx context.Context, sum digest, buffer []byte, count *counter) digests {
	f, err := v.getFromDisk(ctx, BlobKey(sum.String()))
	if err != nil {
		return digests{sum: sum, err: err}
	}
	defer f.Close()
	strong, weak := sha256.New(), md5.New()
	var size int64
	for {
		if err := ctx.Err(); err != nil {
			return digests{sum: sum, err: err}
		}
		n, err := f.Read(buffer)
		strong.Write(buffer[:n])
		weak.Write(buffer[:n])
		size += int64(n)
		count.add(int64(n))
		if err == io.EOF {
			return digests{sum: sum, sha256: digest(strong.Sum(nil)), md5: [md5.Size]byte(weak.Sum(nil)), size: size}
		}
		if err != nil {
			return digests{sum: sum, err: err}
		}
	}
}

// counter adds up the bytes that the workers read.
type counter struct {
	mu          sync.Mutex
	done, total int64
	report      func(done, total int64)
}

func (c *counter) add(n int64) {
	if c.report == nil || n == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done += n
	c.report(c.done, c.total)
}
