package dir

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"flashwarden/internal/vault"
	"flashwarden/internal/vault/vaulttest"
)

func TestStore(t *testing.T) {
	vaulttest.Test(t, func(t *testing.T) vault.Store {
		d, err := Open(filepath.Join(t.TempDir(), "vault"))
		if err == nil {
			err = d.Make(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		return d
	})
}

// TestOrderOfRareSteps is TestOrderOfSteps for what a healthy backup does not
// do. A name that another process gave a moment ago is on stable storage before
// anybody relies on it.
func TestOrderOfRareSteps(t *testing.T) {
	d := newVault(t)
	key := vault.BlobKey(sumOf("an image"))
	if err := d.dir.Put(t.Context(), key, strings.NewReader("rotten"), 6); err != nil {
		t.Fatal(err)
	}
	path, _ := writeSpool(t, t.TempDir(), "an image")
	put := func() error { return d.dir.Put(t.Context(), key, strings.NewReader("an image"), 8) }
	write := []string{"create tmp", "write tmp", "chmod tmp", "sync tmp"}
	taken := []string{"link KEY", "syncdir PART"}
	first := []string{"mkdir UPPER", "syncdir blobs", "mkdir PART", "syncdir UPPER"} // another process may have made them
	for _, c := range []struct {
		name string
		do   func() error
		want []string
		err  error
	}{
		{"put what exists, as the first step of a process", func() error { d.dir.durable.Clear(); return put() },
			slices.Concat(write, first, taken, []string{"remove tmp"}), vault.ErrExists},
		{"put what exists", put, slices.Concat(write, taken, []string{"remove tmp"}), vault.ErrExists},
		{"adopt what exists", func() error { return d.dir.Adopt(t.Context(), key, path) },
			slices.Concat([]string{"chmod spool", "sync spool"}, taken), vault.ErrExists},
		{"replace", func() error { return d.dir.Replace(t.Context(), key, strings.NewReader("an image"), 8) },
			append(slices.Clone(write), "rename KEY", "syncdir PART"), nil},
		{"delete", func() error { return d.dir.Delete(t.Context(), key) }, []string{"remove KEY", "syncdir PART"}, nil},
	} {
		var steps []string
		d.faults(func(op, at string) error {
			switch {
			case at == "tmp" || filepath.Base(filepath.Dir(at)) == "tmp":
				at = "tmp"
			case at == path:
				at = "spool"
			case at == d.blobPath(sumOf("an image")):
				at = "KEY"
			case at == filepath.Dir(d.blobPath(sumOf("an image"))):
				at = "PART"
			case at == filepath.Dir(filepath.Dir(d.blobPath(sumOf("an image")))):
				at = "UPPER"
			default:
				at = filepath.Base(at)
			}
			steps = append(steps, op+" "+at)
			return nil
		})
		if err := c.do(); !errors.Is(err, c.err) {
			t.Errorf("%s: error %v; want %v", c.name, err, c.err)
		}
		d.faults(nil)
		if !slices.Equal(steps, c.want) {
			t.Errorf("%s: %q; want %q", c.name, steps, c.want)
		}
	}
}

// TestDirectoryThatIsGone takes away a directory that the store has made.
func TestDirectoryThatIsGone(t *testing.T) {
	d := newVault(t)
	key := vault.BlobKey(sumOf("an image"))
	for range 2 {
		if err := d.dir.Put(t.Context(), key, strings.NewReader("an image"), 8); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Dir(filepath.Dir(d.blobPath(sumOf("an image"))))); err != nil {
			t.Fatal(err)
		}
	}
}

// repeated is a file system over NFS: the answer to a LINK was lost, and the
// repeated one finds the new name.
type repeated struct{ FS }

func (r repeated) Link(from, to string) error {
	return errors.Join(r.FS.Link(from, to), &os.LinkError{Op: "link", Old: from, New: to, Err: syscall.EEXIST})
}

func TestRepeatedLink(t *testing.T) {
	d := newVault(t)
	d.dir.disk = repeated{d.dir.disk}
	key := vault.BlobKey(sumOf("an image"))
	put := func() error { return d.dir.Put(t.Context(), key, strings.NewReader("an image"), 8) }
	if err := put(); err != nil {
		t.Errorf("what this process made: %v", err)
	}
	if err := put(); !errors.Is(err, vault.ErrExists) {
		t.Errorf("the earlier content: %v", err)
	}
	path, _ := writeSpool(t, t.TempDir(), "another")
	if err := d.dir.Adopt(t.Context(), vault.BlobKey(sumOf("another")), path); err != nil {
		t.Errorf("adopt: %v", err)
	}
}

// TestTempThatIsGone takes away the unfinished file of a put, as a process does whose
// clock is wrong by weeks.
func TestTempThatIsGone(t *testing.T) {
	d := newVault(t)
	key := vault.BlobKey(sumOf("an image"))
	for range 2 { // the second time its directory exists
		err := d.dir.Put(t.Context(), key, emptiesTmp{strings.NewReader("an image"), d.dir.path}, 8)
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("error %v; want ErrNotExist", err)
		}
	}
}

// emptiesTmp removes all unfinished files of a vault when its content ends.
type emptiesTmp struct {
	io.Reader
	vault string
}

// Read implements io.Reader.
func (e emptiesTmp) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if err == io.EOF {
		files, _ := filepath.Glob(filepath.Join(e.vault, tmpDir, "*"))
		for _, f := range files {
			os.Remove(f)
		}
	}
	return n, err
}

// TestDeleteAllOfSome: a prune that was interrupted has removed some of the keys already.
func TestDeleteAllOfSome(t *testing.T) {
	d := newVault(t).dir
	key := vault.BlobKey(sumOf("an image"))
	if err := d.Put(t.Context(), key, strings.NewReader("an image"), 8); err != nil {
		t.Fatal(err)
	}
	if err := d.DeleteAll(t.Context(), []string{vault.BlobKey(sumOf("gone")), key}); err != nil {
		t.Error(err)
	}
	if _, err := d.Stat(t.Context(), key); err != vault.ErrNotFound {
		t.Errorf("error %v; want ErrNotFound", err)
	}
}

// TestGetOfLink: a symbolic link in the place of a content is not followed.
func TestGetOfLink(t *testing.T) {
	d, target := newVault(t).dir, filepath.Join(t.TempDir(), "target")
	key := vault.BlobKey(sumOf("an image"))
	if err := d.Put(t.Context(), key, strings.NewReader("an image"), 8); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(d.path, filepath.FromSlash(key))
	if err := errors.Join(os.Rename(at, target), os.Symlink(target, at)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Get(t.Context(), key, 0); !errors.Is(err, vault.ErrDamaged) {
		t.Errorf("error %v; want ErrDamaged", err)
	}
}
