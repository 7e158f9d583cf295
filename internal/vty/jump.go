package vty

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// Jump is an SSH server that connects us to a device, over a channel of type
// direct-tcpip (RFC 4254 section 7.2).
type Jump struct {
	Address  string // HOST or HOST:PORT; default port 22
	Username string
	Password string
	Identity *Identity // nil: only the password
}

// ErrJump is in the errors of the login to the jump host; test with errors.Is.
var ErrJump = errors.New("jump host")

// jumpError is an error of the login to the jump host.
type jumpError struct{ error }

func (e jumpError) Unwrap() error        { return e.error }
func (e jumpError) Is(target error) bool { return target == ErrJump }

// jump returns the configuration for the login to the jump host of the device.
// It never includes the broken algorithms.
func (c Config) jump() Config {
	j := c
	j.Via, j.Transport, j.LegacyCrypto, j.EnablePassword, j.Credential = nil, SSH, false, "", ""
	j.Name, j.jumpTo = "jump host "+c.Via.Address, c.Name
	j.Address, j.Username, j.Password, j.Identity = c.Via.Address, c.Via.Username, c.Via.Password, c.Via.Identity
	return j
}

// onHost returns the first fix for a device, and the second for a jump host.
func (c Config) onHost(device, jump api.Fix) api.Fix {
	if c.jumpTo != "" {
		return jump
	}
	return device
}

// shared are the settings that a credential has.
var shared = []string{"username", "password_file", "enable_password_file", "identity_file"}

// edit returns a fix that changes the inventory entry of the device, or of the
// device behind the jump host, or the credential that the device shares with others.
// options are pairs of a name and a value.
func (c Config) edit(options ...string) api.Fix {
	fix := api.Do("device edit", cmp.Or(c.jumpTo, c.Name))
	if c.Credential != "" && slices.Contains(shared, options[0]) {
		fix = api.Do("credential set", c.Credential)
	}
	for pair := range slices.Chunk(options, 2) {
		fix = fix.With(pair[0], pair[1])
	}
	return fix
}

// onDevice returns a fix with lines to type on the device.
func onDevice(lines ...string) api.Fix {
	fix := api.Say("on the device: ")
	for i, line := range lines {
		if i > 0 {
			fix = fix.Say(", ")
		}
		fix = fix.Type(api.OnDevice, line)
	}
	return fix
}

// onJump returns a fix with one line to type on the jump host.
func onJump(line string) api.Fix { return api.Say("on the jump host: ").Type(api.OnJump, line) }

const updateJump = "update the SSH server on the jump host"

// connectVia logs in to the jump host, which then connects to the device.
func connectVia(ctx context.Context, cfg Config) (net.Conn, error) {
	j := cfg.jump()
	conn, err := connect(ctx, j)
	if err != nil {
		return nil, jumpError{err}
	}
	client, watched, err := authenticate(ctx, j, conn)
	if err != nil {
		conn.Close()
		return nil, jumpError{err}
	}
	watched.release()
	limited, cancel := context.WithTimeout(ctx, cfg.ConnectTimeout)
	defer cancel()
	channel, err := client.DialContext(limited, "tcp", cfg.hostPort())
	if err != nil {
		client.Close()
		client.Wait()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("connect to %s: %w", cfg.Name, context.Cause(ctx))
		}
		return nil, viaError(cfg, j, err)
	}
	return &jumpConn{Conn: channel, client: client, device: deviceAddr(cfg)}, nil
}

// viaError adds the cause to the error of a connection that the jump host did
// not make. OpenSSH gives the reason only as text.
func viaError(cfg, jump Config, err error) error {
	var refused *ssh.OpenChannelError
	host, port, _ := net.SplitHostPort(cfg.hostPort())
	at := fmt.Sprintf("nc -vz %s %s", host, port)
	if !errors.As(err, &refused) {
		if errors.Is(err, context.DeadlineExceeded) {
			return cause.Wrap(cause.ConnectTimeout, err, fmt.Sprintf("%s did not answer within %s through %s", cfg.Name, cfg.ConnectTimeout, jump.Name), onJump(at))
		}
		return cause.Wrap(cause.SessionLost, jump.plain(err), "the session to "+jump.Name+" was lost", onJump("journalctl -u ssh"))
	}
	err = jump.plain(errors.New(refused.Message))
	switch {
	case refused.Reason == ssh.Prohibited:
		return cause.Wrap(cause.ConnectRefused, err, fmt.Sprintf("%s refuses to connect to %s", jump.Name, cfg.Name),
			api.Say("on the jump host, in sshd_config: AllowTcpForwarding yes, and PermitOpen %s:%s if there is such a line", host, port))
	case strings.Contains(strings.ToLower(refused.Message), "refused"):
		return cause.Wrap(cause.ConnectRefused, err, fmt.Sprintf("%s refused the connection of %s to port %s", cfg.Name, jump.Name, port),
			cfg.service())
	}
	return cause.Wrap(cause.ConnectTimeout, err, fmt.Sprintf("%s cannot reach %s", jump.Name, cfg.Name), onJump(at))
}

// deviceAddr returns the device's address from the inventory, because the
// connection of a jump host does not know it. It is nil if the inventory has a
// name.
func deviceAddr(cfg Config) net.Addr {
	host, _, _ := net.SplitHostPort(cfg.hostPort())
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return nil
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, 0))
}

// jumpConn is a connection to a device through a jump host. It has no
// deadlines, and no local address that the device could reach.
type jumpConn struct {
	net.Conn
	client *ssh.Client
	device net.Addr
	once   sync.Once
}

// LocalAddr is nil: the jump host hides the address that the device sees.
func (c *jumpConn) LocalAddr() net.Addr { return nil }

// RemoteAddr is the device's address from the inventory, at port 0; nil if the
// inventory has a name.
func (c *jumpConn) RemoteAddr() net.Addr { return c.device }

// Close closes the connection and ends the session to the jump host.
func (c *jumpConn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		c.Conn.Close() // the other side may have closed it first
		err = c.client.Close()
		c.client.Wait()
	})
	return err
}
