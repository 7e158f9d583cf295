package vaulttest

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// file writes a finished file and returns its path.
func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "finished")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func wantGone(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s still exists, error %v", path, err)
	}
}

// rot gives a blob other content.
func rot(t *testing.T, s vault.Store, key, content string) {
	t.Helper()
	if err := s.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	put(t, s, key, content)
}

// alter changes a document of the device sw1 so that it can still be read: only its digest shows it.
func alter(t *testing.T, s vault.Store, key string) {
	t.Helper()
	r, err := s.Get(t.Context(), key, 0)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || !strings.Contains(string(text), `"sw1"`) {
		t.Fatalf("%s has %q, error %v; want the device sw1", key, text, err)
	}
	rot(t, s, key, strings.ReplaceAll(string(text), `"sw1"`, `"sw2"`))
}

func testAdoptFile(t *testing.T, s vault.Store) {
	v, path := vault.New(s), file(t, "an image")
	for range 2 { // the second time it exists already
		if err := v.Adopt(t.Context(), path, sum("an image")); err != nil {
			t.Fatal(err)
		}
		wantGone(t, path)
		wantContent(t, s, key("an image"), "an image")
		path = file(t, "an image")
	}
	if err := v.Adopt(t.Context(), path, "../x"); err == nil {
		t.Error("adopted under a name that is no digest")
	}
	if err := v.Adopt(t.Context(), filepath.Dir(path), sum("an image")); err == nil {
		t.Error("adopted a directory")
	}
}

func testBlobs(t *testing.T, s vault.Store) {
	ctx, v := t.Context(), vault.New(s)
	for _, text := range []string{"hostname sw1\n", "", "hostname sw1\n"} {
		digest, weak, err := v.Put(ctx, []byte(text))
		want := md5.Sum([]byte(text))
		if err != nil || digest != sum(text) || weak != hex.EncodeToString(want[:]) {
			t.Errorf("digests %s and %s, error %v", digest, weak, err)
		}
		if err := v.Prove(ctx, digest, int64(len(text))); err != nil {
			t.Error(err)
		}
	}
	rot(t, s, key("hostname sw1\n"), "hostname sw2\n")
	for _, c := range []struct {
		content string
		size    int64
		has     bool
		prove   error
	}{
		{"", 0, true, nil},
		{"none", 4, false, vault.ErrNotFound},
		{"hostname sw1\n", 13, true, vault.ErrDamaged}, // only reading shows it
		{"hostname sw1\n", 12, false, vault.ErrDamaged},
	} {
		if has, err := v.HasBlob(ctx, sum(c.content), c.size); has != c.has || err != nil {
			t.Errorf("%q with %d bytes: HasBlob %v, error %v", c.content, c.size, has, err)
		}
		if err := v.Prove(ctx, sum(c.content), c.size); !errors.Is(err, c.prove) {
			t.Errorf("%q with %d bytes: Prove %v; want %v", c.content, c.size, err, c.prove)
		}
	}
	if _, err := v.OpenBlob(ctx, sum("none")); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("open: error %v; want ErrNotFound", err)
	}
}

func testReadAnywhere(t *testing.T, s vault.Store) {
	content := strings.Repeat("0123456789", 1000)
	v := vault.New(s)
	if _, _, err := v.Put(t.Context(), []byte(content)); err != nil {
		t.Fatal(err)
	}
	b, err := v.OpenBlob(t.Context(), sum(content))
	if err != nil {
		t.Fatal(err)
	}
	if b.Size() != 10_000 {
		t.Errorf("%d bytes", b.Size())
	}
	head := make([]byte, 5)
	if _, err := io.ReadFull(b, head); err != nil || string(head) != "01234" {
		t.Errorf("%q, %v", head, err)
	}
	for _, c := range []struct {
		off, n int
		want   string
		err    error
	}{{9_990, 10, "0123456789", nil}, {3, 4, "3456", nil}, {7, 4, "7890", nil}, {9_998, 4, "89", io.EOF}, {10_000, 1, "", io.EOF}, {20_000, 1, "", io.EOF}} {
		p := make([]byte, c.n)
		n, err := b.ReadAt(p, int64(c.off))
		if string(p[:n]) != c.want || err != c.err && (err != io.EOF || n < c.n) {
			t.Errorf("%d bytes at %d: %q, %v; want %q, %v", c.n, c.off, p[:n], err, c.want, c.err)
		}
	}
	rest, err := io.ReadAll(b)
	if err := errors.Join(err, b.Close()); err != nil || string(rest) != content[5:] {
		t.Errorf("%d bytes after the first 5, error %v", len(rest), err)
	}
}

