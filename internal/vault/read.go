package vault

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"sync"

	"flashwarden/api"
)

// readBuffer is the buffer, in bytes, for reading blobs.
const readBuffer = 1 << 20

// readWorkers is how many blobs are read at once: enough to hash on two
// cores, few enough not to drive a spinning disk mad.
const readWorkers = 2

// digests are those of one blob as it was read.
type digests struct {
	sum    string // its name
	sha256 string
	md5    string
	err    error
}

// readBlobs reads every blob and compares its digests with its name and with
// what snapshots say.
func (c *checker) readBlobs(ctx context.Context, progress func(done, total int64)) error {
	var total int64
	sums := make([]string, 0, len(c.blobs))
	for sum, size := range c.blobs {
		sums = append(sums, sum)
		total += size
	}
	slices.Sort(sums)
	count := &counter{total: total, report: progress}

	for r := range c.vault.hashBlobs(ctx, sums, count) {
		c.judge(r)
	}
	return ctx.Err()
}

// hashBlobs reads the blobs with several workers. The channel is closed when
// all is read, or soon after ctx ended; it must be drained.
func (v *Vault) hashBlobs(ctx context.Context, sums []string, count *counter) <-chan digests {
	todo, results := make(chan string), make(chan digests)
	var workers sync.WaitGroup
	for range readWorkers {
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
	path := BlobKey(r.sum)
	switch {
	case errors.Is(r.err, context.Canceled) || errors.Is(r.err, context.DeadlineExceeded):
	case errors.Is(r.err, ErrNotFound):
		if claims := c.named[r.sum]; len(claims) > 0 {
			c.report(api.CheckBlobMissing, path, "it vanished during the check; %s names it", claims[0].snapshot)
			c.proved(r.sum, false)
		}
	case r.err != nil:
		c.report(api.CheckUnreadable, path, "%v", r.err)
	case r.sha256 != r.sum:
		c.proved(r.sum, false)
		c.report(api.CheckBlobDamaged, path,
			"its content has the SHA-256 %s: back up a device that has the file, and have all files copied again; or move it out of the vault, and the next backup copies it again", r.sha256)
	default:
		c.proved(r.sum, true)
		for _, claim := range c.named[r.sum] {
			if claim.file.MD5 != "" && claim.file.MD5 != r.md5 {
				c.report(api.CheckMD5, claim.snapshot, "it says MD5 %s for %s, but the content has %s", claim.file.MD5, claim.file.Path, r.md5)
			}
		}
	}
}

// hashBlob reads one blob in one pass.
func (v *Vault) hashBlob(ctx context.Context, sum string, buffer []byte, count *counter) digests {
	f, err := v.store.Get(ctx, BlobKey(sum), 0)
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
			return digests{sum: sum, sha256: hex.EncodeToString(strong.Sum(nil)), md5: hex.EncodeToString(weak.Sum(nil))}
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
