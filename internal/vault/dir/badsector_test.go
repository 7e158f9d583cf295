package dir

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// badSectors is a Store on a disk that cannot read some contents. A content that is
// replaced lies elsewhere and can be read.
type badSectors struct {
	*Store
	keys map[string]bool
	full bool // nothing can be replaced either
}

// Get implements vault.Store.
func (b *badSectors) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, error) {
	if b.keys[key] {
		return io.NopCloser(badSector{key}), nil
	}
	return b.Store.Get(ctx, key, offset)
}

// Replace implements vault.Replacer.
func (b *badSectors) Replace(ctx context.Context, key string, r io.Reader, size int64) error {
	if b.full {
		return &fs.PathError{Op: "rename", Path: key, Err: syscall.EIO}
	}
	delete(b.keys, key)
	return b.Store.Replace(ctx, key, r, size)
}

// badSector is the content of a file that cannot be read.
type badSector struct{ key string }

// Read implements io.Reader.
func (b badSector) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: b.key, Err: syscall.EIO}
}

// badDirectory is a file system that cannot list one directory.
type badDirectory struct {
	FS
	path string
	err  error
}

// ReadDir is like os.ReadDir.
func (b badDirectory) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == b.path {
		return nil, &fs.PathError{Op: "readdirent", Path: name, Err: b.err}
	}
	return b.FS.ReadDir(name)
}

