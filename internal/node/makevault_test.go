package node

import (
	"context"
	"io"
	"testing"

	"flashwarden/internal/vault"
	"flashwarden/internal/vault/vaulttest"
)

// overtaken is a store in which another machine makes the vault just before a call of this one.
type overtaken struct {
	vault.Store
	before string // "list" or "put"
	done   bool
}

func (s *overtaken) overtake(ctx context.Context, call string) error {
	if s.done || call != s.before {
		return nil
	}
	s.done = true
	_, err := vault.New(s.Store).Make(ctx)
	return err
}

func (s *overtaken) List(ctx context.Context, prefix string, yield func(vault.Info) error) error {
	if err := s.overtake(ctx, "list"); err != nil {
		return err
	}
	return s.Store.List(ctx, prefix, yield)
}

func (s *overtaken) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	if err := s.overtake(ctx, "put"); err != nil {
		return err
	}
	return s.Store.Put(ctx, key, r, size)
}

// TestTwoMachinesMakeTheVault lets another machine be first, between two calls of this one. Both
// use the same vault.
func TestTwoMachinesMakeTheVault(t *testing.T) {
	for _, before := range []string{"list", "put"} {
		store := new(vaulttest.Memory)
		id, err := makeOrFind(t.Context(), vault.New(&overtaken{Store: store, before: before}))
		if err != nil {
			t.Errorf("another machine was first before %s: %v", before, err)
			continue
		}
		if there, err := vault.New(store).Identity(t.Context()); err != nil || there != id {
			t.Errorf("before %s: this machine uses %+v, the vault is %+v, error %v", before, id, there, err)
		}
	}
}
