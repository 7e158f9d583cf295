package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// rebuildBatch is how many snapshots Rebuild enters in one transaction: many
// are fast, but other processes wait for the lock that long.
const rebuildBatch = 500

// Vault is the part of a vault that Rebuild reads.
type Vault interface {
	Names(ctx context.Context) ([]string, error)
	Snapshot(ctx context.Context, id string) (api.Snapshot, error)
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
}

// Unreadable is a snapshot that cannot be read.
type Unreadable struct {
	Name string // of its document
	Err  error  // vault.ErrDamaged or vault.ErrNewer
}

// Rebuild makes the index equal to the vault: it enters the snapshots that the
// index lacks, which are all of them after the catalog was lost, and takes out
// those that a prune removed. Snapshots that the vault lost stay in the index
// unless forgetLost is set: nothing else may know the newest one of a device. Where
// both are equal it only compares names. Only a user asks for it: a vault whose
// disk is missing would empty the index.
func Rebuild(ctx context.Context, index Index, v Vault, forgetLost bool) (Rebuilt, error) {
	missing, surplus, err := compare(ctx, index, v)
	if err != nil {
		return Rebuilt{}, fmt.Errorf("rebuild index: %w", err)
	}
	var r Rebuilt
	if !forgetLost {
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
	for batch := range slices.Chunk(missing, rebuildBatch) {
		added, damaged, err := indexBatch(ctx, index, v, batch)
		r.Added += added
		r.Damaged = append(r.Damaged, damaged...)
		if err != nil {
			return r, fmt.Errorf("rebuild index: %w", err)
		}
	}
	all, err := index.Documents(ctx)
	r.Snapshots = len(all)
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
// the index has.
func compare(ctx context.Context, index Index, v Vault) (missing []string, surplus map[string]bool, err error) {
	// The index first: a snapshot that is put and indexed meanwhile is then
	// indexed twice, not taken for one that the vault no longer has.
	indexed, err := index.Documents(ctx)
	if err != nil {
		return nil, nil, err
	}
	surplus = make(map[string]bool, len(indexed))
	for _, name := range indexed {
		surplus[name] = true
	}
	inVault, err := v.Names(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range inVault {
		if !surplus[name] {
			missing = append(missing, name)
		}
		delete(surplus, name)
	}
	return missing, surplus, nil
}

// indexBatch indexes some snapshots at once and returns those that cannot be
// read.
func indexBatch(ctx context.Context, index Index, v Vault, names []string) (added int, damaged []Unreadable, err error) {
	var snapshots []api.Snapshot
	for _, name := range names {
		s, err := v.Snapshot(ctx, name)
		switch {
		case errors.Is(err, vault.ErrNotFound): // removed meanwhile
		case errors.Is(err, vault.ErrDamaged), errors.Is(err, vault.ErrNewer):
			damaged = append(damaged, Unreadable{name, err})
		case err != nil:
			return 0, nil, err
		default:
			snapshots = append(snapshots, s)
		}
	}
	return len(snapshots), damaged, index.Index(ctx, snapshots...)
}
