package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"flashwarden/internal/testlevel"
)

// tftpd is a running `flashwarden tftpd`.
type tftpd struct {
	t    *testing.T
	cmd  *exec.Cmd
	dir  string
	port int
	log  *marker
}

// startTftpd serves a fresh directory that everybody may write, with these
// flags, and waits until it answers.
func startTftpd(t *testing.T, flags ...string) *tftpd {
	t.Helper()
	dir, err := os.MkdirTemp("", "flashwarden-tftpd-") // t.TempDir is closed to the user that it becomes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	d := &tftpd{t: t, dir: dir, port: newSite(t).port, log: newMarker("serving")}
	args := append([]string{"tftpd", "--address", fmt.Sprintf("127.0.0.1:%d", d.port)}, flags...)
	d.cmd = exec.Command(binary, append(args, dir)...)
	d.start()
	return d
}

// start starts the command and waits until it answers.
func (d *tftpd) start() {
	d.t.Helper()
	d.cmd.Stderr = d.log
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = d.cmd.Process.Kill() }) // it may have ended
	select {
	case <-d.log.seen:
	case <-time.After(time.Minute):
		d.t.Fatalf("it does not answer: %s\n%s", standsStill(d.cmd), d.log.all())
	}
}

// stop ends it as systemd does and returns its exit code.
func (d *tftpd) stop() int {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Fatal(err)
	}
	_ = d.cmd.Wait() // the exit code is judged
	return d.cmd.ProcessState.ExitCode()
}

