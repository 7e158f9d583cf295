// Package vault keeps what backups saved: blobs, named by the SHA-256 of
// their content, and snapshots, which name blobs. Both are written once and
// never changed.
//
// A Vault lives in a Store; package dir is one in a directory that can be read
// without this program. docs/vault-format.md describes it.
//
// Whatever is in the store got there complete and on stable storage. Only a
// blob that turns out to be damaged when the same content comes again is
// replaced. A snapshot is written after its blobs. So a process that dies at
// any moment leaves a vault that Check finds clean.
package vault

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Errors that callers branch on; test with errors.Is.
var (
	ErrNotFound = errors.New("not in the vault")     // no such snapshot or blob
	ErrExists   = errors.New("already in the vault") // the key, or a snapshot with this ID, is taken
	ErrDamaged  = errors.New("damaged")              // content of the vault is not what it was when it was written

	// ErrRefused is the error of a snapshot that cannot be kept. Its document was not
	// written.
	ErrRefused = errors.New("refused")

	// ErrNewer is the error of a vault or a document that only a later version of
	// flashwarden reads. It is not damaged.
	ErrNewer = errors.New("made by a newer flashwarden")
)

// Vault is the blobs and snapshots in a store. Its methods may be used by
// several goroutines, and several processes may use one store, at once.
type Vault struct {
	*blobs
	*documents
	*identity
	store Store
}

// The parts of a Vault.
type (
	blobs struct { // content, by its digest
		store  Store
		claims claims
		chains chainLocks
	}
	documents struct { // snapshots, and the records of prunes
		blobs   *blobs
		store   Store
		buffers sync.Pool // of *bytes.Buffer: those that documents were read into
	}
	identity struct { // which vault it is
		documents *documents
		store     Store
	}
)

// New returns the vault in a store.
func New(s Store) *Vault {
	b := &blobs{store: s}
	d := &documents{blobs: b, store: s}
	return &Vault{b, d, &identity{d, s}, s}
}

// Sweep removes what dead processes left in the store. Only the process that
// holds the lock of the data directory may call it: it would take away what
// another one is writing.
func (v *Vault) Sweep(ctx context.Context) error {
	s, ok := v.store.(Sweeper)
	if !ok {
		return nil
	}
	if err := s.Sweep(ctx); err != nil {
		return fmt.Errorf("sweep vault: %w", err)
	}
	return nil
}

// SweepOld is Sweep for a store that other processes may use at the same time.
func (v *Vault) SweepOld(ctx context.Context) error {
	s, ok := v.store.(Sweeper)
	if !ok {
		return nil
	}
	if err := s.SweepOld(ctx, oldAge); err != nil {
		return fmt.Errorf("sweep vault: %w", err)
	}
	return nil
}
