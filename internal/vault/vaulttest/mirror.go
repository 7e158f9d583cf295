package vaulttest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/vault"
)

// madeVault returns a new vault in memory.
func madeVault(t *testing.T) (*vault.Vault, *Memory) {
	t.Helper()
	s := &Memory{}
	v := vault.New(s)
	if _, err := v.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	return v, s
}

// mirror mirrors v to a store, which must go well.
func mirror(t *testing.T, v *vault.Vault, to vault.Store, fresh bool) api.MirrorResult {
	t.Helper()
	res, err := v.MirrorTo(t.Context(), vault.NewTwin(to, nil), vault.MirrorOptions{Fresh: fresh})
	if err != nil {
		t.Fatal(err)
	}
	return res.MirrorResult
}

// wantTwin wants the same contents in both stores.
func wantTwin(t *testing.T, original, twin vault.Store) {
	t.Helper()
	keys := func(s vault.Store) (all []string) {
		if err := s.List(t.Context(), "", func(i vault.Info) error { all = append(all, i.Key); return nil }); err != nil {
			t.Fatal(err)
		}
		return all
	}
	if got, want := keys(twin), keys(original); !slices.Equal(got, want) {
		t.Errorf("the mirror has %q; want %q", got, want)
	}
	wantProblems(t, vault.New(twin), true)
}

