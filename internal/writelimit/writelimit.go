// Package writelimit cuts off clients of a server that read nothing. The deadlines of a handler
// do not reach everything that a server writes: net/http sends answers without a body, and those
// to requests that it cannot read, after the handler or without it, and TLS answers a request
// for new keys while it reads (RFC 8446 section 4.6.3).
package writelimit

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// Listener limits the writes of its connections.
type Listener struct {
	net.Listener
	Within time.Duration   // for one write
	From   context.Context // there is no limit before it ends; nil: the limit counts at once
}

// Accept implements net.Listener.
func (l Listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if l.From == nil {
		return New(c, l.Within), nil
	}
	later := &conn{Conn: c, within: l.Within}
	later.stop = context.AfterFunc(l.From, later.begin)
	return later, nil
}

// New returns c with a limit of time for each write. A write deadline that is set counts instead of
// the limit. New comes below TLS.
func New(c net.Conn, within time.Duration) net.Conn {
	limited := &conn{Conn: c, within: within}
	limited.begun.Store(true)
	return limited
}

type conn struct {
	net.Conn
	within time.Duration
	stop   func() bool // keeps the limit from beginning; nil: it has begun
	begun  atomic.Bool // whether the limit counts
	set    atomic.Bool // whether somebody has set a write deadline
}

// begin begins the limit, also for a write that waits.
func (c *conn) begin() {
	c.begun.Store(true)
	if !c.set.Load() {
		_ = c.Conn.SetWriteDeadline(time.Now().Add(c.within)) // otherwise it is closed
	}
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	if c.begun.Load() && !c.set.Load() {
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

// Close implements net.Conn.
func (c *conn) Close() error {
	if c.stop != nil {
		c.stop()
	}
	return c.Conn.Close()
}

// SyscallConn implements syscall.Conn, if the connection below does.
func (c *conn) SyscallConn() (syscall.RawConn, error) {
	below, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return below.SyscallConn()
}
