package vty

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"flashwarden/internal/cause"
)

// sshStream is a shell on a device, over SSH.
type sshStream struct {
	io.WriteCloser
	io.Reader
	client *ssh.Client
}

func (s *sshStream) Close() error {
	err := s.client.Close()
	s.client.Wait() // its goroutines; the error is that we closed it
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// algorithms are what we offer: what x/crypto/ssh holds to be secure, plus
// what it also offers by default because devices of the last decade know
// nothing else (group14-sha1, ssh-rsa, hmac-sha1). legacy appends what is
// broken. Group 1 stands before group exchange, which here refuses the moduli
// under 2048 bits that old IOS proposes. There is no aes192-cbc, aes256-cbc or
// hmac-md5.
func algorithms(legacy bool) (ssh.Config, []string) {
	secure := ssh.SupportedAlgorithms()
	c := ssh.Config{KeyExchanges: append(secure.KeyExchanges, ssh.InsecureKeyExchangeDH14SHA1)}
	c.SetDefaults()
	if legacy {
		c.KeyExchanges = append(c.KeyExchanges, ssh.InsecureKeyExchangeDH1SHA1, ssh.InsecureKeyExchangeDHGEXSHA1)
		c.Ciphers = append(slices.Clip(c.Ciphers), ssh.InsecureCipherAES128CBC, ssh.InsecureCipherTripleDESCBC)
	}
	return c, []string{
		ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA,
	}
}

// openSSH opens a shell over conn. Nothing secret is sent before the host key
// is accepted.
func openSSH(ctx context.Context, cfg Config, conn net.Conn) (io.ReadWriteCloser, error) {
	if cfg.HostKeys == nil {
		return nil, fmt.Errorf("connect to %s: no host keys configured", cfg.Name)
	}
	known, err := cfg.HostKeys.pinned(cfg.hostPort())
	if err != nil {
		return nil, err
	}
	watched := &watchedConn{Conn: conn, idle: cfg.IdleTimeout}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	h := &handshake{cfg: cfg, conn: watched, known: known}
	client, err := h.run()
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("connect to %s: %w", cfg.Name, context.Cause(ctx))
		}
		return nil, err
	}
	stream, err := shell(client)
	if err != nil {
		client.Close()
		client.Wait()
		return nil, cause.Wrap(cause.SessionLost, cfg.plain(err), cfg.Name+" opened no shell", "try again: flashwarden device test "+cfg.Name)
	}
	watched.release()
	return stream, nil
}

// shell asks for a terminal as wide as terminal width makes it, and a shell.
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

	keyErr   error // why the host key was not accepted
	password bool  // the password was sent
}

func (h *handshake) run() (*ssh.Client, error) {
	common, hostKeys := algorithms(h.cfg.LegacyCrypto)
	if len(h.known) > 0 {
		hostKeys = keepTypes(hostKeys, h.known)
	}
	if len(hostKeys) == 0 {
		return nil, cause.New(cause.NoCommonAlgorithm, fmt.Sprintf("the pinned host key of %s is of a type that is not supported: %s",
			h.cfg.Name, fingerprints(h.known)), h.cfg.HostKeys.forget(h.cfg.hostPort()))
	}
	c, channels, requests, err := ssh.NewClientConn(h.conn, h.cfg.hostPort(), &ssh.ClientConfig{
		Config:            common,
		User:              h.cfg.Username,
		Auth:              []ssh.AuthMethod{ssh.KeyboardInteractive(h.challenge), ssh.PasswordCallback(h.sendPassword)},
		HostKeyCallback:   h.checkKey,
		HostKeyAlgorithms: hostKeys,
	})
	if err != nil {
		return nil, h.failed(err)
	}
	return ssh.NewClient(c, channels, requests), nil
}

// keepTypes keeps the algorithms that prove keys of the pinned types.
func keepTypes(algorithms []string, known []ssh.PublicKey) []string {
	var keep []string
	for _, a := range algorithms {
		for _, k := range known {
			if a == k.Type() || k.Type() == ssh.KeyAlgoRSA && strings.HasPrefix(a, "rsa-sha2-") {
				keep = append(keep, a)
				break
			}
		}
	}
	return keep
}

func (h *handshake) checkKey(address string, _ net.Addr, key ssh.PublicKey) error {
	h.conn.release() // a person may be asked
	defer h.conn.watch()
	h.keyErr = h.cfg.HostKeys.check(address, h.cfg.Name, key)
	return h.keyErr
}

var errOnce = errors.New("the password was refused")

