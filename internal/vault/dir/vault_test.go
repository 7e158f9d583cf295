package dir

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/disk/disktest"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/vault"
)

// kit is a vault in a directory.
type kit struct {
	*vault.Vault
	dir *Store
}

// openKit opens the vault in a directory, and makes it where it is missing.
func openKit(path string) (*kit, error) {
	d, err := Open(path)
	if err != nil {
		return nil, err
	}
	k := &kit{vault.New(d), d}
	if _, err := k.Make(context.Background()); err != nil && !errors.Is(err, vault.ErrExists) {
		return nil, err
	}
	return k, nil
}

// faults sets a function that is asked before each change; nil: none.
func (k *kit) faults(f func(op, path string) error) { k.dir.disk = disktest.Faults(f) }

func (k *kit) blobPath(sum string) string { return filepath.Join(k.dir.path, vault.BlobKey(sum)) }

// snapshotPath is the path of the document with the given name.
func (k *kit) snapshotPath(name string) string {
	return filepath.Join(k.dir.path, vault.SnapshotKey(name))
}

// has is HasBlob, which must be able to say.
func (k *kit) has(t *testing.T, sum string, size int64) bool {
	t.Helper()
	ok, err := k.HasBlob(t.Context(), sum, size)
	if err != nil {
		t.Error(err)
	}
	return ok
}

