package vaulttest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/api"
	"flashwarden/internal/testlevel"
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

// listing is a store that does something before it lists one part, or cannot list it.
type listing struct {
	*vaulttest.Memory
	part string
	do   func()
	err  error
}

// List implements vault.Store.
func (l *listing) List(ctx context.Context, prefix string, yield func(vault.Info) error) error {
	if prefix != l.part+"/" {
		return l.Memory.List(ctx, prefix, yield)
	}
	if l.do != nil {
		l.do()
		l.do = nil
	}
	if l.err != nil {
		return &vault.UnlistedError{Part: l.part, Err: l.err}
	}
	return l.Memory.List(ctx, prefix, yield)
}

// years keeps a snapshot of sw1 with a content of its own for each of n years, and
// returns the names of their documents.
func years(t *testing.T, v *vault.Vault, n int) (all []string) {
	t.Helper()
	previous := ""
	for year := range n {
		content := fmt.Sprint("content of year ", year)
		sum, weak, err := v.Put(t.Context(), []byte(content))
		if err != nil {
			t.Fatal(err)
		}
		started := time.Date(2010+year, 1, 1, 0, 0, 0, 0, time.UTC)
		s, err := v.PutSnapshot(t.Context(), api.Snapshot{ID: vault.NewID("sw1", started), Device: "sw1", Started: started, Status: api.StatusOK, Previous: previous,
			Files: []api.File{{Path: "running-config", Kind: api.KindConfig, Size: int64(len(content)), SHA256: sum, MD5: weak, Evidence: api.EvidenceSize}}})
		if err != nil {
			t.Fatal(err)
		}
		previous, all = s.Document, append(all, s.Document)
	}
	return all
}

// quietly checks a vault, and wants no blob to be recorded as damaged.
func quietly(t *testing.T, v *vault.Vault, o vault.CheckOptions) api.CheckResult {
	t.Helper()
	o.Proved = func(sum string, _ int64, whole bool) {
		if !whole {
			t.Errorf("%s was recorded as damaged", sum)
		}
	}
	res, err := v.Check(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// TestCheckDuringPrune prunes after a check has read the snapshots, and before it
// lists the blobs or the records.
func TestCheckDuringPrune(t *testing.T) {
	for _, part := range []string{vault.BlobsPart, vault.PrunesPart} {
		for _, readData := range []bool{false, true} {
			memory := &vaulttest.Memory{}
			years(t, vault.New(memory), 4)
			store := &listing{Memory: memory, part: part, do: func() {
				res, err := vault.New(memory).Prune(t.Context(), vault.PruneOptions{Now: time.Now().AddDate(0, 1, 0)})
				if err != nil || res.Blobs != 3 {
					t.Errorf("prune: %+v, error %v", res, err)
				}
			}}
			if res := quietly(t, vault.New(store), vault.CheckOptions{ReadData: readData}); !res.OK || len(res.Notes) > 0 {
				t.Errorf("prune before the list of %s: %+v", part, res)
			}
		}
	}
}

// TestCheckDuringPut has a mirror that puts a missing blob back after a check has
// listed the blobs.
func TestCheckDuringPut(t *testing.T) {
	memory := &vaulttest.Memory{}
	v := vault.New(memory)
	years(t, v, 1)
	sum, _, err := v.Put(t.Context(), []byte("content of year 0"))
	if err = errors.Join(err, memory.Delete(t.Context(), vault.BlobKey(sum))); err != nil {
		t.Fatal(err)
	}
	store := &auditing{memory, func() { _, _, err = v.Put(t.Context(), []byte("content of year 0")) }}
	if res := quietly(t, vault.New(store), vault.CheckOptions{ReadData: true}); !res.OK || res.Blobs != 1 || res.BlobsRead != 1 || err != nil {
		t.Errorf("%+v, error %v", res, err)
	}
}

// auditing is a store that does something when it is audited, which is after its
// lists and before the comparison.
type auditing struct {
	*vaulttest.Memory
	do func()
}

// Audit implements vault.Auditor.
func (a *auditing) Audit(context.Context, func(api.CheckProblem)) error { a.do(); return nil }

// TestCheckUnlisted has parts that cannot be listed. Each is one problem, and nothing
// below it is taken for missing.
func TestCheckUnlisted(t *testing.T) {
	memory := &vaulttest.Memory{}
	v := vault.New(memory)
	all := years(t, v, 4)
	if _, err := v.Prune(t.Context(), vault.PruneOptions{Now: time.Now(), Retention: api.Retention{Last: 2}}); err != nil {
		t.Fatal(err)
	}
	for _, part := range vault.Parts() {
		store := &listing{Memory: memory, part: part, err: errors.New("input/output error")}
		res := quietly(t, vault.New(store), vault.CheckOptions{Known: func(_ context.Context, yield func(string)) error {
			for _, name := range all[2:] {
				yield(name)
			}
			return nil
		}})
		if len(res.Problems) != 1 || res.Problems[0].Path != part || res.Problems[0].Kind != api.CheckUnreadable {
			t.Errorf("%s: %+v; want it unreadable", part, res.Problems)
		}
		if noted := len(res.Notes) == 1; noted != (part == vault.PrunesPart) {
			t.Errorf("%s: notes %q", part, res.Notes)
		}
	}
}

// TestMirrorIsLimited: a mirror sends and reads back no more bytes in a second than it may.
func TestMirrorIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := vault.New(&vaulttest.Memory{})
		if _, err := v.Make(t.Context()); err != nil {
			t.Fatal(err)
		}
		years(t, v, 1)
		content := strings.Repeat("an image", 50_000)
		sum, weak, err := v.Put(t.Context(), []byte(content))
		if err != nil {
			t.Fatal(err)
		}
		started := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		_, err = v.PutSnapshot(t.Context(), api.Snapshot{ID: vault.NewID("sw2", started), Device: "sw2", Started: started, Status: api.StatusOK,
			Files: []api.File{{Path: "flash:/x.bin", Kind: api.KindImage, Size: int64(len(content)), SHA256: sum, MD5: weak, Evidence: api.EvidenceSize}}})
		if err != nil {
			t.Fatal(err)
		}
		began, limit := time.Now(), vault.NewRateLimiter(100_000)
		_, err = v.MirrorTo(t.Context(), vault.NewTwin(&vaulttest.Memory{}, limit), vault.MirrorOptions{Fresh: true, Limit: limit})
		if took := time.Since(began); err != nil || took < 7*time.Second || took > 9*time.Second {
			t.Errorf("400 KB at 100 KB per second, and read back: %s, error %v; want eight seconds", took, err)
		}
	})
}

