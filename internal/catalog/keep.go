package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// Keeper is the part of a vault that Keep writes.
type Keeper interface {
	PutSnapshot(ctx context.Context, s api.Snapshot) (api.Snapshot, error)
	// LockChain makes the caller the only one that adds a snapshot of a device.
	LockChain(device string) (release func())
}

// Keep puts a snapshot into the vault as the next one of its device, and enters
// it into the index. The error is ErrNotIndexed where only the index failed:
// then the snapshot is in the vault, and Recover enters it later. After another
// error the snapshot may be in the vault too: a server that did not answer, or a
// directory that could not be synced. Recover finds out. Nothing is written if the
// lease of ctx was lost: another worker has the device; or if a prune removes a content of
// the snapshot: that is an ErrRemoving.
func Keep(ctx context.Context, index Index, v Keeper, s api.Snapshot) (api.Snapshot, error) {
	defer v.LockChain(s.Device)()
	previous, failed := index.Latest(ctx, s.Device)
	s.Previous = previous
	contents, err := vault.WillName(s)
	if err != nil {
		return s, err
	}
	failed = errors.Join(failed, index.Intend(ctx, s.ID, contents...))
	if errors.Is(failed, ErrLeaseLost) || errors.Is(failed, ErrRemoving) {
		return s, failed
	}
	kept, err := v.PutSnapshot(ctx, s)
	if errors.Is(err, vault.ErrRefused) {
		return s, errors.Join(err, index.Forget(ctx, s.ID))
	}
	if err != nil {
		return s, err
	}
	if failed = errors.Join(failed, index.Index(ctx, kept)); failed != nil {
		return kept, fmt.Errorf("%w: %w", ErrNotIndexed, failed)
	}
	return kept, nil
}

// How long Claim waits for a prune: usually it removes 500 contents in a few seconds.
const (
	claimWithin = time.Minute
	claimEvery  = time.Second / 4
)

// Claim claims contents that are about to be put into the vault. While a prune removes one
// of them, it waits a short while. Otherwise the vault would seem to have that content
// already, and then lose it.
func Claim(ctx context.Context, index Contents, sums ...string) error {
	ctx, cancel := context.WithTimeout(ctx, claimWithin)
	defer cancel()
	for {
		err := index.Claim(ctx, sums...)
		if !errors.Is(err, ErrRemoving) {
			return err
		}
		select {
		case <-time.After(claimEvery):
		case <-ctx.Done():
			return err
		}
	}
}

// Recover enters the snapshots that a dead process wrote into the vault and not
// into the index. It costs nothing where none died. Those that are not in the vault
// are forgotten if their process is certainly gone: with alone, no other process
// writes snapshots; otherwise after IntentLasts.
func Recover(ctx context.Context, c Catalog, v Vault, alone bool) error {
	ids, err := c.Intended(ctx)
	if err != nil || len(ids) == 0 {
		return err
	}
	now, err := c.Now(ctx)
	if err != nil {
		return err
	}
	abandoned, err := c.Abandoned(ctx, now.Add(-IntentLasts))
	if err != nil {
		return err
	}
	var failed []error
	for _, id := range ids {
		if err := recoverOne(ctx, c, v, id, alone || slices.Contains(abandoned, id)); err != nil {
			failed = append(failed, fmt.Errorf("recover snapshot %s: %w", id, err))
		}
	}
	return errors.Join(failed...)
}

// recoverOne enters one snapshot. With gone, its process writes it no more.
func recoverOne(ctx context.Context, index Index, v Vault, id string, gone bool) error {
	s, err := v.Snapshot(ctx, id)
	switch {
	case errors.Is(err, vault.ErrNotFound) && gone: // it never got there
		return index.Forget(ctx, id)
	case errors.Is(err, vault.ErrNotFound): // another process may be about to write it
		return nil
	case errors.Is(err, vault.ErrDamaged), errors.Is(err, vault.ErrNewer): // a check reports it
		return index.Forget(ctx, id)
	case err != nil:
		return err
	}
	return index.Index(ctx, s)
}

// NotIndexed returns those of these documents of the vault that the index lacks. One
// that a process is about to enter is not among them.
func NotIndexed(ctx context.Context, index Index, documents []string) ([]string, error) {
	// The intents first: what leaves them afterwards is in the index.
	intended, err := index.Intended(ctx)
	if err != nil {
		return nil, err
	}
	have := make(map[string]bool, len(documents))
	for _, name := range documents {
		have[name] = false
	}
	err = index.Documents(ctx, func(name string) {
		if _, asked := have[name]; asked {
			have[name] = true
		}
	})
	if err != nil {
		return nil, err
	}
	for _, id := range intended {
		have[id] = true
	}
	return slices.DeleteFunc(slices.Clone(documents), func(name string) bool {
		id, _, _ := vault.SplitName(name)
		return have[name] || have[id]
	}), nil
}
