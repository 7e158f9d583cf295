package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"flashwarden/api"
)

// CheckOptions says how thorough a Check is.
type CheckOptions struct {
	// ReadData reads blobs and compares their digests. Without it only documents,
	// names, sizes and permissions are compared.
	ReadData bool

	// Share is the part of the bytes of all blobs to read: those that were read the
	// longest time ago, whole or damaged. The zero Share is all.
	Share Share
	// OutdatedAfter leaves out blobs that were proved within this time before Now.
	// 0: none.
	OutdatedAfter time.Duration
	Now           time.Time // of the check
	// Proofs yields when each blob was last read, by its SHA-256, and whether it was
	// whole. If nil, Share takes another part each day.
	Proofs func(ctx context.Context, yield func(sha256 string, at time.Time, whole bool)) error

	// Known yields names of snapshot documents that must exist, beside those that
	// other documents name: the index of a catalog knows them. Nil: none.
	Known func(ctx context.Context, yield func(document string)) error
	// NotIndexed, unless nil, returns those of these documents that the index lacks
	// now. It gets those that are not in Known.
	NotIndexed func(ctx context.Context, names []string) ([]string, error)

	// Mirror says that the store is a mirror: snapshots that a prune removed from the
	// vault stay there.
	Mirror bool

	// Placing, unless nil, is called by a repair before it fetches the document of a
	// snapshot, with its ID.
	Placing func(ctx context.Context, id string) error

	// Progress, unless nil, gets the bytes of blobs that were read, and all bytes
	// to read. It is called by one goroutine at a time.
	Progress func(done, total int64)

	// Proved, unless nil, gets the result for each blob by its SHA-256: whole after
	// it was read and has the digest of its name, not whole where it is missing or
	// damaged. It is called by one goroutine at a time.
	Proved func(sha256 string, size int64, whole bool)
}

// Check reads the vault again and reports its problems, sorted by path; no
// problem means that every snapshot is whole, and that none is missing. Backups
// may go on at the same time. The error is that of ctx, or says that the vault
// cannot be read at all.
func (v *Vault) Check(ctx context.Context, opt CheckOptions) (api.CheckResult, error) {
	if opt.Proved == nil {
		opt.Proved = func(string, int64, bool) {}
	}
	c := &checker{vault: v, opt: opt, chain: chain{}, contents: map[digest]content{}, others: map[digest][]claim{}, suffering: map[digest]int{}, lacking: map[digest]int64{}}
	// The index before the vault: what it has must be there. Snapshots before blobs: a
	// snapshot that is there has its blobs already.
	steps := []func(context.Context) error{c.expect, c.snapshots, c.blobs, c.compare}
	if opt.ReadData {
		steps = append(steps, c.readBlobs)
	}
	// Prunes after snapshots: one that was removed meanwhile is then explained.
	for _, step := range append(steps, c.prunes, c.gaps, c.unindexed, c.sufferers) {
		if err := step(ctx); err != nil {
			return c.result(), fmt.Errorf("check vault: %w", err)
		}
	}
	return c.result(), nil
}

// checker is the state of one Check. Its memory is bounded by the number of
// documents and blobs, not by what they say.
type checker struct {
	vault     *Vault
	opt       CheckOptions
	chain     chain
	documents []string           // the names of all that claim something
	contents  map[digest]content // blobs that exist, or that snapshots name
	others    map[digest][]claim // what snapshots say of a blob that contradicts the first one
	suffering map[digest]int     // by blob: the problem whose devices are wanted
	lacking   map[digest]int64   // blobs that are missing or have a wrong size, and the size that a snapshot says
	closed    []string           // the parts that could not be listed, with a slash at the end
	blind     bool               // not every record of a prune could be read
	unclear   int                // snapshots that are missing, and may be in such a record
	remaining int                // snapshots that a prune has not removed yet
	problems  []api.CheckProblem
	counts    api.CheckResult // the numbers of the result
}

