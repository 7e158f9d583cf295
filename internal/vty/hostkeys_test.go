package vty

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"flashwarden/internal/cause"
	"flashwarden/internal/testlevel"
)

func TestHostKeysFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known_hosts")
	k := &HostKeys{Path: path}
	if err := os.WriteFile(path, []byte("# by hand, without a line end at its end\nold ssh-ed25519 "+strings.Fields(knownhosts.Line([]string{"old"}, ed25519Key(t).PublicKey()))[2]), 0o600); err != nil {
		t.Fatal(err)
	}
	key := ed25519Key(t).PublicKey()
	for _, address := range []string{"sw1:22", "sw1:2222", "[2001:db8::1]:22"} {
		if err := k.check(address, "sw1", key); err != nil {
			t.Fatal(err)
		}
		if err := k.check(address, "sw1", ed25519Key(t).PublicKey()); cause.Of(err) != cause.HostKeyChanged {
			t.Errorf("%s with another key: %v", address, err)
		}
		if err := k.check(address, "sw1", key); err != nil {
			t.Errorf("%s with its own key: %v", address, err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[2], "sw1 ssh-ed25519 ") || !strings.HasPrefix(lines[3], "[sw1]:2222 ") || !strings.HasPrefix(lines[4], "2001:db8::1 ") {
		t.Errorf("file:\n%s", text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if rest, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); err != nil || len(rest) != 1 {
		t.Errorf("left behind: %v, %v", rest, err)
	}
}

func TestHostKeysUnreadable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(path, []byte("sw1 ssh-ed25519 garbage\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, k := range []*HostKeys{{Path: path}, {Path: filepath.Dir(path)}} {
		if err := k.check("sw2:22", "sw2", ed25519Key(t).PublicKey()); err == nil || cause.Of(err) == cause.HostKeyUnknown {
			t.Errorf("%s: %v", k.Path, err)
		}
	}
	k := &HostKeys{Path: filepath.Join(path, "no-directory", "known_hosts")}
	if err := k.check("sw2:22", "sw2", ed25519Key(t).PublicKey()); err == nil {
		t.Error("pinned where nothing can be written")
	}
}

// TestHostKeysRace runs many writers at once. Every host is pinned, and of two
// first keys for one host the same one wins everywhere.
func TestHostKeysRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known_hosts")
	const hosts = 20
	var first, second [hosts]error
	var wg sync.WaitGroup
	a, b := ed25519Key(t).PublicKey(), ed25519Key(t).PublicKey()
	for i := range hosts {
		address := fmt.Sprintf("sw%d:22", i)
		wg.Go(func() { first[i] = (&HostKeys{Path: path}).check(address, "sw", a) })
		wg.Go(func() { second[i] = (&HostKeys{Path: path}).check(address, "sw", b) })
	}
	wg.Wait()
	for i := range hosts {
		if (first[i] == nil) == (second[i] == nil) {
			t.Errorf("sw%d: %v, %v", i, first[i], second[i])
		}
		known, err := (&HostKeys{Path: path}).pinned(fmt.Sprintf("sw%d:22", i))
		if err != nil || len(known) != 1 {
			t.Errorf("sw%d: pinned %v, %v", i, known, err)
		}
	}
}

// TestHostKeysOpenSSH makes OpenSSH read the file and follows the hint.
func TestHostKeysOpenSSH(t *testing.T) {
	testlevel.NeedFull(t, "starts programs")
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		testlevel.Missing(t, err.Error())
	}
	k := &HostKeys{Path: filepath.Join(t.TempDir(), "known_hosts")}
	key := rsaKey(t, 2048).PublicKey()
	const address = "192.0.2.1:2222"
	if err := k.check(address, "sw1", key); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ssh-keygen", "-l", "-F", "[192.0.2.1]:2222", "-f", k.Path).CombinedOutput()
	if err != nil || !strings.Contains(string(out), ssh.FingerprintSHA256(key)) {
		t.Errorf("ssh-keygen -l: %s, %v", out, err)
	}
	err = k.check(address, "sw1", rsaKey(t, 2048).PublicKey())
	_, command, ok := strings.Cut(cause.Hint(err), ": ")
	if !ok {
		t.Fatalf("hint %q of %v", cause.Hint(err), err)
	}
	command = strings.Trim(command, "`")
	if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
		t.Fatalf("%s: %s, %v", command, out, err)
	}
	if err := k.check(address, "sw1", rsaKey(t, 2048).PublicKey()); err != nil {
		t.Errorf("after %s: %v", command, err)
	}
}
