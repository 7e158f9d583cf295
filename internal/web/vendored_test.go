package web_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVendored compares the files of other projects with their digests.
func TestVendored(t *testing.T) {
	list, err := os.ReadFile("vendored/VENDORED")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{"VENDORED": true}
	for line := range strings.Lines(string(list)) {
		fields := strings.Fields(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		if len(fields) != 5 {
			t.Fatalf("line %q: want digest, file, package, path, licence", line)
		}
		named[fields[1]] = true
		content, err := os.ReadFile(filepath.Join("vendored", fields[1]))
		if sum := sha256.Sum256(content); err != nil || hex.EncodeToString(sum[:]) != fields[0] {
			t.Errorf("%s is not that of %s: SHA-256 %x, %v", fields[1], fields[2], sum, err)
		}
	}
	files, err := os.ReadDir("vendored")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !named[f.Name()] {
			t.Errorf("%s is not in VENDORED", f.Name())
		}
	}
}