// closed is a store of which one part can neither be listed nor read.
type closed struct{ listing }

// Get implements vault.Store.
func (c *closed) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, error) {
	if strings.HasPrefix(key, c.part+"/") {
		return nil, c.err
	}
	return c.listing.Get(ctx, key, offset)
}

// Stat implements vault.Store.
func (c *closed) Stat(ctx context.Context, key string) (vault.Info, error) {
	if strings.HasPrefix(key, c.part+"/") {
		return vault.Info{}, c.err
	}
	return c.listing.Stat(ctx, key)
}

// TestCheckClosed has a part that cannot be read at all: it is one problem, and not one more
// for each file below it.
func TestCheckClosed(t *testing.T) {
	memory := &vaulttest.Memory{}
	all := years(t, vault.New(memory), 4)
	for _, part := range []string{vault.BlobsPart, vault.SnapshotsPart} {
		store := &closed{listing{Memory: memory, part: part, err: errors.New("input/output error")}}
		res := quietly(t, vault.New(store), vault.CheckOptions{Known: func(_ context.Context, yield func(string)) error {
			for _, name := range all {
				yield(name)
			}
			return nil
		}})
		if len(res.Problems) != 1 || res.Problems[0].Path != part {
			t.Errorf("%s: %+v; want one problem", part, res.Problems)
		}
	}
}

// TestTooLarge: what could not be read back is not written.
func TestTooLarge(t *testing.T) {
	testlevel.NeedFull(t, "a document of 64 MB")
	store := &vaulttest.Memory{}
	v, long := vault.New(store), strings.Repeat("x", 65<<20)
	started := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for part, change := range map[string]func(*api.Snapshot){
		"document": func(s *api.Snapshot) { s.Notes = []string{long} },
		"listings": func(s *api.Snapshot) {
			s.Listings = []api.Listing{{Path: "flash:/", Entries: []api.Entry{{Name: long}}}}
		},
	} {
		s := api.Snapshot{ID: vault.NewID("sw1", started), Device: "sw1", Started: started, Status: api.StatusOK}
		change(&s)
		if _, err := v.PutSnapshot(t.Context(), s); !errors.Is(err, vault.ErrRefused) {
			t.Errorf("%s: error %v; want ErrRefused", part, err)
		}
	}
	if err := store.List(t.Context(), "", func(i vault.Info) error { return errors.New(i.Key) }); err != nil {
		t.Errorf("the vault has %v", err)
	}
}

// TestDamagedListings: a snapshot whose listings are damaged is returned without them.
func TestDamagedListings(t *testing.T) {
	store := &vaulttest.Memory{}
	v := vault.New(store)
	started := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s, err := v.PutSnapshot(t.Context(), api.Snapshot{ID: vault.NewID("sw1", started), Device: "sw1", Started: started, Status: api.StatusOK,
		Listings: []api.Listing{{Path: "flash:/", Entries: []api.Entry{{Name: "x.bin", Size: 1}}}}})
	if err != nil {
		t.Fatal(err)
	}
	key, wrong := vault.BlobKey(s.ListingBlob.SHA256), `[{"path": "flash:/"}]`
	if err := errors.Join(store.Delete(t.Context(), key), store.Put(t.Context(), key, strings.NewReader(wrong), int64(len(wrong)))); err != nil {
		t.Fatal(err)
	}
	got, err := v.Snapshot(t.Context(), s.ID)
	if err != nil || len(got.Listings) != 0 || len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "cannot be read") {
		t.Errorf("%+v, error %v; want no listings, and a note", got, err)
	}
}
