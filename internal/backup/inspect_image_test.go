package backup

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/iossim"
)

const imagePath = "flash:/c2960.bin"

// classic is an image that proves itself, of the version that fakeDevice says
// it runs, unless another one is given.
func classic(t *testing.T, version string) []byte {
	t.Helper()
	data, err := iossim.ClassicImage{Family: "C2960", Features: "LANBASEK9", Version: version, Description: "x"}.Bytes(64 << 10)
	must(t, err)
	return data
}

// damaged is an image with one bit inverted in its packed content.
func damaged(t *testing.T) []byte {
	data := classic(t, "15.0(2)SE8")
	data[len(data)/2+10_000] ^= 1
	return data
}

// withImage is a bench whose devices have this image, and compute digests or
// not.
func withImage(t *testing.T, data []byte, noVerify bool) *bench {
	return newBench(t, func(_ int, d *fakeDevice) error {
		d.flash["c2960.bin"], d.noVerify = data, noVerify
		return nil
	})
}

func noted(r api.BackupResult, words string) bool {
	return slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, words) })
}

// TestSizeOnlyImage has a device without digests: the image proves itself, and
// the evidence stays size-only.
func TestSizeOnlyImage(t *testing.T) {
	b := withImage(t, classic(t, "15.0(2)SE8"), true)
	defer b.close()
	r := b.backup(Options{})
	wantResult(t, r, api.StatusOK, "")
	f := file(t, r, imagePath)
	if f.Evidence != api.EvidenceSize || f.Image == nil || f.Image.Verdict != api.ImageGood || f.Image.Version != "15.0(2)SE8" || len(r.Notes) > 0 {
		t.Errorf("%+v %+v, notes %q", f, f.Image, r.Notes)
	}
	proof := strings.Join(f.Proof, "\n")
	for _, want := range []string{"verify /md5: not known", "received 65536 bytes", "the file itself: image checksums OK (structure, sizes, zip"} {
		if !strings.Contains(proof, want) {
			t.Errorf("no %q in the proof:\n%s", want, proof)
		}
	}
	s, err := b.Vault.Snapshot(t.Context(), r.Snapshot)
	must(t, err)
	if got := file(t, api.BackupResult{Files: s.Files}, imagePath); got.Image == nil || !slices.Equal(got.Proof, f.Proof) {
		t.Errorf("the snapshot has %+v", got)
	}
	if other := file(t, r, "flash:/config.text"); other.Image != nil {
		t.Errorf("config.text was inspected: %+v", other.Image)
	}
	b.wantClean()
}

// TestSizeOnlyImageDamaged has the same with a damaged image: nobody but the
// image itself shows, and it is kept out of the vault.
func TestSizeOnlyImageDamaged(t *testing.T) {
	for name, data := range map[string][]byte{"altered": damaged(t), "truncated": classic(t, "15.0(2)SE8")[:60_000]} {
		b := withImage(t, data, true)
		r := b.backup(Options{})
		wantResult(t, r, api.StatusIncomplete, cause.DigestMismatch)
		f := file(t, r, imagePath)
		if f.Cause != cause.DigestMismatch || f.SHA256 != "" || f.Image != nil || !strings.Contains(f.Message, "expected") || !strings.Contains(f.Hint, "put a good image there") {
			t.Errorf("%s: %+v", name, f)
		}
		sum := sha256.Sum256(data)
		if has, err := b.Vault.HasBlob(t.Context(), hex.EncodeToString(sum[:]), int64(len(data))); has || err != nil {
			t.Errorf("%s: it is in the vault, error %v", name, err)
		}
		b.wantClean()
		b.close()
	}
}

// TestDamagedOnDevice has a device that computes the digest of an image that is
// damaged on it: the copy is true to the device, and is reported as damaged, also
// when it is known.
func TestDamagedOnDevice(t *testing.T) {
	b := withImage(t, damaged(t), false)
	defer b.close()
	for _, copied := range []bool{true, false} {
		r := b.backup(Options{})
		wantResult(t, r, api.StatusOK, "")
		f := file(t, r, imagePath)
		if f.Evidence != api.EvidenceMD5 || f.Copied != copied || f.Image.Verdict != api.ImageBad || !noted(r, imagePath+" was saved unchanged, but the image is damaged") {
			t.Errorf("%+v, notes %q", f, r.Notes)
		}
	}
	b.wantClean()
}

// TestDeviceFindsDamage has a device whose verify says so itself.
func TestDeviceFindsDamage(t *testing.T) {
	b := newBench(t, func(_ int, d *fakeDevice) error {
		d.verify = func(string) (ios.Verification, error) {
			return ios.Verification{Damaged: `"%Error verifying flash:/c2960.bin"`, Tried: []string{"verify: damaged"}}, nil
		}
		return nil
	})
	defer b.close()
	r := b.backup(Options{Policy: api.PolicyImage})
	wantResult(t, r, api.StatusOK, "")
	if f := file(t, r, imagePath); f.Evidence != api.EvidenceSize || !noted(r, `the device itself finds this image damaged: "%Error`) {
		t.Errorf("%+v, notes %q", f, r.Notes)
	}
}

