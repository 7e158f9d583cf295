package vty

import (
	"context"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"flashwarden/internal/cause"
)

func TestSSH(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]*sshDevice{"password": {}, "keyboard-interactive": {kbd: true}} {
		t.Run(name, func(t *testing.T) {
			d.plays = showX
			cfg := d.serve(t, ed25519Key(t))
			for range 2 { // the first login pins the key, the second one finds it
				l := dial(t, cfg)
				if got := run(t, l, "show x", nil); got != "one\n\n" {
					t.Errorf("output %q", got)
				}
				if l.Hostname() != "SW1" || l.LocalAddr() != netip.MustParseAddr("127.0.0.1") || l.RemoteAddr() != l.LocalAddr() {
					t.Errorf("%s, %s to %s", l.Hostname(), l.LocalAddr(), l.RemoteAddr())
				}
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			}
			if d.width != 511 {
				t.Errorf("asked for %d columns", d.width)
			}
		})
	}
}

func TestSSHEnable(t *testing.T) {
	t.Parallel()
	d := &sshDevice{plays: func(f *fake) {
		f.shell("SW1>", map[string]func(){
			"enable": func() { f.print("Password: "); f.secret(); f.prompt = "SW1#" },
			"show x": func() { f.print("one\n") },
		})
	}}
	l := dial(t, d.serve(t, ed25519Key(t)))
	if got := run(t, l, "show x", nil); got != "one\n\n" {
		t.Errorf("output %q", got)
	}
}

// TestSSHPasswordInShell tests a shell that asks for user and password again.
// SSH has sent both already.
func TestSSHPasswordInShell(t *testing.T) {
	for _, asks := range []string{"Username: ", "Password: "} {
		bubble(t, 1, func(f *fake) {
			for f.line() != "EOF" {
				f.print(asks)
			}
		}, func(t *testing.T, f *fake, cfg Config) {
			conn, err := cfg.Dialer(t.Context(), "tcp", "")
			if err != nil {
				t.Fatal(err)
			}
			cfg.Transport = SSH
			l := newLine(cfg.withDefaults(), conn, conn)
			defer l.Close()
			if err := l.start(t.Context()); cause.Of(err) != cause.PromptUnrecognised {
				t.Errorf("error %v", err)
			}
			if got := f.got(); strings.Trim(got, "\r") != "" {
				t.Errorf("typed %q", got)
			}
		})
	}
}

// TestSSHAuthorizationFailed tests an AAA server that accepts the password and
// permits no session.
func TestSSHAuthorizationFailed(t *testing.T) {
	bubble(t, 1, func(f *fake) {
		f.print("\n% Authorization failed.\n")
		f.conn.Close()
	}, func(t *testing.T, f *fake, cfg Config) {
		conn, err := cfg.Dialer(t.Context(), "tcp", "")
		if err != nil {
			t.Fatal(err)
		}
		cfg.Transport = SSH
		l := newLine(cfg.withDefaults(), conn, conn)
		defer l.Close()
		err = l.start(t.Context())
		if cause.Of(err) != cause.AuthFailed || !strings.Contains(err.Error(), "% Authorization failed.") || !strings.Contains(cause.Hint(err), "aaa authorization exec") {
			t.Errorf("error %v, hint %s", err, cause.Hint(err))
		}
	})
}

// TestSSHWrongPassword counts the tries of a wrong password.
func TestSSHWrongPassword(t *testing.T) {
	t.Parallel()
	both := &sshDevice{password: "other", plays: showX}
	both.config.KeyboardInteractiveCallback = both.interactive
	both.config.PasswordCallback = func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) { return nil, both.check(string(p)) }
	for name, d := range map[string]*sshDevice{
		"password": {password: "other", plays: showX}, "keyboard-interactive": {password: "other", kbd: true, plays: showX}, "both": both,
	} {
		t.Run(name, func(t *testing.T) {
			cfg := d.serve(t, ed25519Key(t))
			_, err := Dial(t.Context(), cfg)
			if cause.Of(err) != cause.AuthFailed || !strings.Contains(err.Error(), `sw1 refused user "admin"`) ||
				cause.Hint(err) != "`flashwarden device edit sw1 --username USER --password-file FILE`" {
				t.Errorf("error %v, hint %q", err, cause.Hint(err))
			}
			safe(t, err, cfg)
			if got := d.passwords(); !slices.Equal(got, []string{"s3cret-pass"}) {
				t.Errorf("passwords sent: %q", got)
			}
		})
	}
}

// TestSSHMethodRefusedUnasked tests a device that lists keyboard-interactive
// but refuses it without a question. The password must still be tried.
func TestSSHMethodRefusedUnasked(t *testing.T) {
	t.Parallel()
	d := &sshDevice{plays: showX}
	d.config.KeyboardInteractiveCallback = func(ssh.ConnMetadata, ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		return nil, errors.New("not here")
	}
	d.config.PasswordCallback = func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) { return nil, d.check(string(p)) }
	dial(t, d.serve(t, ed25519Key(t)))
}

