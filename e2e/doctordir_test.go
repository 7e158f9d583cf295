package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"flashwarden/internal/netlab"
	"flashwarden/internal/testlevel"
)

// newServer is a host of its own, whose packet filter is empty.
func newServer(t *testing.T) *netlab.Host {
	t.Helper()
	h := netlab.New(t).Host("server")
	h.Type("ip link set lo up")
	return h
}

// doctorOn runs a command line, which is doctor's, on a host.
func doctorOn(t *testing.T, h *netlab.Host, cmd *exec.Cmd) []finding {
	t.Helper()
	cmd.Args = append(cmd.Args, "--json")
	var o outcome
	h.Do(func() { o = finish(t, cmd) })
	var d struct{ Findings []finding }
	if err := json.Unmarshal([]byte(o.stdout), &d); err != nil || d.Findings == nil {
		t.Fatalf("%d, %v\n%s%s", o.code, err, o.stdout, o.stderr)
	}
	if want := min(len(d.Findings), 1); o.code != want {
		t.Errorf("ended with %d, want %d\n%s", o.code, want, o.stderr)
	}
	return d.Findings
}

// wantOne wants one finding, with this cause and a part of the observation.
func wantOne(t *testing.T, found []finding, cause, seen string) finding {
	t.Helper()
	if len(found) != 1 || found[0].Cause != cause || !strings.Contains(found[0].Seen, seen) || found[0].Fix == "" || found[0].Changes == "" {
		t.Fatalf("want %s with %q, found %+v", cause, seen, found)
	}
	return found[0]
}

// unsudo is a printed line as root types it.
func unsudo(fix string) string { return strings.TrimPrefix(fix, "sudo ") }

// TestDoctorOrdinaryUser may not read the rules: it says so, and with which
// line it may.
func TestDoctorOrdinaryUser(t *testing.T) {
	testlevel.NeedFull(t, "TestCheckFilterUnread of package doctor proves it on values")
	t.Parallel()
	s := nobodysSite(t)
	h := newServer(t)
	h.NFT(filter("input", "drop", "ip saddr 127.0.0.1 accept"))
	fix := unread(t, h, asNobody(s.command("doctor")))
	if found := doctorOn(t, h, typed(t, fix)); len(found) > 0 {
		t.Errorf("with %s: %+v", fix, found)
	}
	h.NFT("flush ruleset\n" + filter("input", "accept", fmt.Sprintf("udp dport %d drop", s.port)))
	if found := doctorOn(t, h, typed(t, fix)); len(found) == 0 {
		t.Error("the line does not judge the rules for the port of this site")
	}
}

// unread runs doctor as a user who may not read the rules: that is no problem. It returns the
// line with which this user can check them too.
func unread(t *testing.T, h *netlab.Host, cmd *exec.Cmd) string {
	t.Helper()
	cmd.Args = append(cmd.Args, "--json")
	var o outcome
	h.Do(func() { o = finish(t, cmd) })
	var d struct {
		Findings []finding
		Skipped  []string
	}
	if err := json.Unmarshal([]byte(o.stdout), &d); err != nil || o.code != 0 || len(d.Findings) > 0 || len(d.Skipped) != 1 {
		t.Fatalf("%d, %v\n%s%s", o.code, err, o.stdout, o.stderr)
	}
	said, fix, ok := strings.Cut(strings.TrimSuffix(d.Skipped[0], "`"), "`")
	if !ok || !strings.HasPrefix(said, "Root is needed to read the firewall rules") {
		t.Fatal(d.Skipped[0])
	}
	return fix
}

// typed is a printed line that runs the program, as sudo runs it: without the
// environment of the user.
func typed(t *testing.T, fix string) *exec.Cmd {
	t.Helper()
	words := strings.Fields(strings.Replace(unsudo(fix), " flashwarden ", " "+binary+" ", 1))
	path, err := exec.LookPath(words[0])
	if err != nil {
		t.Fatal(err)
	}
	return &exec.Cmd{Path: path, Args: words, Env: []string{"PATH=" + os.Getenv("PATH")}}
}

// TestDoctorDirectoryOfAnother has root look at the directory of nobody, and
// nobody at a directory that its owner made read-only.
func TestDoctorDirectoryOfAnother(t *testing.T) {
	testlevel.NeedFull(t, "TestCheckDirectory of package doctor proves it on values")
	t.Parallel()
	s := nobodysSite(t)
	h := newServer(t)
	f := wantOne(t, doctorOn(t, h, s.command("doctor")), "vault_error", "belongs to nobody, but you are root")
	if f.Fix != "sudo -u nobody flashwarden doctor --data "+s.data {
		t.Error(f.Fix)
	}
	if err := os.Chmod(s.data, 0o500); err != nil {
		t.Fatal(err)
	}
	found := doctorOn(t, h, asNobody(s.command("doctor")))
	f = wantOne(t, found, "vault_error", "cannot be written: permission denied")
	fix := asNobody(exec.Command("sh", "-c", f.Fix))
	if out, err := fix.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", f.Fix, err, out)
	}
	unread(t, h, asNobody(s.command("doctor")))
}

// TestDoctorFileSystem has a data directory on a file system that is small,
// then full, then read-only.
func TestDoctorFileSystem(t *testing.T) {
	testlevel.NeedFull(t, "TestCheckDirectory of package doctor proves it on values")
	t.Parallel()
	s := smallSite(t, 8<<20)
	h := newServer(t)
	s.ok("device", "add", "sw1", "--address", "127.0.0.1", "--username", user, "--password-file", s.file("login", password))
	wantOne(t, doctorOn(t, h, s.command("doctor")), "spool_full", "MB are free on the file system of "+s.data)
	filler := filepath.Join(s.data, "filler")
	if err := os.WriteFile(filler, make([]byte, 16<<20), 0o600); err == nil {
		t.Fatal("the file system is not full")
	}
	f := wantOne(t, doctorOn(t, h, s.command("doctor")), "spool_full", "0 MB are free on")
	if f.Fix != "df -h "+s.data {
		t.Error(f.Fix)
	}
	wantOne(t, doctorOn(t, h, s.command("doctor", "sw1")), "spool_full", "0 MB are free on")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("", s.data, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	found := doctorOn(t, h, s.command("doctor"))
	if len(found) != 2 {
		t.Fatalf("%+v", found)
	}
	f = wantOne(t, found[:1], "vault_error", "mounted read-only")
	if out, err := exec.Command("sh", "-c", strings.ReplaceAll(unsudo(f.Fix), "sudo ", "")).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", f.Fix, err, out)
	}
	wantOne(t, doctorOn(t, h, s.command("doctor")), "spool_full", "MB are free")
}
