package vty

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

// sshDevice is a device with an SSH server on loopback. Its fields are set
// before serve.
type sshDevice struct {
	t        *testing.T
	config   ssh.ServerConfig
	password string // accepted
	kbd      bool   // keyboard-interactive instead of password
	plays    func(f *fake)
	exec     func(command string, ch ssh.Channel) // nil: commands are refused

	mu     sync.Mutex
	got    []string // passwords received
	width  uint32   // of the requested terminal
	listen net.Listener
}

// serve starts the device and returns the configuration to dial it with.
func (d *sshDevice) serve(t *testing.T, keys ...ssh.Signer) Config {
	t.Helper()
	d.t = t
	for _, key := range keys {
		d.config.AddHostKey(key)
	}
	if d.password == "" {
		d.password = "s3cret-pass"
	}
	switch {
	case d.config.PasswordCallback != nil || d.config.KeyboardInteractiveCallback != nil || d.config.PublicKeyCallback != nil:
	case d.kbd:
		d.config.KeyboardInteractiveCallback = d.interactive
	default:
		d.config.PasswordCallback = func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			return nil, d.check(string(password))
		}
	}
	var err error
	if d.listen, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); d.accept() }()
	t.Cleanup(func() { d.listen.Close(); <-done })
	return Config{
		Name: "sw1", Address: d.listen.Addr().String(), Username: "admin", Password: "s3cret-pass", EnablePassword: "en4ble-pass",
		HostKeys: &HostKeys{Store: &memoryKeys{}},
	}
}

// open connects as far as the shell, without waiting for a prompt.
func open(t *testing.T, cfg Config) error {
	t.Helper()
	cfg = cfg.withDefaults()
	conn, err := connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stream, err := openSSH(t.Context(), cfg, conn)
	if err == nil {
		stream.Close()
	}
	return err
}

func (d *sshDevice) check(password string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.got = append(d.got, password)
	if password != d.password {
		return errors.New("wrong")
	}
	return nil
}

func (d *sshDevice) passwords() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.got)
}

func (d *sshDevice) interactive(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
	for range 3 { // as IOS does
		answers, err := ask("", "banner", []string{"Name: ", "Password: "}, []bool{true, false})
		if err != nil {
			return nil, err
		}
		if answers[0] != "admin" {
			d.t.Errorf("a visible question got %q", answers[0])
		}
		if d.check(answers[1]) == nil {
			return nil, nil
		}
	}
	return nil, errors.New("wrong")
}

func (d *sshDevice) accept() {
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for {
		conn, err := d.listen.Accept()
		if err != nil {
			return
		}
		sessions.Go(func() { d.session(conn) })
	}
}

func (d *sshDevice) session(conn net.Conn) {
	defer conn.Close()
	sc, channels, requests, err := ssh.NewServerConn(conn, &d.config)
	if err != nil {
		return
	}
	defer sc.Close()
	go ssh.DiscardRequests(requests)
	for channel := range channels {
		ch, in, err := channel.Accept()
		if err != nil {
			return
		}
		for r := range in {
			if r.Type == "pty-req" {
				var pty struct {
					Term                         string
					Columns, Rows, Width, Height uint32
					Modes                        string
				}
				if err := ssh.Unmarshal(r.Payload, &pty); err != nil {
					d.t.Error(err)
				}
				d.width = pty.Columns
			}
			if r.Type == "exec" && d.exec != nil {
				r.Reply(true, nil)
				d.exec(string(r.Payload[4:]), ch)
				return
			}
			r.Reply(r.Type == "pty-req" || r.Type == "shell", nil)
			if r.Type == "shell" {
				go ssh.DiscardRequests(in)
				break
			}
		}
		d.plays(newFake(d.t, ch, 1))
		ch.Close()
	}
}

// showX plays a device that answers show x.
func showX(f *fake) {
	f.print(banner)
	f.shell("SW1#", map[string]func(){"show x": func() { f.print("one\n") }})
}

func rsaKey(t *testing.T, bits int) ssh.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return signer(t, key)
}

func signer(t testing.TB, key any) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ed25519Key(t testing.TB) ssh.Signer {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer(t, key)
}

func ecdsaKey(t *testing.T) ssh.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer(t, key)
}

// onlySHA1 is a signer for ssh-rsa only, like old IOS.
func onlySHA1(t *testing.T, s ssh.Signer) ssh.Signer {
	t.Helper()
	m, err := ssh.NewSignerWithAlgorithms(s.(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// weakSigner signs with an RSA key of a size that Go refuses to use.
type weakSigner struct {
	n, d *big.Int
	pub  ssh.PublicKey
}

func newWeakSigner(t *testing.T, bits int) ssh.Signer {
	t.Helper()
	e := big.NewInt(65537)
	for {
		p, err := rand.Prime(rand.Reader, bits/2)
		if err != nil {
			t.Fatal(err)
		}
		q, err := rand.Prime(rand.Reader, bits/2)
		if err != nil {
			t.Fatal(err)
		}
		n, one := new(big.Int).Mul(p, q), big.NewInt(1)
		phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(e, phi)
		if d == nil || n.BitLen() != bits {
			continue
		}
		pub, err := ssh.NewPublicKey(&rsa.PublicKey{N: n, E: 65537})
		if err != nil {
			t.Fatal(err)
		}
		return &weakSigner{n: n, d: d, pub: pub}
	}
}

func (w *weakSigner) PublicKey() ssh.PublicKey { return w.pub }

func (w *weakSigner) Sign(r io.Reader, data []byte) (*ssh.Signature, error) {
	return w.SignWithAlgorithm(r, data, ssh.KeyAlgoRSASHA256)
}

// SignWithAlgorithm is PKCS #1 v1.5 with SHA-256 (RFC 8017 section 9.2).
func (w *weakSigner) SignWithAlgorithm(_ io.Reader, data []byte, _ string) (*ssh.Signature, error) {
	sum := sha256.Sum256(data)
	info := append([]byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}, sum[:]...)
	size := (w.n.BitLen() + 7) / 8
	padded := append([]byte{0, 1}, []byte(strings.Repeat("\xff", size-3-len(info)))...)
	padded = append(append(padded, 0), info...)
	blob := new(big.Int).Exp(new(big.Int).SetBytes(padded), w.d, w.n).FillBytes(make([]byte, size))
	return &ssh.Signature{Format: ssh.KeyAlgoRSASHA256, Blob: blob}, nil
}

// Algorithms restricts the server to this algorithm for the key.
func (w *weakSigner) Algorithms() []string { return []string{ssh.KeyAlgoRSASHA256} }
