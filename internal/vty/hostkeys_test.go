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

// TestHostKeysOfAFleet looks up keys among 10,000, and decodes no other one. In a file
// with a pattern, a hashed name or a marker, package knownhosts does.
func TestHostKeysOfAFleet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known_hosts")
	key, other := ed25519Key(t).PublicKey(), rsaKey(t, 2048).PublicKey()
	var text strings.Builder
	for i := range 10_000 {
		fmt.Fprintln(&text, knownhosts.Line([]string{fmt.Sprintf("192.0.2.%d:%d", i%256, 1000+i)}, key))
	}
	fmt.Fprintln(&text, knownhosts.Line([]string{"sw1:22", "[sw2]:22"}, key))
	fmt.Fprintln(&text, knownhosts.Line([]string{"sw1:22"}, other))
	fmt.Fprintln(&text, knownhosts.Line([]string{"sw1:22"}, ed25519Key(t).PublicKey()))
	fmt.Fprintln(&text, knownhosts.Line([]string{"[2001:db8::1]:2222"}, other))
	plain := text.String()
	for form, more := range map[string]string{
		"plain":   "",
		"comment": "# a comment\n\n",
		"pattern": "*.example.net ssh-ed25519 " + strings.Fields(knownhosts.Line([]string{"x"}, key))[2] + "\n",
		"hashed":  knownhosts.HashHostname("hashed") + " " + strings.Join(strings.Fields(knownhosts.Line([]string{"x"}, key))[1:], " ") + "\n",
	} {
		if err := os.WriteFile(path, []byte(plain+more), 0o600); err != nil {
			t.Fatal(err)
		}
		k := &HostKeys{Path: path}
		for address, want := range map[string]int{"sw1:22": 3, "sw2:22": 1, "w1:22": 0, "sw1:2222": 0, "192.0.2.7:1007": 1, "192.0.2.7:22": 0,
			"[2001:db8::1]:2222": 1, "[2001:db8::1]:22": 0, "hashed:22": map[bool]int{true: 1}[form == "hashed"]} {
			fast, err := k.pinned(address)
			slow, failed := k.matching(address)
			if err != nil || failed != nil || len(fast) != want || len(slow) != want {
				t.Errorf("%s, %s: %d keys, error %v; %d keys, error %v; want %d", form, address, len(fast), err, len(slow), failed, want)
			}
		}
		if form != "plain" {
			continue
		}
		if n := testing.AllocsPerRun(3, func() { k.pinned("sw1:22") }); n > 500 {
			t.Errorf("%g allocations for one look-up; want none for the keys of other hosts", n)
		}
	}
}

// BenchmarkPinned is one look-up among 10,000 pinned host keys. Its bar is 1 ms.
func BenchmarkPinned(b *testing.B) {
	path := filepath.Join(b.TempDir(), "known_hosts")
	var text strings.Builder
	line := strings.Fields(knownhosts.Line([]string{"x"}, ed25519Key(b).PublicKey()))
	for i := range 10_000 {
		fmt.Fprintf(&text, "10.%d.%d.1 %s %s\n", i/256, i%256, line[1], line[2])
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if keys, err := (&HostKeys{Path: path}).pinned("10.19.1.1:22"); err != nil || len(keys) != 1 {
			b.Fatal(keys, err)
		}
	}
}