// TestReplacedSinceStart has a file that is newer than what runs.
func TestReplacedSinceStart(t *testing.T) {
	b := withImage(t, classic(t, "15.0(2)SE11"), false)
	defer b.close()
	for range 2 {
		r := b.backup(Options{Policy: api.PolicyImage})
		wantResult(t, r, api.StatusOK, "")
		if !noted(r, "is version 15.0(2)SE11, but the device runs 15.0(2)SE8") {
			t.Errorf("notes %q", r.Notes)
		}
	}
}

// TestInspectedOnce has content that the vault holds: its inspection is
// not looked for again, unless nobody has looked yet.
func TestInspectedOnce(t *testing.T) {
	b := withImage(t, classic(t, "15.0(2)SE8"), false)
	defer b.close()
	b.ProvedWithin = time.Hour // else it is read to prove it
	f := file(t, b.backup(Options{Policy: api.PolicyImage}), imagePath)
	blob := b.blobPath(f.SHA256)
	// A damaged blob of the same size: whoever reads it again finds that.
	must(t, os.Chmod(blob, 0o600))
	w, err := os.OpenFile(blob, os.O_WRONLY, 0)
	must(t, err)
	_, err = w.WriteAt(make([]byte, 1000), 40_000)
	must(t, err)
	must(t, w.Close())
	if again := file(t, b.backup(Options{Policy: api.PolicyImage}), imagePath); again.Image == nil || again.Image.Verdict != api.ImageGood {
		t.Errorf("read again: %+v", again.Image)
	}
	// A snapshot of the time before images were inspected.
	s, err := b.Vault.Snapshot(t.Context(), b.backup(Options{Policy: api.PolicyImage}).Snapshot)
	must(t, err)
	rows, err := b.Catalog.Snapshots(t.Context(), "")
	must(t, err)
	for _, row := range rows {
		must(t, b.Catalog.Unindex(t.Context(), row.ID))
	}
	s.Files[0].Image = nil
	must(t, b.Catalog.Index(t.Context(), s))
	must(t, b.Catalog.RecordProofs(t.Context(), catalog.Proof{SHA256: f.SHA256, Read: time.Now(), Whole: true}))
	if now := file(t, b.backup(Options{Policy: api.PolicyImage}), imagePath); now.Copied || now.Image == nil || now.Image.Verdict != api.ImageBad {
		t.Errorf("not read: %+v", now)
	}
}

// TestSHA512 has a device that computes nothing else.
func TestSHA512(t *testing.T) {
	wrong := false
	b := newBench(t, func(_ int, d *fakeDevice) error {
		d.verify = func(p string) (ios.Verification, error) {
			sum := sha512.Sum512(d.flash[strings.TrimPrefix(p, "flash:/")])
			if wrong {
				sum[0] ^= 1
			}
			return ios.Verification{Digest: ios.Digest{SHA512: hex.EncodeToString(sum[:])}, Tried: []string{"verify /sha512"}}, nil
		}
		return nil
	})
	defer b.close()
	for range 2 { // known content is found by MD5 alone
		r := b.backup(Options{Policy: api.PolicyImage})
		wantResult(t, r, api.StatusOK, "")
		if f := file(t, r, imagePath); f.Evidence != api.EvidenceSHA512 || len(f.SHA512) != 128 || !f.Copied {
			t.Errorf("%+v", f)
		}
	}
	wrong = true
	r := b.backup(Options{Policy: api.PolicyImage})
	wantResult(t, r, api.StatusFailed, cause.DigestMismatch)
	if f := file(t, r, imagePath); !strings.Contains(f.Message, "SHA-512") || f.SHA512 != "" {
		t.Errorf("%+v", f)
	}
	b.wantClean()
}

// TestSizeOnlyIsNeverKnown has a device without digests twice: nothing is taken
// as known, whatever the vault holds. A device that computes the MD5 of the same
// content finds it.
func TestSizeOnlyIsNeverKnown(t *testing.T) {
	noVerify := true
	b := newBench(t, func(_ int, d *fakeDevice) error {
		d.noVerify = noVerify
		return nil
	})
	defer b.close()
	for range 2 {
		r := b.backup(Options{})
		wantResult(t, r, api.StatusOK, "")
		for _, f := range r.Files {
			if f.Copied != (f.Path != api.RunningConfigPath) || f.Evidence != api.EvidenceSize {
				t.Errorf("%+v", f)
			}
		}
	}
	for _, f := range b.devices[0].flash {
		if sha, known, err := b.Catalog.Known(context.Background(), "", int64(len(f))); known || err != nil {
			t.Errorf("an empty MD5 is known as %s, %v", sha, err)
		}
	}
	noVerify = false
	r := b.backup(Options{})
	wantResult(t, r, api.StatusOK, "")
	if f := file(t, r, imagePath); f.Copied || f.Evidence != api.EvidenceMD5 {
		t.Errorf("%+v", f)
	}
}