func testDamagedBlob(t *testing.T, s vault.Store) {
	const content = "an image"
	v := vault.New(s)
	if _, _, err := v.Put(t.Context(), []byte(content)); err != nil {
		t.Fatal(err)
	}
	for _, damage := range []string{"an imagE", "short", "far too long"} {
		rot(t, s, key(content), damage)
		if _, _, err := v.Put(t.Context(), []byte(content)); err != nil {
			t.Fatal(err)
		}
		wantContent(t, s, key(content), content)
		rot(t, s, key(content), damage)
		path := file(t, content)
		if err := v.Adopt(t.Context(), path, sum(content)); err != nil {
			t.Fatal(err)
		}
		wantGone(t, path)
		wantContent(t, s, key(content), content)
	}
}

// testWrongDigest brings a file that has not the digest that it should have,
// where its bytes are read: over a damaged blob.
func testWrongDigest(t *testing.T, s vault.Store) {
	put(t, s, key("an image"), "rotten")
	path := file(t, "an imagE")
	err := vault.New(s).Adopt(t.Context(), path, sum("an image"))
	if err == nil || !strings.Contains(err.Error(), sum("an imagE")) {
		t.Errorf("error %v; want one with the true SHA-256", err)
	}
	if has, err := vault.New(s).HasBlob(t.Context(), sum("an image"), 8); has || err != nil {
		t.Errorf("HasBlob %v, error %v", has, err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

// snapshot is a snapshot with one image of the given content.
func snapshot(content string, year int) api.Snapshot {
	started := time.Date(year, 11, 22, 14, 15, 3, 0, time.UTC)
	weak := md5.Sum([]byte(content))
	return api.Snapshot{
		Format: vault.Format, ID: vault.NewID("sw1", started), Device: "sw1", Address: "192.0.2.1", Status: api.StatusOK, Started: started,
		Facts: api.Facts{Hostname: "sw1", OS: "ios", Version: "15.0(2)SE8", Mode: "bundle", Image: "flash:/x.bin"},
		Files: []api.File{{Path: "flash:/x.bin", Kind: api.KindImage, Size: int64(len(content)), MD5: hex.EncodeToString(weak[:]),
			SHA256: sum(content), Copied: true, Evidence: api.EvidenceMD5}},
		Listings: []api.Listing{{Path: "flash:/", Total: 32 << 20, Free: -1, Entries: []api.Entry{{Name: "<x> & y.bin", Size: 8}}}},
	}
}

func testSnapshots(t *testing.T, s vault.Store) {
	ctx, v := t.Context(), vault.New(s)
	put(t, s, key("an image"), "an image")
	want := snapshot("an image", 2026)
	given := want
	given.Started = want.Started.Add(300 * time.Millisecond).In(time.FixedZone("CET", 3600))
	kept, err := v.PutSnapshot(ctx, given)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.PutSnapshot(ctx, given); !errors.Is(err, vault.ErrExists) {
		t.Errorf("error %v; want ErrExists", err)
	}
	want.Document, want.ListingBlob = kept.Document, kept.ListingBlob
	for _, by := range []string{want.ID, kept.Document} {
		got, err := v.Snapshot(ctx, by)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("by %s: error %v, want(-) got(+):\n%s", by, err, diff)
		}
	}
	if err := s.Delete(ctx, vault.BlobKey(kept.ListingBlob.SHA256)); err != nil {
		t.Fatal(err)
	}
	if got, err := v.Snapshot(ctx, want.ID); err != nil || len(got.Listings) > 0 || len(got.Notes) != 1 || len(got.Files) != 1 {
		t.Errorf("without its listings: %+v, error %v", got, err)
	}
	for _, id := range []string{"20261122T141503Z-sw1-abcd", someName, "", "..", "../../etc/passwd", "20261122T141503Z-../../x-abcd"} {
		if _, err := v.Snapshot(ctx, id); !errors.Is(err, vault.ErrNotFound) {
			t.Errorf("%q: error %v; want ErrNotFound", id, err)
		}
	}
}

func testRefusedSnapshots(t *testing.T, s vault.Store) {
	v := vault.New(s)
	put(t, s, key("an image"), "an image")
	for _, test := range []struct {
		name   string
		change func(*api.Snapshot)
		want   string
	}{
		{"missing blob", func(s *api.Snapshot) { s.Files[0].SHA256 = sum("none") }, "not in the vault"},
		{"wrong size", func(s *api.Snapshot) { s.Files[0].Size++ }, "has 8 bytes where 9"},
		{"failed", func(s *api.Snapshot) { s.Status = api.StatusFailed }, `its status is "failed"`},
		{"ok with a missing file", func(s *api.Snapshot) { s.Files[0].SHA256, s.Files[0].Cause = "", "stalled" }, "its status is ok"},
		{"neither kept nor missing", func(s *api.Snapshot) { s.Files[0].SHA256 = "" }, "neither"},
		{"both kept and missing", func(s *api.Snapshot) { s.Files[0].Cause = "stalled" }, "both"},
		{"climbing ID", func(s *api.Snapshot) { s.ID = "20261122T141503Z-../../x-abcd" }, "not a snapshot ID"},
		{"no ID", func(s *api.Snapshot) { s.ID = "" }, "not a snapshot ID"},
		{"no device", func(s *api.Snapshot) { s.Device = "" }, "no device"},
		{"no time", func(s *api.Snapshot) { s.Started = time.Time{} }, "no time"},
		{"climbing digest", func(s *api.Snapshot) { s.Files[0].SHA256 = "../../x" }, "not a SHA-256"},
		{"bad MD5", func(s *api.Snapshot) { s.Files[0].MD5 = "xyz" }, "not an MD5"},
		{"newer format", func(s *api.Snapshot) { s.Format = vault.Format + 1 }, "newer flashwarden"},
	} {
		s := snapshot("an image", 2026)
		test.change(&s)
		if _, err := v.PutSnapshot(t.Context(), s); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v; want one with %q", test.name, err, test.want)
		}
	}
	if names, err := v.Names(t.Context()); err != nil || len(names) > 0 {
		t.Errorf("snapshots %v, error %v", names, err)
	}
}

func testSnapshotsInOrder(t *testing.T, s vault.Store) {
	v := vault.New(s)
	put(t, s, key("an image"), "an image")
	var want []string
	for _, year := range []int{2027, 2025, 2026} {
		s := snapshot("an image", year)
		kept, err := v.PutSnapshot(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, kept.Document)
	}
	slices.Sort(want)
	rot(t, s, vault.SnapshotKey(want[1]), `{"format": 1`)
	var got []string
	for s, err := range v.Snapshots(t.Context()) {
		got = append(got, s.Document)
		if isDamaged := s.Document == want[1]; errors.Is(err, vault.ErrDamaged) != isDamaged || (err != nil) != isDamaged {
			t.Errorf("%s: error %v", s.ID, err)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
	for range v.Snapshots(t.Context()) {
		break // an early end must not panic
	}
}

// testCheck damages a store by its own methods.
func testCheck(t *testing.T, s vault.Store) {
	v := vault.New(s)
	var keys []string
	for _, content := range []string{"whole", "missing", "rotten", "short"} {
		put(t, s, key(content), content)
		kept, err := v.PutSnapshot(t.Context(), snapshot(content, 2026))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, vault.SnapshotKey(kept.Document))
	}
	wantProblems(t, v, true)
	if err := s.Delete(t.Context(), key("missing")); err != nil {
		t.Fatal(err)
	}
	rot(t, s, key("rotten"), "rOtten")
	rot(t, s, key("short"), "shor")
	alter(t, s, keys[0])
	put(t, s, "blobs/ab/cd/note", "")
	put(t, s, "snapshots/2026/11/note", "")
	put(t, s, "snapshots/2026/11/note.json", "{}")
	put(t, s, "prunes/2026/note", "")
	quick := []string{"blob_missing " + key("missing") + " sw1", "blob_size " + key("short") + " sw1", "snapshot_damaged " + keys[0],
		"stray_file blobs/ab/cd/note", "stray_file snapshots/2026/11/note", "snapshot_damaged snapshots/2026/11/note.json", "stray_file prunes/2026/note"}
	wantProblems(t, v, false, quick...)
	// The devices stand with the first problem of a blob.
	wantProblems(t, v, true, append(quick, "blob_damaged "+key("rotten")+" sw1", "blob_damaged "+key("short"))...)
}

// chainOf keeps n snapshots of one device, each after the other.
func chainOf(t *testing.T, s vault.Store, n int) []api.Snapshot {
	t.Helper()
	var all []api.Snapshot
	previous := ""
	put(t, s, key("an image"), "an image")
	for i := range n {
		next := snapshot("an image", 2020+i)
		next.Previous = previous
		kept, err := vault.New(s).PutSnapshot(t.Context(), next)
		if err != nil {
			t.Fatal(err)
		}
		all, previous = append(all, kept), kept.Document
	}
	return all
}

// testLoss takes snapshots away behind the vault's back.
func testLoss(t *testing.T, s vault.Store) {
	v := vault.New(s)
	all := chainOf(t, s, 5)
	lost := func(i int) string { return "snapshot_missing " + vault.SnapshotKey(all[i].Document) }
	remove := func(i int) {
		if err := s.Delete(t.Context(), vault.SnapshotKey(all[i].Document)); err != nil {
			t.Fatal(err)
		}
	}
	wantProblems(t, v, false)
	remove(2)
	wantProblems(t, v, false, lost(2)+" sw1")
	prune := vault.Prune{ID: vault.NewID("prune", time.Now()), Time: time.Now(),
		Removed: []vault.Removed{{Document: all[2].Document, Device: "sw1", Previous: all[1].Document}}}
	record, err := v.PutPrune(t.Context(), prune)
	if err != nil {
		t.Fatal(err)
	}
	wantProblems(t, v, false)
	remove(1) // named by the prune alone
	wantProblems(t, v, false, lost(1)+" sw1")
	remove(4) // the last one: only the caller knows it
	res, err := v.Check(t.Context(), vault.CheckOptions{Known: knowing(all[4].Document, all[3].Document)})
	if err != nil || len(res.Problems) != 2 || res.Problems[1].Path != vault.SnapshotKey(all[4].Document) {
		t.Errorf("problems %+v, error %v", res.Problems, err)
	}
	alter(t, s, vault.PruneKey(record)) // then it explains nothing
	wantProblems(t, v, false, "snapshot_damaged "+vault.PruneKey(record))
}

// testFork has two snapshots that name the same one before them. Nothing is lost; a
// loss of one of them is found as usual.
func testFork(t *testing.T, s vault.Store) {
	v, all := vault.New(s), chainOf(t, s, 2)
	var fork []api.Snapshot
	for year := range 2 {
		next := snapshot("an image", 2024+year)
		next.Previous = all[1].Document
		kept, err := v.PutSnapshot(t.Context(), next)
		if err != nil {
			t.Fatal(err)
		}
		fork = append(fork, kept)
	}
	wantProblems(t, v, false)
	if err := s.Delete(t.Context(), vault.SnapshotKey(fork[0].Document)); err != nil {
		t.Fatal(err)
	}
	res, err := v.Check(t.Context(), vault.CheckOptions{Known: knowing(fork[0].Document, fork[1].Document)})
	if err != nil || len(res.Problems) != 1 || res.Problems[0].Path != vault.SnapshotKey(fork[0].Document) {
		t.Errorf("problems %+v, error %v; want the lost one", res.Problems, err)
	}
}

// testNotIndexed has a document that the index lacks, and one that it got during the
// check.
func testNotIndexed(t *testing.T, s vault.Store) {
	v, all := vault.New(s), chainOf(t, s, 4)
	interrupted(t, v, vault.PruneOptions{Retention: api.Retention{Last: 3}}) // the first one left the index already
	var asked []string
	res, err := v.Check(t.Context(), vault.CheckOptions{Known: knowing(all[1].Document),
		NotIndexed: func(_ context.Context, names []string) ([]string, error) {
			asked = names
			return []string{all[3].Document}, nil
		}})
	slices.Sort(asked)
	if want := []string{all[2].Document, all[3].Document}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q; want %q", asked, want)
	}
	if err != nil || len(res.Problems) != 1 || res.Problems[0].Kind != api.CheckNotIndexed || res.Problems[0].Path != vault.SnapshotKey(all[3].Document) {
		t.Errorf("problems %+v, error %v", res.Problems, err)
	}
}

// testNewer has documents of a later format, which are not damaged.
func testNewer(t *testing.T, s vault.Store) {
	v := vault.New(s)
	document := `{"format": 3, "surprise": true}`
	name := "20261122T141503Z-sw1-abcd." + sum(document)
	put(t, s, vault.SnapshotKey(name), document)
	if _, err := v.Snapshot(t.Context(), "20261122T141503Z-sw1-abcd"); !errors.Is(err, vault.ErrNewer) || errors.Is(err, vault.ErrDamaged) {
		t.Errorf("error %v; want ErrNewer", err)
	}
	wantProblems(t, v, false, "newer_format "+vault.SnapshotKey(name))
	put(t, s, vault.IdentityKey, `{"format": 3, "vault": "x"}`)
	if err := v.Recognise(t.Context(), strings.Repeat("0", 32)); !errors.Is(err, vault.ErrNewer) {
		t.Errorf("error %v; want ErrNewer", err)
	}
}

// testIdentity makes a vault, and puts others in its place.
func testIdentity(t *testing.T, s vault.Store) {
	ctx, v := t.Context(), vault.New(s)
	if err := v.Recognise(ctx, ""); err != nil {
		t.Errorf("an empty store: %v", err)
	}
	if err := v.Recognise(ctx, strings.Repeat("0", 32)); !errors.Is(err, vault.ErrMissing) {
		t.Errorf("error %v; want ErrMissing", err)
	}
	id, err := v.Make(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for known, want := range map[string]error{"": nil, id.Vault: nil, strings.Repeat("0", 32): vault.ErrOther} {
		if err := v.Recognise(ctx, known); !errors.Is(err, want) || (err != nil) != (want != nil) {
			t.Errorf("known %q: error %v; want %v", known, err, want)
		}
	}
	if _, err := v.Make(ctx); !errors.Is(err, vault.ErrExists) {
		t.Errorf("made twice: error %v; want ErrExists", err)
	}
	put(t, s, key("an image"), "an image")
	if err := v.Recognise(ctx, ""); !errors.Is(err, vault.ErrUnknown) {
		t.Errorf("error %v; want ErrUnknown", err)
	}
	if err := s.Delete(ctx, vault.IdentityKey); err != nil {
		t.Fatal(err)
	}
	for _, known := range []string{"", id.Vault} {
		if err := v.Recognise(ctx, known); !errors.Is(err, vault.ErrMissing) {
			t.Errorf("known %q: error %v; want ErrMissing", known, err)
		}
	}
	if _, err := v.Make(ctx); !errors.Is(err, vault.ErrMissing) {
		t.Errorf("made over content: error %v; want ErrMissing", err)
	}
}

func wantProblems(t *testing.T, v *vault.Vault, readData bool, want ...string) {
	t.Helper()
	res, err := v.Check(t.Context(), vault.CheckOptions{ReadData: readData})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range res.Problems {
		got = append(got, strings.TrimSpace(p.Kind+" "+p.Path+" "+strings.Join(p.Devices, " ")))
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read data %v: want(-) got(+):\n%s", readData, diff)
	}
}
