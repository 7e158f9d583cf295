// Package vaulttest is the suite that every implementation of vault.Store must
// pass, by itself and with a vault on it.
package vaulttest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashwarden/internal/vault"
)

// Test runs the suite. create returns a new, empty store each time.
func Test(t *testing.T, create func(t *testing.T) vault.Store) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s vault.Store)
	}{
		{"PutAndGet", testPutAndGet},
		{"PutNeverReplaces", testNeverReplaces},
		{"PutIsWholeOrNot", testWholeOrNot},
		{"PutByManyAtOnce", testPutByMany},
		{"Absent", testAbsent},
		{"CannotSay", testCannotSay},
		{"InvalidKeys", testInvalidKeys},
		{"List", testList},
		{"Delete", testDelete},
		{"Replace", testReplace},
		{"AdoptFile", testAdoptFile},
		{"Blobs", testBlobs},
		{"BlobIsReadAnywhere", testReadAnywhere},
		{"DamagedBlobIsReplaced", testDamagedBlob},
		{"WrongDigestIsNotKept", testWrongDigest},
		{"Snapshots", testSnapshots},
		{"SnapshotsAreRefused", testRefusedSnapshots},
		{"SnapshotsInOrder", testSnapshotsInOrder},
		{"Check", testCheck},
		{"Loss", testLoss},
		{"Fork", testFork},
		{"NotIndexed", testNotIndexed},
		{"Repair", testRepair},
		{"Shares", testShares},
		{"SharesOfDamaged", testSharesOfDamaged},
		{"SharesByDay", testSharesByDay},
		{"NewerFormat", testNewer},
		{"Identity", testIdentity},
		{"Prune", testPrune},
		{"PruneYoung", testPruneYoung},
		{"PruneUnreadable", testPruneUnreadable},
		{"PruneAfterLoss", testPruneAfterLoss},
		{"PruneIsInterrupted", testPruneIsInterrupted},
		{"PruneAndLoss", testPruneAndLoss},
		{"Mirror", testMirror},
		{"MirrorBack", testMirrorBack},
		{"MirrorHolds", testMirrorHolds},
		{"MirrorDamage", testMirrorDamage},
		{"MirrorLosses", testMirrorLosses},
		{"MirrorShort", testMirrorShort},
		{"MirrorFaults", testMirrorFaults},
		{"PruneLeavesClaims", testPruneLeavesClaims},
		{"PruneGrace", testPruneGrace},
		{"PruneSeesNewSnapshots", testPruneSeesNewSnapshots},
		{"PruneCannotReadNew", testPruneCannotReadNew},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, create(t)) })
	}
}

// sum is the SHA-256 of a text.
func sum(content string) string {
	digest := sha256.Sum256([]byte(content))
	return hex.EncodeToString(digest[:])
}

// someName is the name of a snapshot document.
var someName = "20261122T141503Z-sw1-abcd." + sum("")

// key is the key of a text.
func key(content string) string { return vault.BlobKey(sum(content)) }

func put(t *testing.T, s vault.Store, key, content string) {
	t.Helper()
	if err := s.Put(t.Context(), key, strings.NewReader(content), int64(len(content))); err != nil {
		t.Fatal(err)
	}
}

func wantContent(t *testing.T, s vault.Store, key, want string) {
	t.Helper()
	info, err := s.Stat(t.Context(), key)
	if age := time.Since(info.Modified); age < -time.Minute || age > time.Hour {
		t.Errorf("%s was written at %s", key, info.Modified)
	}
	info.Modified = time.Time{}
	if err != nil || info != (vault.Info{Key: key, Size: int64(len(want))}) {
		t.Errorf("%s: %+v, error %v; want %d bytes", key, info, err, len(want))
	}
	for _, offset := range []int{0, len(want) / 2, len(want)} {
		r, err := s.Get(t.Context(), key, int64(offset))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil || string(got) != want[offset:] {
			t.Errorf("%s from %d: %q, error %v; want %q", key, offset, got, err, want[offset:])
		}
	}
}

func testPutAndGet(t *testing.T, s vault.Store) {
	for _, content := range []string{"an image", "", strings.Repeat("an image ", 300_000)} {
		put(t, s, key(content), content)
		wantContent(t, s, key(content), content)
	}
	put(t, s, vault.SnapshotKey(someName), "{}")
	wantContent(t, s, "snapshots/2026/11/"+someName+".json", "{}")
	put(t, s, vault.IdentityKey, "{}")
	wantContent(t, s, "vault.json", "{}")
}

func testNeverReplaces(t *testing.T, s vault.Store) {
	k := key("one")
	put(t, s, k, "one")
	if err := s.Put(t.Context(), k, strings.NewReader("other"), 5); !errors.Is(err, vault.ErrExists) {
		t.Errorf("error %v; want ErrExists", err)
	}
	wantContent(t, s, k, "one")
}

var errBroken = errors.New("broken")

// testWholeOrNot has contents that break off or have another size.
func testWholeOrNot(t *testing.T, s vault.Store) {
	k := key("an image")
	broken := io.MultiReader(strings.NewReader("an im"), brokenReader{})
	if err := s.Put(t.Context(), k, broken, 8); !errors.Is(err, errBroken) {
		t.Errorf("error %v; want that of the reader", err)
	}
	for _, size := range []int64{7, 9, 0} {
		if err := s.Put(t.Context(), k, strings.NewReader("an image"), size); err == nil || errors.Is(err, vault.ErrExists) {
			t.Errorf("8 bytes as %d: error %v", size, err)
		}
	}
	wantAbsent(t, s, k)
	put(t, s, k, "an image")
}

type brokenReader struct{}

// Read implements io.Reader.
func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }

// testPutByMany lets exactly one of many win.
func testPutByMany(t *testing.T, s vault.Store) {
	k := key("an image")
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = s.Put(t.Context(), k, strings.NewReader("an image"), 8) })
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, vault.ErrExists):
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d have put it; want one", won, len(errs))
	}
	wantContent(t, s, k, "an image")
}

func wantAbsent(t *testing.T, s vault.Store, key string) {
	t.Helper()
	_, stat := s.Stat(t.Context(), key)
	_, get := s.Get(t.Context(), key, 0)
	for name, err := range map[string]error{"stat": stat, "get": get, "delete": s.Delete(t.Context(), key)} {
		if !errors.Is(err, vault.ErrNotFound) {
			t.Errorf("%s of %s: error %v; want ErrNotFound", name, key, err)
		}
	}
}

func testAbsent(t *testing.T, s vault.Store) {
	wantAbsent(t, s, key("none"))
	wantAbsent(t, s, vault.SnapshotKey(someName))
	wantAbsent(t, s, vault.IdentityKey)
}

// wantRefused wants errors that are neither success nor "absent" nor "taken".
func wantRefused(t *testing.T, ctx context.Context, s vault.Store, key string) {
	t.Helper()
	_, stat := s.Stat(ctx, key)
	_, get := s.Get(ctx, key, 0)
	for name, err := range map[string]error{"stat": stat, "get": get, "delete": s.Delete(ctx, key),
		"put": s.Put(ctx, key, strings.NewReader("an image"), 8)} {
		if err == nil || errors.Is(err, vault.ErrNotFound) || errors.Is(err, vault.ErrExists) {
			t.Errorf("%s of %q: error %v; want a refusal", name, key, err)
		}
	}
}

// testCannotSay asks under a context that has ended.
func testCannotSay(t *testing.T, s vault.Store) {
	put(t, s, key("there"), "there")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, content := range []string{"there", "none"} {
		wantRefused(t, ctx, s, key(content))
	}
	if err := s.List(ctx, "", func(vault.Info) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("list: error %v", err)
	}
	v := vault.New(s)
	for _, content := range []string{"there", "none"} {
		if ok, err := v.HasBlob(ctx, sum(content), int64(len(content))); ok || !errors.Is(err, context.Canceled) {
			t.Errorf("HasBlob: %v, error %v; want that it cannot say", ok, err)
		}
	}
	wantContent(t, s, key("there"), "there")
	wantAbsent(t, s, key("none"))
}

func testInvalidKeys(t *testing.T, s vault.Store) {
	for _, k := range []string{"", "/", "blobs", "blobs/ab", "blobs/ab/cd", "blobs/ab/cd/", "blobs/ab//x", "blobs/ab/cd/..", "blobs/ab/cd/.x", "blobs/ab/cd/x/y",
		"blobs/ab/cde/x", "../x", "/etc/passwd", "blobs/ab/../x", "snapshots/2026/13/x", "snapshots/old/11/x", "tmp/ab/cd/x", "blobs/ab/cd/x\x00", "blobs/ab/cd/a b",
		"vault.json/x", "vault.jsonx", "prunes/2026/11/x"} {
		wantRefused(t, t.Context(), s, k)
	}
}

func testList(t *testing.T, s vault.Store) {
	all := []string{"blobs/00/00/x", "blobs/ab/cd/note", key("an image"), "prunes/2026/a.json", "snapshots/2025/12/a.json", "snapshots/2026/01/a.json", "snapshots/2026/01/b.json",
		"snapshots/2026/11/a.json", vault.IdentityKey}
	slices.Sort(all)
	for _, k := range all {
		put(t, s, k, "content")
	}
	for _, prefix := range []string{"", "blobs/", "blobs/ab/", "blobs/ab", "blobs/ab/cd/n", "snapshots/", "snapshots/2026/01/a", "snapshots/2026/", "snapshots/2027/", "prunes/", "v", "x"} {
		var want, got []string
		for _, k := range all {
			if strings.HasPrefix(k, prefix) {
				want = append(want, k)
			}
		}
		err := s.List(t.Context(), prefix, func(i vault.Info) error {
			if i.Size != 7 && i.Size != -1 {
				t.Errorf("%s has %d bytes; want 7 or -1", i.Key, i.Size)
			}
			got = append(got, i.Key)
			return nil
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("prefix %q: %q, error %v; want %q", prefix, got, err, want)
		}
	}
	n := 0
	err := s.List(t.Context(), "", func(vault.Info) error { n++; return errBroken })
	if !errors.Is(err, errBroken) || n != 1 {
		t.Errorf("%d keys, error %v; want one, and the error that yield returned", n, err)
	}
}

func testDelete(t *testing.T, s vault.Store) {
	put(t, s, key("a"), "a")
	put(t, s, key("b"), "b")
	if err := s.Delete(t.Context(), key("a")); err != nil {
		t.Fatal(err)
	}
	wantAbsent(t, s, key("a"))
	wantContent(t, s, key("b"), "b")
	put(t, s, key("a"), "a")
	wantContent(t, s, key("a"), "a")
}

func testReplace(t *testing.T, s vault.Store) {
	r, ok := s.(vault.Replacer)
	if !ok {
		t.Skip("not a Replacer")
	}
	k := key("an image")
	put(t, s, k, "rotten")
	for _, size := range []int64{7, 9} {
		if err := r.Replace(t.Context(), k, strings.NewReader("an image"), size); err == nil {
			t.Errorf("8 bytes as %d: no error", size)
		}
		wantContent(t, s, k, "rotten")
	}
	if err := r.Replace(t.Context(), k, strings.NewReader("an image"), 8); err != nil {
		t.Fatal(err)
	}
	wantContent(t, s, k, "an image")
}
