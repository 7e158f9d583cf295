package warden

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// checked returns a data directory with one snapshot, which no Local has open, and
// the path of the only blob of a file.
func checked(t *testing.T) (dir, blob string) {
	t.Helper()
	l, dir, _ := newLocal(t)
	n, err := l.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := keep(t, n, "sw1", time.Now(), map[string]string{"flash:/x.bin": "an image"})
	if _, _, err := vaultOf(t, n).Put(t.Context(), []byte("no file of a snapshot")); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, filepath.Join(dir, "vault", filepath.FromSlash(vault.BlobKey(s.Files[0].SHA256)))
}

// checkOf checks the vault of a data directory in a new process, as it were.
func checkOf(t *testing.T, dir string, r api.Check) (api.CheckResult, error) {
	t.Helper()
	l := New(Options{Data: dir})
	defer l.Close()
	return l.Check(As(t.Context(), Admin("root", "terminal")), r, nil)
}

// TestCheckWithoutCatalog checks the vault where the catalog cannot be used. The
// result says so, and nothing is made or changed.
func TestCheckWithoutCatalog(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"lost": func(dir string) error {
			files, err := filepath.Glob(filepath.Join(dir, "catalog.db*"))
			for _, file := range files {
				err = errors.Join(err, os.Remove(file))
			}
			return err
		},
		"damaged": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "catalog.db"), []byte(strings.Repeat("no database", 1000)), 0o600)
		},
		"of another user": func(dir string) error {
			if os.Geteuid() != 0 {
				t.Skip("only root can give files away")
			}
			return os.Chown(dir, 12345, 12345)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, blob := checked(t)
			if err := spoil(dir); err != nil {
				t.Fatal(err)
			}
			before := namesIn(t, dir)
			res, err := checkOf(t, dir, api.Check{ReadData: true})
			if err != nil || !res.OK || res.Snapshots != 1 || res.BlobsRead != res.Blobs || res.Blobs == 0 {
				t.Fatalf("%+v, error %v", res, err)
			}
			if len(res.Notes) != 1 || !strings.Contains(res.Notes[0], "the catalog was not used") {
				t.Errorf("notes %q", res.Notes)
			}
			if after := namesIn(t, dir); name != "damaged" && after != before { // SQLite keeps its lock file
				t.Errorf("before: %s\nafter: %s", before, after)
			}
			if err := os.Remove(blob); err != nil {
				t.Fatal(err)
			}
			if res, err = checkOf(t, dir, api.Check{}); err != nil || res.OK || len(res.Problems) != 1 {
				t.Errorf("without a blob: %+v, error %v", res, err)
			}
		})
	}
}

func namesIn(t *testing.T, dir string) string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

