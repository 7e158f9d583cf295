package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"flashwarden/api"
)

// youngOrphan is how old content must be before a prune removes it because no
// snapshot names it. A backup that broke off left it, and the next one uses it.
const youngOrphan = 48 * time.Hour

// PruneOptions say what a prune keeps.
type PruneOptions struct {
	Retention api.Retention
	Now       time.Time                // its location says when days, weeks, months and years begin
	Gone      func(device string) bool // reports whether all snapshots of a device go; nil: none do
	DryRun    bool                     // remove nothing
	// Known yields names of snapshot documents that must exist: the index of a catalog
	// knows them. Nil: none.
	Known func(ctx context.Context, yield func(document string)) error
	// Ripe returns those of these contents, which no snapshot names, that may be removed
	// now: other processes may be about to use the rest. What it returns is removed before
	// RipeFor has passed, or an error stops the prune. Zero: there is no hurry. Nil: all may
	// be removed.
	Ripe    func(ctx context.Context, sums []string) ([]string, error)
	RipeFor time.Duration
	// Removing is called before snapshots are removed, with their IDs, and Removed
	// after contents are gone, with their SHA-256. Both get some at a time. Nil:
	// discard.
	Removing func(ctx context.Context, ids []string) error
	Removed  func(ctx context.Context, sums []string) error
}

// pruneBatch is how many snapshots or contents are removed together. The record of
// so many snapshots has about 200 KB.
const pruneBatch = 500

// Prune removes snapshots, and content that no snapshot names any more. It removes
// the snapshots in batches, each after its record is in the vault. It may be
// interrupted at any moment: the next prune removes the rest of the last batch, even
// snapshots that its own options keep, but not those that every prune keeps. If other processes
// write the store at the same time, o.Ripe protects the content that they use.
//
// If a document is lost or cannot be read, the contents that it names are unknown. Then
// Prune removes no content, and the problems of the result say why.
func (v *Vault) Prune(ctx context.Context, o PruneOptions) (api.PruneResult, error) {
	res, err := v.pruneAll(ctx, o)
	if err != nil {
		return res, fmt.Errorf("prune vault: %w", err)
	}
	return res, nil
}

func (v *Vault) pruneAll(ctx context.Context, o PruneOptions) (api.PruneResult, error) {
	defer v.Hold()() // what a backup uses from now on, stays
	res := api.PruneResult{Documents: []string{}, Removed: []api.PrunedSnapshot{}, Problems: []api.CheckProblem{}}
	all, known, err := v.outlines(ctx, o, &res)
	if err != nil {
		return res, err
	}
	if o.Gone == nil {
		o.Gone = func(string) bool { return false }
	}
	kept := keep(o.Retention, all, o.Now, o.Gone)
	var leaving []*outline
	for i := range all {
		if s := &all[i]; !kept[s.document] {
			id, _, _ := SplitName(s.document)
			res.Removed = append(res.Removed, api.PrunedSnapshot{Snapshot: id, Device: s.device, Started: s.started})
			leaving = append(leaving, s)
		}
	}
	res.Kept = len(all) - len(leaving)
	if !o.DryRun {
		if err := v.removeSnapshots(ctx, o, leaving, &res); err != nil {
			return res, err
		}
	}
	if len(res.Problems) > 0 {
		return res, nil
	}
	named, err := v.namedContents(ctx, all, kept, known)
	if err != nil {
		return res, err
	}
	return res, v.removeOrphans(ctx, o, named, &res)
}

// outlines reads all snapshots, oldest first. Documents that cannot be read or
// are lost, and what else lies where documents lie, are problems. The numbers of contents
// in the outlines are those of known.
func (v *Vault) outlines(ctx context.Context, o PruneOptions, res *api.PruneResult) (all []outline, known map[digest]uint32, err error) {
	c := &checker{vault: v, chain: chain{}, opt: CheckOptions{Known: o.Known}}
	if err := c.expect(ctx); err != nil {
		return nil, nil, err
	}
	names, err := c.names(ctx)
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(names)
	c.documents = names // the zero snapshot of one that cannot be read claims nothing
	all = make([]outline, 0, len(names))
	outliner := newOutliner(names)
	for d := range v.readAll(ctx, names) {
		if errors.Is(d.err, ErrNotFound) {
			continue // the chain knows whether it is lost
		}
		c.chain.add(d.snapshot, d.name)
		if d.err != nil {
			c.unreadable(ctx, SnapshotKey(d.name), d.err)
			continue
		}
		all = append(all, outliner.outline(d.snapshot))
	}
	if err := errors.Join(ctx.Err(), c.prunes(ctx), c.gaps(ctx)); err != nil {
		return nil, nil, err
	}
	for i := range all {
		all[i].condemned = c.chain.condemned(all[i].document)
	}
	slices.SortFunc(all, func(a, b outline) int { return cmp.Compare(a.document, b.document) })
	res.Problems = append(res.Problems, c.result().Problems...)
	return all, outliner.contents, nil
}

// removeSnapshots removes documents, each batch after its record is kept. So only
// the record of the last batch can name snapshots that still exist.
func (v *Vault) removeSnapshots(ctx context.Context, o PruneOptions, snapshots []*outline, res *api.PruneResult) error {
	for batch := range slices.Chunk(snapshots, pruneBatch) {
		if err := v.record(ctx, o.Now, batch, res); err != nil {
			return err
		}
		if err := v.removeBatch(ctx, o, batch); err != nil {
			return err
		}
	}
	return nil
}

