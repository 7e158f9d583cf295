package vaulttest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// testRepair damages a vault in every way that a copy can repair.
func testRepair(t *testing.T, s vault.Store) {
	ctx, v, mirror := t.Context(), vault.New(s), &Memory{}
	all := chainOf(t, s, 4)
	put(t, s, key("of the copy"), "of the copy")
	if err := s.List(ctx, "", func(i vault.Info) error { return copyKey(ctx, mirror, s, i.Key) }); err != nil {
		t.Fatal(err)
	}
	remove := func(key string) {
		if err := s.Delete(ctx, key); err != nil {
			t.Fatal(err)
		}
	}
	documents := make([]string, len(all))
	for i, one := range all {
		documents[i] = vault.SnapshotKey(one.Document)
	}
	rot(t, s, documents[1], "{")
	remove(documents[2])
	remove(documents[3]) // the last one: only the catalog knows it
	foreign := `{"format": 2}`
	put(t, mirror, vault.SnapshotKey("20300101T000000Z-sw1-evil."+sum(foreign)), foreign)
	rot(t, s, key("an image"), "an imagE")
	listing := vault.BlobKey(all[0].ListingBlob.SHA256)
	remove(listing)
	rot(t, s, key("of the copy"), "rotten in both")
	rot(t, mirror, key("of the copy"), "rotten in both")

	proved := map[string]bool{}
	var placing []string
	res, err := v.CheckAndRepair(ctx, vault.New(mirror), vault.CheckOptions{ReadData: true, Known: knowing(all[3].Document),
		Placing: func(_ context.Context, id string) error { placing = append(placing, id); return nil },
		Proved:  func(sum string, _ int64, whole bool) { proved[sum] = whole }})
	if err != nil {
		t.Fatal(err)
	}
	want := append(slices.Clone(documents[1:]), key("an image"), listing)
	slices.Sort(want)
	if !slices.Equal(res.Repaired, want) {
		t.Errorf("repaired %q; want %q", res.Repaired, want)
	}
	slices.Sort(placing)
	if !slices.Equal(placing, []string{all[1].ID, all[2].ID, all[3].ID}) {
		t.Errorf("placing %q; want the three documents", placing)
	}
	if len(res.Problems) != 1 || res.OK || !strings.Contains(res.Problems[0].Message, "could not be repaired: its SHA-256 is") {
		t.Errorf("problems that stay: %+v", res.Problems)
	}
	if len(res.Notes) != 1 || !strings.Contains(res.Notes[0], "not fetched: 1") {
		t.Errorf("notes %q", res.Notes)
	}
	if !proved[sum("an image")] || proved[sum("of the copy")] {
		t.Errorf("proved: %v", proved)
	}
	wantProblems(t, v, true, "blob_damaged "+key("of the copy"))
	if res.Snapshots != 4 || res.Blobs != 3 {
		t.Errorf("%d snapshots and %d blobs; want 4 and 3", res.Snapshots, res.Blobs)
	}
}

func copyKey(ctx context.Context, to, from vault.Store, key string) error {
	info, err := from.Stat(ctx, key)
	if err != nil {
		return err
	}
	r, err := from.Get(ctx, key, 0)
	if err != nil {
		return err
	}
	defer r.Close()
	return to.Put(ctx, key, r, info.Size)
}

