package httpapi

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestModeOfTheSocket makes the socket under a umask that takes nothing away:
// it never lets others in, not even before listen sets its mode.
func TestModeOfTheSocket(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	path := filepath.Join(t.TempDir(), "s")
	l, err := bind(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != socketMode {
		t.Errorf("%v, %v; want mode %o", info.Mode(), err, socketMode)
	}
}
