package sftp

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"flashwarden/internal/testlevel"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/vaulttest"
)

// sftpServer is where Debian has OpenSSH's server.
const sftpServer = "/usr/lib/openssh/sftp-server"

// open returns the store in a directory, over OpenSSH's server.
func open(t *testing.T, path string) *Store {
	t.Helper()
	if _, err := os.Stat(sftpServer); err != nil {
		testlevel.Missing(t, fmt.Sprintf("no SFTP server: %v", err))
	}
	s, err := connect(exec.Command(sftpServer), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	testlevel.NeedFull(t, "TestSyncedBeforePowerCut")
	vaulttest.Test(t, func(t *testing.T) vault.Store {
		s := open(t, filepath.Join(t.TempDir(), "backups", "vault"))
		if err := s.Make(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !s.Synced() {
			t.Error("OpenSSH does not sync")
		}
		return s
	})
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"sftp://backup@nas.example.net/srv/vault": "{backup nas.example.net  /srv/vault}",
		"sftp://nas:2022/~/vault/":                "{ nas 2022 vault}",
		"sftp://[2001:db8::1]:22/a%20b":           "{ 2001:db8::1 22 /a b}",
		"sftp://u:secret@nas/x":                   "it has a password: use a key of SSH",
		"sftp:///x":                               "it has no host: write sftp://USER@HOST/DIRECTORY",
		"sftp://-oProxyCommand=x/y":               "it has no host: write sftp://USER@HOST/DIRECTORY",
		"sftp://-x@nas/y":                         "it has no host: write sftp://USER@HOST/DIRECTORY",
		"sftp://nas":                              "it has no directory: write sftp://USER@HOST/DIRECTORY",
		"sftp://nas/~/":                           "it has no directory: write sftp://USER@HOST/DIRECTORY",
		"sftp://nas/x?y":                          "it ends with its path: write ? and # as %3F and %23",
		"http://u:secret@nas/x":                   `"http://u:xxxxx@nas/x" is no URL of an SFTP server`,
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parse(u)
		text := fmt.Sprint(got)
		if err != nil {
			text = err.Error()
		}
		if text != want {
			t.Errorf("%s: %s; want %s", u.Redacted(), text, want)
		}
	}
}