func (h *handshake) sendPassword() (string, error) {
	if h.password {
		return "", errOnce
	}
	h.password = true
	return h.cfg.Password, nil
}

// challenge answers keyboard-interactive: a question whose answer is hidden
// gets the password, one that is shown the user name.
func (h *handshake) challenge(_, _ string, questions []string, echos []bool) ([]string, error) {
	answers := make([]string, len(questions))
	for i, echo := range echos {
		if echo {
			answers[i] = h.cfg.Username
			continue
		}
		password, err := h.sendPassword()
		if err != nil {
			return nil, err
		}
		answers[i] = password
	}
	return answers, nil
}

// failed gives the error of a handshake its cause.
func (h *handshake) failed(err error) error {
	name := h.cfg.Name
	var none *ssh.AlgorithmNegotiationError
	var bits int
	switch i := strings.Index(err.Error(), "crypto/rsa: "); {
	case h.keyErr != nil:
		return h.keyErr
	case errors.As(err, &none):
		return h.noCommon(none)
	case i >= 0 && scanBits(err.Error()[i:], &bits):
		// Go refuses such keys before anybody can look at them.
		return weakKey(name, bits)
	case h.conn.protocol1():
		return cause.New(cause.NoCommonAlgorithm, name+" speaks only version 1 of SSH",
			"on the device: ip ssh version 2; or: flashwarden device edit "+name+" --transport telnet")
	case h.password:
		return cause.Wrap(cause.AuthFailed, h.cfg.plain(err), fmt.Sprintf("%s refused user %q", name, h.cfg.Username),
			"flashwarden device edit "+name+" --username USER --password-file FILE")
	case strings.Contains(err.Error(), "unable to authenticate"):
		return cause.Wrap(cause.AuthFailed, h.cfg.plain(err), name+" takes neither password nor keyboard-interactive",
			"on the device: ip ssh server authenticate user password")
	}
	return cause.Wrap(cause.SessionLost, h.cfg.plain(err), name+" broke off the SSH handshake",
		"on the device: show users (are all lines in use?), show access-lists")
}

func scanBits(text string, bits *int) bool {
	n, _ := fmt.Sscanf(text, "crypto/rsa: %d-bit keys are insecure", bits)
	return n == 1
}

func weakKey(name string, bits int) error {
	return cause.New(cause.HostKeyWeak, fmt.Sprintf("the host key of %s has %d bits: an RSA key under 1024 bits proves nothing", name, bits),
		"on the device: crypto key generate rsa modulus 2048")
}

func (h *handshake) noCommon(e *ssh.AlgorithmNegotiationError) error {
	name := h.cfg.Name
	offered := h.cfg.plain(errors.New(strings.Join(e.RequestedAlgorithms, ",")))
	if e.What == "host key" && len(h.known) > 0 {
		return changedType(h.cfg.HostKeys, h.cfg.hostPort(), name, h.known, offered.Error())
	}
	seen := fmt.Sprintf("no common SSH %s with %s: it offers %s; we offer %s", e.What, name,
		tail(offered.Error(), 4*excerptLength), strings.Join(e.SupportedAlgorithms, ","))
	hint := "flashwarden device edit " + name + " --legacy-crypto"
	if h.cfg.LegacyCrypto {
		hint = "flashwarden device edit " + name + " --transport telnet"
	}
	return cause.New(cause.NoCommonAlgorithm, seen, hint)
}

// watchedConn ends reads that wait longer than idle, until it is released, and
// remembers how the peer introduced itself.
type watchedConn struct {
	net.Conn
	idle time.Duration

	mu       sync.Mutex
	released bool
	hello    []byte
}

func (w *watchedConn) Read(p []byte) (int, error) {
	w.mu.Lock()
	if !w.released {
		w.Conn.SetReadDeadline(time.Now().Add(w.idle))
	}
	w.mu.Unlock()
	n, err := w.Conn.Read(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	if room := 64 - len(w.hello); room > 0 {
		w.hello = append(w.hello, p[:min(n, room)]...)
	}
	return n, err
}

func (w *watchedConn) release() { w.set(true, time.Time{}) }
func (w *watchedConn) watch()   { w.set(false, time.Now().Add(w.idle)) }

func (w *watchedConn) set(released bool, deadline time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.released = released
	w.Conn.SetReadDeadline(deadline)
}

// protocol1 reports whether the peer knows only version 1 of SSH; 1.99 is both
// (RFC 4253 section 5.1).
func (w *watchedConn) protocol1() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	hello := string(w.hello)
	return strings.HasPrefix(hello, "SSH-1.") && !strings.HasPrefix(hello, "SSH-1.99-")
}