// result holds the findings so far.
func (c *checker) result() api.CheckResult {
	slices.SortFunc(c.problems, func(a, b api.CheckProblem) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Message, b.Message))
	})
	res := c.counts
	res.OK, res.Problems = len(c.problems) == 0, append([]api.CheckProblem{}, c.problems...)
	res.Repaired, res.Notes = []string{}, []string{}
	if c.unclear > 0 {
		res.Notes = append(res.Notes, fmt.Sprintf("not every record of a prune could be read. Snapshots that are missing, or that such a prune removed: %d", c.unclear))
	}
	if c.remaining > 0 {
		res.Notes = append(res.Notes, fmt.Sprintf("a prune is running or did not finish; the next one removes what remains. Snapshots in its record that still exist: %d", c.remaining))
	}
	return res
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
	parts, err := UnlistedParts(err)
	for _, part := range parts {
		if !slices.Contains(c.closed, part.Part+"/") { // the prunes of an encrypted mirror lie in the parts of its snapshots
			c.report(api.CheckUnreadable, part.Part, "%v", part.Err)
		}
		c.closed = append(c.closed, part.Part+"/")
	}
	return err
}

// expect enters the documents that must exist.
func (c *checker) expect(ctx context.Context) error {
	return c.known(ctx, func(name string) { c.chain.enter(name, indexed) })
}

// known yields the names of the documents that must exist.
func (c *checker) known(ctx context.Context, yield func(name string)) error {
	if c.opt.Known == nil {
		return nil
	}
	return c.opt.Known(ctx, yield)
}

// prunes reads which snapshots were removed.
func (c *checker) prunes(ctx context.Context) error {
	before := len(c.closed)
	err := c.list(ctx, PrunesPart+"/", func(i Info) {
		name, ok := pruneOf(i.Key)
		if !ok {
			c.stray(i.Key)
			return
		}
		p, err := c.vault.prune(ctx, name)
		if err != nil {
			c.blind = true
			c.unreadable(ctx, i.Key, err)
			return
		}
		for _, r := range p.Removed {
			c.chain.remove(r)
			c.remains(ctx, r.Document)
		}
	})
	c.blind = c.blind || len(c.closed) > before
	return err
}

// remains counts a snapshot that the record of a prune names and that still exists:
// the prune was interrupted.
func (c *checker) remains(ctx context.Context, name string) {
	if c.opt.Mirror || !c.chain.condemned(name) {
		return
	}
	if _, err := c.vault.store.Stat(ctx, SnapshotKey(name)); err == nil { // it was not removed meanwhile
		c.remaining++
	}
}

// names lists the snapshot documents. What else lies among them is a problem.
func (c *checker) names(ctx context.Context) (names []string, err error) {
	err = c.list(ctx, SnapshotsPart+"/", func(i Info) {
		switch name, ok := snapshotOf(i.Key); {
		case ok:
			names = append(names, strings.Clone(name)) // not the whole key: a vault may have millions
		case strings.HasSuffix(i.Key, ".json"):
			c.report(api.CheckSnapshotDamaged, i.Key, "its name is not ID.SHA256 of a snapshot of this month")
		default:
			c.stray(i.Key)
		}
	})
	return names, err
}

// snapshots reads every document and collects what it names.
func (c *checker) snapshots(ctx context.Context) error {
	names, err := c.names(ctx)
	if err != nil {
		return err
	}
	for d := range c.vault.readAll(ctx, names) {
		c.snapshot(ctx, d)
	}
	return ctx.Err()
}

func (c *checker) snapshot(ctx context.Context, d loaded) {
	if errors.Is(d.err, ErrNotFound) { // a prune removed it meanwhile
		return
	}
	c.chain.add(d.snapshot, d.name)
	if d.err != nil {
		c.unreadable(ctx, SnapshotKey(d.name), d.err)
		return
	}
	c.counts.Snapshots++
	c.documents = append(c.documents, d.name)
	for f := range ContentsOf(d.snapshot) {
		c.claim(f)
	}
}

// unreadable reports something that cannot be read, unless its part is reported
// already.
func (c *checker) unreadable(ctx context.Context, key string, err error) {
	switch {
	case ctx.Err() != nil:
	case slices.ContainsFunc(c.closed, func(part string) bool { return strings.HasPrefix(key, part) }):
	case errors.Is(err, ErrNewer):
		c.report(api.CheckNewer, key, "%v", err)
	case errors.Is(err, ErrDamaged):
		c.report(api.CheckSnapshotDamaged, key, "%v", err)
	default:
		c.report(api.CheckUnreadable, key, "%v", err)
	}
}

