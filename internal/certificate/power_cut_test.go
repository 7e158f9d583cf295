package certificate

import (
	"bytes"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"flashwarden/internal/disk/disktest"
)

// TestPowerCutDuringCertificate: a certificate that has its name is whole, also after a
// power cut.
func TestPowerCutDuringCertificate(t *testing.T) {
	block := &pem.Block{Type: "CERTIFICATE", Bytes: []byte("a certificate")}
	d := disktest.New(t, t.TempDir())
	f, err := d.OpenFile("partial", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeBlock(f, 0o644, block); err != nil {
		t.Fatal(err)
	}
	if err := d.Rename("partial", "web.crt"); err != nil {
		t.Fatal(err)
	}
	for _, loss := range disktest.Losses(20) {
		left := d.Cut(t, d.Steps(), loss)
		got, err := os.ReadFile(filepath.Join(left, "web.crt"))
		if err == nil && !bytes.Equal(got, pem.EncodeToMemory(block)) || err != nil && !os.IsNotExist(err) {
			t.Errorf("%+v: the file has %q, %v", loss, got, err)
		}
	}
}
