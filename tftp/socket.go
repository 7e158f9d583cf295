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

// datagram is a received datagram. Its bytes are valid until the next read.
type datagram struct {
	b    []byte
	from netip.AddrPort // IPv4 addresses are never mapped into IPv6
	raw  rawAddress     // from, in the form of the system; only set by a port
	info []byte         // ancillary data; only set by a port
	to   arrival        // what link.arrival returned, for a request and for a packet of a stranger
}

// arrival has the local side of a received datagram.
type arrival struct {
	local   netip.Addr // destination address of the datagram; invalid: unknown
	ifindex int        // receiving interface; 0: unknown
	group   bool       // sent to a broadcast or multicast address
}

// destination is the target of the packets of a session.
type destination struct {
	to       netip.AddrPort
	raw      rawAddress // to, in the form of the system; only used by a port
	control  []byte     // ancillary data that chooses the source address; may be nil
	separate bool       // the path does not support segmentation offload (GSO)
}

// link sends the packets of a loop. A packet that cannot be sent counts as lost:
// the timers repeat it.
type link interface {
	send(r run, d *destination)
	// hold delays the following packets until flush sends them in one call.
	hold()
	flush()
	// arrival returns the local side of a datagram that this link received.
	arrival(d *datagram) arrival
	// destination returns the target for answers to a datagram whose arrival is set.
	destination(d *datagram) destination
	receiveBuffer() int // bytes; 0: unknown
	close()
}

// socketBuffer is the requested size of each socket buffer in bytes.
const socketBuffer = 4 << 20

// socket is a link on any net.PacketConn.
type socket struct {
	conn net.PacketConn
	udp  *net.UDPConn // nil: conn is not a UDP socket of the system
	kept bool         // the caller closes conn
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
		s.udp.SetReadBuffer(socketBuffer) // best effort: the system may grant less
		s.udp.SetWriteBuffer(socketBuffer)
		allowFragmentsOf(s.udp)
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

func (s *socket) arrival(*datagram) arrival { return arrival{} }

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
	stop()                // stops reading and waits for the goroutines
	add(l *loop) error    // reads one more loop; called by the goroutine that reads the listener
	remove(l *loop)       // stops reading a loop that was added, and closes its link
	round() chan struct{} // closed when the goroutine that reads all loops begins its next round; nil: there is no such goroutine
}

// socketReader reads each socket in a goroutine.
type socketReader struct {
	loops []*loop
	wg    sync.WaitGroup
}

func (r *socketReader) add(l *loop) error {
	r.wg.Go(func() { r.read(l, l.link.(*socket)) })
	return nil
}

func (r *socketReader) remove(l *loop) { l.link.close() }

func (r *socketReader) round() chan struct{} { return nil }

func (r *socketReader) start() {
	for _, l := range r.loops {
		r.add(l)
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
		case errors.Is(err, os.ErrDeadlineExceeded):
			return
		case errors.Is(err, net.ErrClosed):
			if l.shared() { // a port with one transfer is closed when that is over
				l.engine.fail(fmt.Errorf("the socket: %w", err))
			}
			return
		default: // an ICMP message about one peer appears as an error of the socket
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

// unmapped converts an IPv4-mapped IPv6 address to IPv4.
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
