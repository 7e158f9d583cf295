// Package intake takes the connections of devices that send files. It closes each connection
// at once while no file is expected, and those over its limits.
package intake

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"

	"flashwarden/internal/accept"
)

// Gate takes connections. Its fields are set before Take.
type Gate struct {
	// Expects reports whether any file is expected, and whether one is from this address.
	Expects func(from netip.Addr) (device, any bool)
	// MaxConns limits the connections; 0: 512. PerSource limits those of one address; 0: 16.
	// Strangers limits those of all addresses from which no file is expected; 0: 64.
	MaxConns, PerSource, Strangers int
	Log                            *slog.Logger

	wg        sync.WaitGroup
	mu        sync.Mutex
	all       int // connections
	strangers int // of them, those from addresses of no ticket
	source    map[netip.Addr]int
}

// Take takes connections of l until it is closed or fails, and returns that error. It calls
// welcome for each connection within the limits, in a goroutine of its own. The connection
// counts until it is closed. Errors of accept(2) that pass are waited out; see package accept.
func (g *Gate) Take(l net.Listener, welcome func(net.Conn)) error {
	g.wg.Add(1) // a connection that is taken while l is closed must not be the first that Wait counts
	defer g.wg.Done()
	l = &accept.Listener{Listener: l, Log: g.Log}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		g.wg.Go(func() { g.admit(c, welcome) })
	}
}

// Wait waits until neither Take nor a welcome is running.
func (g *Gate) Wait() { g.wg.Wait() }

// admit passes a connection on, if any file is expected and the limits permit.
func (g *Gate) admit(raw net.Conn, welcome func(net.Conn)) {
	from := Address(raw.RemoteAddr())
	device, any := g.Expects(from)
	if !any || !g.enter(from, !device) {
		g.Log.Debug("connection refused", "remote", raw.RemoteAddr(), "expected", any)
		raw.Close()
		return
	}
	welcome(&conn{Conn: raw, leave: sync.OnceFunc(func() { g.leave(from, !device) })})
}

// enter counts a connection, unless there are too many. Strangers leave room for devices.
func (g *Gate) enter(from netip.Addr, stranger bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.all >= limit(g.MaxConns, 512) || g.source[from] >= limit(g.PerSource, 16) || stranger && g.strangers >= limit(g.Strangers, 64) {
		return false
	}
	if g.source == nil {
		g.source = make(map[netip.Addr]int)
	}
	g.all++
	g.source[from]++
	if stranger {
		g.strangers++
	}
	return true
}

func (g *Gate) leave(from netip.Addr, stranger bool) {
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

func limit(set, otherwise int) int {
	if set > 0 {
		return set
	}
	return otherwise
}

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

// Address returns the IP address of a peer; the zero one if it has none.
func Address(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
