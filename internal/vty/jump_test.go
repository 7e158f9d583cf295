package vty

import (
	"context"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"flashwarden/internal/cause"
	"flashwarden/internal/testlevel"
)

// jumpServer is an SSH server that forwards, or refuses to forward.
type jumpServer struct {
	sshDevice
	refuse *ssh.OpenChannelError // the refusal in place of the channel
	mute   bool                  // the channel is never opened
	to     string                // target of the last channel
}

// serveJump starts the server and returns the Jump for it.
func (j *jumpServer) serveJump(t *testing.T, password string) *Jump {
	t.Helper()
	j.t, j.password = t, password
	j.config.AddHostKey(ed25519Key(t))
	if j.config.PublicKeyCallback == nil {
		j.config.PasswordCallback = func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) { return nil, j.check(string(p)) }
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { j.forward(c) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() }) // waits: every session to it must have ended
	return &Jump{Address: l.Addr().String(), Username: "ops", Password: password}
}

func (j *jumpServer) forward(conn net.Conn) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, &j.config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	var wg sync.WaitGroup
	defer wg.Wait()
	for offered := range channels {
		var to struct {
			Host   string
			Port   uint32
			Origin string
			From   uint32
		}
		if err := ssh.Unmarshal(offered.ExtraData(), &to); err != nil || offered.ChannelType() != "direct-tcpip" {
			j.t.Errorf("channel %s: %v", offered.ChannelType(), err)
		}
		at := netip.AddrPortFrom(netip.MustParseAddr(to.Host), uint16(to.Port)).String()
		j.mu.Lock()
		j.to = at
		j.mu.Unlock()
		if j.refuse != nil {
			offered.Reject(j.refuse.Reason, j.refuse.Message)
			continue
		}
		if j.mute {
			continue
		}
		out, err := net.Dial("tcp", at)
		if err != nil {
			offered.Reject(ssh.ConnectionFailed, err.Error())
			continue
		}
		ch, in, err := offered.Accept()
		if err != nil {
			j.t.Error(err)
			continue
		}
		go ssh.DiscardRequests(in)
		wg.Go(func() { io.Copy(ch, out); ch.Close() })
		wg.Go(func() { io.Copy(out, ch); out.Close() })
	}
}

