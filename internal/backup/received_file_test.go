package backup

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/spool"
)

// received files data as if a device had sent it.
func received(t *testing.T, b *bench, name string, data []byte, digest string) (api.BackupResult, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "spooled")
	must(t, os.WriteFile(path, data, 0o600))
	strong, weak := sha256.Sum256(data), md5.Sum(data)
	f := &spool.File{Path: path, Size: int64(len(data)), MD5: hex.EncodeToString(weak[:]), SHA256: hex.EncodeToString(strong[:])}
	filer := Filer{Vault: b.Vault, Catalog: b.Catalog}
	in := Received{Device: "sw1", Address: netip.MustParseAddr("192.0.2.1"), Name: name, MD5: digest, Began: time.Now()}
	if digest == "own" {
		in.MD5 = f.MD5
	}
	return filer.File(t.Context(), in, f)
}

// TestReceivedImageIsKnownByContent has an image whose name says nothing.
func TestReceivedImageIsKnownByContent(t *testing.T) {
	b := newBench(t, nil)
	defer b.close()
	r, err := received(t, b, "/golden", classic(t, "15.0(2)SE8"), "")
	must(t, err)
	wantResult(t, r, api.StatusOK, "")
	f := file(t, r, "tftp:/golden")
	if f.Kind != api.KindImage || f.Evidence != api.EvidenceSize || f.Image == nil || f.Image.Version != "15.0(2)SE8" || !noted(r, "15.0(2)SE8") {
		t.Errorf("%+v, notes %q", f, r.Notes)
	}
	s, err := b.Vault.Snapshot(t.Context(), r.Snapshot)
	if err != nil || s.Device != "sw1" || s.Address != "192.0.2.1" || s.Facts.Image != "" || len(s.Files) != 1 || s.Files[0].SHA256 != f.SHA256 {
		t.Errorf("snapshot %+v, %v", s, err)
	}
	images, err := b.Catalog.Images(t.Context())
	if err != nil || len(images) != 1 || len(images[0].Devices) != 0 || images[0].Names[0] != "golden" {
		t.Errorf("images %+v, %v", images, err)
	}
}

// TestReceivedNoise has a file that only its name calls an image.
func TestReceivedNoise(t *testing.T) {
	b := newBench(t, nil)
	defer b.close()
	r, err := received(t, b, "c2960.bin", []byte(strings.Repeat("noise ", 10_000)), "")
	must(t, err)
	if f := file(t, r, "tftp:/c2960.bin"); f.Kind != api.KindOther || !noted(r, "named like an image, but the content is not an image") {
		t.Errorf("%+v, notes %q", f, r.Notes)
	}
}

// TestReceivedDamage has a damaged image: refused where nothing says that the
// device has it so, kept where its digest does.
func TestReceivedDamage(t *testing.T) {
	b := newBench(t, nil)
	defer b.close()
	r, err := received(t, b, "c2960.bin", damaged(t), "")
	if cause.Of(err) != cause.DigestMismatch {
		t.Errorf("a damaged image: %v", err)
	}
	wantResult(t, r, api.StatusFailed, cause.DigestMismatch)
	if ids, err := b.Vault.Names(t.Context()); err != nil || len(ids) != 0 {
		t.Errorf("snapshots %v, %v", ids, err)
	}
	r, err = received(t, b, "c2960.bin", damaged(t), "own")
	must(t, err)
	if f := file(t, r, "tftp:/c2960.bin"); f.Evidence != api.EvidenceMD5 || !noted(r, "damaged") {
		t.Errorf("%+v, notes %q", f, r.Notes)
	}
}

func TestReceivedDigest(t *testing.T) {
	b := newBench(t, nil)
	defer b.close()
	r, err := received(t, b, "vlan.dat", []byte("vlans"), "00000000000000000000000000000000")
	if cause.Of(err) != cause.DigestMismatch || r.Status != api.StatusFailed {
		t.Errorf("another digest: %v %s", err, r.Status)
	}
	for _, name := range []string{"vlan.dat", "vlan.dat"} { // twice the same is two snapshots
		if r, err = received(t, b, name, []byte("vlans"), "own"); err != nil || r.Files[0].Kind != api.KindVLAN || r.Files[0].Evidence != api.EvidenceMD5 {
			t.Errorf("%+v, %v", r, err)
		}
	}
	if ids, err := b.Vault.Names(t.Context()); err != nil || len(ids) != 2 {
		t.Errorf("snapshots %v, %v", ids, err)
	}
}
