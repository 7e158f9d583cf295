//go:build linux

package tftp_test

import (
	"os"
	"path/filepath"
	"testing"

	"flashwarden/tftp"
)

// testLinksInside reads and replaces a file over each kind of link that leads to
// it. A link stays a link.
func testLinksInside(t *testing.T) {
	w, root := serveDir(t, tftp.Dir{Create: true})
	for name, target := range map[string]string{
		"relative": "dir/f", "absolute": filepath.Join(root, "dir/f"), "as after chroot": "/dir/f",
		"indirect": "absolute", "absdir": root + "/dir", "dir/up": "../dir/../absolute", "caf\xe9": root + "/dir",
	} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range []string{"relative", "absolute", "as after chroot", "indirect", "absdir/f", "dir/up", "caf\xe9/f", "absdir/../dir/f"} {
		p := w.peer()
		p.request(rrq(name, "octet"))
		if name == "absdir/../dir/f" { // a name with ".." is never served
			p.expectError(2)
			continue
		}
		if got, err := os.ReadFile(filepath.Join(root, "dir/f")); err != nil || string(p.fetch(512)) != string(got) {
			t.Errorf("%s: read another content", name)
		}
		p = w.peer()
		body := content(uint64(i), 100)
		p.request(wrq(name, "octet"))
		p.expect(ack(0))
		p.store(body, 512, 1, 2)
		if got, err := os.ReadFile(filepath.Join(root, "dir/f")); err != nil || string(got) != string(body) {
			t.Errorf("%s: the upload did not reach the file: %v", name, err)
		}
	}
	if info, err := os.Lstat(filepath.Join(root, "relative")); err != nil || info.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link is now %v, %v", info.Mode(), err)
	}
}

// testSpellings has names that boot loaders send for ordinary files.
func testSpellings(t *testing.T) {
	w, root := serveDir(t, tftp.Dir{Create: true})
	latin1 := "caf\xe9.bin"
	if err := os.WriteFile(filepath.Join(root, latin1), []byte("old content"), 0o644); err != nil {
		t.Skip("this file system has UTF-8 names only")
	}
	for _, name := range []string{"//dir//f", "./f", "dir/./f", "/./dir/f", latin1} {
		p := w.peer()
		p.request(rrq(name, "octet"))
		p.expect(data(1, []byte("old content")))
		p.send(ack(1))
	}
	for name, file := range map[string]string{"dir//./new": "dir/new", latin1: latin1, "new-" + latin1: "new-" + latin1} {
		p := w.peer()
		p.request(wrq(name, "octet"))
		p.expect(ack(0))
		p.store([]byte("x"), 512, 1, 2)
		if got, err := os.ReadFile(filepath.Join(root, file)); err != nil || string(got) != "x" {
			t.Errorf("the upload to %q: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"f/", "/", "//", ".", "./"} {
		p := w.peer()
		p.request(rrq(name, "octet"))
		p.expectError(2)
	}
}
