package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"flashwarden/internal/testlevel"
)

// debianDefaults is /etc/default/tftpd-hpa as Debian's package writes it, with
// another user, directory and address.
const debianDefaults = `# /etc/default/tftpd-hpa

TFTP_USERNAME="nobody"
TFTP_DIRECTORY="%s"
TFTP_ADDRESS="%s"
TFTP_OPTIONS="%s"
`

// TestUnitWithDebianDefaults starts the server by our unit and Debian's file of
// defaults, on a directory as Debian's package makes it: only root may create files
// in it. Then it does what administrators do: touch, chmod 666, upload, download.
func TestUnitWithDebianDefaults(t *testing.T) {
	testlevel.NeedFull(t, "starts the program many times")
	t.Parallel()
	needRoot(t)
	parent := t.TempDir() // closed to the user of the server
	dir := filepath.Join(parent, "srv")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, 0, nogroup); err != nil {
		t.Fatal(err)
	}
	cfg := filepath.Join(dir, "cfg")
	for _, line := range [][]string{{"touch", cfg}, {"chmod", "666", cfg}} {
		if out, err := exec.Command(line[0], line[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v %s", line, err, out)
		}
	}
	d := startUnit(t, dir, "--secure")
	local := filepath.Join(t.TempDir(), "local")
	if err := os.WriteFile(local, []byte("hostname sw1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := d.tftpHPA("put", local, "cfg"); strings.Contains(out, "Error") {
		t.Errorf("put: %s\n%s", out, d.log.all())
	}
	info, err := os.Stat(cfg)
	if err != nil || info.Mode().Perm() != 0o666 || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("the file is now %v, %v", info, err)
	}
	if got := string(readAll(t, cfg)); got != "hostname sw1\n" {
		t.Errorf("stored %q", got)
	}
	if out := d.tftpHPA("get", "cfg", filepath.Join(t.TempDir(), "back")); strings.Contains(out, "Error") {
		t.Errorf("get: %s", out)
	}
	if out := d.tftpHPA("put", local, "new"); !strings.Contains(out, "Error code 1") {
		t.Errorf("a new name: %s", out)
	}
	if code := d.stop(); code != 0 {
		t.Errorf("it ended with %d:\n%s", code, d.log.all())
	}
	wantClassicPeers(t, d, cfg)
}

// nogroup is the group of the directory on Debian.
const nogroup = 65534

// startUnit starts the command of our unit as systemd does, with the defaults of a
// server for dir.
func startUnit(t *testing.T, dir, options string) *tftpd {
	t.Helper()
	d := &tftpd{t: t, dir: dir, port: newSite(t).port, log: newMarker("serving")}
	defaults := filepath.Join(t.TempDir(), "tftpd-hpa")
	text := fmt.Sprintf(debianDefaults, dir, fmt.Sprintf("127.0.0.1:%d", d.port), options)
	if err := os.WriteFile(defaults, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	line, ok := strings.CutPrefix(unitSetting(t, "ExecStart"), "/usr/bin/flashwarden ")
	if !ok {
		t.Fatal("the unit does not start flashwarden")
	}
	// A shell reads the defaults and the variables of this line as systemd does.
	d.cmd = asUnit(t, ". "+defaults+"; exec "+binary+" "+line)
	d.cmd.Env = append(os.Environ(), "STATE_DIRECTORY="+t.TempDir())
	d.start()
	return d
}

// unitSetting returns the value of a setting of our unit.
func unitSetting(t *testing.T, name string) string {
	t.Helper()
	for line := range strings.Lines(string(readAll(t, "../packaging/systemd/flashwarden-tftpd.service"))) {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("the unit has no %s", name)
	return ""
}

// asUnit returns a command of the shell that has the capabilities of our unit. As in
// systemd, "+" before the command gives it all of them.
func asUnit(t *testing.T, command string) *exec.Cmd {
	t.Helper()
	if all, ok := strings.CutPrefix(command, "+"); ok {
		return exec.Command("sh", "-c", all)
	}
	bounds := "-all"
	for _, c := range strings.Fields(unitSetting(t, "CapabilityBoundingSet")) {
		bounds += ",+" + strings.ToLower(strings.TrimPrefix(c, "CAP_"))
	}
	return exec.Command(need(t, "setpriv"), "--bounding-set", bounds, "sh", "-c", command)
}

// TestUnitReloads reads the map file again by the command of our unit, whose
// capabilities do not permit root to send signals to the user of the server.
func TestUnitReloads(t *testing.T) {
	testlevel.NeedFull(t, "starts the program many times")
	t.Parallel()
	needRoot(t)
	dir := t.TempDir()
	rules := filepath.Join(dir, "rules")
	if err := os.WriteFile(rules, []byte("r ^a$ b\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // the user of the server reads the rules again
		t.Fatal(err)
	}
	d := startUnit(t, dir, "--secure --map-file "+rules)
	reload := asUnit(t, unitSetting(t, "ExecReload"))
	reload.Env = append(os.Environ(), fmt.Sprintf("MAINPID=%d", d.cmd.Process.Pid))
	if out, err := reload.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v %s", reload, err, out)
	}
	for end := time.Now().Add(time.Minute); !strings.Contains(d.log.all(), "map file read"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the map file is not read again:\n%s", d.log.all())
		}
	}
}

// wantClassicPeers uploads into the existing file with other clients.
func wantClassicPeers(t *testing.T, d *tftpd, cfg string) {
	t.Helper()
	d = startUnit(t, d.dir, "--secure")
	local := filepath.Join(t.TempDir(), "local")
	port := fmt.Sprint(d.port)
	for i, peer := range [][]string{
		{need(t, "curl"), "-sS", "-T", local, "tftp://127.0.0.1:" + port + "/cfg"},
		{need(t, "atftp"), "--put", "--local-file", local, "--remote-file", "cfg", "127.0.0.1", port},
		{need(t, "busybox"), "tftp", "-p", "-l", local, "-r", "cfg", "127.0.0.1", port},
	} {
		want := strings.Repeat(fmt.Sprintf("line %d\n", i), 1000*(3-i)) // each one is shorter
		if err := os.WriteFile(local, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(peer[0], peer[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v %s", peer, err, out)
		}
		if got := string(readAll(t, cfg)); got != want {
			t.Errorf("%v: the file has %d bytes, want %d", peer, len(got), len(want))
		}
	}
	d.stop()
}
