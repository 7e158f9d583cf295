package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
)

// CheckOptions says how thorough a Check is.
type CheckOptions struct {
	// ReadData reads every blob and compares its digests. Without it only
	// names, sizes and permissions are compared.
	ReadData bool

	// Progress, unless nil, gets the bytes of blobs that were read, and all bytes
	// to read. It is called by one goroutine at a time.
	Progress func(done, total int64)

	// Proved, unless nil, gets the result for each blob by its SHA-256: whole after
	// it was read and has the digest of its name, not whole where it is missing or
	// damaged. It is called by one goroutine at a time.
	Proved func(sha256 string, whole bool)
}

// Check reads the vault again and returns its problems, sorted by path; no
// problem means that every snapshot is whole. Backups may go on at the same
// time. The error is that of ctx, or says that the vault cannot be read at
// all.
func (v *Vault) Check(ctx context.Context, opt CheckOptions) ([]api.CheckProblem, error) {
	c := &checker{vault: v, named: map[string][]claim{}, blobs: map[string]int64{}, proved: opt.Proved}
	if c.proved == nil {
		c.proved = func(string, bool) {}
	}
	// Snapshots before blobs: a snapshot that is there has its blobs already.
	steps := []func(context.Context) error{c.snapshots, c.listBlobs, c.audit, c.compare}
	if opt.ReadData {
		steps = append(steps, func(ctx context.Context) error { return c.readBlobs(ctx, opt.Progress) })
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("check vault: %w", err)
		}
	}
	slices.SortFunc(c.problems, func(a, b api.CheckProblem) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Message, b.Message))
	})
	return c.problems, nil
}

// checker is the state of one Check.
type checker struct {
	vault    *Vault
	named    map[string][]claim // by SHA-256: what snapshots say of a blob
	blobs    map[string]int64   // by SHA-256: the size of each blob that exists
	problems []api.CheckProblem
	proved   func(sha256 string, whole bool)
}

// claim is what one snapshot says of a blob.
type claim struct {
	snapshot string // its path within the vault
	file     api.File
}

func (c *checker) report(kind, path, format string, args ...any) {
	c.problems = append(c.problems, api.CheckProblem{Kind: kind, Path: path, Message: fmt.Sprintf(format, args...)})
}

// list yields all keys of one part. What cannot be listed is a problem.
func (c *checker) list(ctx context.Context, prefix string, yield func(Info)) error {
	return c.unlisted(c.vault.store.List(ctx, prefix, func(i Info) error {
		yield(i)
		return ctx.Err()
	}))
}

// unlisted reports the parts of the store that could not be listed, and
// returns all other errors.
func (c *checker) unlisted(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var others []error
		for _, e := range joined.Unwrap() {
			others = append(others, c.unlisted(e))
		}
		return errors.Join(others...)
	}
	var part *UnlistedError
	if errors.As(err, &part) {
		c.report(api.CheckUnreadable, part.Part, "%v", part.Err)
		return nil
	}
	return err
}

// snapshots reads every snapshot and collects what they say of blobs.
func (c *checker) snapshots(ctx context.Context) error {
	return c.list(ctx, SnapshotsPart+"/", func(i Info) {
		switch id, ok := snapshotOf(i.Key); {
		case ok:
			c.snapshot(ctx, i.Key, id)
		case strings.HasSuffix(i.Key, ".json"):
			c.report(api.CheckSnapshotDamaged, i.Key, "its name is not the ID of a snapshot of this year")
		default:
			c.stray(i.Key)
		}
	})
}

func (c *checker) snapshot(ctx context.Context, key, id string) {
	s, err := c.vault.Snapshot(ctx, id)
	switch {
	case ctx.Err() != nil || errors.Is(err, ErrNotFound): // retention removed it meanwhile
	case errors.Is(err, ErrDamaged):
		c.report(api.CheckSnapshotDamaged, key, "%v", err)
	case err != nil:
		c.report(api.CheckUnreadable, key, "%v", err)
	}
	for _, f := range s.Files {
		if f.SHA256 != "" {
			c.named[f.SHA256] = append(c.named[f.SHA256], claim{key, f})
		}
	}
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
			c.blobs[sum] = i.Size
		}
	})
}

// audit has the store look at itself.
func (c *checker) audit(ctx context.Context) error {
	if a, ok := c.vault.store.(Auditor); ok {
		return a.Audit(ctx, func(p api.CheckProblem) { c.problems = append(c.problems, p) })
	}
	return nil
}

// compare holds what snapshots say against the blobs that exist.
func (c *checker) compare(ctx context.Context) error {
	for sum, claims := range c.named {
		size, there := c.blobs[sum]
		if !there || size != claims[0].file.Size {
			c.proved(sum, false)
		}
		for _, claim := range claims {
			switch {
			case !there:
				c.report(api.CheckBlobMissing, BlobKey(sum), "%s names it as %s (%d bytes)", claim.snapshot, claim.file.Path, claim.file.Size)
			case size != claim.file.Size:
				c.report(api.CheckBlobSize, BlobKey(sum), "it has %d bytes; %s says %d for %s", size, claim.snapshot, claim.file.Size, claim.file.Path)
			}
		}
	}
	return ctx.Err()
}

func (c *checker) stray(key string) { c.problems = append(c.problems, Stray(key)) }

// Stray returns the problem of something at path that the vault did not put
// there.
func Stray(path string) api.CheckProblem {
	return api.CheckProblem{Kind: api.CheckStray, Path: path, Message: "the vault did not put it there; move it away"}
}
