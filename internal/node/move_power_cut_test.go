package node

import (
	"os"
	"path/filepath"
	"testing"

	"flashwarden/internal/disk/disktest"
)

// TestPowerCutAfterMove: a catalog that was moved does not reappear after a power cut.
func TestPowerCutAfterMove(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ownCatalog), []byte("rows"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := disktest.New(t, dir)
	if err := putAside(d, ownCatalog, movedCatalog); err != nil {
		t.Fatal(err)
	}
	for _, loss := range disktest.Losses(20) {
		left := d.Cut(t, d.Steps(), loss)
		if _, err := os.Stat(filepath.Join(left, ownCatalog)); !os.IsNotExist(err) {
			t.Errorf("%+v: the old catalog is back: %v", loss, err)
		}
		if _, err := os.Stat(filepath.Join(left, movedCatalog)); err != nil {
			t.Errorf("%+v: %v", loss, err)
		}
	}
}