func TestSSHNoPasswordMethod(t *testing.T) {
	d := &sshDevice{plays: showX}
	d.config.PublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, errors.New("no") }
	_, err := Dial(t.Context(), d.serve(t, ed25519Key(t)))
	if cause.Of(err) != cause.AuthFailed || !strings.Contains(err.Error(), "accepts neither password") {
		t.Errorf("error %v", err)
	}
}

func TestSSHHostKeyPolicies(t *testing.T) {
	t.Parallel()
	key := ed25519Key(t)
	var asked []string
	tests := []struct {
		name   string
		keys   HostKeys
		cause  cause.Cause
		pinned bool
	}{
		{"accept-new", HostKeys{Policy: AcceptNew}, "", true},
		{"default", HostKeys{}, "", true},
		{"refuse", HostKeys{Policy: Refuse}, cause.HostKeyUnknown, false},
		{"unknown policy", HostKeys{Policy: "whatever"}, cause.HostKeyUnknown, false},
		{"ask nobody", HostKeys{Policy: AskUser}, cause.HostKeyUnknown, false},
		{"ask, no", HostKeys{Policy: AskUser, Ask: func(host, fp string) bool { asked = append(asked, host+" "+fp); return false }}, cause.HostKeyUnknown, false},
		{"ask, yes", HostKeys{Policy: AskUser, Ask: func(host, fp string) bool { asked = append(asked, host+" "+fp); return true }}, "", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			asked = nil
			d := &sshDevice{plays: showX}
			cfg := d.serve(t, key)
			test.keys.Store = cfg.HostKeys.Store
			cfg.HostKeys = &test.keys
			err := open(t, cfg)
			if cause.Of(err) != test.cause {
				t.Fatalf("error %v", err)
			}
			if known, err := cfg.pinned(t.Context()); err != nil || len(known) > 0 != test.pinned {
				t.Errorf("pinned %v, %v", known, err)
			}
			fingerprint := ssh.FingerprintSHA256(key.PublicKey())
			if test.keys.Ask != nil && !slices.Equal(asked, []string{strings.Replace(cfg.Address, "127.0.0.1", "[127.0.0.1]", 1) + " " + fingerprint}) {
				t.Errorf("asked %q", asked)
			}
			if test.cause == "" {
				return
			}
			if got := d.passwords(); len(got) > 0 {
				t.Errorf("passwords sent: %q", got)
			}
			if !strings.Contains(err.Error(), fingerprint) || !strings.Contains(cause.Hint(err), "ssh-keyscan -p ") || !strings.Contains(cause.Hint(err), "`flashwarden device edit sw1 --host-key-file sw1.keys`") {
				t.Errorf("error %v, hint %q", err, cause.Hint(err))
			}
		})
	}
}

// TestSSHHostKeyChanged tests a device with a new key, of the same type and of
// another one.
func TestSSHHostKeyChanged(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		pinned   ssh.Signer
		now      []ssh.Signer
		changed  bool
		sameType bool
	}{
		{"same type", ecdsaKey(t), []ssh.Signer{ecdsaKey(t)}, true, true},
		{"other type", ecdsaKey(t), []ssh.Signer{ed25519Key(t)}, true, false},
	}
	kept := ecdsaKey(t)
	tests = append(tests, struct {
		name     string
		pinned   ssh.Signer
		now      []ssh.Signer
		changed  bool
		sameType bool
	}{"another key beside the pinned one", kept, []ssh.Signer{ed25519Key(t), kept}, false, false})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := &sshDevice{plays: showX}
			cfg := d.serve(t, test.now...)
			if err := cfg.checkKey(t.Context(), test.pinned.PublicKey()); err != nil {
				t.Fatal(err)
			}
			err := open(t, cfg)
			if !test.changed {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if cause.Of(err) != cause.HostKeyChanged || !strings.Contains(err.Error(), ssh.FingerprintSHA256(test.pinned.PublicKey())) {
				t.Errorf("error %v", err)
			}
			if test.sameType && !strings.Contains(err.Error(), ssh.FingerprintSHA256(test.now[0].PublicKey())) {
				t.Errorf("error %v", err)
			}
			if cause.Hint(err) != "if it was replaced: `flashwarden device edit sw1 --forget-host-key`" {
				t.Errorf("hint %q", cause.Hint(err))
			}
			if got := d.passwords(); len(got) > 0 {
				t.Errorf("passwords sent: %q", got)
			}
		})
	}
}

