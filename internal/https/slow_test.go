package https_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/internal/https"
	"flashwarden/internal/intake/intaketest"
	"flashwarden/internal/spool"
	"flashwarden/tftp"
)

// fakeStore takes files with the password "y".
type fakeStore struct {
	stored chan struct{} // Commit waits for a value; nil: it does not
	err    error         // of Commit

	mu      sync.Mutex
	aborted int
	opened  int
}

// Expects expects files from 192.0.2.0/24.
func (s *fakeStore) Expects(from netip.Addr) (device, any bool) {
	return netip.MustParsePrefix("192.0.2.0/24").Contains(from), true
}

func (s *fakeStore) NoteHandshake(netip.Addr, error) {}

func (s *fakeStore) Put(p spool.Put) (tftp.Writer, error) {
	if p.Password != "y" {
		return nil, spool.ErrUnauthorised
	}
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

// network is a server in memory.
type network struct {
	t      *testing.T
	l      *intaketest.Listener
	server *https.Server
	cancel context.CancelFunc
	served chan error
}

func newNetwork(t *testing.T, store https.Store, perSource int) *network {
	cert, _ := own()
	n := &network{t: t, l: intaketest.NewListener(), served: make(chan error, 1), server: &https.Server{Store: store, TLS: https.Settings(cert, tls.VersionTLS12), PerSource: perSource}}
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

// client speaks TLS, and hears what the server says.
type client struct {
	net.Conn
	mu   sync.Mutex
	said strings.Builder
	gone bool
}

func (n *network) client(ip string) *client {
	c := &client{Conn: tls.Client(n.dial(ip), &tls.Config{InsecureSkipVerify: true})}
	if err := c.Conn.(*tls.Conn).Handshake(); err != nil {
		n.t.Error(err)
	}
	go func() {
		_, _ = io.Copy(c, c.Conn) // it ends when one of the two hangs up
		c.mu.Lock()
		defer c.mu.Unlock()
		c.gone = true
	}()
	return c
}

func (c *client) send(text string) error {
	_, err := io.WriteString(c.Conn, text)
	return err
}

// Write notes what the server says; it is for io.Copy.
func (c *client) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said.Write(p)
}

func (c *client) heard() (said string, gone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said.String(), c.gone
}

// head is the head of an upload that is expected.
const head = "PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nAuthorization: Basic eDp5\r\n\r\n"

// short is an upload that is expected.
const short = "PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nAuthorization: Basic eDp5\r\n\r\nfile"

// TestDoneMeansStored answers success only after Commit, and never if it fails.
func TestDoneMeansStored(t *testing.T) {
	own() // outside the bubble
	for status, fails := range map[string]error{"201": nil, "507": &tftp.Error{Code: tftp.CodeDiskFull, Message: "no space left"}, "400": errors.New("broken")} {
		synctest.Test(t, func(t *testing.T) {
			store := &fakeStore{stored: make(chan struct{}), err: fails}
			n := newNetwork(t, store, 0)
			defer n.end()
			c := n.client("192.0.2.1")
			defer c.Close()
			if err := c.send(short); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if said, gone := c.heard(); said != "" || gone {
				t.Errorf("answered %q before the file was stored", said)
			}
			store.stored <- struct{}{}
			synctest.Wait()
			if said, _ := c.heard(); !strings.HasPrefix(said, "HTTP/1.1 "+status+" ") {
				t.Errorf("answered %q, want %s", said, status)
			}
		})
	}
}

// TestSlowClients ends clients that send too little, and leaves one that only takes long.
func TestSlowClients(t *testing.T) {
	own()
	for name, c := range map[string]struct {
		begin   string // empty: not even TLS
		every   time.Duration
		piece   string
		atLeast time.Duration // that it stays
		atMost  time.Duration
	}{
		"no handshake":       {"", 5 * time.Second, "", 0, 15 * time.Second},
		"no end of header":   {"PUT /x HTTP/1.1\r\n", 5 * time.Second, "x: y\r\n", 0, 20 * time.Second},
		"no body":            {head, 5 * time.Second, "", 0, 70 * time.Second},
		"drop by drop":       {head, time.Second, "x", 0, 70 * time.Second},
		"drops of a refused": {strings.Replace(head, "eDp5", "eDp6", 1), time.Second, "x", 0, 20 * time.Second},
		"slow and steady":    {head, 50 * time.Second, strings.Repeat("x", 2000), time.Hour, 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &fakeStore{}
				n := newNetwork(t, store, 0)
				defer n.end()
				stayed := stays(n, c.begin, c.piece, c.every, c.atMost)
				if stayed < c.atLeast || c.atLeast == 0 && stayed >= c.atMost {
					t.Errorf("it stayed for %s", stayed)
				}
			})
		})
	}
}

// stays returns how long the server bears a client that begins so, and then sends a piece
// every so often; at most the limit.
func stays(n *network, begin, piece string, every, limit time.Duration) time.Duration {
	began := time.Now()
	if begin == "" {
		raw := n.dial("192.0.2.1")
		defer raw.Close()
		_ = raw.SetReadDeadline(began.Add(limit)) // a pipe in memory has deadlines
		_, _ = raw.Read(make([]byte, 1))
		return time.Since(began)
	}
	c := n.client("192.0.2.1")
	defer c.Close()
	_ = c.SetWriteDeadline(began.Add(limit))
	err := c.send(begin)
	for err == nil && time.Since(began) < limit {
		time.Sleep(every)
		if _, gone := c.heard(); gone {
			break
		}
		if piece != "" {
			err = c.send(piece)
		}
	}
	return time.Since(began)
}

