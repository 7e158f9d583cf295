package dir

import (
	"os"
	"path/filepath"
	"testing"

	"flashwarden/internal/vault"
)

// TestSymbolicLinkIsNoDirectory: nothing is written through a link in the place of
// a directory of the vault. Neither List nor a check would see it.
func TestSymbolicLinkIsNoDirectory(t *testing.T) {
	key := vault.BlobKey(sumOf("an image"))
	for _, link := range []string{"tmp", "blobs", filepath.Dir(filepath.Dir(key)), filepath.Dir(key)} {
		k := newVault(t)
		putSnapshot(t, k, "sw1", "an image")
		usb, elsewhere := filepath.Join(t.TempDir(), "usb"), t.TempDir()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(usb, link)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(elsewhere, filepath.Join(usb, link)); err != nil {
			t.Fatal(err)
		}
		to, err := Open(usb)
		if err != nil {
			t.Fatal(err)
		}
		if res, err := k.MirrorTo(t.Context(), vault.NewTwin(to, nil), vault.MirrorOptions{Fresh: true}); err == nil {
			t.Errorf("%s is a link: %+v", link, res)
		}
		if entries, err := os.ReadDir(elsewhere); err != nil || len(entries) > 0 {
			t.Errorf("%s is a link: written to its target: %v, error %v", link, entries, err)
		}
	}
}

// TestSymbolicLinkThatAppears: a first part that becomes a link is refused also in
// a store that was made before.
func TestSymbolicLinkThatAppears(t *testing.T) {
	k, elsewhere := newVault(t), filepath.Join(t.TempDir(), "blobs")
	if err := os.Rename(filepath.Join(k.dir.path, "blobs"), elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(k.dir.path, "blobs")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.Put(t.Context(), []byte("an image")); err == nil {
		t.Error("put through a link")
	}
}