func newVault(t *testing.T) *kit {
	t.Helper()
	d, err := openKit(filepath.Join(t.TempDir(), "data", "vault"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// writeSpool writes a file as the spool leaves it, and returns its path and
// SHA-256.
func writeSpool(t *testing.T, dir, content string) (path, sum string) {
	t.Helper()
	path = filepath.Join(dir, "spool-file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, sumOf(content)
}

func sumOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func md5Of(content string) string {
	sum := md5.Sum([]byte(content))
	return hex.EncodeToString(sum[:])
}

// snapshotOf is a snapshot with one image of the given content.
func snapshotOf(content string) api.Snapshot {
	started := time.Date(2026, 11, 22, 14, 15, 3, 0, time.UTC)
	return api.Snapshot{
		Format: vault.Format, ID: vault.NewID("sw1", started), Device: "sw1", Address: "192.0.2.1", Status: api.StatusOK, Started: started,
		Seconds: 71.2, BytesCopied: int64(len(content)),
		Facts: api.Facts{Hostname: "sw1", OS: "ios", Version: "15.0(2)SE8", Mode: "bundle", Image: "flash:/x.bin"},
		Files: []api.File{{Path: "flash:/x.bin", Kind: api.KindImage, Size: int64(len(content)), MD5: md5Of(content),
			SHA256: sumOf(content), Copied: true, Evidence: api.EvidenceMD5}},
		Listings: []api.Listing{{Path: "flash:/", Total: 32 << 20, Free: -1, Entries: []api.Entry{{Name: "<x> & y.bin", Size: int64(len(content))}}}},
	}
}

func readBlob(t *testing.T, d *kit, sum string) string {
	t.Helper()
	f, err := d.OpenBlob(t.Context(), sum)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// wantClean fails unless a full check of the vault finds nothing.
func wantClean(t *testing.T, d *kit) {
	t.Helper()
	res, err := d.Check(t.Context(), vault.CheckOptions{ReadData: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range res.Problems {
		t.Errorf("check found %s: %s: %s", p.Kind, p.Path, p.Message)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestMakeMakesThePrivateLayout(t *testing.T) {
	d := newVault(t)
	for _, dir := range []string{"", "blobs", "snapshots", "prunes", "tmp"} {
		info, err := os.Stat(filepath.Join(d.dir.Path(), dir))
		if err != nil || info.Mode() != fs.ModeDir|0o700 {
			t.Errorf("%q: mode %v, error %v; want a directory with mode 0700", dir, info.Mode(), err)
		}
	}
	inFlight := filepath.Join(d.dir.Path(), "tmp", "put-1")
	if err := os.WriteFile(inFlight, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := openKit(d.dir.Path())
	if err != nil {
		t.Fatal(err)
	}
	if !exists(inFlight) {
		t.Error("opening took away what another process is writing")
	}
	wantClean(t, again)
	if err := again.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if exists(inFlight) {
		t.Error("Sweep left a file in tmp/")
	}
}

func TestMakeSaysWhyItCannot(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openKit(file); err == nil || !strings.Contains(err.Error(), "is not a directory") {
		t.Errorf("error %v; want one that says that it is not a directory", err)
	}
	if os.Geteuid() != 0 {
		testlevel.Missing(t, "only root can give a directory to somebody else")
	}
	foreign := filepath.Join(dir, "foreign")
	if err := os.Mkdir(foreign, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(foreign, 54321, 54321); err != nil {
		t.Fatal(err)
	}
	_, err := openKit(foreign)
	if err == nil || !strings.Contains(err.Error(), "uid 54321") || !strings.Contains(err.Error(), "chown -R") {
		t.Errorf("error %v; want one that names the owner and the way out", err)
	}
}

func TestAdopt(t *testing.T) {
	d := newVault(t)
	path, sum := writeSpool(t, t.TempDir(), "an image")
	if err := d.Adopt(t.Context(), path, sum); err != nil {
		t.Fatal(err)
	}
	if exists(path) {
		t.Error("the file is still in the spool")
	}
	if got := readBlob(t, d, sum); got != "an image" {
		t.Errorf("the blob holds %q", got)
	}
	info, err := os.Stat(d.blobPath(sum))
	if err != nil || info.Mode() != 0o400 {
		t.Errorf("mode %v, error %v; want 0400", info.Mode(), err)
	}
	if !d.has(t, sum, 8) || d.has(t, sum, 7) || d.has(t, sumOf("other"), 8) {
		t.Error("HasBlob is wrong")
	}
	if ok, err := d.HasBlob(t.Context(), "../x", 8); ok || err == nil {
		t.Errorf("%v, error %v; want one that refuses the name", ok, err)
	}
	wantClean(t, d)
}

func TestAdoptKeepsTheBlobThatIsThere(t *testing.T) {
	d := newVault(t)
	for range 2 {
		path, sum := writeSpool(t, t.TempDir(), "an image")
		before, _ := os.Stat(d.blobPath(sum))
		if err := d.Adopt(t.Context(), path, sum); err != nil {
			t.Fatal(err)
		}
		if exists(path) {
			t.Error("the file is still in the spool")
		}
		after, err := os.Stat(d.blobPath(sum))
		if err != nil {
			t.Fatal(err)
		}
		if before != nil && !os.SameFile(before, after) {
			t.Error("the blob was replaced")
		}
	}
	wantClean(t, d)
}

// TestDamagedBlobIsReplaced brings content again whose blob has rotted, in
// both ways that content comes.
func TestDamagedBlobIsReplaced(t *testing.T) {
	const content = "an image"
	sum := sumOf(content)
	ways := map[string]func(t *testing.T, d *kit) error{
		"adopt": func(t *testing.T, d *kit) error {
			path, _ := writeSpool(t, t.TempDir(), content)
			defer func() {
				if exists(path) {
					t.Error("the file is still in the spool")
				}
			}()
			return d.Adopt(t.Context(), path, sum)
		},
		"put": func(t *testing.T, d *kit) error { _, _, err := d.Put(t.Context(), []byte(content)); return err },
	}
	for name, again := range ways {
		for _, damage := range []string{"an imagE", "short", "far too long"} {
			t.Run(name+" over "+damage, func(t *testing.T) {
				d := newVault(t)
				if _, err := d.PutSnapshot(t.Context(), kept(t, d, content)); err != nil {
					t.Fatal(err)
				}
				rewrite(t, d.blobPath(sum), damage)
				if err := again(t, d); err != nil {
					t.Fatal(err)
				}
				if got := readBlob(t, d, sum); got != content {
					t.Errorf("the blob holds %q", got)
				}
				wantClean(t, d)
			})
		}
	}
}

// TestReplacingMayFail fails each step of a replacement in turn: there is
// always a blob, and trying again mends it.
func TestReplacingMayFail(t *testing.T) {
	const content = "an image"
	for n := 1; ; n++ {
		d := newVault(t)
		s := kept(t, d, content)
		rewrite(t, d.blobPath(s.Files[0].SHA256), "an imagE")
		path, sum := writeSpool(t, t.TempDir(), content)
		steps := 0
		d.faults(func(string, string) error {
			if steps++; steps == n {
				return errInjected
			}
			return nil
		})
		err := d.Adopt(t.Context(), path, sum)
		d.faults(nil)
		if steps < n {
			if err != nil || n < 8 {
				t.Errorf("%d steps, error %v", steps, err)
			}
			return
		}
		if !d.has(t, sum, int64(len(content))) {
			t.Errorf("after step %d the blob is gone", n)
		}
		path, _ = writeSpool(t, t.TempDir(), content)
		if err := d.Adopt(t.Context(), path, sum); err != nil {
			t.Errorf("after step %d: %v", n, err)
		}
		wantClean(t, d)
	}
}

// TestWhatIsNoBlobStays puts a directory where a blob belongs: it is not taken
// away, and the error says what to do.
func TestWhatIsNoBlobStays(t *testing.T) {
	d := newVault(t)
	path, sum := writeSpool(t, t.TempDir(), "an image")
	if err := os.MkdirAll(d.blobPath(sum), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := d.Adopt(t.Context(), path, sum); err == nil || !strings.Contains(err.Error(), "move "+d.blobPath(sum)+" out of the vault") {
		t.Errorf("error %v; want one with the next step", err)
	}
	left, err := os.ReadDir(filepath.Join(d.dir.path, "tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("left in tmp/: %v, %v", left, err)
	}
}

// kept is a snapshot of one image that the vault has.
func kept(t *testing.T, d *kit, content string) api.Snapshot {
	t.Helper()
	path, sum := writeSpool(t, t.TempDir(), content)
	if err := d.Adopt(t.Context(), path, sum); err != nil {
		t.Fatal(err)
	}
	return snapshotOf(content)
}

func TestAdoptRefuses(t *testing.T) {
	d := newVault(t)
	spool := t.TempDir()
	path, sum := writeSpool(t, spool, "an image")
	link := filepath.Join(spool, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(spool, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, path, sum, want string }{
		{"missing", filepath.Join(spool, "none"), sum, "no such file"},
		{"symbolic link", link, sum, "too many levels"},
		{"fifo", fifo, sum, "not a regular file"},
		{"directory", spool, sum, "not a regular file"},
		{"short digest", path, sum[:63], "not a SHA-256"},
		{"path as digest", path, "../../../../etc/passwd", "not a SHA-256"},
		{"upper case", path, strings.ToUpper(sum), "not a SHA-256"},
	} {
		if err := d.Adopt(t.Context(), test.path, test.sum); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v; want one with %q", test.name, err, test.want)
		}
	}
	if !exists(path) {
		t.Error("a refused file is gone")
	}
	wantClean(t, d)
}

// otherFileSystem returns a directory on another file system than that of d.
func otherFileSystem(t *testing.T, d *kit) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "flashwarden-test-")
	if err != nil {
		t.Skipf("there is no second file system: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if device(t, dir) == device(t, d.dir.Path()) {
		t.Skip("/dev/shm is not a second file system")
	}
	return dir
}

func device(t *testing.T, path string) uint64 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return uint64(st.Dev)
}

func TestAdoptFromAnotherFileSystem(t *testing.T) {
	d := newVault(t)
	content := strings.Repeat("an image ", 300_000) // more than two buffers
	path, sum := writeSpool(t, otherFileSystem(t, d), content)
	if err := d.Adopt(t.Context(), path, sumOf("not this")); err == nil || !strings.Contains(err.Error(), sum) {
		t.Errorf("error %v; want one that tells the true SHA-256", err)
	}
	if !exists(path) || d.has(t, sumOf("not this"), int64(len(content))) {
		t.Error("content was kept under a name that is not its digest")
	}
	for range 2 { // the second time it is there already
		path, sum = writeSpool(t, filepath.Dir(path), content)
		if err := d.Adopt(t.Context(), path, sum); err != nil {
			t.Fatal(err)
		}
		if exists(path) {
			t.Error("the file is still in the spool")
		}
	}
	if got := readBlob(t, d, sum); got != content {
		t.Error("the blob differs")
	}
	if left, err := os.ReadDir(filepath.Join(d.dir.Path(), "tmp")); err != nil || len(left) > 0 {
		t.Errorf("tmp/ holds %v, error %v", left, err)
	}
	wantClean(t, d)
}

func TestPut(t *testing.T) {
	d := newVault(t)
	for _, text := range []string{"hostname sw1\n", "", "hostname sw1\n"} {
		sum, weak, err := d.Put(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if sum != sumOf(text) || weak != md5Of(text) {
			t.Errorf("digests %s and %s", sum, weak)
		}
		if got := readBlob(t, d, sum); got != text {
			t.Errorf("the blob holds %q", got)
		}
	}
	if left, err := os.ReadDir(filepath.Join(d.dir.Path(), "tmp")); err != nil || len(left) > 0 {
		t.Errorf("tmp/ holds %v, error %v", left, err)
	}
	wantClean(t, d)
}

func TestOpenBlobNotFound(t *testing.T) {
	if _, err := newVault(t).OpenBlob(t.Context(), sumOf("none")); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("error %v; want ErrNotFound", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	d := newVault(t)
	var all sync.WaitGroup
	for i := range 16 {
		path, sum := writeSpool(t, t.TempDir(), "an image")
		if i%2 == 0 {
			path, sum = writeSpool(t, t.TempDir(), "another image")
		}
		all.Go(func() {
			if err := d.Adopt(t.Context(), path, sum); err != nil {
				t.Error(err)
			}
			if _, err := d.PutSnapshot(t.Context(), snapshotOf("an image")); err != nil && !errors.Is(err, vault.ErrNotFound) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	wantClean(t, d)
}
