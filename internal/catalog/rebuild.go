package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// rebuildBatch is how many snapshots Rebuild enters in one transaction: many
// are fast, but other processes wait for the lock that long.
const rebuildBatch = 500

// Vault is the part of a vault that Rebuild reads.
type Vault interface {
	SnapshotIDs(ctx context.Context) ([]string, error)
	Snapshot(ctx context.Context, id string) (api.Snapshot, error)
}

// Rebuild makes the index equal to the vault: it enters the snapshots that
// the index lacks, which are all of them after the catalog was lost, and
// takes out those that the vault no longer has. Where both are equal it only
// compares names.
//
// Damaged snapshots are left out. The error then is vault.ErrDamaged and names
// them, and everything else is done all the same.
func Rebuild(ctx context.Context, index Index, v Vault) error {
	missing, surplus, err := compare(ctx, index, v)
	if err != nil {
		return fmt.Errorf("rebuild index: %w", err)
	}
	for id := range surplus {
		if err := index.Unindex(ctx, id); err != nil {
			return fmt.Errorf("rebuild index: %w", err)
		}
	}
	var damaged []error
	for batch := range slices.Chunk(missing, rebuildBatch) {
		bad, err := indexBatch(ctx, index, v, batch)
		if err != nil {
			return fmt.Errorf("rebuild index: %w", err)
		}
		damaged = append(damaged, bad...)
	}
	if len(damaged) > 0 {
		return fmt.Errorf("rebuild index: %w", errors.Join(damaged...))
	}
	return nil
}

// compare returns the snapshots that only the vault has, and those that only
// the index has.
func compare(ctx context.Context, index Index, v Vault) (missing []string, surplus map[string]bool, err error) {
	// The index first: a snapshot that is put and indexed meanwhile is then
	// indexed twice, not taken for one that the vault no longer has.
	indexed, err := index.IndexedIDs(ctx)
	if err != nil {
		return nil, nil, err
	}
	surplus = make(map[string]bool, len(indexed))
	for _, id := range indexed {
		surplus[id] = true
	}
	inVault, err := v.SnapshotIDs(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range inVault {
		if !surplus[id] {
			missing = append(missing, id)
		}
		delete(surplus, id)
	}
	return missing, surplus, nil
}

// indexBatch indexes some snapshots at once and returns the errors of those
// that are damaged.
func indexBatch(ctx context.Context, index Index, v Vault, ids []string) (damaged []error, err error) {
	var snapshots []api.Snapshot
	for _, id := range ids {
		s, err := v.Snapshot(ctx, id)
		switch {
		case errors.Is(err, vault.ErrNotFound): // removed meanwhile
		case errors.Is(err, vault.ErrDamaged):
			damaged = append(damaged, err)
		case err != nil:
			return nil, err
		default:
			snapshots = append(snapshots, s)
		}
	}
	return damaged, index.Index(ctx, snapshots...)
}