// blobs lists the blobs. At the same time, the store audits itself, because both read
// all directories.
func (c *checker) blobs(ctx context.Context) error {
	var found []api.CheckProblem
	var failed error
	var audit sync.WaitGroup
	if a, ok := c.vault.store.(Auditor); ok {
		audit.Go(func() { failed = a.Audit(ctx, func(p api.CheckProblem) { found = append(found, p) }) })
	}
	err := c.listBlobs(ctx)
	audit.Wait()
	c.problems = append(c.problems, found...)
	return errors.Join(err, failed)
}

// gaps reports the snapshots that are missing. One that was written since its
// part was listed is not.
func (c *checker) gaps(ctx context.Context) error {
	lost := c.chain.lost()
	if len(lost) == 0 {
		return nil
	}
	gaps, err := c.gapsOf(ctx, lost)
	if err != nil {
		return err
	}
	for _, g := range gaps {
		_, err := c.vault.store.Stat(ctx, SnapshotKey(g.name))
		if err == nil || ctx.Err() != nil {
			continue
		}
		if !errors.Is(err, ErrNotFound) {
			c.unreadable(ctx, SnapshotKey(g.name), err)
			continue
		}
		if c.blind && c.chain.of(g.name).has(0, indexed) { // a prune takes snapshots out of the index first
			c.unclear++
			continue
		}
		p := api.CheckProblem{Kind: api.CheckSnapshotMissing, Path: SnapshotKey(g.name)}
		p.Message = "it is in the catalog, but not in the vault: a disk or a copy lost it"
		if g.by != "" {
			p.Message = fmt.Sprintf("%s names it as the snapshot before, but the vault does not have it: a disk or a copy lost it", SnapshotKey(g.by))
		}
		if g.device != "" {
			p.Devices = []string{g.device}
		}
		c.problems = append(c.problems, p)
	}
	return ctx.Err()
}

// unindexed reports documents that the index lacks: lists and restores do not find
// them.
func (c *checker) unindexed(ctx context.Context) error {
	missing := c.chain.unindexed(c.documents)
	if c.opt.NotIndexed == nil || len(missing) == 0 {
		return nil
	}
	missing, err := c.opt.NotIndexed(ctx, missing)
	for _, name := range missing {
		if _, err := c.vault.store.Stat(ctx, SnapshotKey(name)); err == nil { // it was not removed meanwhile
			c.report(api.CheckNotIndexed, SnapshotKey(name), "it is not in the index of the catalog: make the index again")
		}
	}
	return cmp.Or(err, ctx.Err())
}

// sufferers finds the devices whose snapshots name a blob with a problem. Only a
// vault with problems is read again for it.
func (c *checker) sufferers(ctx context.Context) error {
	if len(c.suffering) == 0 {
		return nil
	}
	devices, sure := make(map[int]map[string]bool, len(c.suffering)), true
	for d := range c.vault.readAll(ctx, c.documents) {
		sure = sure && (d.err == nil || errors.Is(d.err, ErrNotFound))
		for f := range ContentsOf(d.snapshot) {
			if n, ok := c.suffering[digestOf(f.SHA256)]; ok {
				if devices[n] == nil {
					devices[n] = make(map[string]bool)
				}
				devices[n][d.snapshot.Device] = true
			}
		}
	}
	for n, names := range devices {
		c.problems[n].Devices = slices.Sorted(maps.Keys(names))
	}
	if ctx.Err() == nil {
		c.settle(sure, func(sum digest) bool { return len(devices[c.suffering[sum]]) > 0 })
	}
	return ctx.Err()
}

// settle records the blobs that are lacking. One that no snapshot names any more is
// no problem: a prune removed both during the check. sure: all documents that still
// exist could be read.
func (c *checker) settle(sure bool, named func(digest) bool) {
	gone := map[string]bool{}
	for sum, size := range c.lacking {
		if sure && !named(sum) {
			gone[BlobKey(sum.String())] = true
			continue
		}
		c.opt.Proved(sum.String(), size, false)
	}
	c.problems = slices.DeleteFunc(c.problems, func(p api.CheckProblem) bool {
		return gone[p.Path] && (p.Kind == api.CheckBlobMissing || p.Kind == api.CheckBlobSize)
	})
}

func (c *checker) stray(key string) { c.problems = append(c.problems, Stray(key)) }

// Stray returns the problem of something at path that the vault did not put
// there.
func Stray(path string) api.CheckProblem {
	return api.CheckProblem{Kind: api.CheckStray, Path: path, Message: "it does not belong to the vault; move it away"}
}
