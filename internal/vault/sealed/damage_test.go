package sealed

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/vaulttest"
)

// badSector is a store on a disk that cannot read one content.
type badSector struct {
	vault.Store
	key string
}

// Get implements vault.Store.
func (b badSector) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, error) {
	if key == b.key {
		return nil, &fs.PathError{Op: "read", Path: key, Err: syscall.EIO}
	}
	return b.Store.Get(ctx, key, offset)
}

// TestDamageIsNamed damages each document of an encrypted mirror, and each manifest, in turn.
// Everything else comes back, and the result names what does not.
func TestDamageIsNamed(t *testing.T) {
	v, _ := original(t, true)
	identity, o := pair(t)
	to := &vaulttest.Memory{}
	mustMirror(t, v, to, o)
	for how, spoil := range map[string]func(text string) string{
		"header":  func(text string) string { return text[:40] + flipped(text[40]) + text[41:] },
		"payload": func(text string) string { return text[:len(text)-1] + flipped(text[len(text)-1]) },
		"empty":   func(string) string { return "" },
	} {
		for _, key := range some(documentsOf(t, to)) {
			damaged := copyOf(t, to)
			text := contents(t, to)[key]
			put(t, damaged, key, spoil(text))
			wantAllBut(t, damaged, identity, how+" of "+key, 1)
		}
	}
	for _, key := range some(documentsOf(t, to)) {
		wantAllBut(t, badSector{to, key}, identity, "bad sector of "+key, 1)
	}
	wantAllBut(t, to, identity, "none", 0)
}

// some returns each third key, or all.
func some(keys []string) (chosen []string) {
	for i := 0; i < len(keys); i += testlevel.Of(3, 3, 1) {
		chosen = append(chosen, keys[i])
	}
	return chosen
}

func flipped(b byte) string { return string([]byte{b ^ 1}) }

// documentsOf returns the keys of the documents of a mirror and of their manifests.
func documentsOf(t *testing.T, s vault.Store) (keys []string) {
	t.Helper()
	for d, err := range vault.New(s).Snapshots(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, vault.SnapshotKey(d.Document))
		for _, f := range d.Files {
			if f.Path == manifestPath {
				keys = append(keys, vault.BlobKey(f.SHA256))
			}
		}
	}
	return keys
}

func copyOf(t *testing.T, s vault.Store) *vaulttest.Memory {
	t.Helper()
	to := &vaulttest.Memory{}
	for key, text := range contents(t, s) {
		put(t, to, key, text)
	}
	return to
}

// put gives a key a content, whatever it had.
func put(t *testing.T, s vault.Store, key, text string) {
	t.Helper()
	s.Delete(t.Context(), key) // it may not exist
	if err := s.Put(t.Context(), key, strings.NewReader(text), int64(len(text))); err != nil {
		t.Fatal(err)
	}
}

// wantAllBut brings a vault back from a mirror. So many of its documents are damaged.
func wantAllBut(t *testing.T, s vault.Store, identity, how string, damaged int) {
	t.Helper()
	r, err := Open(t.Context(), s, strings.NewReader(identity))
	if err != nil {
		t.Errorf("%s: %v", how, err)
		return
	}
	count := func(problems []api.CheckProblem) (n int) {
		for _, p := range problems {
			if p.Kind == api.CheckSnapshotDamaged {
				n++
			}
		}
		return n
	}
	for key := range r.damaged {
		if _, err := r.Stat(t.Context(), key); !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("%s: %s: error %v; want ErrDamaged", how, key, err)
		}
	}
	check, err := vault.New(r).Check(t.Context(), vault.CheckOptions{})
	if err != nil || count(check.Problems) != damaged {
		t.Errorf("%s: check: %+v, error %v", how, check.Problems, err)
	}
	back := &vaulttest.Memory{}
	res, err := vault.New(r).MirrorTo(t.Context(), vault.NewTwin(back, nil), vault.MirrorOptions{Fresh: true})
	documents := len(documentsOf(t, back)) + prunesOf(t, back) // a vault has no manifests
	if err != nil || count(res.Problems) != damaged || documents != 5-damaged {
		t.Errorf("%s: %d documents came back: %+v, error %v", how, documents, res, err)
	}
}