// testMirror mirrors to an empty store, then mirrors new content.
func testMirror(t *testing.T, to vault.Store) {
	v, from := madeVault(t)
	all := history(t, from, "a", "shared", "b", "shared")
	if _, err := v.MirrorTo(t.Context(), vault.NewTwin(to, nil), vault.MirrorOptions{}); !errors.Is(err, vault.ErrMissing) {
		t.Errorf("a place without a mirror: error %v; want ErrMissing", err)
	}
	res := mirror(t, v, to, true)
	if !res.Made || res.Snapshots != 4 || res.Held != 4 || res.Blobs != 4 || len(res.Problems) > 0 { // three contents and one listing
		t.Errorf("first: %+v", res)
	}
	wantTwin(t, from, to)
	if res := mirror(t, v, to, true); res.Made || res.Snapshots != 0 || res.Held != 4 || res.Blobs != 0 {
		t.Errorf("again: %+v", res)
	}
	next := snapshot("c", 2026)
	next.Previous = all[3].Document
	put(t, from, key("c"), "c")
	if _, err := v.PutSnapshot(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if res := mirror(t, v, to, false); res.Snapshots != 1 || res.Blobs != 1 || res.Bytes != 1 {
		t.Errorf("one more: %+v", res)
	}
	wantTwin(t, from, to)
	if _, err := v.Prune(t.Context(), vault.PruneOptions{Retention: api.Retention{Last: 1}, Now: later()}); err != nil {
		t.Fatal(err)
	}
	if res := mirror(t, v, to, false); res.Held != 1 || res.Snapshots != 0 {
		t.Errorf("after a prune: %+v", res)
	}
	if names, err := vault.New(to).Names(t.Context()); err != nil || len(names) != 5 {
		t.Errorf("after a prune the mirror has %q, error %v; want all 5 snapshots", names, err)
	}
	wantProblems(t, vault.New(to), true)
	other, _ := madeVault(t)
	if _, err := other.MirrorTo(t.Context(), vault.NewTwin(to, nil), vault.MirrorOptions{Fresh: true}); !errors.Is(err, vault.ErrOther) {
		t.Errorf("the mirror of another vault: error %v; want ErrOther", err)
	}
}

// testMirrorBack brings a vault back from a mirror, which has what a prune removed from
// the vault. That stays away.
func testMirrorBack(t *testing.T, s vault.Store) {
	v, mirror, back := vault.New(s), &Memory{}, &Memory{}
	if _, err := v.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	history(t, s, "a", "b", "c", "d")
	bring := func(from *vault.Vault, to vault.Store, fresh, back bool) api.MirrorResult {
		res, err := from.MirrorTo(t.Context(), vault.NewTwin(to, nil), vault.MirrorOptions{Fresh: fresh, Back: back})
		if err != nil || len(res.Problems) > 0 {
			t.Fatalf("%+v, error %v", res, err)
		}
		return res.MirrorResult
	}
	bring(v, mirror, true, false)
	if _, err := v.Prune(t.Context(), vault.PruneOptions{Now: later(), Retention: api.Retention{Last: 2}}); err != nil {
		t.Fatal(err)
	}
	bring(v, mirror, false, false)
	if res := bring(vault.New(mirror), back, true, true); res.Snapshots != 2 {
		t.Errorf("%+v; want the two snapshots that the vault had", res)
	}
	wantProblems(t, vault.New(back), true)
	if has(t, vault.New(back), "a") || !has(t, vault.New(back), "c") || !has(t, vault.New(mirror), "a") {
		t.Error("the wrong content came back")
	}
}

// testMirrorHolds asks which snapshots the mirror has: new ones and old ones, but none
// whose content it lacks.
func testMirrorHolds(t *testing.T, to vault.Store) {
	v, from := madeVault(t)
	all := history(t, from, "a", "b", "shared", "shared")
	var ids []string
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	holds := func(want ...string) {
		t.Helper()
		res, err := v.MirrorTo(t.Context(), vault.NewTwin(to, nil), vault.MirrorOptions{Fresh: true, Wanted: append(ids, "unknown")})
		slices.Sort(res.Holds)
		if err != nil || !slices.Equal(res.Holds, want) {
			t.Errorf("%q, error %v; want %q", res.Holds, err, want)
		}
	}
	rot(t, from, key("b"), "B")
	holds(ids[0], ids[2], ids[3])
	rot(t, from, key("b"), "b")
	holds(ids...)
	if err := errors.Join(to.Delete(t.Context(), key("shared")), from.Delete(t.Context(), key("shared"))); err != nil {
		t.Fatal(err)
	}
	holds(ids[0], ids[1]) // neither has it
	put(t, from, key("shared"), "sharED")
	holds(ids[0], ids[1])
	if res, err := v.MirrorTo(t.Context(), vault.NewTwin(to, nil), vault.MirrorOptions{}); err != nil || res.Holds != nil {
		t.Errorf("nothing was wanted: %q, error %v", res.Holds, err)
	}
}

// testMirrorDamage has damaged content in the vault, and in the mirror.
func testMirrorDamage(t *testing.T, to vault.Store) {
	v, from := madeVault(t)
	all := history(t, from, "good", "lost", "rotten", "short")
	put(t, to, key("good"), "gOOd")
	if err := from.Delete(t.Context(), key("lost")); err != nil {
		t.Fatal(err)
	}
	rot(t, from, key("rotten"), "rOtten")
	rot(t, from, key("short"), "shor")
	put(t, to, vault.IdentityKey, string(from.contents[vault.IdentityKey].data))
	res := mirror(t, v, to, true)
	var got []string
	for _, p := range res.Problems {
		got = append(got, p.Kind+" "+p.Path)
	}
	slices.Sort(got)
	if want := []string{"blob_damaged " + key("rotten"), "blob_damaged " + key("short"), "blob_missing " + key("lost")}; !slices.Equal(got, want) {
		t.Errorf("problems %q; want %q", got, want)
	}
	if res.Snapshots != 1 || res.Replaced != 1 || res.Held != 1 {
		t.Errorf("%+v; want the good snapshot alone, its content replaced", res)
	}
	wantProblems(t, vault.New(to), true)
	if _, err := vault.New(to).Document(t.Context(), all[0].Document); err != nil {
		t.Error(err)
	}
}

// testMirrorLosses has a mirror that lost what it had: it gets it again.
func testMirrorLosses(t *testing.T, to vault.Store) {
	v, from := madeVault(t)
	all := history(t, from, "a", "b", "c")
	mirror(t, v, to, true)
	empty := vault.SnapshotKey(all[0].Document)
	for _, k := range []string{empty, key("b")} {
		if err := to.Delete(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	put(t, to, empty, "")
	res := mirror(t, v, to, false)
	if res.Held != 3 || res.Snapshots != 1 || res.Blobs != 1 || len(res.Problems) > 0 || len(res.Notes) != 1 {
		t.Errorf("%+v; want the empty document and the lost content copied again", res)
	}
	wantTwin(t, from, to)
	if res := mirror(t, v, to, false); res.Snapshots != 0 || res.Blobs != 0 || len(res.Notes) > 0 {
		t.Errorf("again: %+v", res)
	}
	for _, s := range []vault.Store{from, to} {
		if err := s.Delete(t.Context(), key("c")); err != nil {
			t.Fatal(err)
		}
	}
	rot(t, from, key("b"), "B")
	if err := to.Delete(t.Context(), key("b")); err != nil {
		t.Fatal(err)
	}
	if res := mirror(t, v, to, false); len(res.Problems) != 1 || res.Problems[0].Path != key("b") {
		t.Errorf("%+v; want the content that is damaged in the vault as a problem", res)
	}
}

// testMirrorShort has a mirror whose files were cut off. The run puts that right, and
// says which snapshots the mirror had before.
func testMirrorShort(t *testing.T, to vault.Store) {
	v, from := madeVault(t)
	all := history(t, from, "a", "b", "c", "d")
	mirror(t, v, to, true)
	rot(t, to, key("a"), "")
	rot(t, to, key("b"), "longer than it was")
	rot(t, to, vault.SnapshotKey(all[2].Document), "")
	var found []string
	res, err := v.MirrorTo(t.Context(), vault.NewTwin(to, nil), vault.MirrorOptions{
		Wanted: []string{all[0].ID, all[1].ID, all[2].ID, all[3].ID},
		Found:  func(ids []string) error { found = ids; return nil },
	})
	if err != nil || res.Replaced != 2 || res.Snapshots != 1 || res.Held != 4 || len(res.Holds) != 4 || len(res.Problems) > 0 || len(res.Notes) != 1 {
		t.Errorf("%+v, error %v; want two contents replaced and a document copied again", res, err)
	}
	if !slices.Equal(found, []string{all[3].ID}) {
		t.Errorf("the mirror had %q; want %s alone", found, all[3].ID)
	}
	wantTwin(t, from, to)
}

// testMirrorFaults lets each call of a mirror fail in each way. A snapshot that
// the mirror has is whole, and the next run completes it.
func testMirrorFaults(t *testing.T, to vault.Store) {
	v, from := madeVault(t)
	history(t, from, "a", "b", strings.Repeat("long", 1000), "b")
	if _, err := v.Prune(t.Context(), vault.PruneOptions{Retention: api.Retention{Last: 3}, Now: later()}); err != nil {
		t.Fatal(err)
	}
	clean := &Faulty{Store: to}
	mirror(t, v, clean, true)
	for _, with := range []Fault{Undone, Done, Half, CrashedAt} {
		for at := 1; at <= clean.Calls(); at += testlevel.Of(7, 3, 1) {
			empty(t, to)
			f := &Faulty{Store: to, At: at, With: with}
			_, err := v.MirrorTo(t.Context(), vault.NewTwin(f, nil), vault.MirrorOptions{Fresh: true, Parallel: 1})
			switch {
			case errors.Is(err, ErrFault):
				wantWhole(t, to)
			case err == nil: // the answer that was lost was an error, as that nothing is there
				wantTwin(t, from, to)
			default:
				t.Fatalf("fault %d at call %d: error %v", with, at, err)
			}
			mirror(t, v, to, true)
			wantTwin(t, from, to)
		}
	}
}

// wantWhole wants all contents of all snapshots that a store has.
func wantWhole(t *testing.T, s vault.Store) {
	t.Helper()
	res, err := vault.New(s).Check(t.Context(), vault.CheckOptions{ReadData: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range res.Problems {
		if p.Kind != api.CheckSnapshotMissing { // the mirror is not complete
			t.Errorf("%s %s: %s", p.Kind, p.Path, p.Message)
		}
	}
}

// empty removes all contents.
func empty(t *testing.T, s vault.Store) {
	t.Helper()
	var all []string
	if err := s.List(t.Context(), "", func(i vault.Info) error { all = append(all, i.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	for _, k := range all {
		if err := s.Delete(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
}
