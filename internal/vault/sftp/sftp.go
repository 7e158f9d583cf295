// Package sftp is a vault.Store in a directory of an SFTP server, laid out as
// package dir lays out a local one.
//
// The ssh program of this host makes the connection: its configuration, keys,
// agent and known_hosts apply. With OpenSSH's server a content that was put is on
// stable storage: files and directories are synced with fsync@openssh.com. A
// server without this extension decides itself when it writes to its disk, see
// Store.Synced. Names are given with hardlink@openssh.com, else with a rename,
// which must not replace (draft-ietf-secsh-filexfer-02, section 6.5).
package sftp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path"
	"strings"
	"syscall"

	"github.com/pkg/sftp"

	"flashwarden/internal/vault/dir"
)

// Scheme is the scheme of the URLs of this package.
const Scheme = "sftp"

// Store is a vault.Store on an SFTP server.
type Store struct {
	*dir.Store
	connection *connection
}

// Connect makes the connection. All other methods do so, too, if there is none or if it
// was lost.
func (s *Store) Connect() error {
	_, err := s.connection.live()
	return err
}

// Synced reports whether the server brings content to stable storage.
// Without it, contents that were put shortly before a power cut there may be
// lost or damaged. It is false if there is no connection.
func (s *Store) Synced() bool {
	r, err := s.connection.live()
	return err == nil && r.syncs
}

// Close ends the connection.
func (s *Store) Close() error { return s.connection.close() }

// target is a directory of an SFTP server.
type target struct {
	user, host, port string
	path             string // relative: to the user's home
}

// ErrURL is the error of a URL that names no directory of an SFTP server; test
// with errors.Is.
var ErrURL = errors.New("SFTP URL")

// parse reads sftp://[USER@]HOST[:PORT]/PATH. A path that begins with /~/ is
// relative to the user's home.
func parse(u *url.URL) (target, error) {
	t := target{user: u.User.Username(), host: u.Hostname(), port: u.Port(), path: path.Clean("/" + u.Path)}
	_, password := u.User.Password()
	switch {
	case u.Scheme != Scheme:
		return t, fmt.Errorf("%q is not a URL of an SFTP server", u.Redacted())
	case password:
		return t, errors.New("it has a password: use a key of SSH")
	case t.host == "", strings.HasPrefix(t.host, "-"), strings.HasPrefix(t.user, "-"): // a dash would begin an option of ssh
		return t, errors.New("it has no host: write sftp://USER@HOST/DIRECTORY")
	case u.RawQuery != "" || u.Fragment != "":
		return t, errors.New("it ends with its path: write ? and # as %3F and %23")
	case t.path == "/" || t.path == "/~":
		return t, errors.New("it has no directory: write sftp://USER@HOST/DIRECTORY")
	}
	if home, ok := strings.CutPrefix(t.path, "/~/"); ok {
		t.path = home
	}
	return t, nil
}

// command is the ssh program that speaks SFTP with the server on its standard
// streams. It never asks anything.
func (t target) command(ctx context.Context) *exec.Cmd {
	args := []string{"-oBatchMode=yes", "-oConnectTimeout=30", "-oServerAliveInterval=15", "-oServerAliveCountMax=4", "-oClearAllForwardings=yes"}
	if t.user != "" {
		args = append(args, "-l", t.user)
	}
	if t.port != "" {
		args = append(args, "-p", t.port)
	}
	return exec.CommandContext(ctx, "ssh", append(args, "-s", t.host, "sftp")...)
}

// Login is the line that a person types on this host to see whether the login
// works, and to accept the host's key.
func Login(u *url.URL) string {
	line := "sftp "
	if u.Port() != "" {
		line += "-P " + u.Port() + " "
	}
	if user := u.User.Username(); user != "" {
		line += user + "@"
	}
	return line + u.Hostname()
}

// Open returns the store of the URL. It does not connect. Connections end with ctx.
func Open(ctx context.Context, u *url.URL) (*Store, error) {
	t, err := parse(u)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	}
	return over(t.path, func() (*remote, error) {
		r, err := connect(t.command(ctx))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", u.Host, err)
		}
		return r, nil
	}), nil
}

// over returns the store in a directory of the file system that dial returns.
func over(path string, dial func() (*remote, error)) *Store {
	c := &connection{dial: dial}
	return &Store{Store: dir.On(c, path), connection: c}
}

// connect starts a program that speaks SFTP on its standard streams.
func connect(cmd *exec.Cmd) (*remote, error) {
	said := &tail{}
	cmd.Stderr = said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us: we still tidy up on the server
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	client, err := sftp.NewClientPipe(out, in, sftp.UseConcurrentWrites(true))
	if err != nil {
		in.Close()
		cmd.Wait() // its error says less than what it printed
		return nil, said.explain(err)
	}
	return newRemote(client, func() error { return said.ended(cmd.Wait()) }), nil
}

// maxTail is how much of what ssh prints is kept, in bytes.
const maxTail = 1000

// tail keeps the end of what a program prints.
type tail struct{ text []byte }

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-maxTail):]
	return len(p), nil
}

// explain returns what the program printed, else err.
func (t *tail) explain(err error) error {
	if text := bytes.TrimSpace(t.text); len(text) > 0 {
		return fmt.Errorf("ssh: %q", string(text))
	}
	return err
}

// ended is the error of a program that ended after its input was closed. Its
// exit code says nothing then.
func (t *tail) ended(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}
