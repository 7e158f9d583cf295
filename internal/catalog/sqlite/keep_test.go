package sqlite

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/vaulttest"
)

// TestKeepAtOnce keeps snapshots of one device side by side. Each follows another one:
// the chain does not fork.
func TestKeepAtOnce(t *testing.T) {
	c, err := Open(filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	v := vault.New(&vaulttest.Memory{})
	const snapshots = 8
	var all sync.WaitGroup
	for i := range snapshots {
		all.Go(func() {
			started := time.Date(2026, 11, 22, 14, 15, i, 0, time.UTC)
			s := api.Snapshot{ID: vault.NewID("sw1", started), Device: "sw1", Started: started, Status: api.StatusOK}
			if _, err := catalog.Keep(t.Context(), c, v, s); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	follows := map[string]string{}
	for s, err := range v.Snapshots(t.Context()) {
		if other, fork := follows[s.Previous]; fork || err != nil {
			t.Errorf("%s and %s follow %q, error %v", s.ID, other, s.Previous, err)
		}
		follows[s.Previous] = s.ID
	}
	if len(follows) != snapshots {
		t.Errorf("%d of %d snapshots have one of their own before them", len(follows), snapshots)
	}
}
