package vaulttest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/vaulttest"
)

func TestMemory(t *testing.T) {
	vaulttest.Test(t, func(*testing.T) vault.Store { return &vaulttest.Memory{} })
}

// TestPruneOfMany prunes more snapshots than one record names, and stops in the
// middle. A record explains the snapshots of its batch and no others.
func TestPruneOfMany(t *testing.T) {
	store := &vaulttest.Memory{}
	v, previous := vault.New(store), ""
	var all []string
	for day := range 1200 {
		started := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, day)
		s, err := v.PutSnapshot(t.Context(), api.Snapshot{ID: vault.NewID("sw1", started), Device: "sw1", Started: started, Status: api.StatusOK, Previous: previous})
		if err != nil {
			t.Fatal(err)
		}
		previous, all = s.Document, append(all, s.Document)
	}
	stop, batches := errors.New("stop"), 0
	o := vault.PruneOptions{Now: time.Now(), Removing: func(context.Context, []string) error {
		if batches++; batches == 2 {
			return stop
		}
		return nil
	}}
	res, err := v.Prune(t.Context(), o)
	if !errors.Is(err, stop) || len(res.Documents) != 2 {
		t.Fatalf("records %q, error %v; want those of two batches", res.Documents, err)
	}
	for _, name := range res.Documents {
		if info, err := store.Stat(t.Context(), vault.PruneKey(name)); err != nil || info.Size > 1<<20 {
			t.Errorf("a record has %d bytes, error %v", info.Size, err)
		}
	}
	lost := vault.SnapshotKey(all[1100])
	if err := store.Delete(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	checked, err := v.Check(t.Context(), vault.CheckOptions{})
	if err != nil || len(checked.Problems) != 1 || checked.Problems[0].Path != lost {
		t.Errorf("problems %+v, error %v; want the lost one", checked.Problems, err)
	}
	if want := fmt.Sprint("still exist: ", 500); !slices.ContainsFunc(checked.Notes, func(n string) bool { return strings.HasSuffix(n, want) }) {
		t.Errorf("notes %q; want %q", checked.Notes, want)
	}
	if res, err = v.Prune(t.Context(), vault.PruneOptions{Now: time.Now()}); err != nil || len(res.Removed) != 698 || res.Kept != 1 || len(res.Documents) != 1 {
		t.Errorf("%d removed, %d kept, %d records, error %v", len(res.Removed), res.Kept, len(res.Documents), err)
	}
}
