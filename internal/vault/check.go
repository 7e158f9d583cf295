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
	// documents, names, sizes and permissions are compared.
	ReadData bool

	// Known are names of snapshot documents that must exist, beside those that
	// other documents name: the index of a catalog knows them.
	Known []string

	// Progress, unless nil, gets the bytes of blobs that were read, and all bytes
	// to read. It is called by one goroutine at a time.
	Progress func(done, total int64)

	// Proved, unless nil, gets the result for each blob by its SHA-256: whole after
	// it was read and has the digest of its name, not whole where it is missing or
	// damaged. It is called by one goroutine at a time.
	Proved func(sha256 string, whole bool)
}

// Check reads the vault again and returns its problems, sorted by path; no
// problem means that every snapshot is whole, and that none is missing. Backups
// may go on at the same time. The error is that of ctx, or says that the vault
// cannot be read at all.
func (v *Vault) Check(ctx context.Context, opt CheckOptions) ([]api.CheckProblem, error) {
	c := &checker{vault: v, chain: newChain(), claims: map[digest][]claim{}, blobs: map[digest]int64{}, suffering: map[digest]int{}, proved: opt.Proved}
	if c.proved == nil {
		c.proved = func(string, bool) {}
	}
	// Snapshots before blobs: a snapshot that is there has its blobs already.
	steps := []func(context.Context) error{c.snapshots, c.listBlobs, c.audit, c.compare}
	if opt.ReadData {
		steps = append(steps, func(ctx context.Context) error { return c.readBlobs(ctx, opt.Progress) })
	}
	// Prunes after snapshots: one that was removed meanwhile is then explained.
	steps = append(steps, c.prunes, func(ctx context.Context) error { return c.gaps(ctx, opt.Known) }, c.sufferers)
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

// checker is the state of one Check. Its memory is bounded by the number of
// documents and blobs, not by what they say.
type checker struct {
	vault     *Vault
	chain     chain
	claims    map[digest][]claim // what snapshots say of a blob, each statement once
	blobs     map[digest]int64   // the size of each blob that exists
	problems  []api.CheckProblem
	suffering map[digest]int // by blob: the problem whose devices are wanted
	proved    func(sha256 string, whole bool)
}

// claim is what snapshots say of a blob.
type claim struct {
	size     int64
	md5      string
	snapshot string // the key of the first one
	path     string // of the file there
}

func (c *checker) report(kind, path, format string, args ...any) {
	c.problems = append(c.problems, api.CheckProblem{Kind: kind, Path: path, Message: fmt.Sprintf(format, args...)})
}

// reportBlob reports a problem of a blob from which all snapshots suffer that
// name it.
func (c *checker) reportBlob(kind string, sum digest, format string, args ...any) {
	if _, twice := c.suffering[sum]; !twice {
		c.suffering[sum] = len(c.problems)
	}
	c.report(kind, BlobKey(sum.String()), format, args...)
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

// prunes reads which snapshots were removed.
func (c *checker) prunes(ctx context.Context) error {
	return c.list(ctx, PrunesPart+"/", func(i Info) {
		name, ok := pruneOf(i.Key)
		if !ok {
			c.stray(i.Key)
			return
		}
		p, err := c.vault.prune(ctx, name)
		if err != nil {
			c.unreadable(ctx, i.Key, err)
			return
		}
		for _, r := range p.Removed {
			c.chain.remove(r)
		}
	})
}

// snapshots reads every document and collects what it names.
func (c *checker) snapshots(ctx context.Context) error {
	return c.list(ctx, SnapshotsPart+"/", func(i Info) {
		switch name, ok := snapshotOf(i.Key); {
		case ok:
			c.snapshot(ctx, i.Key, name)
		case strings.HasSuffix(i.Key, ".json"):
			c.report(api.CheckSnapshotDamaged, i.Key, "its name is not ID.SHA256 of a snapshot of this month")
		default:
			c.stray(i.Key)
		}
	})
}

func (c *checker) snapshot(ctx context.Context, key, name string) {
	s, err := c.vault.Document(ctx, name)
	if errors.Is(err, ErrNotFound) { // a prune removed it meanwhile
		return
	}
	c.chain.add(s, name)
	if err != nil {
		c.unreadable(ctx, key, err)
		return
	}
	for _, f := range contentsOf(s) {
		c.claim(key, f)
	}
}

// unreadable reports a document that cannot be read.
func (c *checker) unreadable(ctx context.Context, key string, err error) {
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, ErrNewer):
		c.report(api.CheckNewer, key, "%v", err)
	case errors.Is(err, ErrDamaged):
		c.report(api.CheckSnapshotDamaged, key, "%v", err)
	default:
		c.report(api.CheckUnreadable, key, "%v", err)
	}
}

