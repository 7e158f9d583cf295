package vault

import (
	"context"
	"errors"
	"slices"
	"time"

	"flashwarden/api"
)

// Retainer is a Store that can keep contents from being removed for a time, also by
// somebody who stole our keys.
type Retainer interface {
	// Lock returns for how long nobody can remove a content after its Put; 0 for a store
	// that does not prevent it.
	Lock() time.Duration
	// Retain keeps the content of key from being removed for the whole time of Lock from
	// now on, unless it is kept for at least least already. Its errors are those of Get.
	Retain(ctx context.Context, key string, least time.Duration) error
}

// locked returns the store as a Retainer that prevents removals; nil for any other store.
func (v *blobs) locked() Retainer {
	if r, ok := v.store.(Retainer); ok && r.Lock() > 0 {
		return r
	}
	return nil
}

// retain keeps a content that a new document names from being removed, as if it was put
// now.
func (v *blobs) retain(ctx context.Context, key string) error {
	if r := v.locked(); r != nil {
		return r.Retain(ctx, key, r.Lock())
	}
	return nil
}

// LockExtender is a Mirror in a place that can keep contents from being removed for a time.
type LockExtender interface {
	// Locks reports whether the place does so.
	Locks() bool
	// ExtendLocks keeps these snapshots, which the mirror has, and all that they need from
	// being removed, for at least half of the time of the place.
	ExtendLocks(ctx context.Context, snapshots []api.Snapshot) error
}

// extendLocks has the mirror keep the newest snapshots: a device that never changes gets no new
// one, and its contents would be free to be removed.
func (r *mirrorRun) extendLocks(ctx context.Context, held []string) error {
	to, ok := r.to.(LockExtender)
	if !ok || !to.Locks() {
		return nil
	}
	held = slices.DeleteFunc(slices.Clone(held), func(name string) bool {
		id, _, _ := SplitName(name)
		return !r.wanted[id]
	})
	var all []api.Snapshot
	for d := range r.vault.readAll(ctx, held) {
		if d.err == nil {
			all = append(all, d.snapshot)
		}
	}
	return errors.Join(ctx.Err(), to.ExtendLocks(ctx, all))
}

// Locks implements LockExtender.
func (t *Twin) Locks() bool { return t.vault.Locks() }

// Locks reports whether the store of the vault keeps contents from being removed.
func (v *blobs) Locks() bool { return v.locked() != nil }

// ExtendLocks implements LockExtender.
func (t *Twin) ExtendLocks(ctx context.Context, snapshots []api.Snapshot) error {
	return t.vault.ExtendLocks(ctx, snapshots)
}

// ExtendLocks keeps the documents and contents of these snapshots of the vault, and its
// identity, from being removed for at least half of the time of its store. What the vault
// lacks is left out.
func (v *blobs) ExtendLocks(ctx context.Context, snapshots []api.Snapshot) error {
	r := v.locked()
	if r == nil {
		return nil
	}
	keys := map[string]bool{IdentityKey: true}
	for _, s := range snapshots {
		keys[SnapshotKey(s.Document)] = true
		for f := range ContentsOf(s) {
			keys[BlobKey(f.SHA256)] = true
		}
	}
	var todo []func(context.Context) error
	for key := range keys {
		todo = append(todo, func(ctx context.Context) error {
			if err := r.Retain(ctx, key, r.Lock()/2); !errors.Is(err, ErrNotFound) {
				return err
			}
			return nil
		})
	}
	return atOnce(ctx, 8, todo)
}
