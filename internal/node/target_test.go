package node

import (
	"os"
	"path/filepath"
	"testing"
)

// TestInside has paths that do not exist, and symbolic links.
func TestInside(t *testing.T) {
	top := t.TempDir()
	data := filepath.Join(top, "data")
	if err := os.MkdirAll(filepath.Join(data, "vault"), 0o700); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"in": "data/vault", "data/out": "..", "dangling": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(top, link)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]bool{
		"data": true, "data/vault": true, "data/vault/mirror": true, "data/new/mirror": true, "in": true, "in/new/mirror": true, "data/../data": true,
		"": false, "usb": false, "usb/data": false, "database": false, "data/out/usb": false, "dangling/usb": false,
	} {
		if got := inside(filepath.Join(top, path), data); got != want {
			t.Errorf("%q: %v; want %v", path, got, want)
		}
	}
}

// TestTargetsOfMirrors: a mirror lies neither in the vault nor in the data
// directory.
func TestTargetsOfMirrors(t *testing.T) {
	data, usb := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(data, "vault"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		mirror, target string
		refused        bool
	}{
		{"", usb, false},
		{"", "sftp://nas/vault", false},
		{"", data, true},
		{"", data + "/vault", true},
		{"", data + "/vault/mirror", true},
		{"", data + "/usb", true},
		{usb, data + "/vault", false}, // brings a lost vault back
		{usb, data + "/usb", true},
		{usb, usb + "/again", true},
		{data + "/vault", usb, false},
	} {
		n := upkeep{core: &core{opts: Options{Data: data, Mirror: test.mirror}}}
		if err := n.wantOutside(test.target); (err != nil) != test.refused {
			t.Errorf("mirror %s --vault %q: error %v", test.target, test.mirror, err)
		}
	}
}
