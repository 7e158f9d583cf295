package https

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"

	"flashwarden/internal/intake"
	"flashwarden/internal/writelimit"
)

// gate is the listener of the HTTP server. It passes on the connections whose TLS handshake has
// succeeded.
type gate struct {
	intake.Gate
	server *Server
	ready  chan net.Conn
	failed chan error
	closed context.Context
	close  context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex
	outer net.Listener
}

func newGate(s *Server) *gate {
	g := &gate{
		Gate:   intake.Gate{Expects: s.Store.Expects, MaxConns: s.MaxConns, PerSource: s.PerSource, Strangers: s.Strangers, Log: s.Log},
		server: s, ready: make(chan net.Conn), failed: make(chan error, 1),
	}
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
		if err := g.Take(l, g.welcome); g.closed.Err() == nil {
			g.failed <- err
		}
	})
}

// welcome makes the handshake with a client.
func (g *gate) welcome(raw net.Conn) {
	s := g.server
	c := tls.Server(writelimit.New(raw, answerTime), s.TLS)
	ctx, cancel := context.WithTimeout(g.closed, handshakeTime)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		if !errors.Is(err, io.EOF) && g.closed.Err() == nil { // a client that only connects says nothing about TLS
			s.Store.NoteHandshake(intake.Address(raw.RemoteAddr()), err)
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
func (g *gate) wait() {
	g.wg.Wait()
	g.Wait()
}