// TestSSHAlgorithms tests devices that offer only the algorithms of old IOS.
func TestSSHAlgorithms(t *testing.T) {
	t.Parallel()
	old := ssh.Config{
		KeyExchanges: []string{ssh.InsecureKeyExchangeDH1SHA1}, Ciphers: []string{ssh.InsecureCipherAES128CBC, ssh.InsecureCipherTripleDESCBC},
		MACs: []string{ssh.HMACSHA1, ssh.InsecureHMACSHA196},
	}
	tests := []struct {
		name   string
		config ssh.Config
		plain  string // the kind without a common algorithm when legacy crypto is off; "" for none
		legacy bool   // legacy crypto helps
	}{
		{"3750-X with 15.0", old, "key exchange", true},
		{"3des only", ssh.Config{Ciphers: []string{ssh.InsecureCipherTripleDESCBC}}, "cipher", true},
		{"group exchange only", ssh.Config{KeyExchanges: []string{ssh.InsecureKeyExchangeDHGEXSHA1}}, "key exchange", true},
		{"ssh-rsa only", ssh.Config{KeyExchanges: []string{ssh.InsecureKeyExchangeDH14SHA1}, Ciphers: []string{ssh.CipherAES128CTR}, MACs: []string{ssh.HMACSHA1}}, "host key", true},
		{"arcfour", ssh.Config{Ciphers: []string{ssh.InsecureCipherRC4128}}, "cipher", false},
	}
	for _, test := range tests {
		for _, legacy := range []bool{false, true} {
			d := &sshDevice{plays: showX}
			d.config.Config = test.config
			cfg := d.serve(t, onlySHA1(t, rsaKey(t, 1024)))
			cfg.LegacyCrypto = legacy
			err := open(t, cfg)
			if works := test.plain == "" || legacy && test.legacy; works {
				if err != nil {
					t.Errorf("%s, legacy %v: %v", test.name, legacy, err)
				}
				continue
			}
			hint := "`flashwarden device edit sw1 --legacy-crypto`"
			if !test.legacy {
				hint = "flashwarden does not implement its algorithms; on the device: `ip ssh server algorithm encryption aes128-ctr`; or: `flashwarden device edit sw1 --transport telnet`"
			}
			if cause.Of(err) != cause.NoCommonAlgorithm || !strings.Contains(err.Error(), test.plain) || cause.Hint(err) != hint {
				t.Errorf("%s, legacy %v: %v, hint %q", test.name, legacy, err, cause.Hint(err))
			}
			names := map[string][]string{"key exchange": test.config.KeyExchanges, "host key": {"ssh-rsa"}, "cipher": test.config.Ciphers}[test.plain]
			names = append(names, map[bool]string{true: "sw1 speaks only old SSH algorithms: ", false: "flashwarden offers "}[test.legacy])
			for _, offered := range names {
				if !strings.Contains(err.Error(), offered) {
					t.Errorf("%s, legacy %v: %v does not name %s", test.name, legacy, err, offered)
				}
			}
		}
	}
}

// TestSSHNoCommonAtAll tests a device without a common algorithm of two kinds.
// The error reports both, and that the old algorithms would solve only one.
func TestSSHNoCommonAtAll(t *testing.T) {
	t.Parallel()
	d := &sshDevice{plays: showX}
	d.config.Config = ssh.Config{KeyExchanges: []string{ssh.InsecureKeyExchangeDH1SHA1}, Ciphers: []string{ssh.InsecureCipherRC4}}
	err := open(t, d.serve(t, rsaKey(t, 2048)))
	for _, want := range []string{"key exchange with sw1: it offers diffie-hellman-group1-sha1; flashwarden offers", "cipher with sw1: it offers only arcfour; flashwarden offers"} {
		if cause.Of(err) != cause.NoCommonAlgorithm || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %s", err, want)
		}
	}
	if strings.Contains(cause.Hint(err), "--legacy-crypto") || !strings.Contains(cause.Hint(err), "algorithm encryption aes128-ctr") {
		t.Errorf("hint %q", cause.Hint(err))
	}
}

// TestSSHPinnedRSA tests a device that still has its pinned key but proves it
// only with SHA-1. This is no change of the key.
func TestSSHPinnedRSA(t *testing.T) {
	t.Parallel()
	d := &sshDevice{plays: showX}
	cfg := d.serve(t, onlySHA1(t, rsaKey(t, 2048)))
	cfg.LegacyCrypto = true
	if err := open(t, cfg); err != nil {
		t.Fatal(err)
	}
	cfg.LegacyCrypto = false
	if err := open(t, cfg); cause.Of(err) != cause.NoCommonAlgorithm || cause.Hint(err) != "`flashwarden device edit sw1 --legacy-crypto`" {
		t.Errorf("error %v, hint %q", err, cause.Hint(err))
	}
}

