package vaulttest_test

import (
	"fmt"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/vaulttest"
)

const day = 24 * time.Hour

// imageOf keeps a snapshot of a device with a shared image and a configuration of its own.
func imageOf(t *testing.T, v *vault.Vault, device, previous string, year int) api.Snapshot {
	t.Helper()
	started := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
	s := api.Snapshot{ID: vault.NewID(device, started), Device: device, Started: started, Status: api.StatusOK, Previous: previous,
		Listings: []api.Listing{{Path: "flash:/"}}}
	for path, text := range map[string]string{"flash:/x.bin": "an image", "running-config": fmt.Sprint(device, year)} {
		sum, weak, err := v.Put(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		s.Files = append(s.Files, api.File{Path: path, Kind: api.KindOther, Size: int64(len(text)), SHA256: sum, MD5: weak, Evidence: api.EvidenceSize})
	}
	s, err := v.PutSnapshot(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantLeft wants that a snapshot and its contents cannot be removed for so long.
func wantLeft(t *testing.T, l *vaulttest.Locking, s api.Snapshot, document, image, config time.Duration) {
	t.Helper()
	want := map[string]time.Duration{vault.SnapshotKey(s.Document): document, vault.BlobKey(s.ListingBlob.SHA256): image}
	for _, f := range s.Files {
		want[vault.BlobKey(f.SHA256)] = image
		if f.Path == "running-config" {
			want[vault.BlobKey(f.SHA256)] = config
		}
	}
	for key, left := range want {
		if got := l.Left(key); got != left {
			t.Errorf("%s of %s is kept for %s; want %s", key, s.Device, got, left)
		}
	}
}

// TestLockOfVault: content is kept from being removed for the whole time when a new
// snapshot names it.
func TestLockOfVault(t *testing.T) {
	store := &vaulttest.Locking{For: 90 * day}
	v := vault.New(store)
	one := imageOf(t, v, "sw1", "", 2025)
	wantLeft(t, store, one, 90*day, 90*day, 90*day)
	store.Pass(50 * day)
	two := imageOf(t, v, "sw2", "", 2026)
	wantLeft(t, store, one, 40*day, 90*day, 40*day)
	wantLeft(t, store, two, 90*day, 90*day, 90*day)
	store.Pass(50 * day)
	three := two // without a Put of its contents
	three.ID, three.Previous = vault.NewID("sw2", three.Started.Add(time.Hour)), two.Document
	three, err := v.PutSnapshot(t.Context(), three)
	if err != nil {
		t.Fatal(err)
	}
	wantLeft(t, store, three, 90*day, 90*day, 90*day)
}

// TestLockOfMirror: a mirror keeps what a new snapshot names for the whole time, and the
// newest backup of a device that does not change for at least half of it.
func TestLockOfMirror(t *testing.T) {
	v := vault.New(&vaulttest.Memory{})
	if _, err := v.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	store := &vaulttest.Locking{For: 90 * day}
	run := func(wanted ...string) {
		t.Helper()
		res, err := v.MirrorTo(t.Context(), vault.NewTwin(store, nil), vault.MirrorOptions{Fresh: true, Wanted: wanted})
		if err != nil || len(res.Problems) > 0 || len(res.Holds) != len(wanted) {
			t.Fatalf("%+v, error %v", res, err)
		}
	}
	old, one := imageOf(t, v, "sw1", "", 2024), imageOf(t, v, "sw2", "", 2025)
	run()
	store.Pass(20 * day)
	run(old.ID, one.ID)
	wantLeft(t, store, one, 70*day, 70*day, 70*day) // that is more than half
	next := imageOf(t, v, "sw1", old.Document, 2026)
	run(next.ID, one.ID)
	wantLeft(t, store, next, 90*day, 90*day, 90*day)
	wantLeft(t, store, one, 70*day, 90*day, 70*day)
	store.Pass(30 * day)
	run(next.ID, one.ID)
	wantLeft(t, store, one, 90*day, 60*day, 90*day)
	wantLeft(t, store, old, 40*day, 60*day, 40*day) // a newer one took its place
	if got := store.Left(vault.IdentityKey); got != 90*day {
		t.Errorf("vault.json is kept for %s", got)
	}
}
