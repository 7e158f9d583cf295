// Package e2e has the tests of the built binary: against simulated switches
// over real SSH, Telnet and TFTP, killed at random moments, on full disks, as
// another user. All of them need the level full, because to link the binary takes
// longer than the quick tests of a large package.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"flashwarden/internal/catalog/postgres/postgrestest"
	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/testports"
)

const (
	user     = "backup"
	password = "s3cret-Login-7f"
	enable   = "s3cret-Enable-9c"

	jumpPassword = "s3cret-Jump-2b"
)

// imageSize is the size in bytes of images whose real size proves nothing.
const imageSize = 300_000

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	testlevel.SideBySide()              // most tests wait, for pages of a terminal or for a timer to run out
	if signal.Ignored(syscall.SIGHUP) { // as under nohup(1): the programs under test must not inherit that
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	if testlevel.Current() < testlevel.Full {
		os.Exit(m.Run())
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "flashwarden-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		if err := os.Chmod(dir, 0o755); err != nil { // another user runs it too
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		binary = filepath.Join(dir, "flashwarden")
		build := exec.Command("go", "build", "-ldflags=-s -w", "-o", binary, "flashwarden/cmd/flashwarden") // without debug data, it links in half the time
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "build:", err)
			return 1
		}
		return postgrestest.Run(m)
	}())
}

// TestSources looks at every directory of the program's source. go test notes
// what a test looks at, and shows no earlier result after a change there. It
// knows nothing of the program that TestMain builds.
func TestSources(t *testing.T) {
	for _, dir := range []string{"../api", "../cmd", "../internal", "../tftp"} {
		if err := filepath.WalkDir(dir, func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
			t.Fatal(err)
		}
	}
}

// site is a data directory with ports of its own.
type site struct {
	t    *testing.T
	data string
	port int
	env  []string
	job  string // the ID of a job; empty: none was made

	inside func(func()) // calls a function that starts a program, on the host of this site; nil: on this host
}

// onHost calls f on the host of the site.
func (s *site) onHost(f func()) {
	if s.inside == nil {
		f()
		return
	}
	s.inside(f)
}

// ports are below those of the scripts of cmd/flashwarden, which run at the same time.
var ports = testports.NewRange(10_000)

func newSite(t *testing.T) *site {
	t.Helper()
	first := ports.Next(8)
	s := &site{t: t, data: filepath.Join(t.TempDir(), "data"), port: first + 4}
	s.env = append(os.Environ(),
		"FLASHWARDEN_DATA="+s.data,
		"FLASHWARDEN_WEB_LISTEN=127.0.0.1:0",
		fmt.Sprintf("FLASHWARDEN_TFTP_LISTEN=127.0.0.1:%d", s.port),
		fmt.Sprintf("FLASHWARDEN_TFTP_PORT_RANGE=%d:%d", first, first+3),
	)
	return s
}

// outcome is how a run of the program ended.
type outcome struct {
	code           int
	stdout, stderr string
}

func (s *site) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	s.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = s.env
	return cmd
}

func (s *site) run(args ...string) (o outcome) {
	s.t.Helper()
	s.onHost(func() { o = finish(s.t, s.command(args...)) })
	return o
}

// standsStill ends a program that does nothing, and says how it ended. If it still ran, its
// output has what all its goroutines wait for.
func standsStill(cmd *exec.Cmd) string {
	_ = cmd.Process.Signal(syscall.SIGQUIT) // it may have ended
	_ = cmd.Wait()                          // the state says more than the error
	return cmd.ProcessState.String()
}

// finish runs cmd to its end.
func finish(t *testing.T, cmd *exec.Cmd) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// ok runs the program, which must end with 0.
func (s *site) ok(args ...string) outcome {
	s.t.Helper()
	o := s.run(args...)
	if o.code != 0 {
		s.t.Fatalf("flashwarden %v ended with %d\n%s%s", args, o.code, o.stdout, o.stderr)
	}
	return o
}

// switchOn starts a simulated switch.
func (s *site) switchOn(name, profile string, o iossim.Options) *iossim.Switch {
	s.t.Helper()
	o.Hostname, o.Username, o.Password, o.EnablePassword = name, user, password, enable
	o.TFTPPort = uint16(s.port)
	sw, err := iossim.New(profile, o)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := sw.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { sw.Close() })
	return sw
}

// add starts a simulated switch and puts it into the inventory.
func (s *site) add(name, profile string, o iossim.Options) *iossim.Switch {
	s.t.Helper()
	sw := s.switchOn(name, profile, o)
	args := []string{"device", "add", name, "--address", sw.Addr().String(), "--transport", sw.Transport(), "--username", user,
		"--password-file", s.file("login", password), "--enable-password-file", s.file("enable", enable)}
	if profile == "c3750" || profile == "c2960" || profile == "c1000-tftpboot" || profile == "c2960x-stack" {
		args = append(args, "--legacy-crypto")
	}
	s.ok(args...)
	return sw
}

// makeData makes the data directory, with an empty inventory.
func (s *site) makeData() {
	s.t.Helper()
	s.ok("device", "add", "first", "--address", "192.0.2.1", "--username", user, "--password-file", s.file("login", password))
	s.ok("device", "remove", "first")
}

// file writes a file beside the data directory and returns its path.
func (s *site) file(name, content string) string {
	p := filepath.Join(filepath.Dir(s.data), name)
	if err := os.WriteFile(p, []byte(content+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// document is what backup --json prints.
type document struct{ Results []result }

// result is one device's in a document.
type result struct {
	Device, Status, Cause, Message, Hint, Snapshot string
	Notes                                          []string
	Attempts                                       int
	Seconds                                        float64
	BytesCopied                                    int64 `json:"bytes_copied"`
	Facts                                          struct{ Hostname, OS, Version, Model, Serial, Mode, Image string }
	Files                                          []struct {
		Path, Kind, MD5, SHA256, Evidence, Cause string
		Size                                     int64
		Copied                                   bool
	}
}

func parse(t *testing.T, o outcome) document {
	t.Helper()
	var d document
	if err := json.Unmarshal([]byte(o.stdout), &d); err != nil {
		t.Fatalf("standard output is not one JSON document: %v\n%s\n%s", err, o.stdout, o.stderr)
	}
	return d
}

// single is the one result in a document.
func single(t *testing.T, o outcome) result {
	t.Helper()
	d := parse(t, o)
	if len(d.Results) != 1 {
		t.Fatalf("%d results, exit code %d\n%s%s", len(d.Results), o.code, o.stdout, o.stderr)
	}
	return d.Results[0]
}

// wantEmptySpool checks that nothing is left where TFTP can reach.
func (s *site) wantEmptySpool() {
	s.t.Helper()
	left, err := filepath.Glob(filepath.Join(s.data, "spool", "*"))
	if err != nil || len(left) > 0 {
		s.t.Errorf("left in the spool: %v %v", left, err)
	}
}

// wantClean checks that the vault is whole to the last byte.
func (s *site) wantClean() {
	s.t.Helper()
	if o := s.run("check", "--read-data"); o.code != 0 || !strings.Contains(o.stdout, "Vault OK") {
		s.t.Errorf("check ended with %d\n%s%s", o.code, o.stdout, o.stderr)
	}
}

// needRoot skips the test for an ordinary user, and fails it in CI.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		testlevel.Missing(t, "needs root")
	}
}
