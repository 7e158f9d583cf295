package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/vault"
	"flashwarden/tftp"
)

// TestBackupJSON compares the document of each profile with what the
// simulated device really has.
func TestBackupJSON(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]profileFacts{
		"old": {"c3500xl", "ios", "12.0(5)WC10", "bundle", "size-only", "image"},
		"mid": {"c3750", "ios", "15.0(2)SE8", "bundle", "device-md5", "image"},
		"new": {"c9300", "iosxe", "17.09.04a", "install", "device-md5", "package"},
	} {
		t.Run(name, func(t *testing.T) {
			testlevel.NeedFull(t, "backup.txtar of the command line reads the same document")
			t.Parallel()
			s := newSite(t)
			sw := s.add(name, want.profile, iossim.Options{LargestImage: testlevel.Of[int64](0, imageSize, 0)})
			want.compare(t, s, sw, parse(t, s.ok("backup", name, "--json")).Results[0])
			again := parse(t, s.ok("backup", name, "--json")).Results[0]
			if want.evidence == "device-md5" && again.BytesCopied != 0 {
				t.Errorf("the second backup copied %d bytes", again.BytesCopied)
			}
			t.Logf("the second backup took %.1f s", again.Seconds)
			s.wantClean()
			s.wantEmptySpool()
		})
	}
}

// profileFacts is what the document of a profile must say.
type profileFacts struct{ profile, os, version, mode, evidence, imageKind string }

func (want profileFacts) compare(t *testing.T, s *site, sw *iossim.Switch, r result) {
	t.Helper()
	f := r.Facts
	if r.Status != "ok" || r.Device != sw.Hostname() || r.Attempts != 1 || r.Cause != "" ||
		f.OS != want.os || f.Version != want.version || f.Mode != want.mode || f.Hostname != sw.Hostname() || f.Model == "" || f.Serial == "" {
		t.Errorf("%+v", r)
	}
	kinds := make(map[string]int)
	for _, file := range r.Files {
		kinds[file.Kind]++
		wantFile(t, s, sw, file.Path, file.SHA256, file.Size)
		if file.Evidence != want.evidence && file.Path != "system:running-config" {
			t.Errorf("%s has evidence %q", file.Path, file.Evidence)
		}
	}
	if kinds[want.imageKind] == 0 || kinds["config"] < 2 || kinds["vlan"] != 1 {
		t.Errorf("kinds %v", kinds)
	}
}

// wantFile checks that the blob is the device's file, byte by byte.
func wantFile(t *testing.T, s *site, sw *iossim.Switch, path, sum string, size int64) {
	t.Helper()
	blob, err := os.ReadFile(filepath.Join(s.data, "vault", vault.BlobKey(sum)))
	if err != nil {
		t.Error(err)
		return
	}
	if got := sha256.Sum256(blob); hex.EncodeToString(got[:]) != sum || int64(len(blob)) != size {
		t.Errorf("%s: the blob is not what its name says", path)
	}
	if path == "system:running-config" {
		return // exists on the terminal only
	}
	want, ok := sw.File(path)
	if !ok || !bytes.Equal(blob, want) {
		t.Errorf("%s: the blob differs from the device's file (there: %v)", path, ok)
	}
}

// TestOneImageCrossesOnce backs two devices with the same image up at once
// into an empty vault.
func TestOneImageCrossesOnce(t *testing.T) {
	testlevel.NeedFull(t, "TestOneCopyPerContent of package backup proves it in memory")
	t.Parallel()
	s := newSite(t)
	a := s.add("a", "c3750", iossim.Options{Listen: "127.0.0.21:2022", LargestImage: imageSize})
	b := s.add("b", "c3750", iossim.Options{Listen: "127.0.0.22:2022", LargestImage: imageSize})
	s.ok("backup", "--all")
	crossed := 0
	for _, m := range append(a.Transfers(), b.Transfers()...) {
		if strings.HasSuffix(m.Path, ".bin") && m.Op == tftp.Write {
			crossed++
		}
	}
	if crossed != 1 {
		t.Errorf("the image crossed the wire %d times", crossed)
	}
	s.wantClean()
}

// TestInterrupt stops a backup in the middle of a transfer with the signals
// that a user, a service manager and the end of an SSH session send, and with
// SIGTERM and SIGHUP again and again: timeout(1) sends SIGTERM twice, and a shell
// sends SIGHUP beside the terminal.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		again  bool
		code   int
	}{{"SIGINT", syscall.SIGINT, false, 130}, {"SIGTERM", syscall.SIGTERM, false, 143}, {"SIGTERM again", syscall.SIGTERM, true, 143},
		{"SIGHUP", syscall.SIGHUP, false, 129}, {"SIGHUP again", syscall.SIGHUP, true, 129}} {
		t.Run(c.name, func(t *testing.T) {
			testlevel.NeedFull(t, "TestCancel of package backup proves it in memory")
			t.Parallel()
			s := newSite(t)
			s.add("sw1", "c3750", iossim.Options{Pace: 100_000})
			cmd := s.command("backup", "sw1", "--json", "-v")
			begun := newMarker("copying")
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, begun
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			<-begun.seen
			if err := cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = cmd.Wait() // the exit code is judged
			}()
			for c.again && cmd.Process.Signal(c.signal) == nil {
				time.Sleep(time.Millisecond) // not to be right: any number of signals will do
			}
			<-ended
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Errorf("ended with %d, want %d\n%s", code, c.code, begun.all())
			}
			s.wantEmptySpool()
			s.wantClean()
			r := single(t, outcome{stdout: out.String()})
			if r.Cause != "cancelled" || r.Status != "failed" {
				t.Errorf("result %s %s", r.Status, r.Cause)
			}
		})
	}
}