// TestParseOffer tests texts that are no KEXINIT.
func TestParseOffer(t *testing.T) {
	for _, sent := range []string{"", "SSH-2.0-x", "SSH-2.0-x\r\n", "SSH-2.0-x\r\n\x00\x00\x00\x01\x09\x14", "SSH-2.0-x\r\n\xff\xff\xff\xff\x04\x14aaaa",
		"banner\nSSH-2.0-x\r\n\x00\x00\x00\x08\x04\x15aaaaaaaa"} {
		if o, ok := parseOffer([]byte(sent)); ok {
			t.Errorf("%q: %+v", sent, o)
		}
	}
}

func TestAlgorithms(t *testing.T) {
	plain, keys := algorithms(false)
	for _, broken := range []string{ssh.InsecureKeyExchangeDH1SHA1, ssh.InsecureKeyExchangeDHGEXSHA1, ssh.InsecureCipherAES128CBC, ssh.InsecureCipherTripleDESCBC, "ssh-dss", ssh.KeyAlgoRSA, ssh.InsecureCipherRC4} {
		if slices.Contains(slices.Concat(plain.KeyExchanges, plain.Ciphers, plain.MACs, keys), broken) {
			t.Errorf("%s is offered without legacy crypto", broken)
		}
	}
	legacy, _ := algorithms(true)
	end := []string{ssh.InsecureKeyExchangeDH14SHA1, ssh.InsecureKeyExchangeDH1SHA1, ssh.InsecureKeyExchangeDHGEXSHA1}
	if n := len(legacy.KeyExchanges); !slices.Equal(legacy.KeyExchanges[n-3:], end) {
		t.Errorf("key exchanges %q", legacy.KeyExchanges)
	}
	if again, _ := algorithms(false); !slices.Equal(again.Ciphers, plain.Ciphers) {
		t.Errorf("legacy crypto stays behind: %q", again.Ciphers)
	}
}

func TestSSHWeakHostKey(t *testing.T) {
	t.Parallel()
	for _, bits := range []int{512, 768} {
		d := &sshDevice{plays: showX}
		cfg := d.serve(t, newWeakSigner(t, bits))
		_, err := Dial(t.Context(), cfg)
		if cause.Of(err) != cause.HostKeyWeak || !strings.Contains(err.Error(), big.NewInt(int64(bits)).String()+" bits") ||
			!strings.Contains(cause.Hint(err), "crypto key generate rsa modulus 2048") || !strings.Contains(cause.Hint(err), "edit sw1 --transport telnet") {
			t.Errorf("%d bits: %v, hint %q", bits, err, cause.Hint(err))
		}
		if got := d.passwords(); len(got) > 0 {
			t.Errorf("passwords sent: %q", got)
		}
	}
}

// speak runs a server that does not speak SSH 2.
func speak(t *testing.T, says string) Config {
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listen.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		io.WriteString(conn, says)
		conn.Read(make([]byte, 100))
	}()
	t.Cleanup(func() { listen.Close(); <-done })
	return Config{Name: "sw1", Address: listen.Addr().String(), HostKeys: &HostKeys{Store: &memoryKeys{}}, Password: "s3cret-pass"}
}

func TestSSHNotSSH(t *testing.T) {
	tests := []struct {
		says  string
		cause cause.Cause
		text  string
	}{
		{"SSH-1.5-Cisco-1.25\n", cause.NoCommonAlgorithm, "only version 1 of SSH"},
		{"", cause.SessionLost, "closed the connection during the SSH handshake"},
		{"\r\nUser Access Verification\r\n\r\nUsername: ", cause.SessionLost, "closed the connection during the SSH handshake"},
		{"SSH-2.0-Cisco-1.25\n\x00\x00\x00\x0c\x04\x01\x00\x00\x00\x0b\x1b[31ms3cret-pass", cause.SessionLost, "closed the connection during the SSH handshake"},
	}
	for _, test := range tests {
		cfg := speak(t, test.says)
		_, err := Dial(t.Context(), cfg)
		if cause.Of(err) != test.cause || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%q: %v", test.says, err)
		}
		safe(t, err, cfg)
	}
}

// TestSSHHandshakeEnds tests a device that accepts the connection and sends
// nothing. The idle timeout and the context both end that.
func TestSSHHandshakeEnds(t *testing.T) {
	t.Parallel()
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listen.Close()
	cfg := Config{Name: "sw1", Address: listen.Addr().String(), HostKeys: &HostKeys{Store: &memoryKeys{}}, IdleTimeout: 50 * time.Millisecond}
	if _, err := Dial(t.Context(), cfg); cause.Of(err) != cause.ConnectTimeout || !errors.Is(err, ErrSilent) {
		t.Errorf("idle: %v", err)
	}
	cfg.IdleTimeout = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := Dial(ctx, cfg); cause.Of(err) != cause.Cancelled {
		t.Errorf("cancelled: %v", err)
	}
}
