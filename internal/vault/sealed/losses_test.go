package sealed

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/dir"
	"flashwarden/internal/vault/vaulttest"
)

// TestLosses: an encrypted mirror that lost files, or has them with another size, gets
// them again in the next run. Until then it does not count.
func TestLosses(t *testing.T) {
	stores := map[string]func(t *testing.T) vault.Store{
		"memory": func(*testing.T) vault.Store { return &vaulttest.Memory{} },
		"dir":    openDir,
	}
	for kind, create := range stores {
		for _, part := range []string{vault.BlobsPart, vault.SnapshotsPart} {
			for how, spoil := range map[string]func(t *testing.T, s vault.Store, key string){"lost": remove, "cut off": cutOff} {
				t.Run(kind+" "+part+" "+how, func(t *testing.T) {
					testLosses(t, create(t), part, func(s vault.Store, key string) { spoil(t, s, key) })
				})
			}
		}
	}
}

// testLosses spoils each file of a part of a mirror in turn.
func testLosses(t *testing.T, to vault.Store, part string, spoil func(s vault.Store, key string)) {
	v, from := original(t, false)
	identity, o := pair(t)
	mustMirror(t, v, to, o)
	var ids []string
	names, err := v.Names(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		id, _, _ := vault.SplitName(name)
		ids = append(ids, id)
	}
	for key := range contents(t, to) {
		if !strings.HasPrefix(key, part+"/") {
			continue
		}
		if !inUse(t, to, key) {
			continue // the run before replaced it
		}
		spoil(to, key)
		m, err := New(to, o)
		if err != nil {
			t.Fatal(err)
		}
		had := -1
		res, err := v.MirrorTo(t.Context(), m, vault.MirrorOptions{Wanted: ids, Found: func(ids []string) error { had = len(ids); return nil }})
		if err != nil || len(res.Problems) > 0 || had < 0 || had >= len(ids) || len(res.Holds) != len(ids) || res.Snapshots != len(ids)-had {
			t.Errorf("%s: the mirror had %d of %d snapshots; %+v, error %v", key, had, len(ids), res, err)
		}
		wantClean(t, to)
	}
	wantBack(t, from, to, identity)
	if res := mustMirror(t, v, to, o); res.Snapshots != 0 || res.Blobs != 0 || len(res.Notes) > 0 {
		t.Errorf("again: %+v", res)
	}
}

// inUse reports whether a file of a mirror is a document or a blob that one names.
func inUse(t *testing.T, s vault.Store, key string) bool {
	t.Helper()
	for s, err := range vault.New(s).Snapshots(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if key == vault.SnapshotKey(s.Document) || slices.ContainsFunc(s.Files, func(f api.File) bool { return key == vault.BlobKey(f.SHA256) }) {
			return true
		}
	}
	return false
}

func openDir(t *testing.T) vault.Store {
	t.Helper()
	s, err := dir.Open(filepath.Join(t.TempDir(), "mirror"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func remove(t *testing.T, s vault.Store, key string) {
	t.Helper()
	if err := s.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
}

func cutOff(t *testing.T, s vault.Store, key string) {
	t.Helper()
	remove(t, s, key)
	if err := s.Put(t.Context(), key, strings.NewReader(""), 0); err != nil {
		t.Fatal(err)
	}
}
