package vault

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"

	"flashwarden/api"
)

// readBuffer is the buffer, in bytes, for reading blobs.
const readBuffer = 1 << 20

// digests are those of one blob as it was read.
type digests struct {
	sum    digest // its name
	sha256 digest
	md5    string
	err    error
}

// readBlobs reads every blob and compares its digests with its name and with
// what snapshots say.
func (c *checker) readBlobs(ctx context.Context, progress func(done, total int64)) error {
	var total int64
	sums := make([]digest, 0, len(c.blobs))
	for sum, size := range c.blobs {
		sums = append(sums, sum)
		total += size
	}
	slices.SortFunc(sums, func(a, b digest) int { return bytes.Compare(a[:], b[:]) })
	count := &counter{total: total, report: progress}

	for r := range c.vault.hashBlobs(ctx, sums, count) {
		c.judge(r)
	}
	return ctx.Err()
}

// hashBlobs reads the blobs with a worker for each processor. The channel is closed when
// all is read, or soon after ctx ended; it must be drained.
func (v *Vault) hashBlobs(ctx context.Context, sums []digest, count *counter) <-chan digests {
	todo, results := make(chan digest), make(chan digests)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			buffer := make([]byte, readBuffer)
			for sum := range todo {
				results <- v.hashBlob(ctx, sum, buffer, count)
			}
		})
	}
	go func() {
		defer close(results)
		defer workers.Wait()
		defer close(todo)
		for _, sum := range sums {
			select {
			case todo <- sum:
			case <-ctx.Done():
				return
			}
		}
	}()
	return results
}

// judge reports wrong digests of one blob.
func (c *checker) judge(r digests) {
	switch {
	case errors.Is(r.err, context.Canceled) || errors.Is(r.err, context.DeadlineExceeded):
	case errors.Is(r.err, ErrNotFound):
		if claims := c.claims[r.sum]; len(claims) > 0 {
			c.reportBlob(api.CheckBlobMissing, r.sum, "it vanished during the check; %s names it", claims[0].snapshot)
			c.proved(r.sum.String(), false)
		}
	case r.err != nil:
		c.reportBlob(api.CheckUnreadable, r.sum, "%v", r.err)
	case r.sha256 != r.sum:
		c.proved(r.sum.String(), false)
		c.reportBlob(api.CheckBlobDamaged, r.sum,
			"its content has the SHA-256 %s: back up a device that has the file, and have all files copied again; or move it out of the vault, and the next backup copies it again", r.sha256)
	default:
		c.proved(r.sum.String(), true)
		for _, claim := range c.claims[r.sum] {
			if claim.md5 != "" && claim.md5 != r.md5 {
				c.report(api.CheckMD5, claim.snapshot, "it says MD5 %s for %s, but the content has %s", claim.md5, claim.path, r.md5)
			}
		}
	}
}

// hashBlob reads one blob in one pass.
func (v *Vault) hashBlob(ctx context.Context, sum digest, buffer []byte, count *counter) digests {
	f, err := v.store.Get(ctx, BlobKey(sum.String()), 0)
	if err != nil {
		return digests{sum: sum, err: err}
	}
	defer f.Close()
	strong, weak := sha256.New(), md5.New()
	for {
		if err := ctx.Err(); err != nil {
			return digests{sum: sum, err: err}
		}
		n, err := f.Read(buffer)
		strong.Write(buffer[:n])
		weak.Write(buffer[:n])
		count.add(int64(n))
		if err == io.EOF {
			return digests{sum: sum, sha256: digest(strong.Sum(nil)), md5: hex.EncodeToString(weak.Sum(nil))}
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
