package vaulttest

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"flashwarden/internal/vault"
)

// altering is a store that keeps other bytes than it gets, and does not notice.
type altering struct{ Memory }

// Put implements vault.Store.
func (a *altering) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if vault.IsBlob(key) {
		data[0]++
	}
	return a.Memory.Put(ctx, key, strings.NewReader(string(data)), size)
}

// TestMirrorProves: what a mirror took in is compared there.
func TestMirrorProves(t *testing.T) {
	v, from := madeVault(t)
	history(t, from, "a")
	to := &altering{}
	if _, err := v.MirrorTo(t.Context(), vault.NewTwin(to, nil), vault.MirrorOptions{Fresh: true}); !errors.Is(err, vault.ErrDamaged) {
		t.Errorf("error %v; want ErrDamaged", err)
	}
	if names, err := vault.New(to).Names(t.Context()); err != nil || len(names) > 0 {
		t.Errorf("the mirror has %q, error %v; want no snapshot", names, err)
	}
}
