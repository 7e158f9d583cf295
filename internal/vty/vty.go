// Package vty is a terminal line to a Cisco device: it connects over SSH or
// Telnet, logs in, finds the prompt, enters privileged EXEC and runs one
// command after the other, answering the device's questions by their text.
// Its name is Cisco's word for such a line, virtual teletype.
//
// What a device prints is never trusted: its size is bounded, control
// sequences are taken out, and passwords that it may echo stay out of every
// error and log.
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

// Config says how to reach a device and how to log in. Zero values have the
// documented defaults.
type Config struct {
	Name           string // the device's name in the inventory, for hints; default Address
	Address        string // HOST or HOST:PORT; default port 22, for Telnet 23
	Transport      string // SSH or Telnet; default SSH
	Username       string // may be empty where a line asks for a password alone
	Password       string
	EnablePassword string        // for enable; empty: none is known
	Identity       *Identity     // tried before the password, which may then be empty; SSH only
	Via            *Jump         // nil: directly
	LegacyCrypto   bool          // also offer the broken algorithms of old IOS; see algorithms
	HostKeys       *HostKeys     // required for SSH
	ConnectTimeout time.Duration // for the TCP connection; default 15 s; the first byte after it has 25 s
	IdleTimeout    time.Duration // longest silence while the device owes us something; default 60 s
	Log            *slog.Logger  // nil discards
	// Dialer makes the TCP connection; nil is a net.Dialer.
	Dialer func(ctx context.Context, network, address string) (net.Conn, error)

	jumpTo string // this is the jump host of that device; empty: it is a device
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
	if c.Dialer == nil {
		c.Dialer = new(net.Dialer).DialContext
	}
	return c
}

// Line is an open terminal line, at the prompt of privileged EXEC. Its methods
// are for one goroutine at a time; only Close may be called from another.
type Line struct {
	cfg    Config
	conn   net.Conn           // the TCP connection
	stream io.ReadWriteCloser // the terminal on it

	in      chan []byte   // what the device printed; closed when the stream has ended
	readErr error         // why the stream ended; read only after in is closed
	closed  chan struct{} // closed by Close
	once    sync.Once
	pumped  chan struct{} // closed when the reading goroutine is done

	screen   screen
	arrived  []byte // what came last, raw
	most     int    // bytes that one command may print
	prompt   string // the prompt as printed, without trailing blanks
	typed    string // what we typed last
	echoed   bool   // it came back
	progress func() // of a login: tells that it gets on; else nil
	mute     bool   // the last command did not come back
	since    int    // where in screen.text the answer to it begins, with the echo until that has come

	question string // the question of this command that was answered last
	answered int    // where in screen.text the line began into which the answer was typed
}

// Dial connects to the device, logs in and enters privileged EXEC; it turns
// paging off. ctx ends the attempt, not the line. Failures carry a cause:
// connect_refused, connect_timeout, the host_key causes, no_common_algorithm,
// auth_failed, enable_failed, prompt_unrecognised or session_lost. A peer that
// accepts the connection and sends nothing for 25 s gives ErrSilent under
// connect_timeout.
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

// start brings a fresh line to the prompt of privileged EXEC.
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
		// A device may not know them: --More-- and a scrolled echo are handled as well.
		if _, err := l.Run(login, command, nil); err != nil {
			return err
		}
	}
	return nil
}

// pump moves what the device prints into l.in until the stream ends.
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

// Close ends the session and waits for the line's goroutines. It may be called
// more than once.
func (l *Line) Close() error {
	var err error
	l.once.Do(func() {
		close(l.closed)
		err = l.stream.Close()
	})
	<-l.pumped
	return err
}

// LocalAddr is our address of the session; invalid when it is not TCP, or goes
// through a jump host.
func (l *Line) LocalAddr() netip.Addr { return addrOf(l.conn.LocalAddr()) }

// RemoteAddr is the device's address of the session; invalid when it is not
// TCP, or goes through a jump host that was told a name.
func (l *Line) RemoteAddr() netip.Addr { return addrOf(l.conn.RemoteAddr()) }

// Hostname is the device's name as its prompt shows it.
func (l *Line) Hostname() string { return hostname(l.prompt) }

func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