// contentsOf returns all contents that a snapshot names: its files and its
// listings.
func contentsOf(s api.Snapshot) []api.File {
	var all []api.File
	for _, f := range s.Files {
		if f.SHA256 != "" {
			all = append(all, f)
		}
	}
	if s.ListingBlob != nil {
		all = append(all, api.File{Path: "the listings", SHA256: s.ListingBlob.SHA256, Size: s.ListingBlob.Size})
	}
	return all
}

func (c *checker) claim(key string, f api.File) {
	sum := digestOf(f.SHA256)
	same := func(o claim) bool { return o.size == f.Size && (o.md5 == f.MD5 || f.MD5 == "") }
	if !slices.ContainsFunc(c.claims[sum], same) {
		c.claims[sum] = append(c.claims[sum], claim{f.Size, f.MD5, key, f.Path})
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
			c.blobs[digestOf(sum)] = i.Size
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
	for sum, claims := range c.claims {
		size, there := c.blobs[sum]
		if !there || size != claims[0].size {
			c.proved(sum.String(), false)
		}
		for _, claim := range claims {
			switch {
			case !there:
				c.reportBlob(api.CheckBlobMissing, sum, "%s names it as %s (%d bytes)", claim.snapshot, claim.path, claim.size)
			case size != claim.size:
				c.reportBlob(api.CheckBlobSize, sum, "it has %d bytes; %s says %d for %s", size, claim.snapshot, claim.size, claim.path)
			}
		}
	}
	return ctx.Err()
}

// gaps reports the snapshots that are missing. One that was written since its
// part was listed is not.
func (c *checker) gaps(ctx context.Context, known []string) error {
	for _, g := range c.chain.gaps(known) {
		_, err := c.vault.store.Stat(ctx, SnapshotKey(g.name))
		if err == nil || ctx.Err() != nil {
			continue
		}
		if !errors.Is(err, ErrNotFound) {
			c.report(api.CheckUnreadable, SnapshotKey(g.name), "%v", err)
			continue
		}
		p := api.CheckProblem{Kind: api.CheckSnapshotMissing, Path: SnapshotKey(g.name)}
		p.Message = "the catalog knows it: a disk or a copy lost it"
		if g.by != "" {
			p.Message = fmt.Sprintf("%s names it as the snapshot before it: a disk or a copy lost it", SnapshotKey(g.by))
		}
		if g.device != "" {
			p.Devices = []string{g.device}
		}
		c.problems = append(c.problems, p)
	}
	return ctx.Err()
}

// sufferers finds the devices whose snapshots name a blob with a problem. Only a
// vault with problems is read again for it.
func (c *checker) sufferers(ctx context.Context) error {
	if len(c.suffering) == 0 {
		return nil
	}
	for s, err := range c.vault.Snapshots(ctx) {
		if err != nil {
			continue // reported before
		}
		for _, f := range contentsOf(s) {
			if n, ok := c.suffering[digestOf(f.SHA256)]; ok && !slices.Contains(c.problems[n].Devices, s.Device) {
				c.problems[n].Devices = append(c.problems[n].Devices, s.Device)
			}
		}
	}
	for _, n := range c.suffering {
		slices.Sort(c.problems[n].Devices)
	}
	return ctx.Err()
}

func (c *checker) stray(key string) { c.problems = append(c.problems, Stray(key)) }

// Stray returns the problem of something at path that the vault did not put
// there.
func Stray(path string) api.CheckProblem {
	return api.CheckProblem{Kind: api.CheckStray, Path: path, Message: "the vault did not put it there; move it away"}
}
