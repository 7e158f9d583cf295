// Package writelimit cuts off clients of a server that read nothing. The deadlines of a handler
// do not reach everything that a server writes: net/http sends answers without a body, and those
// to requests that it cannot read, after the handler or without it, and TLS answers a request
// for new keys while it reads (RFC 8446 section 4.6.3).
package writelimit

import (
	"net"
	"sync/atomic"
	"time"
)

// Listener limits the writes of its connections.
type Listener struct {
	net.Listener
	Within time.Duration // for one write
}

// Accept implements net.Listener.
func (l Listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return New(c, l.Within), nil
}

// New returns c with a limit of time for each write. A write deadline that is set counts
// instead of the limit. New comes below TLS.
func New(c net.Conn, within time.Duration) net.Conn { return &conn{Conn: c, within: within} }

type conn struct {
	net.Conn
	within time.Duration
	set    atomic.Bool // whether somebody has set a write deadline
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	if !c.set.Load() {
		if err := c.Conn.SetWriteDeadline(time.Now().Add(c.within)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.set.Store(!t.IsZero())
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	c.set.Store(!t.IsZero())
	return c.Conn.SetDeadline(t)
}
