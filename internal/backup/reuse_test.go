package backup

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/vault"
)

// spoil changes one byte of a blob.
func (b *bench) spoil(sum string) {
	b.t.Helper()
	data, err := os.ReadFile(b.blobPath(sum))
	must(b.t, err)
	data[0] ^= 1
	must(b.t, os.Chmod(b.blobPath(sum), 0o600))
	must(b.t, os.WriteFile(b.blobPath(sum), data, 0o600))
	must(b.t, os.Chmod(b.blobPath(sum), 0o400))
}

// TestDamagedBlobIsReplaced has other content under the name of the image, which
// only reading shows.
func TestDamagedBlobIsReplaced(t *testing.T) {
	b := newBench(t, nil)
	defer b.close()
	image := file(t, b.backup(Options{}), "flash:/c2960.bin")
	b.spoil(image.SHA256)
	r := b.backup(Options{})
	wantResult(t, r, api.StatusOK, "")
	if !file(t, r, "flash:/c2960.bin").Copied || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "was damaged; it is replaced by a new one: blob "+image.SHA256+" has the SHA-256") {
		t.Errorf("%+v\nwarnings %q", file(t, r, "flash:/c2960.bin"), r.Warnings)
	}
	b.wantClean()
	if at, err := b.Catalog.Proved(t.Context(), image.SHA256); err != nil || at.IsZero() {
		t.Errorf("proved at %s, error %v", at, err)
	}
	r = b.backup(Options{})
	f := file(t, r, "flash:/c2960.bin")
	if f.Copied || len(r.Warnings) > 0 || !strings.HasPrefix(f.Proof[1], "the vault holds this content, read and proved at ") {
		t.Errorf("after that: %+v, warnings %q", f, r.Warnings)
	}
}

// TestReusedContentIsReadAgain reads content only if its last proof is too old.
func TestReusedContentIsReadAgain(t *testing.T) {
	b := newBench(t, nil)
	defer b.close()
	b.ProvedWithin = time.Hour
	image := file(t, b.backup(Options{}), "flash:/c2960.bin")
	b.spoil(image.SHA256)
	if r := b.backup(Options{}); file(t, r, "flash:/c2960.bin").Copied {
		t.Error("content that was read a moment ago was read again")
	}
	for _, at := range []time.Duration{2 * time.Hour, -2 * time.Hour} { // long ago, and by a clock that was wrong
		must(t, b.Catalog.RecordProofs(t.Context(), catalog.Proof{SHA256: image.SHA256, Size: image.Size, Read: time.Now().Add(10 * time.Hour), Whole: true}))
		b.ProvedWithin = at
		if r := b.backup(Options{}); !file(t, r, "flash:/c2960.bin").Copied {
			t.Error("damaged content was believed")
		}
		b.spoil(image.SHA256)
	}
}

// deaf is a store that cannot say whether it has a blob.
type deaf struct{ vault.Store }

func (d deaf) Stat(ctx context.Context, key string) (vault.Info, error) {
	if vault.IsBlob(key) {
		return vault.Info{}, errors.New("input/output error")
	}
	return d.Store.Stat(ctx, key)
}

// TestUnknownIsNotAbsent: nothing is copied again because the disk of the vault
// does not answer.
func TestUnknownIsNotAbsent(t *testing.T) {
	b := newBench(t, nil)
	defer b.close()
	wantResult(t, b.backup(Options{}), api.StatusOK, "")
	b.Vault = vault.New(deaf{b.store})
	r := b.backup(Options{})
	wantResult(t, r, api.StatusFailed, cause.VaultError)
	if r.BytesCopied != 0 || !strings.Contains(r.Message, "input/output error") {
		t.Errorf("copied %d bytes: %s", r.BytesCopied, r.Message)
	}
}

// brokenIndex is an index that cannot be written.
type brokenIndex struct{ catalog.Catalog }

// Index implements catalog.Index.
func (brokenIndex) Index(context.Context, ...api.Snapshot) error {
	return errors.New("disk I/O error")
}

// TestOnlyTheIndexFails: the backup is whole and in the vault, and says that only the index
// lacks it. The next process enters it.
func TestOnlyTheIndexFails(t *testing.T) {
	b := newBench(t, nil)
	defer b.close()
	good := b.Catalog.(catalog.Catalog)
	b.Catalog = brokenIndex{good}
	r := b.backup(Options{})
	b.Catalog = good
	wantResult(t, r, api.StatusOK, "")
	if r.Snapshot == "" || !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, "disk I/O error") }) {
		t.Errorf("snapshot %q, notes %q", r.Snapshot, r.Notes)
	}
	if _, err := b.Vault.Snapshot(t.Context(), r.Snapshot); err != nil {
		t.Error(err)
	}
	rows, err := good.Snapshots(t.Context(), "sw1")
	must(t, err)
	if len(rows) != 0 {
		t.Errorf("the index has %+v", rows)
	}
	must(t, catalog.Recover(t.Context(), good, b.Vault, true))
	if rows, err = good.Snapshots(t.Context(), "sw1"); err != nil || len(rows) != 1 {
		t.Errorf("after the next start: %+v, error %v", rows, err)
	}
}
