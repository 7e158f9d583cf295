package scpd_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"flashwarden/internal/intake/intaketest"
	"flashwarden/internal/scpd"
	"flashwarden/internal/spool"
	"flashwarden/tftp"
)

// fakeStore takes files with the name "x" and the password "y".
type fakeStore struct {
	stored chan struct{} // Commit waits for a value; nil: it does not
	err    error         // of Commit

	mu         sync.Mutex
	handshakes []error
	aborted    int
	opened     int
}

// Expects expects files from 192.0.2.0/24.
func (s *fakeStore) Expects(from netip.Addr) (device, any bool) {
	return netip.MustParsePrefix("192.0.2.0/24").Contains(from), true
}

func (s *fakeStore) NoteHandshake(_ netip.Addr, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handshakes = append(s.handshakes, err)
}

func (s *fakeStore) NoteStray(netip.Addr, string) {}

func (s *fakeStore) Admits(p spool.Put) error {
	if p.Name != "x" || p.Password != "y" {
		return spool.ErrUnauthorised
	}
	return nil
}

func (s *fakeStore) Put(spool.Put) (tftp.Writer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	return fakeFile{s}, nil
}

func (s *fakeStore) Get(spool.Put) (*spool.Download, error) { return nil, spool.ErrUnauthorised }

type fakeFile struct{ *fakeStore }

func (f fakeFile) Write(p []byte) (int, error) { return len(p), nil }

func (f fakeFile) Commit() error {
	if f.stored != nil {
		<-f.stored
	}
	return f.err
}

func (f fakeFile) Abort(error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.aborted++
}

// patient is a connection that takes bytes without waiting for a reader, as TCP
// does: both sides of SSH begin by writing.
type patient struct {
	net.Conn
	queue chan []byte
	ended chan struct{} // closed with the test
}

func newPatient(c net.Conn) *patient {
	p := &patient{Conn: c, queue: make(chan []byte, 1000), ended: make(chan struct{})}
	go func() {
		for {
			select {
			case <-p.ended:
				return
			case piece := <-p.queue:
				if piece == nil {
					p.Conn.Close()
					return
				}
				if _, err := p.Conn.Write(piece); err != nil {
					p.Conn.Close()
					return
				}
			}
		}
	}()
	return p
}

func (p *patient) Write(b []byte) (int, error) {
	select {
	case p.queue <- append([]byte(nil), b...):
		return len(b), nil
	default:
		return 0, errors.New("nobody reads")
	}
}

// Close closes the connection behind the written bytes, as TCP does.
func (p *patient) Close() error {
	select {
	case p.queue <- nil:
		return nil
	default:
		return p.Conn.Close()
	}
}

// network is a server in memory.
type network struct {
	t      *testing.T
	l      *intaketest.Listener
	server *scpd.Server
	cancel context.CancelFunc
	served chan error
}

func newNetwork(t *testing.T, store scpd.Store, perSource int) *network {
	n := &network{t: t, l: intaketest.NewListener(), served: make(chan error, 1), server: &scpd.Server{Store: store, Keys: keys(t, false)[:1], PerSource: perSource}}
	var ctx context.Context
	ctx, n.cancel = context.WithCancel(context.Background())
	go func() { n.served <- n.server.Serve(ctx, n.l) }()
	return n
}

// end stops the server, and checks that it has ended in order.
func (n *network) end() {
	n.cancel()
	if err := <-n.served; err != nil {
		n.t.Error(err)
	}
}

// dial connects from an address.
func (n *network) dial(ip string) net.Conn { return n.l.Dial(ip) }

// client is a session of the command of a device.
type client struct {
	raw     *patient
	ssh     *ssh.Client
	session *ssh.Session
	in      io.Writer
	mu      sync.Mutex
	said    strings.Builder
	ended   error // of the command
	gone    bool
}

