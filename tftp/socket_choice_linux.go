package tftp

import (
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// openFiles returns how many files this process may open.
func openFiles() int {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil {
		return 1024
	}
	return int(min(r.Cur, 1<<20))
}

// listenerLink returns the link of the listening socket: a port if c is a UDP
// socket of the system. plain requests a socket in any case, because the other
// sockets come from Server.Listen.
func listenerLink(c net.PacketConn, plain bool) link {
	if udp, ok := c.(*net.UDPConn); ok && !plain {
		if p, err := sharePort(udp); err == nil {
			return p
		}
	}
	return newSocket(c, true)
}

// transferLink opens a link of the same kind as the listener.
func transferLink(listener link, local netip.AddrPort) (link, error) {
	if p, ok := listener.(*port); ok {
		return openPort(local, p.six && isV6Only(p.fd))
	}
	return openSocket(local)
}

// newReader returns the reader for the links of the loops.
func newReader(loops []*loop) (reader, error) {
	if _, ok := loops[0].link.(*port); ok {
		return newPoller(loops)
	}
	return &socketReader{loops: loops}, nil
}
