package https

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"

	"flashwarden/internal/accept"
	"flashwarden/internal/writelimit"
)

// gate is the listener of the HTTP server. It limits the connections, and passes on those
// whose TLS handshake has succeeded.
type gate struct {
	server *Server
	ready  chan net.Conn
	failed chan error
	closed context.Context
	close  context.CancelFunc
	wg     sync.WaitGroup

	mu        sync.Mutex
	outer     net.Listener
	all       int // connections
	strangers int // of them, those from addresses of no ticket
	source    map[netip.Addr]int
}

func newGate(s *Server) *gate {
	g := &gate{server: s, ready: make(chan net.Conn), failed: make(chan error, 1), source: make(map[netip.Addr]int)}
	g.closed, g.close = context.WithCancel(context.Background())
	return g
}

// open takes connections of l.
func (g *gate) open(l net.Listener) {
	g.mu.Lock()
	g.outer = l
	g.mu.Unlock()
	context.AfterFunc(g.closed, func() { l.Close() })
	g.wg.Go(func() {
		if err := g.take(&accept.Listener{Listener: l, Log: g.server.Log}); g.closed.Err() == nil {
			g.failed <- err
		}
	})
}

// take takes connections until l fails or is closed, and returns that error.
func (g *gate) take(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		g.wg.Go(func() { g.welcome(c) })
	}
}

// welcome makes the handshake with a client, if any file is expected and the limits permit.
func (g *gate) welcome(raw net.Conn) {
	s := g.server
	from := addressOf(raw.RemoteAddr())
	device, any := s.Store.ExpectsPut(from)
	if !any || !g.enter(from, !device) {
		s.Log.Debug("connection refused", "remote", raw.RemoteAddr(), "expected", any)
		raw.Close()
		return
	}
	c := tls.Server(&conn{Conn: writelimit.New(raw, answerTime), leave: sync.OnceFunc(func() { g.leave(from, !device) })}, s.TLS)
	ctx, cancel := context.WithTimeout(g.closed, handshakeTime)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		if !errors.Is(err, io.EOF) && g.closed.Err() == nil { // a client that only connects says nothing about TLS
			s.Store.NoteHandshake(from, err)
			s.Log.Info("no TLS with a client", "remote", raw.RemoteAddr(), "err", err)
		}
		c.NetConn().Close()
		return
	}
	select {
	case g.ready <- c:
	case <-g.closed.Done():
		c.NetConn().Close()
	}
}

// enter counts a connection, unless there are too many. Strangers leave room for devices.
func (g *gate) enter(from netip.Addr, stranger bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.all >= g.server.MaxConns || g.source[from] >= g.server.PerSource || stranger && g.strangers >= g.server.Strangers {
		return false
	}
	g.all++
	g.source[from]++
	if stranger {
		g.strangers++
	}
	return true
}

func (g *gate) leave(from netip.Addr, stranger bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all--
	if stranger {
		g.strangers--
	}
	if g.source[from]--; g.source[from] == 0 {
		delete(g.source, from)
	}
}

// Accept implements net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	select {
	case c := <-g.ready:
		return c, nil
	case err := <-g.failed:
		return nil, err
	case <-g.closed.Done():
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (g *gate) Close() error {
	g.close()
	return nil
}

// Addr implements net.Listener.
func (g *gate) Addr() net.Addr {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.outer.Addr()
}

// wait waits until no goroutine of the gate is left.
func (g *gate) wait() { g.wg.Wait() }

// conn is a connection that is counted until it is closed.
type conn struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.leave()
	return c.Conn.Close()
}

// addressOf returns the IP address of a peer; the zero one if it has none.
func addressOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
