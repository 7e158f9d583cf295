// Package vty is a terminal line to a Cisco device. It connects over SSH or
// Telnet, logs in, finds the prompt, enters privileged EXEC and runs one
// command after the other. It answers the device's questions by their text. The
// name is Cisco's word for such a line, virtual teletype.
//
// It does not trust the output of a device: it limits the size, removes control
// sequences, and keeps passwords that the device may echo out of every error
// and log.
package vty

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// The transports of Config.
const (
	SSH    = "ssh"
	Telnet = "telnet"
)

// Config describes a device and the login there. Zero values have the
// documented defaults.
type Config struct {
	Name           string // the device's name in the inventory, for hints; default Address
	Address        string // HOST or HOST:PORT; default port 22, for Telnet 23
	Transport      string // SSH or Telnet; default SSH
	Username       string // may be empty if the line asks only for a password
	Password       string
	EnablePassword string        // for the command enable; empty: there is none
	Identity       *Identity     // tried before the password, which may then be empty; SSH only
	Credential     string        // the name under which these are stored, for hints; empty: under Name
	Via            *Jump         // nil: no jump host
	LegacyCrypto   bool          // also offer the broken algorithms of old IOS; see algorithms
	HostKeys       *HostKeys     // required for SSH
	ConnectTimeout time.Duration // limit for the TCP connection; default 15 s; the first byte must follow within 25 s
	IdleTimeout    time.Duration // longest silence while we wait for the device; default 60 s
	Log            *slog.Logger  // nil discards
	// Dialer makes the TCP connection; default net.Dialer.
	Dialer func(ctx context.Context, network, address string) (net.Conn, error)

	jumpTo  string  // for a jump host: the device behind it; empty for a device
	oneTime *secret // of Line.Hide
}

func (c Config) withDefaults() Config {
	if c.Transport == "" {
		c.Transport = SSH
	}
	if c.Name == "" {
		c.Name = c.Address
	}
	if c.ConnectTimeout <= 0 {
		c.ConnectTimeout = 15 * time.Second
	}
	if c.IdleTimeout <= 0 {
		c.IdleTimeout = time.Minute
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.oneTime = new(secret)
	if c.Dialer == nil {
		c.Dialer = new(net.Dialer).DialContext
	}
	return c
}

// Line is an open terminal line, at the prompt of privileged EXEC. Use it from
// one goroutine at a time; only Close may be called from another.
type Line struct {
	cfg    Config
	conn   net.Conn           // the TCP connection
	stream io.ReadWriteCloser // the terminal on it

	in      chan []byte   // the device's output; closed at the end of the stream
	readErr error         // reason for the end of the stream; read it only after in is closed
	closed  chan struct{} // closed by Close
	once    sync.Once
	pumped  chan struct{} // closed at the end of the reading goroutine
	running sync.Mutex    // held while a command runs

	screen   screen
	arrived  []byte // the last piece of output, raw
	most     int    // limit on the output of one command, in bytes
	prompt   string // the prompt as printed, without trailing blanks
	atPrompt bool   // the device waits there for a command
	typed    string // our last typing
	echoed   bool   // its echo has arrived
	progress func() // called when a login makes progress; otherwise nil
	mute     bool   // the last command was not echoed
	since    int    // start of the answer in screen.text, with the echo until that has arrived

	question string // the last question of this command that we answered
	answered int    // start of the line in screen.text into which we typed the answer
}

// Dial connects to the device, logs in, enters privileged EXEC and turns paging
// off. ctx limits this attempt, not the line. Errors have one of these causes:
// connect_refused, connect_timeout, the host_key causes, no_common_algorithm,
// auth_failed, enable_failed, prompt_unrecognised or session_lost. The error
// for a peer that accepts the connection and sends nothing for 25 s wraps
// [ErrSilent] and has the cause connect_timeout.
func Dial(ctx context.Context, cfg Config) (*Line, error) {
	cfg = cfg.withDefaults()
	if cfg.Transport != SSH && cfg.Transport != Telnet {
		return nil, fmt.Errorf("transport %q of %s: it must be %s or %s", cfg.Transport, cfg.Name, SSH, Telnet)
	}
	conn, err := connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	greeted := &watchedConn{Conn: conn, greet: cfg.greetTime()}
	var stream io.ReadWriteCloser = newTelnet(greeted)
	if cfg.Transport == Telnet {
		greeted.watch()
	} else {
		if stream, err = openSSH(ctx, cfg, conn); err != nil {
			conn.Close()
			return nil, err
		}
	}
	l := newLine(cfg, conn, stream)
	if err := l.start(ctx); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func newLine(cfg Config, conn net.Conn, stream io.ReadWriteCloser) *Line {
	l := &Line{
		cfg: cfg, conn: conn, stream: stream, most: maxOutput,
		in: make(chan []byte), closed: make(chan struct{}), pumped: make(chan struct{}),
	}
	go l.pump()
	return l
}

// start takes a new line to the prompt of privileged EXEC.
func (l *Line) start(ctx context.Context) error {
	login, cancel := l.limitLogin(ctx)
	defer cancel()
	if err := l.login(login); err != nil {
		return err
	}
	if err := l.enable(login); err != nil {
		return err
	}
	for _, command := range []string{"terminal length 0", "terminal width 511"} {
		// A device may refuse them. Run can handle --More-- and a scrolled
		// echo too.
		if _, err := l.Run(login, command, nil); err != nil {
			return err
		}
	}
	return nil
}

// pump copies the device's output into l.in until the stream ends.
func (l *Line) pump() {
	defer close(l.pumped)
	defer close(l.in)
	for {
		buf := make([]byte, 4096)
		n, err := l.stream.Read(buf)
		if n > 0 {
			select {
			case l.in <- buf[:n]:
			case <-l.closed:
				return
			}
		}
		if err != nil {
			l.readErr = err
			return
		}
	}
}

// LocalAddr returns our address of the session. It is invalid if the session is
// not TCP or goes through a jump host.
func (l *Line) LocalAddr() netip.Addr { return addrOf(l.conn.LocalAddr()) }

// RemoteAddr returns the device's address of the session. It is invalid if the
// session is not TCP, or if a jump host connects by a name.
func (l *Line) RemoteAddr() netip.Addr { return addrOf(l.conn.RemoteAddr()) }

// Hostname returns the device's name, from its prompt.
func (l *Line) Hostname() string { return hostname(l.prompt) }

func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
