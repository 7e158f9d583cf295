package vaulttest

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"flashwarden/internal/vault"
)

// altering is a store that keeps other bytes of one content than it gets, and does not notice.
type altering struct {
	Memory
	key string
}

// Put implements vault.Store.
func (a *altering) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if key == a.key {
		data[0]++
	}
	return a.Memory.Put(ctx, key, strings.NewReader(string(data)), size)
}

// TestMirrorProves: what a mirror took in is compared there, also in the place of damaged
// content.
func TestMirrorProves(t *testing.T) {
	for _, damaged := range []bool{false, true} {
		v, from := madeVault(t)
		history(t, from, "a")
		to := &altering{key: key("a")}
		if damaged {
			put(t, &to.Memory, vault.IdentityKey, string(from.contents[vault.IdentityKey].data))
			put(t, &to.Memory, key("a"), "b")
		}
		if _, err := v.MirrorTo(t.Context(), vault.NewTwin(to, nil), vault.MirrorOptions{Fresh: true}); !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("damaged before: %v: error %v; want ErrDamaged", damaged, err)
		}
		if names, err := vault.New(to).Names(t.Context()); err != nil || len(names) > 0 {
			t.Errorf("the mirror has %q, error %v; want no snapshot", names, err)
		}
	}
}
