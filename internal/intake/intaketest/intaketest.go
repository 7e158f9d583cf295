// Package intaketest is a network in memory, for tests of the servers to which devices connect.
package intaketest

import (
	"net"
	"net/netip"
	"sync"
)

// Listener is a listener whose connections are in memory.
type Listener struct {
	conns chan net.Conn
	errs  chan error
	done  chan struct{}
	close func()
}

// NewListener returns a listener without connections.
func NewListener() *Listener {
	l := &Listener{conns: make(chan net.Conn), errs: make(chan error), done: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.done) })
	return l
}

// Dial connects from port 50000 of an IP address. It waits until the connection is taken.
func (l *Listener) Dial(ip string) net.Conn {
	near, far := net.Pipe()
	l.conns <- from{far, net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(ip), 50000))}
	return near
}

// Fail makes one call of Accept return err. It waits for that call.
func (l *Listener) Fail(err error) { l.errs <- err }

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case err := <-l.errs:
		return nil, err
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *Listener) Close() error { l.close(); return nil }

// Addr implements net.Listener.
func (l *Listener) Addr() net.Addr { return &net.TCPAddr{} }

// from is a connection with the address of its peer.
type from struct {
	net.Conn
	peer net.Addr
}

// RemoteAddr implements net.Conn.
func (f from) RemoteAddr() net.Addr { return f.peer }
