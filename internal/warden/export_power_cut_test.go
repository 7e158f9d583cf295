package warden

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashwarden/internal/disk/disktest"
)

// TestPowerCutDuringExport: a file that has its name has its whole content, also
// after a power cut.
func TestPowerCutDuringExport(t *testing.T) {
	const content = "the content of an image"
	sum := sha256.Sum256([]byte(content))
	dir := t.TempDir()
	d := disktest.New(t, dir)
	f, err := d.OpenFile("partial", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeProved(f, strings.NewReader(content), hex.EncodeToString(sum[:])); err != nil {
		t.Fatal(err)
	}
	if err := d.Rename("partial", "image.bin"); err != nil {
		t.Fatal(err)
	}
	for _, loss := range disktest.Losses(20) {
		left := d.Cut(t, d.Steps(), loss)
		got, err := os.ReadFile(filepath.Join(left, "image.bin"))
		if err == nil && string(got) != content || err != nil && !os.IsNotExist(err) {
			t.Errorf("%+v: the file has %q, %v", loss, got, err)
		}
	}
}