func prunesOf(t *testing.T, s vault.Store) (n int) {
	t.Helper()
	for key := range contents(t, s) {
		if strings.HasPrefix(key, vault.PrunesPart+"/") {
			n++
		}
	}
	return n
}

// TestMirrorWithBadSector: a document of the mirror that its disk cannot read is made anew.
func TestMirrorWithBadSector(t *testing.T) {
	v, from := original(t, false)
	identity, o := pair(t)
	o.Memory = "" // each run reads all documents
	to := &vaulttest.Memory{}
	mustMirror(t, v, to, o)
	key := documentsOf(t, to)[0]
	if res := mustMirror(t, v, badSector{to, key}, o); res.Snapshots != 1 || len(res.Notes) != 1 {
		t.Errorf("%+v; want one document made anew", res)
	}
	wantBack(t, from, to, identity)
	wantClean(t, to)
}

// badMonth is a store on a disk that cannot list one month of snapshots.
type badMonth struct {
	vault.Store
	part string
}

// List implements vault.Store.
func (b badMonth) List(ctx context.Context, prefix string, yield func(vault.Info) error) error {
	err := b.Store.List(ctx, prefix, func(i vault.Info) error {
		if strings.HasPrefix(i.Key, b.part+"/") {
			return nil
		}
		return yield(i)
	})
	if strings.HasPrefix(b.part, prefix) {
		err = errors.Join(err, &vault.UnlistedError{Part: b.part, Err: syscall.EIO})
	}
	return err
}

// partsOf returns the parts of a mirror that have documents.
func partsOf(t *testing.T, s vault.Store) (parts []string) {
	t.Helper()
	for _, key := range documentsOf(t, s) {
		if part := path.Dir(key); !vault.IsBlob(key) && !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return parts
}

// TestBadMonth: a month of the mirror that cannot be listed is one problem of each reader. All
// others are read.
func TestBadMonth(t *testing.T) {
	v, _ := original(t, true)
	identity, o := pair(t)
	to := &vaulttest.Memory{}
	mustMirror(t, v, to, o)
	for _, part := range partsOf(t, to) {
		r, err := Open(t.Context(), badMonth{to, part}, strings.NewReader(identity))
		if err != nil {
			t.Fatal(err)
		}
		check, err := vault.New(r).Check(t.Context(), vault.CheckOptions{})
		if err != nil || !hasOnce(check.Problems, part) {
			t.Errorf("check: %+v, error %v; want %s once", check.Problems, err, part)
		}
		res, err := vault.New(r).MirrorTo(t.Context(), vault.NewTwin(&vaulttest.Memory{}, nil), vault.MirrorOptions{Fresh: true})
		if err != nil || !hasOnce(res.Problems, part) || res.Held == 0 {
			t.Errorf("mirror: %+v, error %v; want %s once", res, err, part)
		}
	}
}

func hasOnce(problems []api.CheckProblem, path string) bool {
	n := 0
	for _, p := range problems {
		if p.Path == path && p.Kind == api.CheckUnreadable {
			n++
		}
	}
	return n == 1
}

// TestMirrorWithBadMonth: nothing is copied to a month that the disk of the mirror cannot list, neither
// its snapshots nor the records of prunes.
func TestMirrorWithBadMonth(t *testing.T) {
	v, _ := original(t, true)
	_, o := pair(t)
	o.Memory = ""
	to := &vaulttest.Memory{}
	mustMirror(t, v, to, o)
	before := len(contents(t, to))
	for _, part := range partsOf(t, to) {
		res, err := mirror(t, v, badMonth{to, part}, o)
		if err != nil || !hasOnce(res.Problems, part) || res.Snapshots > 0 {
			t.Errorf("%+v, error %v; want only the problem %s", res, err, part)
		}
		if after := len(contents(t, to)); after != before {
			t.Errorf("%s: the mirror has %d files; want %d as before", part, after, before)
		}
	}
}
