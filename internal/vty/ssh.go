package vty

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"golang.org/x/crypto/ssh"

	"flashwarden/internal/cause"
)

// sshStream is a shell on a device, over SSH.
type sshStream struct {
	io.WriteCloser
	io.Reader
	client *ssh.Client
}

// Close ends the session and waits for its goroutines. A connection that is
// closed already is no error.
func (s *sshStream) Close() error {
	err := s.client.Close()
	s.client.Wait() // waits for its goroutines; the error is our own close
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// openSSH opens a shell over conn. It sends nothing secret before it has
// accepted the host key.
func openSSH(ctx context.Context, cfg Config, conn net.Conn) (io.ReadWriteCloser, error) {
	client, watched, err := authenticate(ctx, cfg, conn)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	stream, err := shell(client)
	if err != nil {
		client.Close()
		client.Wait()
		return nil, cause.Wrap(cause.SessionLost, cfg.plain(err), cfg.Name+" opened no shell", cfg.tryAgain())
	}
	watched.release()
	return stream, nil
}

// authenticate checks the host key and logs in. The returned connection is
// still watched.
func authenticate(ctx context.Context, cfg Config, conn net.Conn) (*ssh.Client, *watchedConn, error) {
	if cfg.HostKeys == nil {
		return nil, nil, fmt.Errorf("connect to %s: no host keys configured", cfg.Name)
	}
	known, err := cfg.pinned(ctx)
	if err != nil {
		return nil, nil, err
	}
	watched := &watchedConn{Conn: conn, greet: cfg.greetTime(), idle: cfg.IdleTimeout}
	watched.watch()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	h := &handshake{cfg: cfg, conn: watched, known: known}
	client, err := h.run(ctx)
	if err != nil {
		watched.release()
		if ctx.Err() != nil {
			err = fmt.Errorf("connect to %s: %w", cfg.Name, context.Cause(ctx))
		}
		return nil, nil, err
	}
	return client, watched, nil
}

// shell requests a terminal of 511 columns, as in terminal width 511, and a
// shell.
func shell(client *ssh.Client) (*sshStream, error) {
	session, err := client.NewSession()
	if err != nil {
		return nil, err
	}
	if err := session.RequestPty("vt100", 24, 511, ssh.TerminalModes{}); err != nil {
		return nil, fmt.Errorf("request a terminal: %w", err)
	}
	in, err := session.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := session.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := session.Shell(); err != nil {
		return nil, fmt.Errorf("request a shell: %w", err)
	}
	return &sshStream{WriteCloser: in, Reader: out, client: client}, nil
}

// handshake is one attempt to negotiate and log in over SSH.
type handshake struct {
	cfg   Config
	conn  *watchedConn
	known []ssh.PublicKey // the pinned keys of this host

	keyErr   error  // the reason why the host key was refused
	key      bool   // the private key was tried
	password bool   // the password was sent
	asked    string // the second hidden question, beside the one for the password
}

func (h *handshake) run(ctx context.Context) (*ssh.Client, error) {
	common, hostKeys := algorithms(h.cfg.LegacyCrypto)
	if len(h.known) > 0 {
		hostKeys = keepTypes(hostKeys, h.known)
	}
	if len(hostKeys) == 0 {
		return nil, cause.New(cause.NoCommonAlgorithm, fmt.Sprintf("the pinned host key of %s is of a type that is not supported: %s",
			h.cfg.Name, fingerprints(h.known)), h.cfg.forget())
	}
	c, channels, requests, err := ssh.NewClientConn(h.conn, h.cfg.hostPort(), &ssh.ClientConfig{
		Config:            common,
		User:              h.cfg.Username,
		Auth:              h.methods(),
		HostKeyCallback:   func(_ string, _ net.Addr, key ssh.PublicKey) error { return h.checkKey(ctx, key) },
		HostKeyAlgorithms: hostKeys,
	})
	if err != nil {
		return nil, h.failed(err)
	}
	return ssh.NewClient(c, channels, requests), nil
}

func (h *handshake) checkKey(ctx context.Context, key ssh.PublicKey) error {
	h.conn.release() // a person may have to answer
	defer h.conn.watch()
	h.keyErr = h.cfg.checkKey(ctx, key)
	return h.keyErr
}