// testShares reads a vault in shares, as a check of each night does.
func testShares(t *testing.T, s vault.Store) {
	v := vault.New(s)
	const blobs = 20
	for i := range blobs {
		content := fmt.Sprint("content ", 100+i)
		put(t, s, key(content), content)
	}
	now := time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	proofs := map[string]time.Time{}
	o := vault.CheckOptions{ReadData: true, Share: vault.Share{Part: 1, Of: 5}, Now: now,
		Proofs: func(_ context.Context, yield func(string, time.Time, bool)) error {
			for sum, at := range proofs {
				yield(sum, at, true)
			}
			return nil
		},
		Proved: func(sum string, _ int64, whole bool) {
			if whole {
				proofs[sum] = now
			}
		}}
	check := func() api.CheckResult {
		res, err := v.Check(t.Context(), o)
		if err != nil || !res.OK || res.Blobs != blobs {
			t.Fatalf("%+v, error %v", res, err)
		}
		now = now.Add(24 * time.Hour)
		o.Now = now
		return res
	}
	for range 5 {
		if res := check(); res.BlobsRead != blobs/5 || res.BytesRead != res.Bytes/5 {
			t.Errorf("a share: %d of %d blobs, %d of %d bytes", res.BlobsRead, res.Blobs, res.BytesRead, res.Bytes)
		}
	}
	if len(proofs) != blobs {
		t.Errorf("after all shares, %d of %d blobs were read", len(proofs), blobs)
	}
	// The first share is five days old now, the last one is a day old.
	o.Share, o.OutdatedAfter = vault.Share{}, 84*time.Hour
	if res := check(); res.BlobsRead != 2*blobs/5 {
		t.Errorf("outdated: %d blobs were read, want %d", res.BlobsRead, 2*blobs/5)
	}
	o.OutdatedAfter = 20 * time.Hour
	o.Share = vault.Share{Part: 1, Of: 10}
	if res := check(); res.BlobsRead != blobs/10 {
		t.Errorf("a share of the outdated ones: %d blobs were read, want %d", res.BlobsRead, blobs/10)
	}
	for sum := range proofs {
		proofs[sum] = now.Add(1000 * time.Hour) // a clock was wrong
	}
	o.Share = vault.Share{}
	if res := check(); res.BlobsRead != blobs {
		t.Errorf("proved in the future: %d blobs were read, want all", res.BlobsRead)
	}
}

// testSharesOfDamaged has a damaged blob of the size of a share. It must not take
// the place of all others each day.
func testSharesOfDamaged(t *testing.T, s vault.Store) {
	v := vault.New(s)
	const blobs = 5
	for i := range blobs {
		put(t, s, key(fmt.Sprint("content ", i)), fmt.Sprint("damaged ", i))
	}
	now := time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	read := map[string]time.Time{}
	for range blobs {
		now = now.Add(24 * time.Hour)
		res, err := v.Check(t.Context(), vault.CheckOptions{ReadData: true, Share: vault.Share{Part: 1, Of: blobs}, Now: now,
			Proofs: func(_ context.Context, yield func(string, time.Time, bool)) error {
				for sum, at := range read {
					yield(sum, at, false)
				}
				return nil
			},
			Proved: func(sum string, _ int64, _ bool) { read[sum] = now }})
		if err != nil || res.BlobsRead != 1 || len(res.Problems) != 1 {
			t.Fatalf("%+v, error %v; want one damaged blob", res, err)
		}
	}
	if len(read) != blobs {
		t.Errorf("after all shares, %d of %d blobs were read", len(read), blobs)
	}
	// Content that was damaged at its last reading does not count as proved.
	res, err := v.Check(t.Context(), vault.CheckOptions{ReadData: true, OutdatedAfter: 30 * 24 * time.Hour, Now: now,
		Proofs: func(_ context.Context, yield func(string, time.Time, bool)) error {
			yield(sum("content 0"), now, false)
			yield(sum("content 1"), now, true)
			return nil
		}})
	if err != nil || res.BlobsRead != blobs-1 {
		t.Errorf("%d blobs were read, error %v; want all but the one that is proved", res.BlobsRead, err)
	}
}

// testSharesByDay reads shares of a vault without a memory of proofs: each day
// has another one.
func testSharesByDay(t *testing.T, s vault.Store) {
	v, read := vault.New(s), map[string]bool{}
	for i := range 64 {
		content := fmt.Sprint("content ", 100+i)
		put(t, s, key(content), content)
	}
	for day := range 4 {
		_, err := v.Check(t.Context(), vault.CheckOptions{ReadData: true, Share: vault.Share{Part: 2, Of: 4},
			Now: time.Unix(int64(day)*86400, 0), Proved: func(sum string, _ int64, _ bool) { read[sum] = true }})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(read) != 64 {
		t.Errorf("%d of 64 blobs were read in four days", len(read))
	}
}

// knowing yields these names, as the index of a catalog does.
func knowing(names ...string) func(context.Context, func(string)) error {
	return func(_ context.Context, yield func(string)) error {
		for _, name := range names {
			yield(name)
		}
		return nil
	}
}