// TestCheckRemembersProofs reads only content without a recent proof.
func TestCheckRemembersProofs(t *testing.T) {
	dir, blob := checked(t)
	for i, want := range []int{1, 0} { // the image was proved when it came
		res, err := checkOf(t, dir, api.Check{OutdatedAfter: time.Hour})
		if err != nil || res.BlobsRead != want {
			t.Errorf("check %d: %d of %d blobs were read, error %v; want %d", i+1, res.BlobsRead, res.Blobs, err, want)
		}
	}
	if err := os.Chmod(blob, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(blob, []byte("an imagE"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // content that was found damaged is never proved
		if res, err := checkOf(t, dir, api.Check{ReadData: true}); err != nil || res.OK {
			t.Errorf("%+v, error %v", res, err)
		}
	}
	if res, err := checkOf(t, dir, api.Check{OutdatedAfter: time.Hour}); err != nil || res.BlobsRead != 1 || res.OK {
		t.Errorf("damaged content: %+v, error %v", res, err)
	}
	for _, r := range []api.Check{{Share: "3/2"}, {Share: "x"}, {OutdatedAfter: -1}} {
		if _, err := checkOf(t, dir, r); AsProblem(err) == nil || AsProblem(err).Exit != api.ExitUsage {
			t.Errorf("%+v: error %v; want a usage error", r, err)
		}
	}
}

// TestRepairFromCopy repairs the vault from a copy, also the newest snapshot that
// the index does not know.
func TestRepairFromCopy(t *testing.T) {
	dir, blob := checked(t)
	mirror := filepath.Join(t.TempDir(), "mirror")
	if err := os.CopyFS(mirror, os.DirFS(filepath.Join(dir, "vault"))); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(blob), os.RemoveAll(filepath.Join(dir, "vault", "snapshots", time.Now().UTC().Format("2006")))); err != nil {
		t.Fatal(err)
	}
	res, err := checkOf(t, dir, api.Check{RepairFrom: mirror})
	if err != nil || !res.OK || len(res.Repaired) != 2 || res.Snapshots != 1 {
		t.Errorf("%+v, error %v", res, err)
	}
	if res, err = checkOf(t, dir, api.Check{ReadData: true}); err != nil || !res.OK {
		t.Errorf("after the repair: %+v, error %v", res, err)
	}
	for _, target := range []string{filepath.Join(dir, "none"), t.TempDir(), "s3://x"} {
		if _, err := checkOf(t, dir, api.Check{RepairFrom: target}); err == nil {
			t.Errorf("%s: no error", target)
		}
	}
}

// TestEncryptedMirrorWithoutIdentity: its documents are not those of the vault. They neither get
// into the index nor repair anything.
func TestEncryptedMirrorWithoutIdentity(t *testing.T) {
	l, n, ctx := opened(t, "sw1")
	keep(t, n, "sw1", time.Now(), map[string]string{"flash:/x.bin": "an image"})
	dark := filepath.Join(t.TempDir(), "dark")
	const recipient = "age1amk00z85ag48rawy5advvdyukf4pauqpttfccnwplmx055cfnfhs2emspq"
	if _, err := l.Mirror(ctx, api.Mirror{Target: dark, EncryptTo: recipient}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Check(ctx, api.Check{RepairFrom: dark}, nil); err == nil || !strings.Contains(err.Error(), "is encrypted to age1") {
		t.Errorf("repair: error %v; want that it is encrypted", err)
	}
	for _, data := range []string{l.opts.Data, filepath.Join(t.TempDir(), "new")} {
		reader := New(Options{Data: data, Mirror: dark})
		if _, err := reader.Rebuild(ctx, api.Rebuild{}, nil); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("rebuild: error %v; want ErrSealed", err)
		}
		if rows, err := reader.Snapshots(ctx, api.Named{}); len(rows) > 1 {
			t.Errorf("the index has %+v, error %v", rows, err)
		}
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestForgetDevices: removed devices keep their last backup until a prune is to forget them.
func TestForgetDevices(t *testing.T) {
	l, n, ctx := opened(t, "sw1", "sw2")
	for day := range 3 {
		for _, name := range []string{"sw1", "sw2"} {
			keep(t, n, name, time.Now().AddDate(0, 0, day-9), map[string]string{"flash:/x.bin": fmt.Sprint(name, day)})
		}
	}
	if _, err := l.RemoveDevices(ctx, api.Select{Names: []string{"sw2"}}); err != nil {
		t.Fatal(err)
	}
	for _, forget := range []bool{false, true} {
		if _, err := l.Prune(ctx, api.Prune{Retention: api.Retention{Last: 1}, ForgetDevices: forget}); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]int{"sw1": 1, "sw2": map[bool]int{false: 1, true: 0}[forget]} {
			if rows, err := n.Catalog.Snapshots(ctx, name); err != nil || len(rows) != want {
				t.Errorf("forget %v: %s has %d backups, error %v; want %d", forget, name, len(rows), err, want)
			}
		}
	}
	if res, err := l.Check(ctx, api.Check{ReadData: true}, nil); err != nil || !res.OK {
		t.Errorf("%+v, error %v", res.Problems, err)
	}
}