// TestNohup: a backup that was started with SIGHUP ignored, as nohup(1) does, goes on
// after SIGHUP, until SIGINT.
func TestNohup(t *testing.T) {
	testlevel.NeedFull(t, "starts the program; its package proves it in memory")
	t.Parallel()
	s := newSite(t)
	s.add("sw1", "c3750", iossim.Options{Pace: 100_000})
	cmd := s.command("backup", "sw1", "-v")
	cmd.Args = append([]string{"sh", "-c", `trap "" HUP; exec "$@"`, "sh"}, cmd.Args...)
	cmd.Path = "/bin/sh"
	begun := newMarker("copying")
	cmd.Stderr = begun
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-begun.seen
	for _, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT} { // with both pending, the kernel delivers SIGHUP first
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
	}
	_ = cmd.Wait() // the exit code is judged
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("ended with %d, want 130\n%s", code, begun.all())
	}
}

// TestTerminalGone ends the terminal while the copy goes on: the ticket
// decides, and the backup is ok at once.
func TestTerminalGone(t *testing.T) {
	testlevel.NeedFull(t, "TestLineDiesWhileTheCopyGoesOn of package backup proves it in memory")
	t.Parallel()
	s := newSite(t)
	s.add("sw1", "c3750", iossim.Options{LargestImage: imageSize, Faults: iossim.Faults{HangTerminal: 1}})
	r := parse(t, s.ok("backup", "sw1", "--json")).Results[0]
	if r.Status != "ok" || r.Attempts != 1 {
		t.Errorf("%s after %d attempts (%s)", r.Status, r.Attempts, r.Message)
	}
}

// TestOneProcessAtATime starts a second backup on a data directory in use.
func TestOneProcessAtATime(t *testing.T) {
	testlevel.NeedFull(t, "TestLockNamesItsHolder of package node proves it in memory")
	t.Parallel()
	s := newSite(t)
	s.add("sw1", "c3750", iossim.Options{Pace: 100_000})
	first := s.command("backup", "sw1", "-v")
	begun := newMarker("copying")
	first.Stderr = begun
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	<-begun.seen
	second := s.run("backup", "sw1")
	if second.code != 1 || !strings.Contains(second.stderr, fmt.Sprintf("in use by flashwarden backup sw1, process %d", first.Process.Pid)) {
		t.Errorf("the second ended with %d: %s", second.code, second.stderr)
	}
	s.ok("device", "list")
	s.ok("check")
	if err := first.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
}

// TestNoSecretShows greps everything that a backup leaves and prints.
func TestNoSecretShows(t *testing.T) {
	testlevel.NeedFull(t, "login.txtar searches the data directory, and package vty its errors and logs")
	t.Parallel()
	s := newSite(t)
	key, public := newKey(t)
	secrets := []string{password, enable, jumpPassword}
	for _, line := range strings.Split(key, "\n") {
		if !strings.HasPrefix(line, "-----") && line != "" {
			secrets = append(secrets, line)
		}
	}
	s.add("sw1", "c3750", iossim.Options{LargestImage: imageSize, Pace: imageSize / 4, AuthorizedKey: public})
	s.ok("device", "edit", "sw1", "--identity-file", s.file("id_rsa", key))
	s.add("sw2", "c3500xl", iossim.Options{LargestImage: imageSize})
	jump := s.switchOn("jump", "c9300", iossim.Options{}) // refuses the password, as a jump host may
	s.add("sw3", "c3500xl", iossim.Options{})
	s.ok("device", "edit", "sw3", "--via", "ops@"+jump.Addr().String(), "--via-password-file", s.file("jump", jumpPassword), "--via-identity-file", s.file("id_rsa", key))
	for _, args := range [][]string{{"device", "test", "sw3", "-v"}, {"device", "test", "sw3", "-v", "--json"}, {"device", "show", "sw3"}, {"device", "list", "--json"}} {
		o := s.run(args...)
		wantNoSecret(t, secrets, strings.Join(args, " "), []byte(o.stdout+o.stderr))
		if args[1] == "test" && !strings.Contains(o.stdout, "refused user") {
			t.Errorf("%v: %s%s", args, o.stdout, o.stderr)
		}
	}
	wantNoSecret(t, secrets, "what the jump host logged", []byte(strings.Join(jump.Commands(), "\n")))
	cmd := s.command("backup", "sw1", "sw2", "--json", "-v")
	begun := newMarker("copying")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, begun
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-begun.seen
	proc := fmt.Sprintf("/proc/%d/", cmd.Process.Pid)
	wantNoSecret(t, secrets, "its command line", readAll(t, proc+"cmdline"))
	wantNoSecret(t, secrets, "its environment", readAll(t, proc+"environ"))
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	wantNoSecret(t, secrets, "standard output", out.Bytes())
	wantNoSecret(t, secrets, "the log", []byte(begun.all()))
	wantNoSecret(t, secrets, "device show", []byte(s.ok("device", "show", "sw1", "--json").stdout))
	err := filepath.WalkDir(s.data, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			wantNoSecret(t, secrets, p, readAll(t, p))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func readAll(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// newKey is a private key as ssh-keygen writes it, and the line of
// authorized_keys for it.
func newKey(t *testing.T) (private, public string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), string(ssh.MarshalAuthorizedKey(signer.PublicKey()))
}

func wantNoSecret(t *testing.T, secrets []string, where string, data []byte) {
	t.Helper()
	for _, secret := range secrets {
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("a password or a line of a key stands in %s", where)
		}
	}
}
