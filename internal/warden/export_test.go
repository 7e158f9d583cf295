package warden

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashwarden/api"
)

// holding is a Warden whose vault has this content for every file.
type holding struct {
	Warden
	content string
}

// Open implements Warden.
func (h holding) Open(context.Context, api.Content) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(h.content)), nil
}

// TestExportProves: content of the vault that is damaged becomes no file, and leaves none. What is
// exported is for the user alone.
func TestExportProves(t *testing.T) {
	const content = "the content of an image"
	sum := sha256.Sum256([]byte(content))
	item := api.Content{Name: "sw1/flash/x.bin", Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
	for _, has := range []string{content, "the content of an imagE", "the content", ""} {
		dir := filepath.Join(t.TempDir(), "out")
		w := holding{content: has}
		err := Export(t.Context(), w, dir, []api.Content{item}, ExportOptions{})
		failed := ExportTar(t.Context(), w, dir, "sw1.tar", []api.Content{item}, ExportOptions{})
		if whole := has == content; (err == nil) != whole || (failed == nil) != whole {
			t.Errorf("%q: error %v, of the archive %v", has, err, failed)
		}
		files := 0
		walked := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := os.Lstat(path)
			if !e.IsDir() {
				files++
			}
			if err == nil && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has the mode %v", path, info.Mode())
			}
			return err
		})
		if want := map[bool]int{true: 2}[has == content]; walked != nil || files != want {
			t.Errorf("%q: %d files, error %v; want %d", has, files, walked, want)
		}
	}
}
