package vaulttest

import (
	"context"
	"errors"
	"io"
	"sync"

	"flashwarden/internal/vault"
)

// ErrFault is the error of a call that a Faulty store lets fail.
var ErrFault = errors.New("fault")

// Fault is how a call of a Faulty store fails.
type Fault int

// The faults.
const (
	None         Fault = iota
	Undone             // nothing was done
	Done               // all was done, but the answer was lost
	Half               // the content broke off in its middle
	CrashedAt          // nothing was done, nor is it by any later call
	CrashedAfter       // all was done, and nothing is by any later call
)

// Faulty is a vault.Store with faults, and with no more than a Store must have.
type Faulty struct {
	vault.Store
	At   int   // the number of the call that fails, from 1
	With Fault // how

	mu    sync.Mutex
	calls int
}

// Calls returns the number of calls so far.
func (f *Faulty) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

func (f *Faulty) next() Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	switch {
	case f.calls == f.At:
		return f.With
	case f.calls > f.At && f.At > 0 && (f.With == CrashedAt || f.With == CrashedAfter):
		return CrashedAt
	}
	return None
}

// Call makes one call, or lets it fail. So calls of something else than the store fail in
// their turn, too.
func (f *Faulty) Call(do func() error) error {
	switch f.next() {
	case Undone, CrashedAt, Half:
		return ErrFault
	case Done, CrashedAfter:
		if err := do(); err != nil {
			return err
		}
		return ErrFault
	}
	return do()
}

// Put implements vault.Store.
func (f *Faulty) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	switch f.next() {
	case Undone, CrashedAt:
		return ErrFault
	case Half:
		return f.Store.Put(ctx, key, io.MultiReader(io.LimitReader(r, size/2), faultReader{}), size)
	case Done, CrashedAfter:
		if err := f.Store.Put(ctx, key, r, size); err != nil {
			return err
		}
		return ErrFault
	}
	return f.Store.Put(ctx, key, r, size)
}

type faultReader struct{}

// Read implements io.Reader.
func (faultReader) Read([]byte) (int, error) { return 0, ErrFault }

// Get implements vault.Store.
func (f *Faulty) Get(ctx context.Context, key string, offset int64) (r io.ReadCloser, err error) {
	err = f.Call(func() error { r, err = f.Store.Get(ctx, key, offset); return err })
	if err != nil && r != nil {
		err = errors.Join(err, r.Close())
	}
	return r, err
}

// Stat implements vault.Store.
func (f *Faulty) Stat(ctx context.Context, key string) (i vault.Info, err error) {
	err = f.Call(func() error { i, err = f.Store.Stat(ctx, key); return err })
	return i, err
}

// List implements vault.Store.
func (f *Faulty) List(ctx context.Context, prefix string, yield func(vault.Info) error) error {
	return f.Call(func() error { return f.Store.List(ctx, prefix, yield) })
}

// Delete implements vault.Store.
func (f *Faulty) Delete(ctx context.Context, key string) error {
	return f.Call(func() error { return f.Store.Delete(ctx, key) })
}
