package vault

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"iter"
	"slices"

	"flashwarden/api"
)

// absent is the size of a blob that does not exist, or that no snapshot names.
const absent = -1

// content holds the known facts of one blob.
type content struct {
	claim
	size    int64 // of the blob; absent where it does not exist
	read    int64 // when it was last read, in seconds since 1970; 0: not known
	damaged bool  // found when it was last read
}

// claim is what a snapshot says of a blob.
type claim struct {
	named  int64          // its size; absent where no snapshot names it
	md5    [md5.Size]byte // if hasMD5
	by     int32          // the index of its document
	hasMD5 bool
}

// same reports whether two snapshots say the same. One that says no MD5 agrees
// with all.
func (a claim) same(b claim) bool {
	return a.named == b.named && (!b.hasMD5 || a.hasMD5 && a.md5 == b.md5)
}

// ContentsOf yields all contents that a snapshot names: its files and its
// listings.
func ContentsOf(s api.Snapshot) iter.Seq[api.File] {
	return func(yield func(api.File) bool) {
		for _, f := range s.Files {
			if f.SHA256 != "" && !yield(f) {
				return
			}
		}
		if s.ListingBlob != nil {
			yield(api.File{Path: listingsPath, SHA256: s.ListingBlob.SHA256, Size: s.ListingBlob.Size})
		}
	}
}

// listingsPath stands for the path of the listings, which are no file.
const listingsPath = "the listings"

// claim enters what the last document says of a blob.
func (c *checker) claim(f api.File) {
	sum, said := digestOf(f.SHA256), claim{named: f.Size, by: int32(len(c.documents) - 1), hasMD5: f.MD5 != ""}
	hex.Decode(said.md5[:], []byte(f.MD5)) // checked when the document was decoded
	known, ok := c.contents[sum]
	switch {
	case !ok:
		c.contents[sum] = content{claim: said, size: absent}
	case !known.same(said) && !slices.ContainsFunc(c.others[sum], func(o claim) bool { return o.same(said) }):
		c.others[sum] = append(c.others[sum], said)
	}
}

// claims returns all that snapshots say of a blob.
func (c *checker) claims(sum digest) []claim {
	known := c.contents[sum]
	if known.named == absent {
		return nil
	}
	return append([]claim{known.claim}, c.others[sum]...)
}

// where returns the key of the document of a claim, and the path of the file
// there.
func (c *checker) where(ctx context.Context, sum digest, said claim) (key, path string) {
	name := c.documents[said.by]
	s, err := c.vault.Document(ctx, name)
	if err != nil {
		return SnapshotKey(name), "a file" // removed meanwhile
	}
	for f := range ContentsOf(s) {
		if digestOf(f.SHA256) == sum {
			return SnapshotKey(name), f.Path
		}
	}
	return SnapshotKey(name), "a file"
}

// listBlobs collects the blobs that exist.
func (c *checker) listBlobs(ctx context.Context) error {
	return c.list(ctx, BlobsPart+"/", func(i Info) {
		sum, ok := blobOf(i.Key)
		if !ok {
			c.stray(i.Key)
			return
		}
		var err error
		if i.Size < 0 {
			i, err = c.vault.store.Stat(ctx, i.Key)
		}
		switch {
		case ctx.Err() != nil || errors.Is(err, ErrNotFound): // removed meanwhile
		case err != nil:
			c.report(api.CheckUnreadable, BlobKey(sum), "%v", err)
		default:
			c.found(digestOf(sum), i.Size)
		}
	})
}

// found enters a blob that exists.
func (c *checker) found(sum digest, size int64) {
	known, ok := c.contents[sum]
	if !ok {
		known.named = absent
	}
	known.size = size
	c.contents[sum] = known
	c.counts.Blobs++
	c.counts.Bytes += size
}

// compare holds what snapshots say against the blobs that exist.
func (c *checker) compare(ctx context.Context) error {
	for sum, known := range c.contents {
		if known.named == absent || known.size == known.named && len(c.others[sum]) == 0 {
			continue
		}
		size, ok := known.size, true
		if size != known.named {
			size, ok = c.lookAgain(ctx, sum)
		}
		if !ok {
			continue
		}
		for _, said := range c.claims(sum) {
			if size != said.named {
				c.lacks(ctx, sum, said, size)
			}
		}
	}
	return ctx.Err()
}

// lookAgain returns the size of a blob that was not listed, or had a wrong size then:
// another process may have put or replaced it, or its part could not be listed. ok is
// false if the store cannot say.
func (c *checker) lookAgain(ctx context.Context, sum digest) (size int64, ok bool) {
	key, known := BlobKey(sum.String()), c.contents[sum]
	info, err := c.vault.store.Stat(ctx, key)
	switch {
	case err == nil && known.size == absent:
		c.found(sum, info.Size)
		return info.Size, true
	case err == nil:
		c.counts.Bytes += info.Size - known.size
		known.size = info.Size
		c.contents[sum] = known
		return info.Size, true
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrDamaged):
		return absent, true
	}
	c.unreadable(ctx, key, err)
	return 0, false
}

// lacks reports that the vault has not the blob that a snapshot names. sufferers
// takes it back if no snapshot names the blob any more.
func (c *checker) lacks(ctx context.Context, sum digest, said claim, size int64) {
	c.lacking[sum] = said.named
	key, path := c.where(ctx, sum, said)
	if size == absent {
		c.reportBlob(api.CheckBlobMissing, sum, "%s names it as %s (%d bytes)", key, path, said.named)
		return
	}
	c.reportBlob(api.CheckBlobSize, sum, "it has %d bytes; %s says %d for %s", size, key, said.named, path)
}
