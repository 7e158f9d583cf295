package catalog

import (
	"context"
	"errors"
	"fmt"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// Keeper is the part of a vault that Keep writes.
type Keeper interface {
	PutSnapshot(ctx context.Context, s api.Snapshot) (api.Snapshot, error)
}

// Keep puts a snapshot into the vault as the next one of its device, and enters
// it into the index. The error is ErrNotIndexed where only the index failed:
// then the snapshot is in the vault, and Recover enters it later.
func Keep(ctx context.Context, index Index, v Keeper, s api.Snapshot) (api.Snapshot, error) {
	previous, failed := index.Latest(ctx, s.Device)
	s.Previous = previous
	failed = errors.Join(failed, index.Intend(ctx, s.ID))
	kept, err := v.PutSnapshot(ctx, s)
	if err != nil {
		return s, errors.Join(err, index.Forget(ctx, s.ID))
	}
	if failed = errors.Join(failed, index.Index(ctx, kept)); failed != nil {
		return kept, fmt.Errorf("%w: %w", ErrNotIndexed, failed)
	}
	return kept, nil
}

// Recover enters the snapshots that a dead process wrote into the vault and not
// into the index. It costs nothing where none died. With alone, no other process
// writes snapshots: those that are not in the vault are then forgotten.
func Recover(ctx context.Context, index Index, v Vault, alone bool) error {
	ids, err := index.Intended(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := recoverOne(ctx, index, v, id, alone); err != nil {
			return fmt.Errorf("recover snapshot %s: %w", id, err)
		}
	}
	return nil
}

func recoverOne(ctx context.Context, index Index, v Vault, id string, alone bool) error {
	s, err := v.Snapshot(ctx, id)
	switch {
	case errors.Is(err, vault.ErrNotFound) && alone: // it never got there
		return index.Forget(ctx, id)
	case errors.Is(err, vault.ErrNotFound): // another process may be about to write it
		return nil
	case err != nil:
		return err
	}
	return index.Index(ctx, s)
}
