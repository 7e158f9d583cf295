package backup

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/vault"
)

// TestContentThatAPruneRemoves backs a device up while a prune on another machine has marked
// all its content, and before it removes it: the backup waits, and copies it again.
func TestContentThatAPruneRemoves(t *testing.T) {
	const running = "hostname sw1\n! not in the flash\nend\n"
	b := newBench(t, func(_ int, d *fakeDevice) error {
		d.config = func() (string, error) { return running, nil }
		return nil
	})
	defer b.close()
	sums := b.putAll(running)
	c := b.Catalog.(catalog.Catalog)
	now, err := c.Now(t.Context())
	must(t, err)
	var ripe []string
	for range 2 { // noted, then marked
		ripe, err = c.Condemn(t.Context(), now, now, sums)
		must(t, err)
	}
	if len(ripe) != len(sums) {
		t.Fatalf("ripe: %q", ripe)
	}
	waited := 0
	b.Catalog = claiming{c, func(refused []string) {
		waited += len(refused)
		for _, sum := range refused {
			must(t, b.store.Delete(t.Context(), vault.BlobKey(sum)))
		}
		must(t, c.ForgetContents(t.Context(), refused...))
	}}
	r := b.backup(Options{})
	wantResult(t, r, api.StatusOK, "")
	kept := make(map[string]bool)
	for _, f := range r.Files {
		kept[f.SHA256] = true
	}
	if waited != len(kept) {
		t.Errorf("the backup waited for %d contents; want the %d that it kept", waited, len(kept))
	}
	b.wantClean()
	for _, sum := range sums {
		if ripe, err := c.Condemn(t.Context(), now, now, []string{sum}); err != nil || len(ripe) > 0 {
			t.Errorf("ripe: %q, error %v", ripe, err)
		}
	}
}

// putAll puts the flash of a device and its running-config into the vault, and returns the
// SHA-256 of each.
func (b *bench) putAll(running string) (sums []string) {
	b.t.Helper()
	for _, data := range append(slices.Collect(maps.Values(newFlash())), []byte(running)) {
		sum, _, err := b.Vault.Put(b.t.Context(), data)
		must(b.t, err)
		sums = append(sums, sum)
	}
	return sums
}

// claiming is an index that calls removing with contents that cannot be claimed.
type claiming struct {
	catalog.Catalog
	removing func(sums []string)
}

func (c claiming) Claim(ctx context.Context, sums ...string) error {
	err := c.Catalog.Claim(ctx, sums...)
	if errors.Is(err, catalog.ErrRemoving) {
		c.removing(sums)
	}
	return err
}
