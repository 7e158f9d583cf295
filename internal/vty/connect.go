package vty

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// hostPort returns the address with a port. The default is 22, for Telnet 23.
func (c Config) hostPort() string {
	if _, _, err := net.SplitHostPort(c.Address); err == nil {
		return c.Address
	}
	port := "22"
	if c.Transport == Telnet {
		port = "23"
	}
	host := c.Address
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	return net.JoinHostPort(host, port)
}

// service returns why a device may refuse its transport, in the order in which to check it on
// its console: a key, a free line, the transport and the access list of its lines, the port.
func (c Config) service() api.Fix {
	host, _, _ := net.SplitHostPort(c.hostPort())
	steps := []api.Fix{
		api.Type(api.OnDevice, "show users").Say(": if all lines are in use, ").Type(api.OnDevice, "clear line vty N"),
		api.Type(api.OnDevice, "show running-config | begin line vty").Say(": the lines need ").Type(api.OnDevice, "transport input "+cmp.Or(c.Transport, SSH)).
			Say("; their access-class, if they have one, must permit this host"),
		api.Say("if the device uses another port: ").Then(c.edit("address", host+":PORT")),
	}
	if c.Transport != Telnet {
		key := api.Type(api.OnDevice, "show ip ssh").Say(": if SSH is disabled, make a key in configuration mode: ").
			Type(api.OnDevice, "crypto key generate rsa modulus 2048").Say(", then ").Type(api.OnDevice, "ip ssh version 2")
		steps = append([]api.Fix{key}, steps...)
	}
	fix := api.Say("on the console of the device, check in this order:")
	for i, step := range steps {
		fix = fix.Say("\n%d. ", i+1).Then(step)
	}
	return fix
}

// connect makes the connection, through the jump host if there is one.
func connect(ctx context.Context, cfg Config) (net.Conn, error) {
	if cfg.Via != nil {
		return connectVia(ctx, cfg)
	}
	limited, cancel := context.WithTimeout(ctx, cfg.ConnectTimeout)
	defer cancel()
	conn, err := cfg.Dialer(limited, "tcp", cfg.hostPort())
	if err == nil {
		return conn, nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("connect to %s: %w", cfg.Name, context.Cause(ctx))
	}
	return nil, connectError(cfg, err)
}

// greetTime is the limit for the first byte of the peer.
func (c Config) greetTime() time.Duration { return min(greetTime, c.IdleTimeout) }

// silentError is the error for a peer that accepted the connection and then
// sent nothing.
func silentError(cfg Config) error {
	host, port, _ := net.SplitHostPort(cfg.hostPort())
	return cause.Wrap(cause.ConnectTimeout, ErrSilent,
		fmt.Sprintf("%s accepted the connection to port %s and sent nothing for %s", cfg.Name, port, cfg.greetTime()),
		cfg.onHost(
			onDevice("show users").Say(" (are all lines in use?), ").Type(api.OnDevice, "show processes cpu").Say("; or another port: ").Then(cfg.edit("address", host+":PORT")),
			restartJump(cfg)))
}

// restartJump returns the fix for a jump host without a running SSH server.
func restartJump(cfg Config) api.Fix {
	return onJump("systemctl status ssh").Say("; or another port: ").Then(cfg.edit("via", "USER@HOST:PORT"))
}

// connectError adds the cause to the error of a failed connection.
func connectError(cfg Config, err error) error {
	at := cfg.hostPort()
	host, _, _ := net.SplitHostPort(at)
	var dns *net.DNSError
	var op *net.OpError
	if errors.As(err, &op) && op.Addr != nil {
		at = op.Addr.String() // of a host name
	}
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return cause.Wrap(cause.ConnectTimeout, err, fmt.Sprintf("the name %s of %s does not resolve", host, cfg.Name),
			cfg.onHost(cfg.edit("address", "IP"), cfg.edit("via", "USER@IP")))
	case errors.Is(err, syscall.ECONNREFUSED):
		return cause.Wrap(cause.ConnectRefused, syscall.ECONNREFUSED, fmt.Sprintf("%s refused the connection to %s", cfg.Name, at),
			cfg.onHost(cfg.service(), restartJump(cfg)))
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return cause.Wrap(cause.ConnectTimeout, err, fmt.Sprintf("%s did not answer within %s", cfg.Name, cfg.ConnectTimeout), api.Type(api.OnHost, "ping "+host))
	}
	return cause.Wrap(cause.ConnectTimeout, err, fmt.Sprintf("%s cannot be reached", cfg.Name), api.Type(api.OnHost, "ping "+host))
}