// tftpHPA runs one command of Debian's tftp client.
func (d *tftpd) tftpHPA(args ...string) string {
	d.t.Helper()
	cmd := exec.Command(need(d.t, "tftp"), append([]string{"127.0.0.1", fmt.Sprint(d.port), "-m", "binary", "-c"}, args...)...)
	cmd.Dir = d.t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil {
		d.t.Fatalf("tftp %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestOptionsLine starts it with the flags that Debian's unit and the how-tos
// put on in.tftpd's command line, and moves a file in and out.
func TestOptionsLine(t *testing.T) {
	testlevel.NeedFull(t, "package tftpd proves it in the process of the test")
	t.Parallel()
	needRoot(t)
	need(t, "tftp")
	first := ports.Next(4)
	d := startTftpd(t, "--listen", "--user", "nobody", "--secure", "--create", "--port-range", fmt.Sprintf("%d:%d", first, first+3), "--log-json")
	data := bytes.Repeat([]byte("image "), 20_000)
	local := filepath.Join(t.TempDir(), "local")
	if err := os.WriteFile(local, data, 0o644); err != nil {
		t.Fatal(err)
	}
	d.tftpHPA("put", local, "switch.bin")
	stored, err := os.ReadFile(filepath.Join(d.dir, "switch.bin"))
	if err != nil || !bytes.Equal(stored, data) {
		t.Fatalf("stored %d of %d bytes: %v", len(stored), len(data), err)
	}
	info, err := os.Stat(filepath.Join(d.dir, "switch.bin"))
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != nobody || info.Mode().Perm() != 0o666 {
		t.Errorf("stored as %v of %v (%v)", info.Mode(), info.Sys(), err)
	}
	wantRights(t, d.cmd.Process.Pid)
	if code := d.stop(); code != 0 {
		t.Errorf("SIGTERM ended it with %d", code)
	}
	if !strings.Contains(d.log.all(), `"msg":"confined"`) {
		t.Errorf("not confined:\n%s", d.log.all())
	}
	wantTransferLine(t, d.log.all(), len(data))
}

// wantRights checks that the process is nobody, with no group of root's.
func wantRights(t *testing.T, pid int) {
	t.Helper()
	status := string(readAll(t, fmt.Sprintf("/proc/%d/status", pid)))
	for _, want := range []string{"Uid:\t65534\t65534\t65534\t65534", "Gid:\t65534\t65534\t65534\t65534", "Groups:\t65534", "CapEff:\t0000000000000000"} {
		if !strings.Contains(status, want) {
			t.Errorf("/proc/%d/status lacks %q:\n%s", pid, want, status)
		}
	}
}

// wantTransferLine checks the one log line of the upload.
func wantTransferLine(t *testing.T, log string, size int) {
	t.Helper()
	lines := 0
	for line := range strings.SplitSeq(strings.TrimSpace(log), "\n") {
		var l struct {
			Msg, Kind, Remote, File, Outcome string
			Bytes, Blksize, Windowsize       int
			Seconds, Rate                    float64
			Retransmits                      *int
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Errorf("not JSON: %s", line)
			continue
		}
		if l.Msg != "transfer" {
			continue
		}
		lines++
		if l.Kind != "WRQ" || l.File != "switch.bin" || l.Outcome != "ok" || l.Bytes != size || l.Blksize != 512 || l.Windowsize != 1 ||
			l.Rate <= 0 || l.Retransmits == nil || !strings.HasPrefix(l.Remote, "127.0.0.1:") {
			t.Errorf("the line of the transfer: %s", line)
		}
	}
	if lines != 1 {
		t.Errorf("%d lines of transfers, want 1:\n%s", lines, log)
	}
}

// TestWithoutCreate refuses new names, lets existing ones be replaced, and
// leaves the old content whole when an upload breaks off.
func TestWithoutCreate(t *testing.T) {
	testlevel.NeedFull(t, "starts the program; its package proves it in memory")
	t.Parallel()
	need(t, "tftp")
	d := startTftpd(t, "--secure")
	existing := filepath.Join(d.dir, "known")
	if err := os.WriteFile(existing, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(existing, 0o666); err != nil {
		t.Fatal(err)
	}
	local := filepath.Join(t.TempDir(), "local")
	if err := os.WriteFile(local, []byte("new content"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := d.tftpHPA("put", local, "unknown"); !strings.Contains(out, "Error code") {
		t.Errorf("a new name was not refused: %q", out)
	}
	if _, err := os.Stat(filepath.Join(d.dir, "unknown")); err == nil {
		t.Error("a new name was made")
	}
	d.tftpHPA("put", local, "known")
	if got := string(readAll(t, existing)); got != "new content" {
		t.Errorf("the existing file holds %q", got)
	}
	d.stop()
}

// TestMetrics reads the counters as Prometheus does.
func TestMetrics(t *testing.T) {
	testlevel.NeedFull(t, "starts the program; its package proves it in memory")
	t.Parallel()
	need(t, "tftp")
	address := fmt.Sprintf("127.0.0.1:%d", ports.Next(1))
	d := startTftpd(t, "--secure", "--metrics", address)
	if out := d.tftpHPA("get", "nowhere"); !strings.Contains(out, "Error code 1") {
		t.Errorf("a missing file: %q", out)
	}
	refused := regexp.MustCompile(`(?m)^tftp_transfers_total\{kind="RRQ",outcome="refused"\} [1-9]`)
	// The client has its answer before the counter has its number.
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		body := scrape(t, address)
		if refused.Match(body) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the counters lack the refused request:\n%s", body)
		}
	}
	d.stop()
}

// scrape reads the counters.
func scrape(t *testing.T, address string) []byte {
	t.Helper()
	r, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// TestTftpdUsage has wrong flags: each error names the mistake.
func TestTftpdUsage(t *testing.T) {
	testlevel.NeedFull(t, "starts the program; its package proves it in memory")
	t.Parallel()
	for flag, want := range map[string]string{
		"--port-range=1059:1056": "FIRST:LAST", "--umask=9": "octal", "--allow=nonsense": "network",
		"--refuse=colour": "no such option", "--blocksize=1": "512 to 65464",
	} {
		o := finish(t, exec.Command(binary, "tftpd", flag, t.TempDir()))
		if o.code != 2 || !strings.Contains(o.stderr, want) {
			t.Errorf("%s: ended with %d: %s", flag, o.code, o.stderr)
		}
	}
	if o := finish(t, exec.Command(binary, "tftpd", "--address", "127.0.0.1:0", "/nowhere")); o.code != 1 || !strings.Contains(o.stderr, "/nowhere") {
		t.Errorf("a directory that is not there: %d %s", o.code, o.stderr)
	}
}

// need skips the test where a program is missing, and fails it in CI.
func need(t *testing.T, program string) string {
	t.Helper()
	p, err := exec.LookPath(program)
	if err != nil {
		testlevel.Missing(t, program+" is not installed")
	}
	return p
}