// login logs in, and closes the connection with the test.
func (n *network) login(ip string) (*ssh.Client, *patient) {
	raw := newPatient(n.dial(ip))
	n.t.Cleanup(func() { close(raw.ended) })
	c, channels, requests, err := ssh.NewClientConn(raw, "", &ssh.ClientConfig{User: "x", Auth: []ssh.AuthMethod{ssh.Password("y")}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err != nil {
		n.t.Fatal(err)
	}
	return ssh.NewClient(c, channels, requests), raw
}

func (n *network) client(ip string) *client {
	c := &client{}
	c.ssh, c.raw = n.login(ip)
	var err error
	if c.session, err = c.ssh.NewSession(); err != nil {
		n.t.Fatal(err)
	}
	c.session.Stdout = c
	if c.in, err = c.session.StdinPipe(); err != nil {
		n.t.Fatal(err)
	}
	if err := c.session.Start("scp -t x"); err != nil {
		n.t.Fatal(err)
	}
	go func() {
		err := c.session.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ended, c.gone = err, true
	}()
	return c
}

func (c *client) send(text string) error {
	_, err := io.WriteString(c.in, text)
	return err
}

// Write notes what the server says.
func (c *client) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said.Write(p)
}

func (c *client) heard() (said string, gone bool, ended error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said.String(), c.gone, c.ended
}

const (
	head  = "C0644 1000000 image.bin\n"
	short = "C0644 4 image.bin\nfile\x00"
)

// TestDoneMeansStored acknowledges the file only after Commit, and never if it fails.
func TestDoneMeansStored(t *testing.T) {
	for _, fails := range []error{nil, &tftp.Error{Code: tftp.CodeDiskFull, Message: "no space left"}} {
		synctest.Test(t, func(t *testing.T) {
			store := &fakeStore{stored: make(chan struct{}), err: fails}
			n := newNetwork(t, store, 0)
			defer n.end()
			c := n.client("192.0.2.1")
			defer c.ssh.Close()
			if err := c.send(short); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Minute) // a slow disk
			if said, gone, _ := c.heard(); said != "\x00\x00" || gone {
				t.Errorf("said %q before the file was stored, the session has ended: %t", said, gone)
			}
			store.stored <- struct{}{}
			synctest.Wait()
			said, gone, ended := c.heard()
			if want := "\x00\x00\x00"; fails == nil && (said != want || ended != nil) || !gone {
				t.Errorf("said %q, ended with %v, gone: %t", said, ended, gone)
			}
			if fails != nil && (!strings.HasPrefix(said, "\x00\x00\x02") || ended == nil) {
				t.Errorf("after an error said %q, ended with %v", said, ended)
			}
		})
	}
}

// TestSlowClients ends clients that send too little, and leaves one that only takes long.
func TestSlowClients(t *testing.T) {
	for name, c := range map[string]struct {
		begin   func(n *network) (net.Conn, func(string) error)
		piece   string
		every   time.Duration
		atLeast time.Duration // that it stays
		atMost  time.Duration
	}{
		"says nothing": {func(n *network) (net.Conn, func(string) error) { return n.dial("192.0.2.1"), nil }, "", time.Second, 0, 70 * time.Second},
		"no key exchange": {func(n *network) (net.Conn, func(string) error) {
			raw := newPatient(n.dial("192.0.2.1"))
			n.t.Cleanup(func() { close(raw.ended) })
			_, _ = io.WriteString(raw, "SSH-2.0-x\r\n")
			return raw, nil
		}, "", time.Second, 0, 70 * time.Second},
		"no session": {func(n *network) (net.Conn, func(string) error) {
			_, raw := n.login("192.0.2.1")
			return raw, nil
		}, "", time.Second, 0, 70 * time.Second},
		"no header":       {begun(""), "", time.Second, 0, 70 * time.Second},
		"no file":         {begun(head), "", time.Second, 0, 70 * time.Second},
		"drop by drop":    {begun(head), "x", time.Second, 0, 70 * time.Second},
		"slow and steady": {begun(head), strings.Repeat("x", 2000), 50 * time.Second, time.Hour, 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t, &fakeStore{}, 0)
				defer n.end()
				began := time.Now()
				raw, send := c.begin(n)
				defer raw.Close()
				ended := make(chan struct{})
				if send == nil {
					go func() {
						defer close(ended)
						_, _ = io.Copy(io.Discard, raw)
					}()
				}
				for time.Since(began) < c.atMost {
					select {
					case <-ended:
					case <-time.After(c.every):
						if send == nil || send(c.piece) == nil {
							continue
						}
					}
					break
				}
				if stayed := time.Since(began); stayed < c.atLeast || c.atLeast == 0 && stayed >= c.atMost {
					t.Errorf("it stayed for %s", stayed)
				}
			})
		})
	}
}

