package vty

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"golang.org/x/crypto/ssh"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// ErrTelnet reports that a command in a session of its own needs SSH.
var ErrTelnet = errors.New("the device is reached over Telnet")

// Exec connects and logs in to the device once more, as Dial did, and runs one command
// in a session without a terminal (RFC 4254 section 6.5). It returns the input and the output of
// the command. IOS has one session to a connection, so Exec uses one more line.
//
// The end of ctx ends the command at once. The caller must Close the stream. The
// receive window is that of x/crypto/ssh, 2 MiB, and more than any IOS fills.
// The errors are those of Dial; ErrTelnet has the cause transport_restricted.
func (l *Line) Exec(ctx context.Context, command string) (io.ReadWriteCloser, error) {
	cfg := l.cfg
	if cfg.Transport != SSH {
		return nil, cause.Wrap(cause.TransportRestricted, ErrTelnet, cfg.Name+" can run no command of its own session",
			cfg.edit("transport", SSH))
	}
	conn, err := connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	client, watched, err := authenticate(ctx, cfg, conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	c := &execStream{client: client, stop: context.AfterFunc(ctx, func() { conn.Close() })}
	if err := c.begin(command); err != nil {
		c.Close()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("connect to %s: %w", cfg.Name, context.Cause(ctx))
		}
		return nil, noCommand(cfg, err)
	}
	watched.release()
	return c, nil
}

// noCommand is the error for a device that opened no session, or refused the command.
func noCommand(cfg Config, err error) error {
	if errors.Is(err, errRefused) {
		return cause.Wrap(cause.TransportRestricted, err, cfg.Name+" runs no commands over SSH", api.Say("on the device: ").Type(api.OnDevice, "show ip ssh"))
	}
	return cause.Wrap(cause.SessionLost, cfg.plain(err), cfg.Name+" opened no second session",
		onDevice("show users").Say(" (are all lines in use?); or ").Then(cfg.tryAgain()))
}

var errRefused = errors.New("the device refused the command")

// execStream is the input and output of a command on a connection of its own.
type execStream struct {
	ssh.Channel
	client *ssh.Client
	stop   func() bool
}

// begin opens the session and starts the command.
func (c *execStream) begin(command string) error {
	channel, requests, err := c.client.OpenChannel("session", nil)
	if err != nil {
		return err
	}
	c.Channel = channel
	go ssh.DiscardRequests(requests)         // both end with the connection
	go io.Copy(io.Discard, channel.Stderr()) // nobody reads it, and it would fill the window
	ok, err := channel.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{command}))
	if err == nil && !ok {
		err = errRefused
	}
	return err
}

// Close ends the command and its connection, and waits for the goroutines of the
// connection.
func (c *execStream) Close() error {
	c.stop()
	err := c.client.Close()
	c.client.Wait()                                              // the error is our own close
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) { // the device closed it first
		return nil
	}
	return err
}
