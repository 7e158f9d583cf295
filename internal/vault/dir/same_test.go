package dir

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"flashwarden/internal/vault"
)

// TestSamePlace: a store under another path is the same place. A mirror is another one, also a
// copy with the same times. Nothing stays of the comparison.
func TestSamePlace(t *testing.T) {
	k, top := newVault(t), t.TempDir()
	putSnapshot(t, k, "sw1", "an image")
	link, copied, twin := filepath.Join(top, "link"), filepath.Join(top, "copied"), mirrorOf(t, k)
	if err := os.Symlink(k.dir.path, link); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", k.dir.path, copied).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for path, want := range map[string]bool{link: true, copied: false, twin.path: false, filepath.Join(top, "nowhere"): false} {
		d, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		before := blobsIn(t, path)
		if same, err := vault.SamePlace(t.Context(), k.dir, d); same != want || err != nil {
			t.Errorf("%s: %t, error %v; want %t", path, same, err, want)
		}
		if after := blobsIn(t, path); after != before {
			t.Errorf("%s: %d blobs, before %d", path, after, before)
		}
	}
}

func blobsIn(t *testing.T, path string) int {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(path, "blobs/*/*/*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
