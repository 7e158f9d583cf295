package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"flashwarden/api"
	"flashwarden/internal/flash"
	"flashwarden/internal/vault"
)

// rebuildBatch is how many snapshots Rebuild enters in one transaction: many
// are fast, but other processes wait for the lock that long.
const rebuildBatch = 500

// Vault is the part of a vault that Rebuild reads.
type Vault interface {
	// Listed returns the names of all documents but those in the parts that cannot be listed.
	Listed(ctx context.Context) (names []string, unlisted []*vault.UnlistedError, err error)
	Snapshot(ctx context.Context, id string) (api.Snapshot, error)
	// Each yields the snapshots of these documents in any order, with their listings
	// where complete reports true; one that cannot be read has only its ID and name.
	Each(ctx context.Context, names []string, complete func(api.Snapshot) bool) iter.Seq2[api.Snapshot, error]
	// NotPruned returns those of these documents that no prune removed.
	NotPruned(ctx context.Context, names []string) ([]string, error)
}

// Rebuilt says what Rebuild did.
type Rebuilt struct {
	Snapshots int          // in the index now
	Added     int          // that the index lacked
	Removed   int          // that a prune removed, or that were lost and forgotten
	Lost      []string     // names of documents that are in the index and not in the vault, sorted
	Damaged   []Unreadable // left out
	// Unlisted are the parts of the vault that cannot be listed. What the index has of
	// them stays there.
	Unlisted []*vault.UnlistedError
}

// Unreadable is a snapshot that cannot be read.
type Unreadable struct {
	Name string // of its document
	Err  error  // vault.ErrDamaged, vault.ErrNewer, or one that is vault.Unreadable
}

// RebuildOptions say what a Rebuild does with snapshots that not both have.
type RebuildOptions struct {
	ForgetLost bool // those that the vault lost leave the index
	// Mirror says that the vault is a mirror, which keeps what prunes removed from the
	// vault: that does not enter the index.
	Mirror bool
}

// Rebuild makes the index equal to the vault: it enters the snapshots that the
// index lacks, which are all of them after the catalog was lost, and takes out
// those that a prune removed. Snapshots that the vault lost stay in the index
// unless ForgetLost is set: nothing else may know the newest one of a device. So do those
// in a part of the vault that cannot be listed. Where
// both are equal it only compares names. Only a user asks for it: a vault whose
// disk is missing would empty the index.
func Rebuild(ctx context.Context, index Index, v Vault, o RebuildOptions) (Rebuilt, error) {
	var r Rebuilt
	missing, surplus, err := compare(ctx, index, v, &r)
	if err != nil {
		return r, fmt.Errorf("rebuild index: %w", err)
	}
	if o.Mirror {
		if missing, err = v.NotPruned(ctx, missing); err != nil {
			return r, fmt.Errorf("rebuild index: %w", err)
		}
	}
	if !o.ForgetLost {
		if r.Lost, err = v.NotPruned(ctx, slices.Sorted(maps.Keys(surplus))); err != nil {
			return r, fmt.Errorf("rebuild index: %w", err)
		}
	}
	for _, name := range r.Lost {
		delete(surplus, name)
	}
	for batch := range slices.Chunk(slices.Sorted(maps.Keys(surplus)), rebuildBatch) {
		if err := index.Unindex(ctx, idsOf(batch)...); err != nil {
			return r, fmt.Errorf("rebuild index: %w", err)
		}
		r.Removed += len(batch)
	}
	if err := indexAll(ctx, index, v, missing, &r); err != nil {
		return r, fmt.Errorf("rebuild index: %w", err)
	}
	err = index.Documents(ctx, func(string) { r.Snapshots++ })
	return r, err
}

// idsOf returns the IDs in the names of documents.
func idsOf(names []string) []string {
	ids := make([]string, len(names))
	for i, name := range names {
		ids[i], _, _ = vault.SplitName(name)
	}
	return ids
}

// compare returns the snapshots that only the vault has, and those that only
// the index has. It notes in r which parts of the vault cannot be listed.
func compare(ctx context.Context, index Index, v Vault, r *Rebuilt) (missing []string, surplus map[string]bool, err error) {
	// The index first: a snapshot that is put and indexed meanwhile is then
	// indexed twice, not taken for one that the vault no longer has.
	surplus = make(map[string]bool)
	if err := index.Documents(ctx, func(name string) { surplus[name] = true }); err != nil {
		return nil, nil, err
	}
	inVault, unlisted, err := v.Listed(ctx)
	if err != nil {
		return nil, nil, err
	}
	r.Unlisted = unlisted
	maps.DeleteFunc(surplus, func(name string, _ bool) bool {
		return slices.ContainsFunc(unlisted, func(part *vault.UnlistedError) bool { return part.Hides(vault.SnapshotKey(name)) })
	})
	for _, name := range inVault {
		if !surplus[name] {
			missing = append(missing, name)
		}
		delete(surplus, name)
	}
	return missing, surplus, nil
}

// indexAll enters these documents, and reads the next ones at the same time. The
// snapshots of one device come together, because each batch computes the states
// of its devices again.
func indexAll(ctx context.Context, index Index, v Vault, names []string, r *Rebuilt) error {
	ctx, cancel := context.WithCancel(ctx)
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(deviceIn(a), deviceIn(b)), cmp.Compare(a, b)) })
	batches := make(chan batch)
	defer func() {
		cancel()
		for range batches { // the reader ends
		}
	}()
	go func() {
		defer close(batches)
		for names := range slices.Chunk(names, rebuildBatch) {
			select {
			case batches <- readBatch(ctx, v, names):
			case <-ctx.Done():
				return
			}
		}
	}()
	for b := range batches {
		err := b.err
		if err == nil {
			err = index.Index(ctx, b.snapshots...)
		}
		if err != nil {
			return err
		}
		r.Added += len(b.snapshots)
		r.Damaged = append(r.Damaged, b.damaged...)
	}
	return ctx.Err()
}

// deviceIn returns the part of a document's name that has the name of the device.
func deviceIn(name string) string {
	const stamp = len("20061122T150405Z-")
	return name[min(len(name), stamp):]
}

// batch is some snapshots that were read.
type batch struct {
	snapshots []api.Snapshot // by ID
	damaged   []Unreadable   // by name
	err       error          // why nothing more could be read
}

// readBatch reads some snapshots.
func readBatch(ctx context.Context, v Vault, names []string) (b batch) {
	for s, err := range v.Each(ctx, names, needsListings) {
		switch {
		case errors.Is(err, vault.ErrNotFound): // removed meanwhile
		case errors.Is(err, vault.ErrDamaged), errors.Is(err, vault.ErrNewer), vault.Unreadable(err):
			b.damaged = append(b.damaged, Unreadable{s.Document, err})
		case err != nil:
			b.err = cmp.Or(b.err, err)
		default:
			b.snapshots = append(b.snapshots, s)
		}
	}
	slices.SortFunc(b.snapshots, func(a, b api.Snapshot) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(b.damaged, func(a, b Unreadable) int { return cmp.Compare(a.Name, b.Name) })
	return b
}

// needsListings reports whether the index of s depends on its listings: they have the names
// of file systems, and Running compares those of images.
func needsListings(s api.Snapshot) bool {
	running := flash.ParsePath(s.Facts.Image).FS
	return slices.ContainsFunc(s.Files, func(f api.File) bool {
		return f.Kind == api.KindImage && flash.ParsePath(f.Path).FS != running
	})
}
