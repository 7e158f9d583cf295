package vaulttest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// later is a time at which all content of a test is old.
func later() time.Time { return time.Now().AddDate(0, 1, 0) }

// history keeps snapshots of sw1 with these contents, a year after each other,
// and returns them.
func history(t *testing.T, s vault.Store, contents ...string) []api.Snapshot {
	t.Helper()
	var all []api.Snapshot
	previous := ""
	for i, content := range contents {
		if _, _, err := vault.New(s).Put(t.Context(), []byte(content)); err != nil {
			t.Fatal(err)
		}
		next := snapshot(content, 2015+i)
		next.Previous = previous
		kept, err := vault.New(s).PutSnapshot(t.Context(), next)
		if err != nil {
			t.Fatal(err)
		}
		all, previous = append(all, kept), kept.Document
	}
	return all
}

func has(t *testing.T, v *vault.Vault, content string) bool {
	t.Helper()
	ok, err := v.HasBlob(t.Context(), sum(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func testPrune(t *testing.T, s vault.Store) {
	v := vault.New(s)
	all := history(t, s, "a", "shared", "b", "shared", "c")
	put(t, s, key("orphan"), "orphan")
	o := vault.PruneOptions{Retention: api.Retention{Last: 2}, Now: later(), DryRun: true}
	var removing, removed []string
	o.Removing = func(_ context.Context, ids []string) error { removing = append(removing, ids...); return nil }
	o.Removed = func(_ context.Context, sums []string) error { removed = append(removed, sums...); return nil }
	for _, dry := range []bool{true, false} {
		o.DryRun = dry
		res, err := v.Prune(t.Context(), o)
		// "a", "b" and "orphan": "shared" is still named.
		if err != nil || res.Kept != 2 || len(res.Removed) != 3 || res.Blobs != 3 || res.Bytes != 8 || (len(res.Documents) == 0) != dry {
			t.Fatalf("dry run %v: %+v, error %v", dry, res, err)
		}
		if has(t, v, "a") != dry || has(t, v, "orphan") != dry || !has(t, v, "shared") || !has(t, v, "c") {
			t.Errorf("dry run %v: the wrong content went", dry)
		}
		if _, err := v.Document(t.Context(), all[0].Document); (err == nil) != dry {
			t.Errorf("dry run %v: the first snapshot: error %v", dry, err)
		}
	}
	if len(removing) != 3 || removing[0] != all[0].ID || len(removed) != 3 {
		t.Errorf("announced: %q, %q", removing, removed)
	}
	wantProblems(t, v, true)
	if left, err := v.NotPruned(t.Context(), []string{all[4].Document, all[0].Document, all[1].Document}); err != nil || len(left) != 1 || left[0] != all[4].Document {
		t.Errorf("not pruned: %q, error %v; want the last one", left, err)
	}
	if res, err := v.Prune(t.Context(), o); err != nil || len(res.Removed) > 0 || res.Blobs > 0 || len(res.Documents) > 0 {
		t.Errorf("again: %+v, error %v", res, err)
	}
	// A gap that the record does not explain is still a loss.
	if err := s.Delete(t.Context(), vault.SnapshotKey(all[3].Document)); err != nil {
		t.Fatal(err)
	}
	wantProblems(t, v, false, "snapshot_missing "+vault.SnapshotKey(all[3].Document)+" sw1")
}

// testPruneYoung has content that a backup may be about to name.
func testPruneYoung(t *testing.T, s vault.Store) {
	v := vault.New(s)
	history(t, s, "a", "b")
	put(t, s, key("orphan"), "orphan")
	res, err := v.Prune(t.Context(), vault.PruneOptions{Now: time.Now()})
	if err != nil || res.Blobs != 0 || !has(t, v, "orphan") || !has(t, v, "a") {
		t.Errorf("%+v, error %v; want all content kept", res, err)
	}
}

// testPruneUnreadable has documents that cannot be read: nobody knows what they
// name.
func testPruneUnreadable(t *testing.T, s vault.Store) {
	v := vault.New(s)
	all := history(t, s, "a", "b", "c")
	newer := `{"format": 3}`
	put(t, s, vault.SnapshotKey("20261122T141503Z-sw9-abcd."+sum(newer)), newer)
	put(t, s, key("orphan"), "orphan")
	rot(t, s, vault.SnapshotKey(all[1].Document), "{")
	res, err := v.Prune(t.Context(), vault.PruneOptions{Now: later()})
	if err != nil || len(res.Problems) != 2 || res.Blobs != 0 || len(res.Removed) != 1 {
		t.Errorf("%+v, error %v", res, err)
	}
	if !has(t, v, "orphan") || !has(t, v, "a") || !has(t, v, "b") {
		t.Error("content went")
	}
}

// testPruneAfterLoss has documents that are lost: one that the next snapshot names,
// and the newest one, which only a catalog knows. Their content stays.
func testPruneAfterLoss(t *testing.T, s vault.Store) {
	v := vault.New(s)
	all := history(t, s, "a", "b", "c", "d", "e")
	o := vault.PruneOptions{Retention: api.Retention{Last: 9}, Now: later(), Known: knowing(all[4].Document)}
	for _, lost := range []int{1, 4} {
		if err := s.Delete(t.Context(), vault.SnapshotKey(all[lost].Document)); err != nil {
			t.Fatal(err)
		}
	}
	res, err := v.Prune(t.Context(), o)
	if err != nil || len(res.Problems) != 2 || res.Blobs != 0 || !has(t, v, "b") || !has(t, v, "e") {
		t.Errorf("%+v, error %v; want two losses, and their content kept", res, err)
	}
}

// interrupted prunes, and stops after the record and before the removal.
func interrupted(t *testing.T, v *vault.Vault, o vault.PruneOptions) {
	t.Helper()
	stop := errors.New("stop")
	o.Now, o.Removing = later(), func(context.Context, []string) error { return stop }
	if _, err := v.Prune(t.Context(), o); !errors.Is(err, stop) {
		t.Fatalf("error %v", err)
	}
}

// testPruneIsInterrupted stops before the removal. A check says so, and the next
// prune finishes, although it would keep more: otherwise the record would explain a
// later loss.
func testPruneIsInterrupted(t *testing.T, s vault.Store) {
	v := vault.New(s)
	history(t, s, "a", "b", "c", "d")
	interrupted(t, v, vault.PruneOptions{})
	for _, mirror := range []bool{false, true} {
		res, err := v.Check(t.Context(), vault.CheckOptions{Mirror: mirror})
		if noted := strings.Contains(strings.Join(res.Notes, ""), "that still exist: 3"); err != nil || !res.OK || noted == mirror {
			t.Errorf("mirror %v: %+v, error %v", mirror, res, err)
		}
	}
	res, err := v.Prune(t.Context(), vault.PruneOptions{Now: later(), Retention: api.Retention{Last: 3}})
	if err != nil || res.Kept != 1 || res.Blobs != 3 || len(res.Removed) != 3 || len(res.Documents) > 0 {
		t.Errorf("%+v, error %v", res, err)
	}
	wantProblems(t, v, true)
	if res, err := v.Check(t.Context(), vault.CheckOptions{}); err != nil || len(res.Notes) > 0 {
		t.Errorf("%+v, error %v; want no note", res, err)
	}
}

// testPruneAndLoss loses the newest snapshot after an interrupted prune. The next
// prune keeps the one that is the newest now, although the record names it.
func testPruneAndLoss(t *testing.T, s vault.Store) {
	v := vault.New(s)
	all := history(t, s, "a", "b", "c")
	interrupted(t, v, vault.PruneOptions{})
	if err := s.Delete(t.Context(), vault.SnapshotKey(all[2].Document)); err != nil {
		t.Fatal(err)
	}
	res, err := v.Prune(t.Context(), vault.PruneOptions{Now: later(), Known: knowing(all[2].Document)})
	if err != nil || res.Kept != 1 || len(res.Removed) != 1 || len(res.Problems) != 1 {
		t.Errorf("%+v, error %v", res, err)
	}
	if _, err := v.Document(t.Context(), all[1].Document); err != nil {
		t.Errorf("the newest snapshot: error %v", err)
	}
}

// testPruneLeavesClaims has backups that rely on content which no snapshot names:
// one that begins before the prune, and one that begins in its middle.
func testPruneLeavesClaims(t *testing.T, s vault.Store) {
	v := vault.New(s)
	history(t, s, "a", "b", "c")
	put(t, s, key("before"), "before")
	put(t, s, key("nobody's"), "nobody's")
	first := v.Hold()
	if !has(t, v, "before") {
		t.Fatal("it is not there")
	}
	var second func()
	res, err := v.Prune(t.Context(), vault.PruneOptions{Now: later(), Removing: func(context.Context, []string) error {
		second = v.Hold()
		if err := v.Prove(t.Context(), sum("a"), 1); err != nil {
			t.Error(err)
		}
		return nil
	}})
	if err != nil || res.Blobs != 2 { // "b" and "nobody's"
		t.Fatalf("%+v, error %v", res, err)
	}
	if !has(t, v, "before") || !has(t, v, "a") || has(t, v, "b") || has(t, v, "nobody's") {
		t.Error("the wrong content went")
	}
	if _, err := v.PutSnapshot(t.Context(), snapshot("a", 2026)); err != nil {
		t.Error(err)
	}
	first()
	second()
	if res, err = v.Prune(t.Context(), vault.PruneOptions{Retention: api.Retention{Last: 9}, Now: later()}); err != nil || res.Blobs != 1 || has(t, v, "before") || !has(t, v, "a") {
		t.Errorf("after they ended: %+v, error %v", res, err)
	}
	wantProblems(t, v, true)
}

// testPruneSeesNewSnapshots has another process write a snapshot during a prune: it names
// content that no snapshot named when the prune began.
func testPruneSeesNewSnapshots(t *testing.T, s vault.Store) {
	all := history(t, s, "a", "b", "c")
	put(t, s, key("orphan"), "orphan")
	next := snapshot("orphan", 2025)
	next.Previous = all[2].Document
	_, err := vault.New(s).Prune(t.Context(), vault.PruneOptions{Now: later(), Retention: api.Retention{Last: 1}, Removing: func(ctx context.Context, _ []string) error {
		_, err := vault.New(s).PutSnapshot(ctx, next)
		return err
	}})
	if err != nil || !has(t, vault.New(s), "orphan") || has(t, vault.New(s), "a") {
		t.Errorf("error %v; want the content of the new snapshot, and not the oldest one", err)
	}
	wantProblems(t, vault.New(s), true)
}

// testPruneCannotReadNew: if the snapshot that another process wrote during a prune cannot be
// read, nobody knows its content, and none is removed.
func testPruneCannotReadNew(t *testing.T, s vault.Store) {
	all := history(t, s, "a", "b", "c")
	put(t, s, key("orphan"), "orphan")
	next := snapshot("orphan", 2025)
	next.Previous = all[2].Document
	_, err := vault.New(s).Prune(t.Context(), vault.PruneOptions{Now: later(), Retention: api.Retention{Last: 1}, Removing: func(ctx context.Context, _ []string) error {
		kept, err := vault.New(s).PutSnapshot(ctx, next)
		if err == nil {
			err = s.Delete(ctx, vault.SnapshotKey(kept.Document))
		}
		put(t, s, vault.SnapshotKey(kept.Document), "rotten")
		return err
	}})
	if !errors.Is(err, vault.ErrDamaged) || !has(t, vault.New(s), "orphan") || !has(t, vault.New(s), "a") {
		t.Errorf("error %v; want that of the document, and all content", err)
	}
}

// testPruneGrace removes only content that is ripe, and asks for nothing else.
func testPruneGrace(t *testing.T, s vault.Store) {
	history(t, s, "a", "b", "c")
	var asked []string
	o := vault.PruneOptions{Now: later(), Retention: api.Retention{Last: 1}, Ripe: func(_ context.Context, sums []string) ([]string, error) {
		asked = append(asked, sums...)
		return []string{sum("b"), sum("c")}, nil
	}}
	res, err := vault.New(s).Prune(t.Context(), o)
	if err != nil || res.Blobs != 1 || len(asked) != 2 || !has(t, vault.New(s), "a") || has(t, vault.New(s), "b") || !has(t, vault.New(s), "c") {
		t.Errorf("%+v, error %v, asked for %q; want b alone to be gone", res, err, asked)
	}
	o.Ripe, o.RipeFor = func(_ context.Context, sums []string) ([]string, error) { return sums, nil }, 1
	if _, err := vault.New(s).Prune(t.Context(), o); !errors.Is(err, context.DeadlineExceeded) || !has(t, vault.New(s), "a") {
		t.Errorf("error %v; want that nothing is removed too late", err)
	}
	o.Ripe, o.RipeFor = func(context.Context, []string) ([]string, error) { return nil, errors.ErrUnsupported }, 0
	if _, err := vault.New(s).Prune(t.Context(), o); !errors.Is(err, errors.ErrUnsupported) || !has(t, vault.New(s), "a") {
		t.Errorf("error %v; want that of the catalog, and nothing removed", err)
	}
}
