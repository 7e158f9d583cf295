//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package conformance

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
)

func makePipe(path string) error {
	if err := syscall.Mkfifo(path, 0o666); err != nil {
		return err
	}
	return os.Chmod(path, 0o666)
}

// makeSocket makes a socket in a short path, because the name of a socket has at
// most 107 bytes, and moves it.
func makeSocket(path string) error {
	dir, err := os.MkdirTemp(filepath.Dir(path), "conformance-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unix"})
	if err != nil {
		return err
	}
	defer l.Close()
	l.SetUnlinkOnClose(false)
	return os.Rename(filepath.Join(dir, "s"), path)
}
