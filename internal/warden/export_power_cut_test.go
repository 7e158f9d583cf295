package warden

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/disk/disktest"
)

// text is a vault whose files all have this content.
type text string

// Open implements opener.
func (s text) Open(context.Context, api.Content) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(string(s))), nil
}

// TestPowerCutDuringTar: an archive that has its name is whole, also after a power cut.
func TestPowerCutDuringTar(t *testing.T) {
	const content = "the content of an image"
	sum := sha256.Sum256([]byte(content))
	dir := t.TempDir()
	d := disktest.New(t, dir)
	f, err := d.OpenFile("partial", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	item := api.Content{Name: "image.bin", Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
	if err := writeTar(t.Context(), text(content), f, []api.Content{item}, ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(dir, "partial"))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Rename("partial", "image.tar"); err != nil {
		t.Fatal(err)
	}
	for _, loss := range disktest.Losses(20) {
		left := d.Cut(t, d.Steps(), loss)
		got, err := os.ReadFile(filepath.Join(left, "image.tar"))
		if err == nil && !bytes.Equal(got, want) || err != nil && !os.IsNotExist(err) {
			t.Errorf("%+v: the archive has %d bytes, want %d, %v", loss, len(got), len(want), err)
		}
	}
}

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
