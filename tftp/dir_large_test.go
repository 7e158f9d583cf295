//go:build linux

package tftp_test

import (
	"os"
	"path/filepath"
	"testing"

	"flashwarden/tftp"
)

// TestLargeFile reads and replaces a file of more than 2 GiB, which on 32 bits needs a
// flag. The file is a hole.
func TestLargeFile(t *testing.T) {
	const size = 1<<31 + 7
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, size); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	d := &tftp.Dir{Root: root}
	r, err := d.OpenRead(t.Context(), &tftp.Request{Op: tftp.Read, Filename: "f", Size: -1})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.ReadAt(make([]byte, 7), size-7); r.Size() != size || n != 7 || err != nil {
		t.Errorf("size %d, %d bytes: %v", r.Size(), n, err)
	}
	w, err := d.OpenWrite(t.Context(), &tftp.Request{Op: tftp.Write, Filename: "f", Size: -1})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Size() != 0 {
		t.Errorf("after an empty upload: %v, %v", info, err)
	}
}
