package node

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// newHostKey returns the text of a new key.
func newHostKey(t *testing.T) string {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return keyText(key)
}

// openData opens an empty data directory.
func openData(t *testing.T) *Node {
	t.Helper()
	n, err := Open(t.Context(), Options{Data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// TestImportKnownHosts: the first look-up without a pinned key imports the file of an
// earlier version, of any form. It stays beside, and replaces no pinned key.
func TestImportKnownHosts(t *testing.T) {
	n := openData(t)
	ctx := t.Context()
	for _, d := range []api.Device{
		{Name: "sw1", Address: "192.0.2.1", Transport: api.SSH, Username: "backup"},
		{Name: "sw2", Address: "10.0.0.1:2222", Transport: api.SSH, Username: "backup", Via: "ops@jump.example.net"},
		{Name: "sw3", Address: "sw3.example.net", Transport: api.SSH, Username: "backup"},
		{Name: "sw4", Address: "hashed", Transport: api.SSH, Username: "backup"},
	} {
		if err := n.Catalog.AddDevice(ctx, d, catalog.Secrets{}); err != nil {
			t.Fatal(err)
		}
	}
	one, two, old, new, jump := newHostKey(t), newHostKey(t), newHostKey(t), newHostKey(t), newHostKey(t)
	if _, err := n.Catalog.PinHostKey(ctx, "known", "", new); err != nil {
		t.Fatal(err)
	}
	text := "# by hand\n192.0.2.1,alias " + one + "\n192.0.2.1 " + two + "\n[10.0.0.1]:2222 " + one + "\njump.example.net " + jump +
		"\nsw3.* " + two + "\n" + knownhosts.HashHostname("hashed") + " " + old + "\nknown " + old + "\nlater " + one
	path := n.path("known_hosts")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	both := []string{one, two}
	slices.Sort(both)
	for place, want := range map[[2]string][]string{
		{"192.0.2.1", ""}: both, {"alias", ""}: {one}, {"[10.0.0.1]:2222", "jump.example.net"}: {one}, {"jump.example.net", ""}: {jump},
		{"sw3.example.net", ""}: {two}, {"hashed", ""}: {old}, {"known", ""}: {new}, {"later", ""}: {one}, {"stranger", ""}: nil,
	} {
		got, err := n.hostKeys.Store.HostKeys(ctx, place[0], place[1])
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, error %v; want %v", place, got, err, want)
		}
	}
	beside, err := filepath.Glob(path + "*")
	if err != nil || len(beside) != 1 || !strings.HasPrefix(beside[0], path+".imported-") {
		t.Fatalf("beside: %v, error %v", beside, err)
	}
	if kept, err := os.ReadFile(beside[0]); err != nil || string(kept) != text {
		t.Errorf("kept %q, error %v", kept, err)
	}
}

// TestImportDamagedKnownHosts: a file that cannot be read is no unknown host, and stays.
func TestImportDamagedKnownHosts(t *testing.T) {
	n := openData(t)
	path := n.path("known_hosts")
	if err := os.WriteFile(path, []byte("sw1 ssh-ed25519 garbage\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if keys, err := n.hostKeys.Store.HostKeys(t.Context(), "sw2", ""); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("keys %v, error %v; want one that names the file", keys, err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// TestHostKeysOf reads what ssh-keyscan prints.
func TestHostKeysOf(t *testing.T) {
	one, two := newHostKey(t), newHostKey(t)
	d := api.Device{Name: "sw1", Address: "192.0.2.1", Transport: api.SSH, Username: "backup", Via: "ops@[2001:db8::1]"}
	for name, test := range map[string]struct {
		text string
		keys []string
		err  string
	}{
		"two types":     {"# 192.0.2.1:22 SSH-1.99-Cisco-1.25\n192.0.2.1 " + one + "\n192.0.2.1 " + two + "\n", []string{one, two}, ""},
		"hashed":        {knownhosts.HashHostname("a") + " " + one + "\n" + knownhosts.HashHostname("a") + " " + two + "\n", []string{one, two}, ""},
		"removed":       {"", nil, ""},
		"no key":        {"# 192.0.2.1:22 SSH-1.99-Cisco-1.25\n", nil, "the file has no key"},
		"several hosts": {"sw1 " + one + "\nsw2 " + two + "\n", nil, "keys of several hosts: sw1 and sw2"},
		"revoked":       {"@revoked sw1 " + one + "\n", nil, "@revoked"},
		"no list":       {"hello world\n", nil, "not as ssh-keyscan prints them"},
	} {
		hosts, err := HostKeysOf(api.DeviceChange{Device: d, ViaHostKeys: &test.text})
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: error %v", name, err)
			}
			continue
		}
		if err != nil || len(hosts) != 1 || hosts[0].Host != "2001:db8::1" || hosts[0].Via != "" || !slices.Equal(hosts[0].Keys, test.keys) {
			t.Errorf("%s: %v, error %v", name, hosts, err)
		}
		hosts, err = HostKeysOf(api.DeviceChange{Device: d, HostKeys: &test.text})
		if err != nil || len(hosts) != 1 || hosts[0].Host != "192.0.2.1" || hosts[0].Via != "2001:db8::1" {
			t.Errorf("%s: %v, error %v", name, hosts, err)
		}
	}
	d.Via = ""
	if _, err := HostKeysOf(api.DeviceChange{Device: d, ViaHostKeys: new(string)}); err == nil || !strings.Contains(err.Error(), "no jump host") {
		t.Errorf("error %v", err)
	}
}
