package tftp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// datagram is one that arrived. Its bytes are valid until the next read.
type datagram struct {
	b    []byte
	from netip.AddrPort // IPv4 addresses are never mapped into IPv6
	raw  rawAddress     // the same as the system writes it, if it came from a port
	to   arrival
}

// arrival says how a datagram came in.
type arrival struct {
	local   netip.Addr // address it was sent to; invalid when the socket cannot tell
	ifindex int        // interface it came in by; 0 when unknown
	group   bool       // sent to a broadcast or multicast address
}

// destination is where the packets of a session go.
type destination struct {
	to       netip.AddrPort
	raw      rawAddress // the same, for a port
	control  []byte     // ancillary data that chooses the source address; may be nil
	separate bool       // the path takes no runs of packets at once (GSO)
}

// link is what a loop sends on. A packet that cannot be sent is a packet lost:
// the timers repeat it.
type link interface {
	send(r run, d *destination)
	// hold lets what is sent wait for flush, which sends it in one call.
	hold()
	flush()
	// destination is where and how answers to a datagram leave.
	destination(d *datagram) destination
	receiveBuffer() int // bytes; 0: unknown
	close()
}

// socketBuffer is what is asked of the system for each direction, in bytes.
const socketBuffer = 4 << 20

// socket is a link on any net.PacketConn.
type socket struct {
	conn net.PacketConn
	udp  *net.UDPConn // nil: not of the system
	kept bool         // not ours to close
	in   [1]datagram
	buf  []byte
}

// openSocket opens a UDP socket of the system.
func openSocket(local netip.AddrPort) (*socket, error) {
	network := "udp"
	if local.Addr().Is4() {
		network = "udp4"
	}
	c, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(local))
	if err != nil {
		return nil, err
	}
	return newSocket(c, false), nil
}

func newSocket(c net.PacketConn, kept bool) *socket {
	s := &socket{conn: c, kept: kept, buf: make([]byte, maxDatagram+1)}
	if s.udp, _ = c.(*net.UDPConn); s.udp != nil {
		s.udp.SetReadBuffer(socketBuffer) // best effort: what the system grants is what there is
		s.udp.SetWriteBuffer(socketBuffer)
	}
	return s
}

// read waits for a datagram.
func (s *socket) read() ([]datagram, error) {
	d := &s.in[0]
	if s.udp != nil {
		n, from, err := s.udp.ReadFromUDPAddrPort(s.buf)
		d.b, d.from = s.buf[:n], unmapped(from)
		return s.in[:], err
	}
	n, from, err := s.conn.ReadFrom(s.buf)
	if err != nil {
		return nil, err
	}
	d.b, d.from = s.buf[:n], addrPortOf(from)
	return s.in[:], nil
}

func (s *socket) send(r run, d *destination) {
	for b := r.b; len(b) > 0; {
		n := min(r.size, len(b))
		if s.udp != nil {
			s.udp.WriteToUDPAddrPort(b[:n], d.to)
		} else {
			s.conn.WriteTo(b[:n], net.UDPAddrFromAddrPort(d.to))
		}
		b = b[n:]
	}
}

func (s *socket) hold() {}

func (s *socket) flush() {}

func (s *socket) destination(d *datagram) destination { return destination{to: d.from} }

func (s *socket) receiveBuffer() int { return 0 }

func (s *socket) close() {
	if !s.kept {
		s.conn.Close()
	}
}

// reader reads the links of all loops.
type reader interface {
	start()
	stop() // ends the reading and waits for that
}

// socketReader reads each socket in a goroutine.
type socketReader struct {
	loops []*loop
	wg    sync.WaitGroup
}

func (r *socketReader) start() {
	for _, l := range r.loops {
		r.wg.Go(func() { r.read(l, l.link.(*socket)) })
	}
}

func (r *socketReader) read(l *loop, s *socket) {
	failures := 0
	for {
		in, err := s.read()
		switch {
		case err == nil:
			failures = 0
			l.handle(in)
		case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded):
			return
		default: // an ICMP message about one peer comes out as an error of the socket
			if failures++; failures > 100 {
				l.engine.fail(fmt.Errorf("read: %w", err))
				return
			}
		}
	}
}

func (r *socketReader) stop() {
	for _, l := range r.loops {
		l.link.(*socket).conn.SetReadDeadline(time.Unix(1, 0))
	}
	r.wg.Wait()
	for _, l := range r.loops {
		l.link.(*socket).conn.SetReadDeadline(time.Time{})
	}
}

// unmapped gives an IPv4 address its own form.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func addrPortOf(a net.Addr) netip.AddrPort {
	if u, ok := a.(*net.UDPAddr); ok {
		return unmapped(u.AddrPort())
	}
	p, _ := netip.ParseAddrPort(a.String())
	return unmapped(p)
}
