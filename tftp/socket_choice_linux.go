package tftp

import (
	"net"
	"net/netip"
)

// listenerLink is the link of the listening socket: a port if it is a UDP
// socket of the system and the others are to be like it.
func listenerLink(c net.PacketConn, plain bool) link {
	if udp, ok := c.(*net.UDPConn); ok && !plain {
		if p, err := sharePort(udp); err == nil {
			return p
		}
	}
	return newSocket(c, true)
}

// transferLink opens a link like the listening one.
func transferLink(listener link, local netip.AddrPort) (link, error) {
	if p, ok := listener.(*port); ok {
		return openPort(local, p.six && isV6Only(p.fd))
	}
	return openSocket(local)
}

// newReader reads the links of the loops.
func newReader(loops []*loop) (reader, error) {
	if _, ok := loops[0].link.(*port); ok {
		return newPoller(loops)
	}
	return &socketReader{loops: loops}, nil
}
