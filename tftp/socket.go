package tftp

import (
	"net"
	"net/netip"
)

// datagram is one that arrived. Its bytes are valid until the next read.
type datagram struct {
	b    []byte
	from netip.AddrPort // IPv4 addresses are never mapped into IPv6
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
	to      netip.AddrPort
	addr    net.Addr // the same, for a socket that is not UDP of the system
	control []byte   // ancillary data that chooses the source address; may be nil
}

// sender is where an answer to the datagram goes.
func (d *datagram) sender() destination {
	return destination{to: d.from, addr: net.UDPAddrFromAddrPort(d.from)}
}

// socket reads and writes datagrams on a UDP socket of the system or on any
// other net.PacketConn.
type socket struct {
	conn     net.PacketConn
	udp      *net.UDPConn // nil: not of the system
	wildcard bool         // bound to no address: replies must choose theirs
	six      bool         // an IPv6 socket, which may carry IPv4 as well
	in       []datagram
	buf      []byte
	oob      []byte
}

// newSocket prepares a socket for use. arrivals: tell the address that was
// asked.
func newSocket(c net.PacketConn, arrivals bool) *socket {
	s := &socket{conn: c, in: make([]datagram, 1), buf: make([]byte, maxDatagram+1)}
	s.udp, _ = c.(*net.UDPConn)
	if s.udp == nil {
		return s
	}
	if a, ok := c.LocalAddr().(*net.UDPAddr); ok {
		s.wildcard = a.IP.IsUnspecified() || a.IP == nil
		s.six = a.IP.To4() == nil
	}
	if arrivals {
		enableArrivals(s.udp)
		s.oob = make([]byte, 128)
	}
	s.udp.SetReadBuffer(socketBuffer) // best effort: what the system grants is what there is
	s.udp.SetWriteBuffer(socketBuffer)
	return s
}

// socketBuffer is what is asked of the system for each direction, in bytes.
const socketBuffer = 4 << 20

// read waits for datagrams and gives their number.
func (s *socket) read() (int, error) {
	d := &s.in[0]
	*d = datagram{}
	if s.udp == nil {
		n, from, err := s.conn.ReadFrom(s.buf)
		if err != nil {
			return 0, err
		}
		d.b, d.from = s.buf[:n], addrPortOf(from)
		return 1, nil
	}
	n, oobn, _, from, err := s.udp.ReadMsgUDPAddrPort(s.buf, s.oob)
	if err != nil {
		return 0, err
	}
	d.b, d.from = s.buf[:n], unmapped(from)
	if oobn > 0 {
		d.to = parseArrival(s.oob[:oobn])
	}
	return 1, nil
}

// send sends a run of packets. A packet that cannot be sent is a packet lost:
// the timers repeat it.
func (s *socket) send(r run, d destination) {
	for b := r.b; len(b) > 0; {
		n := min(r.size, len(b))
		if s.udp != nil {
			s.udp.WriteMsgUDPAddrPort(b[:n], d.control, d.to)
		} else {
			s.conn.WriteTo(b[:n], d.addr)
		}
		b = b[n:]
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
