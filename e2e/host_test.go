package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
)

// nobody is the user without rights that Debian has.
const nobody = 65534

// asNobody lets cmd run as an ordinary user.
func asNobody(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return cmd
}

// ordinaryUser returns a home directory of a user without rights, and lets commands run
// as that user: nobody, or the present user if that is not root.
func ordinaryUser(t *testing.T) (home string, as func(*exec.Cmd) *exec.Cmd) {
	t.Helper()
	home, err := os.MkdirTemp("", "flashwarden-ordinary-") // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	root := os.Geteuid() == 0
	if root {
		if err := os.Chown(home, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	return home, func(cmd *exec.Cmd) *exec.Cmd {
		cmd.Env = append(os.Environ(), "HOME="+home)
		if root {
			return asNobody(cmd)
		}
		return cmd
	}
}

// nobodysSite is a site whose directories belong to nobody, with a device in
// its inventory that does not exist.
func nobodysSite(t *testing.T) *site {
	t.Helper()
	needRoot(t)
	dir, _ := ordinaryUser(t)
	s := newSite(t)
	s.data = filepath.Join(dir, "data")
	s.env = append(s.env, "FLASHWARDEN_DATA="+s.data, "HOME="+dir)
	pw := s.file("login", password)
	if err := os.Chown(pw, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	o := finish(t, asNobody(s.command("device", "add", "sw1", "--address", "127.0.0.1:9", "--username", user, "--password-file", pw)))
	if o.code != 0 {
		t.Fatalf("device add: %s", o.stderr)
	}
	return s
}

// TestPortOfRoot has an ordinary user bind port 69: it names the three ways
// out.
func TestPortOfRoot(t *testing.T) {
	testlevel.NeedFull(t, "starts the program; its package proves it in memory")
	t.Parallel()
	s := nobodysSite(t)
	s.env = append(s.env, "FLASHWARDEN_TFTP_LISTEN=127.0.0.1:69")
	o := finish(t, asNobody(s.command("backup", "sw1")))
	if o.code != 1 {
		t.Errorf("ended with %d", o.code)
	}
	for _, way := range []string{"systemd", "setcap", "tftp.listen"} {
		if !strings.Contains(o.stderr, way) {
			t.Errorf("does not name the way by %s: %s", way, o.stderr)
		}
	}
}

// TestDirectoryOfAnother uses the data directory of somebody else, in both
// directions.
func TestDirectoryOfAnother(t *testing.T) {
	testlevel.NeedFull(t, "starts the program; its package proves it in memory")
	t.Parallel()
	s := nobodysSite(t)
	o := s.run("device", "list")
	if o.code != 1 || !strings.Contains(o.stderr, "nobody") || !strings.Contains(o.stderr, "sudo -u nobody") {
		t.Errorf("root in nobody's directory: %d %s", o.code, o.stderr)
	}
	mine := newSite(t)
	mine.makeData()
	s.env = append(s.env, "FLASHWARDEN_DATA="+mine.data)
	o = finish(t, asNobody(s.command("device", "list")))
	if o.code != 1 || !strings.Contains(o.stderr, "--data DIR") {
		t.Errorf("nobody in root's directory: %d %s", o.code, o.stderr)
	}
}

// TestReadOnlyDirectory uses a data directory that cannot be written.
func TestReadOnlyDirectory(t *testing.T) {
	testlevel.NeedFull(t, "starts the program; its package proves it in memory")
	t.Parallel()
	s := nobodysSite(t)
	if err := os.Chmod(s.data, 0o500); err != nil {
		t.Fatal(err)
	}
	o := finish(t, asNobody(s.command("device", "list")))
	if o.code != 1 || !strings.Contains(o.stderr, "data directory") || !strings.Contains(o.stderr, "next:") {
		t.Errorf("%d %s", o.code, o.stderr)
	}
}

// smallSite has a data directory of so many bytes.
func smallSite(t *testing.T, size int) *site {
	t.Helper()
	needRoot(t)
	s := newSite(t)
	if err := os.Mkdir(s.data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", s.data, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(s.data, 0); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestFullDisk has a data directory on a file system that is smaller than the
// image: the device gets ERROR 3, and nothing stays behind.
func TestFullDisk(t *testing.T) {
	testlevel.NeedFull(t, "TestFullDisk of package vault/dir proves it, and TestFullDiskIsToldBeforeTheFirstByte of package spool")
	t.Parallel()
	s := smallSite(t, 8<<20)
	sw := s.add("sw1", "c3750", iossim.Options{})
	o := s.run("backup", "sw1", "--json")
	r := single(t, o)
	if o.code != 3 || r.Cause != "spool_full" || r.Hint == "" {
		t.Errorf("ended with %d, cause %q: %s", o.code, r.Cause, r.Message)
	}
	refused := false
	for _, m := range sw.Transfers() {
		refused = refused || m.Op == tftp.Write && m.Code == int(tftp.CodeDiskFull)
	}
	if !refused {
		t.Errorf("the device got no ERROR 3: %+v", sw.Transfers())
	}
	s.wantEmptySpool()
	s.wantClean()
}
