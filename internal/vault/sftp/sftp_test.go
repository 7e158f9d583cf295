package sftp

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pkg/sftp"

	"flashwarden/internal/testlevel"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/dir"
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
	s := over(path, func() (*remote, error) { return connect(exec.Command(sftpServer)) })
	if err := s.Connect(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// once returns the store over a connection that cannot be made again.
func once(c *sftp.Client, path string, wait func() error) *Store {
	s := over(path, func() (*remote, error) { return nil, errors.New("the connection is lost") })
	s.connection.now = newRemote(c, wait)
	return s
}

// TestLostConnection: the next operation connects again, and what the server does not
// answer is never absent.
func TestLostConnection(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "vault"))
	if err := s.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := vault.New(s)
	if _, err := v.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s.connection.now.client.Close()
		<-s.connection.now.lost
		if _, err := v.Identity(t.Context()); err != nil {
			t.Error(err)
		}
	}
	s.connection.now.client.Close()
	<-s.connection.now.lost
	s.connection.dial = func() (*remote, error) { return connect(exec.Command("/nowhere/ssh")) }
	if _, err := v.Identity(t.Context()); err == nil || errors.Is(err, vault.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v; want that it cannot say", err)
	}
	if err := s.Make(t.Context()); err == nil {
		t.Error("made without a server")
	}
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
		"http://u:secret@nas/x":                   `"http://u:xxxxx@nas/x" is not a URL of an SFTP server`,
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

// TestSamePlace: the directory of a vault on a server of this host is the same place.
func TestSamePlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault")
	local, err := dir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := vault.New(local).Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	if same, err := vault.SamePlace(t.Context(), local, open(t, path)); !same || err != nil {
		t.Errorf("same %t, error %v", same, err)
	}
}