// record keeps the record of a batch. It leaves out the snapshots that have one.
func (v *Vault) record(ctx context.Context, now time.Time, batch []*outline, res *api.PruneResult) error {
	p := Prune{ID: NewID("prune", now), Time: now}
	for _, s := range batch {
		if !s.condemned {
			p.Removed = append(p.Removed, Removed{Document: s.document, Device: s.device, Previous: s.previous})
		}
	}
	if len(p.Removed) == 0 {
		return nil
	}
	name, err := v.PutPrune(ctx, p)
	if err != nil {
		return err
	}
	res.Documents = append(res.Documents, name)
	return nil
}

// removeBatch removes some documents.
func (v *Vault) removeBatch(ctx context.Context, o PruneOptions, snapshots []*outline) error {
	var ids, keys []string
	for _, s := range snapshots {
		id, _, _ := SplitName(s.document)
		ids, keys = append(ids, id), append(keys, SnapshotKey(s.document))
	}
	if o.Removing != nil {
		if err := o.Removing(ctx, ids); err != nil {
			return err
		}
	}
	return v.deleteAll(ctx, keys)
}

// deleteAll removes keys; one that does not exist is no error.
func (v *Vault) deleteAll(ctx context.Context, keys []string) error {
	if d, ok := v.store.(BatchDeleter); ok {
		return d.DeleteAll(ctx, keys)
	}
	for _, key := range keys {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := v.store.Delete(ctx, key); err != nil && !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// removeOrphans removes the contents that are not named, except for young ones.
func (v *Vault) removeOrphans(ctx context.Context, o PruneOptions, named map[digest]uint32, res *api.PruneResult) error {
	var orphans []digest
	err := v.store.List(ctx, BlobsPart+"/", func(i Info) error {
		sum, ok := blobOf(i.Key)
		if !ok {
			return ctx.Err()
		}
		if _, used := named[digestOf(sum)]; !used {
			orphans = append(orphans, digestOf(sum))
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(orphans, pruneBatch) {
		if err := v.removeBlobs(ctx, o, batch, res); err != nil {
			return err
		}
	}
	return nil
}

// namedContents returns all contents that snapshots name which stay: those of kept, and
// those that were written since all was read. Snapshots that go count as gone, also in a
// dry run. It changes known and returns it: a second map would cost as much memory.
func (v *Vault) namedContents(ctx context.Context, all []outline, kept map[string]bool, known map[digest]uint32) (map[digest]uint32, error) {
	used := make([]bool, len(known))
	for i := range all {
		s := &all[i]
		if kept[s.document] {
			for _, n := range s.contents {
				used[n] = true
			}
		}
		s.contents = nil // no longer needed, and the list below is long
	}
	maps.DeleteFunc(known, func(_ digest, n uint32) bool { return !used[n] })
	written, err := v.writtenSince(ctx, all)
	if err != nil {
		return nil, err
	}
	var failed error
	for d := range v.readAll(ctx, written) {
		failed = cmp.Or(failed, d.err)
		for f := range ContentsOf(d.snapshot) {
			known[digestOf(f.SHA256)] = 0
		}
	}
	return known, cmp.Or(failed, ctx.Err())
}

// writtenSince returns the names of the documents that are not among all, which is in the
// order of names. It does not collect the others: a vault may have millions.
func (v *Vault) writtenSince(ctx context.Context, all []outline) (names []string, err error) {
	err = v.store.List(ctx, SnapshotsPart+"/", func(i Info) error {
		if name, ok := snapshotOf(i.Key); ok {
			if _, read := slices.BinarySearchFunc(all, name, func(s outline, name string) int { return cmp.Compare(s.document, name) }); !read {
				names = append(names, name)
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	return names, nil
}

// removeBlobs removes those of these contents that are not young and that nobody uses.
func (v *Vault) removeBlobs(ctx context.Context, o PruneOptions, sums []digest, res *api.PruneResult) error {
	sizes := make(map[digest]int64, len(sums))
	for _, sum := range sums {
		key := BlobKey(sum.String())
		info, err := v.store.Stat(ctx, key)
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return fmt.Errorf("%s: %w", key, err)
		case o.Now.Sub(info.Modified) >= youngOrphan:
			sizes[sum] = info.Size
		}
	}
	if o.RipeFor > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.RipeFor)
		defer cancel()
	}
	var gone []string
	err := v.claims.removeUnclaimed(sizes, func(old []digest) (err error) {
		gone, err = v.removeRipe(ctx, o, old)
		return err
	})
	if err != nil {
		return err
	}
	for _, sum := range gone {
		res.Blobs++
		res.Bytes += sizes[digestOf(sum)]
	}
	if o.Removed == nil || len(gone) == 0 || o.DryRun {
		return nil
	}
	return o.Removed(ctx, gone)
}

// removeRipe removes those of these contents that no other process may be about to use, and
// returns them.
func (v *Vault) removeRipe(ctx context.Context, o PruneOptions, sums []digest) ([]string, error) {
	old := make([]string, len(sums))
	for i, sum := range sums {
		old[i] = sum.String()
	}
	if o.DryRun || len(old) == 0 {
		return old, nil
	}
	if o.Ripe != nil {
		ripe, err := o.Ripe(ctx, old)
		if err != nil {
			return nil, err
		}
		old = slices.DeleteFunc(old, func(sum string) bool { return !slices.Contains(ripe, sum) })
	}
	keys := make([]string, len(old))
	for i, sum := range old {
		keys[i] = BlobKey(sum)
	}
	return old, v.deleteAll(ctx, keys)
}