// TestVia reaches a device through a jump host, over SSH and over Telnet.
func TestVia(t *testing.T) {
	testlevel.NeedFull(t, "starts programs")
	t.Parallel()
	j := &jumpServer{}
	via := j.serveJump(t, "jump-s3cret")
	d := &sshDevice{plays: showX}
	cfg := d.serve(t, ed25519Key(t))
	cfg.Via = via
	for range 2 {
		l := dial(t, cfg)
		if got := run(t, l, "show x", nil); got != "one\n\n" {
			t.Errorf("output %q", got)
		}
		if l.LocalAddr().IsValid() || l.RemoteAddr() != netip.MustParseAddr("127.0.0.1") {
			t.Errorf("%s to %s", l.LocalAddr(), l.RemoteAddr())
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := d.passwords(); !slices.Equal(got, []string{"s3cret-pass", "s3cret-pass"}) {
		t.Errorf("the device got %q", got)
	}
	if got := j.passwords(); !slices.Equal(got, []string{"jump-s3cret", "jump-s3cret"}) {
		t.Errorf("the jump host got %q", got)
	}
	for _, place := range [][2]string{{HostName(cfg.Address), HostName(via.Address)}, {HostName(via.Address), ""}} {
		if known, err := cfg.HostKeys.Store.HostKeys(t.Context(), place[0], place[1]); err != nil || len(known) != 1 {
			t.Errorf("%q: pinned %v, %v", place, known, err)
		}
	}
	if known, err := cfg.HostKeys.Store.HostKeys(t.Context(), HostName(cfg.Address), ""); err != nil || len(known) > 0 {
		t.Errorf("pinned without the route: %v, %v", known, err)
	}

	key := identity(t, newKeys(t)["ed25519"])
	k := &jumpServer{}
	k.config.PublicKeyCallback = permit(key.signer.PublicKey())
	cfg.Via = k.serveJump(t, "")
	cfg.Via.Identity = key
	if err := open(t, cfg); err != nil {
		t.Errorf("with a key: %v", err)
	}
}

func TestViaTelnet(t *testing.T) {
	t.Parallel()
	device, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	go func() {
		c, err := device.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		f := newFake(t, c, 1)
		f.print("Username: ")
		f.line()
		f.print("Password: ")
		f.secret()
		showX(f)
	}()
	l := dial(t, Config{Name: "sw1", Address: device.Addr().String(), Transport: Telnet, Username: "admin", Password: "s3cret-pass",
		HostKeys: &HostKeys{Store: &memoryKeys{}}, Via: (&jumpServer{}).serveJump(t, "jump-s3cret")})
	if got := run(t, l, "show x", nil); got != "one\n\n" {
		t.Errorf("output %q", got)
	}
}

// TestViaFails tests every failure that a jump host adds. The error names the
// jump host and shows no password, and the device receives nothing.
func TestViaFails(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, test := range map[string]struct {
		refuse     *ssh.OpenChannelError
		mute       bool
		change     func(c *Config)
		cause      cause.Cause
		seen, hint string
	}{
		"jump host down": {change: func(c *Config) { c.Via.Address = closed.Addr().String() },
			cause: cause.ConnectRefused, seen: "jump host 127.0.0.1:", hint: "on the jump host: `systemctl status ssh`"},
		"jump host unknown": {change: func(c *Config) { c.Via.Address = "jump.invalid" },
			cause: cause.ConnectTimeout, seen: "the name jump.invalid of jump host", hint: "flashwarden device edit sw1 --via USER@IP"},
		"wrong password": {change: func(c *Config) { c.Via.Password = "mistaken-s3cret" },
			cause: cause.AuthFailed, seen: `refused user "ops"`, hint: "flashwarden device edit sw1 --via USER@HOST --via-password-file FILE"},
		"unknown host key": {change: func(c *Config) { c.HostKeys.Policy = Refuse },
			cause: cause.HostKeyUnknown, seen: "the host key of jump host", hint: "flashwarden device edit sw1 --via-host-key-file sw1.keys"},
		"forwarding off": {refuse: &ssh.OpenChannelError{Reason: ssh.Prohibited, Message: "open failed"},
			cause: cause.ConnectRefused, seen: "refuses to connect to sw1", hint: "AllowTcpForwarding yes"},
		"device refuses": {change: func(c *Config) { c.Address = closed.Addr().String() },
			cause: cause.ConnectRefused, seen: "sw1 refused the connection of jump host", hint: "ip ssh version 2"},
		"device unreachable": {refuse: &ssh.OpenChannelError{Reason: ssh.ConnectionFailed, Message: "No route to host"},
			cause: cause.ConnectTimeout, seen: "cannot reach sw1: No route to host", hint: "on the jump host: `nc -vz 127.0.0.1"},
		"hostile words": {refuse: &ssh.OpenChannelError{Reason: ssh.ConnectionFailed, Message: "\x1b[2J jump-s3cret"},
			cause: cause.ConnectTimeout, seen: `\x1b[2J ***`, hint: "nc -vz"},
		"silence": {mute: true, change: func(c *Config) { c.ConnectTimeout = 300 * time.Millisecond },
			cause: cause.ConnectTimeout, seen: "sw1 did not answer within 300ms through jump host", hint: "nc -vz"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &sshDevice{plays: showX}
			cfg := d.serve(t, ed25519Key(t))
			cfg.Via = (&jumpServer{refuse: test.refuse, mute: test.mute}).serveJump(t, "jump-s3cret")
			if test.change != nil {
				test.change(&cfg)
			}
			_, err := Dial(t.Context(), cfg)
			if cause.Of(err) != test.cause || !strings.Contains(err.Error(), test.seen) || !strings.Contains(cause.Hint(err), test.hint) {
				t.Errorf("%v (%s), hint %q", err, cause.Of(err), cause.Hint(err))
			}
			safe(t, err, cfg)
			if err != nil && strings.Contains(err.Error(), "jump-s3cret") {
				t.Errorf("shows the password of the jump host: %v", err)
			}
			if got := d.passwords(); len(got) > 0 {
				t.Errorf("the device got %q", got)
			}
		})
	}
}

// TestViaChangedKey tests another machine in place of the jump host.
func TestViaChangedKey(t *testing.T) {
	t.Parallel()
	cfg := (&sshDevice{plays: showX}).serve(t, ed25519Key(t))
	j := &jumpServer{}
	cfg.Via = j.serveJump(t, "jump-s3cret")
	if err := cfg.jump().checkKey(t.Context(), ed25519Key(t).PublicKey()); err != nil {
		t.Fatal(err)
	}
	_, err := Dial(t.Context(), cfg)
	if cause.Of(err) != cause.HostKeyChanged || !strings.Contains(err.Error(), "the host key of jump host") || !strings.Contains(cause.Hint(err), "flashwarden device edit sw1 --forget-via-host-key") {
		t.Errorf("error %v, hint %q", err, cause.Hint(err))
	}
	if got := j.passwords(); len(got) > 0 {
		t.Errorf("it was sent %q", got)
	}
}

// TestViaUnknownDevice checks the hint: ssh-keyscan cannot reach a device
// behind a jump host.
func TestViaUnknownDevice(t *testing.T) {
	t.Parallel()
	cfg := (&sshDevice{plays: showX}).serve(t, ed25519Key(t))
	cfg.Via = (&jumpServer{}).serveJump(t, "jump-s3cret")
	jump := cfg.withDefaults().jump()
	conn, err := connect(t.Context(), jump)
	if err != nil {
		t.Fatal(err)
	}
	client, _, err := authenticate(t.Context(), jump, conn) // pins the jump host's key
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	cfg.HostKeys.Policy = Refuse
	if _, err := Dial(t.Context(), cfg); cause.Of(err) != cause.HostKeyUnknown || !strings.Contains(cause.Hint(err), "FLASHWARDEN_SSH_UNKNOWN_HOSTS) for one run of `flashwarden device test sw1`") {
		t.Errorf("error %v, hint %q", err, cause.Hint(err))
	}
}

// TestViaCancelled ends the attempt while the jump host connects.
func TestViaCancelled(t *testing.T) {
	t.Parallel()
	cfg := (&sshDevice{plays: showX}).serve(t, ed25519Key(t))
	j := &jumpServer{mute: true}
	cfg.Via, cfg.ConnectTimeout = j.serveJump(t, "jump-s3cret"), time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	if _, err := Dial(ctx, cfg); cause.Of(err) != cause.Cancelled {
		t.Errorf("error %v", err)
	}
}

// TestViaSecure tests a jump host with the algorithms of old IOS. It does not
// get the algorithms that are permitted for the device.
func TestViaSecure(t *testing.T) {
	t.Parallel()
	cfg := (&sshDevice{plays: showX}).serve(t, ed25519Key(t))
	j := &jumpServer{}
	j.config.KeyExchanges = []string{ssh.InsecureKeyExchangeDH1SHA1}
	cfg.Via, cfg.LegacyCrypto = j.serveJump(t, "jump-s3cret"), true
	if _, err := Dial(t.Context(), cfg); cause.Of(err) != cause.NoCommonAlgorithm || cause.Hint(err) != "update the SSH server on the jump host" {
		t.Errorf("error %v, hint %q", err, cause.Hint(err))
	}
}