// putSnapshot keeps a content and a snapshot of a device that names it.
func putSnapshot(t *testing.T, k *kit, device, content string) api.Snapshot {
	t.Helper()
	if _, _, err := k.Put(t.Context(), []byte(content)); err != nil {
		t.Fatal(err)
	}
	s := snapshotOf(content)
	s.Device, s.Listings = device, nil
	s.ID = vault.NewID(device, s.Started)
	s, err := k.PutSnapshot(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mirrorOf returns a store with a mirror of the vault.
func mirrorOf(t *testing.T, k *kit) *Store {
	t.Helper()
	to, err := Open(filepath.Join(t.TempDir(), "mirror"))
	if err != nil {
		t.Fatal(err)
	}
	mirror(t, k, to, true)
	return to
}

// mirror mirrors the vault to a store.
func mirror(t *testing.T, k *kit, to vault.Store, fresh bool) api.MirrorResult {
	t.Helper()
	res, err := k.MirrorTo(t.Context(), vault.NewTwin(to, nil), vault.MirrorOptions{Fresh: fresh})
	if err != nil {
		t.Fatal(err)
	}
	return res.MirrorResult
}

// TestBadSectorIsReplaced has a content again that the disk can no longer read.
func TestBadSectorIsReplaced(t *testing.T) {
	k := newVault(t)
	putSnapshot(t, k, "sw1", "an image")
	key := vault.BlobKey(sumOf("an image"))
	bad := &badSectors{Store: k.dir, keys: map[string]bool{key: true}}
	if _, _, err := vault.New(bad).Put(t.Context(), []byte("an image")); err != nil || bad.keys[key] {
		t.Errorf("put: error %v, still unreadable %v", err, bad.keys[key])
	}
	bad.keys[key] = true
	path, sum := writeSpool(t, t.TempDir(), "an image")
	if err := vault.New(bad).Adopt(t.Context(), path, sum); err != nil || bad.keys[key] {
		t.Errorf("adopt: error %v, still unreadable %v", err, bad.keys[key])
	}
}

// TestMirrorWithBadSector: one content that the mirror cannot read is replaced. If
// that fails too, it is a problem, and everything else is copied.
func TestMirrorWithBadSector(t *testing.T) {
	for _, full := range []bool{false, true} {
		k := newVault(t)
		putSnapshot(t, k, "sw1", "shared")
		key := vault.BlobKey(sumOf("shared"))
		to := &badSectors{Store: mirrorOf(t, k), keys: map[string]bool{key: true}, full: full}
		putSnapshot(t, k, "sw2", "shared")
		putSnapshot(t, k, "sw3", "other")
		res := mirror(t, k, to, false)
		switch {
		case !full && (res.Held != 3 || res.Replaced != 1 || len(res.Problems) > 0):
			t.Errorf("%+v; want all snapshots and one replaced", res)
		case full && (res.Held != 2 || len(res.Problems) != 1 || res.Problems[0].Kind != api.CheckUnreadable || res.Problems[0].Path != key):
			t.Errorf("%+v; want the snapshot of sw3, and the content as a problem", res)
		}
	}
}

// TestBadDirectory: a directory that the disk cannot list is one problem. All
// others are checked, repaired and mirrored.
func TestBadDirectory(t *testing.T) {
	for _, err := range []error{syscall.EIO, syscall.EUCLEAN, syscall.EACCES} {
		k := newVault(t)
		one := putSnapshot(t, k, "sw1", "a")
		putSnapshot(t, k, "sw2", "bb")
		to := mirrorOf(t, k)
		lost := vault.BlobKey(sumOf("bb"))
		if err := os.Remove(k.blobPath(sumOf("bb"))); err != nil {
			t.Fatal(err)
		}
		disk := k.dir.disk
		k.dir.disk = badDirectory{disk, filepath.Dir(k.blobPath(sumOf("a"))), err}
		wantFound(t, k, err, "unreadable "+filepath.Dir(vault.BlobKey(sumOf("a"))), "blob_missing "+lost)

		k.dir.disk = disk
		wantFound(t, k, nil, "blob_missing "+lost)
		month := filepath.Dir(vault.SnapshotKey(one.Document))
		to.disk = badDirectory{to.disk, filepath.Join(to.path, month), err}
		res, failed := k.CheckAndRepair(t.Context(), vault.New(to), vault.CheckOptions{})
		if failed != nil || !res.OK || len(res.Repaired) != 1 || len(res.Notes) != 1 || !strings.Contains(res.Notes[0], month) {
			t.Errorf("repair from a copy with %v: %+v, error %v", err, res, failed)
		}
		mirrored := mirror(t, k, to, false)
		if len(mirrored.Problems) != 1 || mirrored.Problems[0].Path != month {
			t.Errorf("mirror with %v: %+v", err, mirrored)
		}
	}
}

// wantFound wants these problems among those of a check, whatever cannot be listed.
func wantFound(t *testing.T, k *kit, disk error, want ...string) {
	t.Helper()
	res, err := k.Check(t.Context(), vault.CheckOptions{})
	if err != nil {
		t.Errorf("%v: the check ended with %v", disk, err)
	}
	found := map[string]bool{}
	for _, p := range res.Problems {
		found[p.Kind+" "+p.Path] = true
	}
	for _, w := range want {
		if !found[w] {
			t.Errorf("%v: no problem %s in %+v", disk, w, res.Problems)
		}
	}
}

// TestUnreadableContentIsDamaged: what the disk cannot read is recorded as damaged, so
// that its devices are at risk. An error that says nothing of the content is not.
func TestUnreadableContentIsDamaged(t *testing.T) {
	k := newVault(t)
	putSnapshot(t, k, "sw1", "an image")
	sum := sumOf("an image")
	bad := &badSectors{Store: k.dir, keys: map[string]bool{vault.BlobKey(sum): true}}
	recorded := map[string]bool{}
	proved := func(sum string, _ int64, whole bool) { recorded[sum] = whole }
	res, err := vault.New(bad).Check(t.Context(), vault.CheckOptions{ReadData: true, Proved: proved})
	if whole, ok := recorded[sum]; err != nil || len(res.Problems) != 1 || !ok || whole {
		t.Errorf("%+v, error %v, recorded %v; want one problem, recorded as damaged", res, err, recorded)
	}
	clear(recorded)
	closed := &closedFile{k.dir, vault.BlobKey(sum)}
	res, err = vault.New(closed).Check(t.Context(), vault.CheckOptions{ReadData: true, Proved: proved})
	if err != nil || len(res.Problems) != 1 || len(recorded) > 0 {
		t.Errorf("%+v, error %v, recorded %v; want one problem, and nothing recorded", res, err, recorded)
	}
}

// closedFile is a Store with a content that this process may not read.
type closedFile struct {
	*Store
	key string
}

// Get implements vault.Store.
func (c *closedFile) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, error) {
	if key == c.key {
		return nil, &fs.PathError{Op: "open", Path: key, Err: syscall.EACCES}
	}
	return c.Store.Get(ctx, key, offset)
}

// TestRepairLeavesPrunedAlone: a mirror keeps what a prune removed from the vault. A
// repair neither fetches nor counts it.
func TestRepairLeavesPrunedAlone(t *testing.T) {
	k := newVault(t)
	putSnapshot(t, k, "sw1", "old")
	newer := snapshotOf("newer")
	newer.Device, newer.Listings, newer.Started = "sw1", nil, newer.Started.AddDate(0, 0, 1)
	newer.ID = vault.NewID("sw1", newer.Started)
	if _, _, err := k.Put(t.Context(), []byte("newer")); err != nil {
		t.Fatal(err)
	}
	if _, err := k.PutSnapshot(t.Context(), newer); err != nil {
		t.Fatal(err)
	}
	to := mirrorOf(t, k)
	pruned, err := k.Prune(t.Context(), vault.PruneOptions{Retention: api.Retention{Last: 1}, Now: newer.Started.AddDate(0, 1, 0)})
	if err != nil || len(pruned.Removed) != 1 {
		t.Fatalf("%+v, error %v; want one snapshot removed", pruned, err)
	}
	res, err := k.CheckAndRepair(t.Context(), vault.New(to), vault.CheckOptions{})
	if err != nil || !res.OK || len(res.Repaired) > 0 || len(res.Notes) > 0 {
		t.Errorf("%+v, error %v; want nothing repaired and no note", res, err)
	}
}