// TestAcceptFails goes on after errors that Linux reports for one connection, accept(2), or while
// there are no file descriptors. It ends with an error of the listener.
func TestAcceptFails(t *testing.T) {
	own()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, &fakeStore{}, 0)
		defer n.end()
		for _, err := range []error{syscall.EHOSTUNREACH, syscall.EPERM, syscall.EMFILE} {
			n.l.Fail(err)
			synctest.Wait()
			if len(n.served) > 0 {
				t.Fatalf("%v has ended the server", err)
			}
		}
		c := n.client("192.0.2.1")
		defer c.Close()
		if err := c.send(short); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if said, _ := c.heard(); !strings.HasPrefix(said, "HTTP/1.1 201 ") {
			t.Errorf("afterwards a device heard %q", said)
		}
		idle := n.client("192.0.2.1") // it is cut off, and not waited for
		defer idle.Close()
		n.l.Fail(syscall.EINVAL)
		synctest.Wait()
		if len(n.served) == 0 {
			t.Error("a broken listener has not ended the server")
		} else if err := <-n.served; !errors.Is(err, syscall.EINVAL) {
			t.Errorf("the server ended with %v", err)
		}
		n.served <- nil // for end
	})
}

// TestReadsNothing hangs up on clients that read no answer, also not those that net/http and
// TLS write by themselves.
func TestReadsNothing(t *testing.T) {
	own()
	for name, request := range map[string]string{
		"refused":         "DELETE /x HTTP/1.1\r\nHost: x\r\n\r\n",
		"nonsense":        "nonsense\r\n\r\n",
		"asks to send on": strings.Replace(head, "\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n", 1),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t, &fakeStore{}, 0)
				defer n.end()
				raw := n.dial("192.0.2.1")
				defer raw.Close()
				c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
				if _, err := io.WriteString(c, request); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Minute)
				if got, err := raw.Read(make([]byte, 1)); got > 0 {
					t.Errorf("the server still waits for its reader (%v)", err)
				}
			})
		})
	}
}

// TestShutdown lets a running upload finish, or cuts it off when the time is over.
func TestShutdown(t *testing.T) {
	own()
	for name, finishes := range map[string]bool{"finishes": true, "cut off": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &fakeStore{}
				n := newNetwork(t, store, 0)
				c := n.client("192.0.2.1")
				defer c.Close()
				if err := c.send(strings.TrimSuffix(short, "le")); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				ended := make(chan error, 1)
				go func() { ended <- n.server.Shutdown(ctx) }()
				time.Sleep(5 * time.Second)
				if finishes {
					if err := c.send("le"); err != nil {
						t.Fatal(err)
					}
				}
				if err := <-ended; (err == nil) != finishes {
					t.Errorf("Shutdown: %v", err)
				}
				n.end()
				if said, _ := c.heard(); strings.HasPrefix(said, "HTTP/1.1 201 ") != finishes {
					t.Errorf("answered %q", said)
				}
				if store.aborted == 0 != finishes || store.opened != 1 {
					t.Errorf("%d uploads, %d aborted", store.opened, store.aborted)
				}
			})
		})
	}
}

// TestManyConnections limits the connections of one address, and forgets those that ended.
func TestManyConnections(t *testing.T) {
	own()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, &fakeStore{}, 2)
		defer n.end()
		first, second := n.client("192.0.2.1"), n.client("192.0.2.1")
		defer second.Close()
		third := n.dial("192.0.2.1")
		defer third.Close()
		if _, err := third.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("a third connection: %v", err)
		}
		n.client("192.0.2.2").Close()
		first.Close()
		synctest.Wait()
		n.client("192.0.2.1").Close()
	})
}

// TestManyFiles takes one file after the other from a device that leaves its connections open.
func TestManyFiles(t *testing.T) {
	own()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, &fakeStore{}, 3)
		defer n.end()
		for i := range 10 {
			c := n.client("192.0.2.1")
			defer c.Close()
			if err := c.send(short); err != nil {
				t.Fatalf("file %d: %v", i+1, err)
			}
			synctest.Wait()
			if said, gone := c.heard(); !strings.HasPrefix(said, "HTTP/1.1 201 ") || !gone {
				t.Fatalf("file %d: heard %q, the connection has ended: %t", i+1, said, gone)
			}
		}
	})
}

// TestStrangers limits the connections from addresses of no ticket, so that they leave room
// for the devices.
func TestStrangers(t *testing.T) {
	own()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, &fakeStore{}, 0)
		defer n.end()
		for i := range 64 {
			defer n.client(fmt.Sprintf("198.51.100.%d", i)).Close()
		}
		refused := n.dial("198.51.100.200")
		defer refused.Close()
		if _, err := refused.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("one stranger more: %v", err)
		}
		device := n.client("192.0.2.1")
		defer device.Close()
		if err := device.send(short); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if said, _ := device.heard(); !strings.HasPrefix(said, "HTTP/1.1 201 ") {
			t.Errorf("the device beside them heard %q", said)
		}
	})
}
