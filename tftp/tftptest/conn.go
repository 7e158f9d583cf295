package tftptest

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// Conn is a socket of a Network: a net.PacketConn.
type Conn struct {
	network *Network
	local   netip.AddrPort
	arrived chan struct{} // closed and replaced at each change

	mu       sync.Mutex
	queue    []arrival
	closed   bool
	deadline time.Time
}

type arrival struct {
	from netip.AddrPort
	data []byte
}

func newConn(n *Network, a netip.AddrPort) *Conn {
	return &Conn{network: n, local: a, arrived: make(chan struct{})}
}

// arrive queues a packet. If the queue is full, the packet is lost.
func (c *Conn) arrive(from netip.AddrPort, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.queue) == queueLength {
		return
	}
	c.queue = append(c.queue, arrival{from, b})
	c.changed()
}

// changed wakes all readers; c.mu is held.
func (c *Conn) changed() {
	close(c.arrived)
	c.arrived = make(chan struct{})
}

// ReadFrom waits for a packet. After the deadline it returns
// os.ErrDeadlineExceeded, after Close net.ErrClosed, each in a *net.OpError.
func (c *Conn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		a, ok, wait, deadline, err := c.next()
		if err != nil {
			return 0, nil, c.failed("read", err)
		}
		if ok {
			return copy(b, a.data), net.UDPAddrFromAddrPort(a.from), nil
		}
		if !c.wait(wait, deadline) {
			return 0, nil, c.failed("read", os.ErrDeadlineExceeded)
		}
	}
}

// next returns a packet, or the channel and the deadline to wait for.
func (c *Conn) next() (a arrival, ok bool, wait chan struct{}, deadline time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return a, false, nil, deadline, net.ErrClosed
	case !c.deadline.IsZero() && !time.Now().Before(c.deadline):
		return a, false, nil, deadline, os.ErrDeadlineExceeded
	case len(c.queue) > 0:
		a = c.queue[0]
		c.queue = c.queue[1:]
		return a, true, nil, deadline, nil
	}
	return a, false, c.arrived, c.deadline, nil
}

// wait waits for a change. It returns false if the deadline passes first.
func (c *Conn) wait(change chan struct{}, deadline time.Time) bool {
	if deadline.IsZero() {
		<-change
		return true
	}
	t := time.NewTimer(time.Until(deadline))
	defer t.Stop()
	select {
	case <-change:
		return true
	case <-t.C:
		return false
	}
}

// WriteTo sends a packet to a *net.UDPAddr. A packet that the network loses is no
// error.
func (c *Conn) WriteTo(b []byte, to net.Addr) (int, error) {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return 0, c.failed("write", net.ErrClosed)
	}
	u, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, c.failed("write", net.InvalidAddrError("not a UDP address"))
	}
	a := u.AddrPort()
	c.network.send(c.local, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), b)
	return len(b), nil
}

// Close closes the socket and frees its port. A second Close is an error.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return c.failed("close", net.ErrClosed)
	}
	c.closed = true
	c.changed()
	c.mu.Unlock()
	c.network.forget(c.local)
	return nil
}

// LocalAddr returns the address of the socket, a *net.UDPAddr.
func (c *Conn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.local) }

// SetReadDeadline sets the deadline of ReadFrom, also of a ReadFrom that is
// waiting. The zero time means no deadline.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	c.changed()
	return nil
}

// SetDeadline is SetReadDeadline: a write never waits.
func (c *Conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetWriteDeadline does nothing: a write never waits.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

func (c *Conn) failed(op string, err error) error {
	return &net.OpError{Op: op, Net: "udp", Source: c.LocalAddr(), Err: err}
}