// begun is a client that begins with this text. What it sends fails once the server has hung up.
func begun(text string) func(n *network) (net.Conn, func(string) error) {
	return func(n *network) (net.Conn, func(string) error) {
		c := n.client("192.0.2.1")
		if err := c.send(text); err != nil {
			n.t.Error(err)
		}
		return c.raw, func(piece string) error {
			if _, gone, _ := c.heard(); gone {
				return io.EOF
			}
			return c.send(piece)
		}
	}
}

// TestReadsNothing hangs up on a client that reads no answer.
func TestReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, &fakeStore{}, 0)
		defer n.end()
		raw := n.dial("192.0.2.1")
		defer raw.Close()
		began := time.Now()
		for time.Since(began) < time.Minute {
			time.Sleep(time.Second)
			_ = raw.SetWriteDeadline(time.Now().Add(time.Second))
			if _, err := io.WriteString(raw, "x"); errors.Is(err, io.ErrClosedPipe) {
				break
			}
		}
		if stayed := time.Since(began); stayed > 2*10*time.Second {
			t.Errorf("it stayed for %s", stayed)
		}
	})
}

// TestShutdown lets a running upload finish, or cuts it off when the time is over. A client that has
// only logged in does not delay it.
func TestShutdown(t *testing.T) {
	for name, finishes := range map[string]bool{"finishes": true, "cut off": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &fakeStore{}
				n := newNetwork(t, store, 0)
				idle, _ := n.login("192.0.2.2")
				defer idle.Close()
				c := n.client("192.0.2.1")
				defer c.ssh.Close()
				if err := c.send(strings.TrimSuffix(short, "le\x00")); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				ended := make(chan error, 1)
				go func() { ended <- n.server.Shutdown(ctx) }()
				time.Sleep(5 * time.Second)
				if finishes {
					if err := c.send("le\x00"); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
					c.ssh.Close()
				}
				if err := <-ended; (err == nil) != finishes {
					t.Errorf("Shutdown: %v", err)
				}
				n.end()
				if said, _, _ := c.heard(); (said == "\x00\x00\x00") != finishes {
					t.Errorf("said %q", said)
				}
				if store.aborted == 0 != finishes || store.opened != 1 {
					t.Errorf("%d uploads, %d aborted", store.opened, store.aborted)
				}
			})
		})
	}
}

// TestLimits limits the connections of one address and those of strangers, which leave room for
// the devices.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, &fakeStore{}, 2)
		defer n.end()
		refused := func(ip string) bool {
			raw := n.dial(ip)
			defer raw.Close()
			_ = raw.SetReadDeadline(time.Now().Add(time.Second))
			got, _ := raw.Read(make([]byte, 1))
			return got == 0
		}
		for i := range 64 {
			defer n.dial(fmt.Sprintf("198.51.100.%d", i)).Close()
		}
		synctest.Wait()
		if !refused("198.51.100.200") {
			t.Error("one stranger more was welcome")
		}
		first, _ := n.login("192.0.2.1")
		second, _ := n.login("192.0.2.1")
		defer second.Close()
		if !refused("192.0.2.1") {
			t.Error("a third connection of a device was welcome")
		}
		first.Close()
		synctest.Wait()
		if refused("192.0.2.1") {
			t.Error("a device is refused although one of its connections has ended")
		}
	})
}

// TestHandshakeIsNoted keeps the reason for the diagnosis, but not for a wrong password.
func TestHandshakeIsNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &fakeStore{}
		n := newNetwork(t, store, 0)
		defer n.end()
		for _, c := range []ssh.ClientConfig{
			{User: "x", Auth: []ssh.AuthMethod{ssh.Password("wrong")}},
			{User: "x", Auth: []ssh.AuthMethod{ssh.Password("y")}, Config: ssh.Config{KeyExchanges: []string{ssh.InsecureKeyExchangeDH1SHA1}}},
		} {
			c.HostKeyCallback = ssh.InsecureIgnoreHostKey()
			raw := newPatient(n.dial("192.0.2.1"))
			if _, _, _, err := ssh.NewClientConn(raw, "", &c); err == nil {
				t.Error("logged in")
			}
			synctest.Wait() // what the client has sent arrives before its end
			raw.Close()
			close(raw.ended)
		}
		synctest.Wait()
		store.mu.Lock()
		defer store.mu.Unlock()
		var e *ssh.AlgorithmNegotiationError
		if len(store.handshakes) != 1 || !errors.As(store.handshakes[0], &e) {
			t.Errorf("noted: %v", store.handshakes)
		}
	})
}
