package tftp

import (
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pairAfter is how many datagrams in a row the only transfer has brought when it
// gets a companion: shorter ones would not win back what that costs.
const pairAfter = 1024

// companion is a second socket on a transfer's port, connected to the peer of
// that transfer. The kernel gives it this peer's packets, and need not look for
// the way to the peer with each answer. Nothing depends on it: a transfer that
// gets none goes on over the port that all share.
type companion struct {
	port *port
	loop *loop
	s    *session
}

// pair gives the session that a datagram is for a companion, and tells where its
// next one will come in. It is to be called before the datagram is answered: a
// peer in lockstep then has nothing on its way, which would be read after what
// follows it.
func (p *poller) pair(from inlet, d *datagram) inlet {
	l := from.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sessions[d.from]
	if s == nil {
		return from
	}
	own, err := l.link.(*port).connected(s.req.Local, &s.dest)
	if err != nil {
		return from
	}
	if err := p.add(own.fd, companionIndex); err != nil {
		own.close()
		return from
	}
	p.part(l)
	p.companion = companion{own, l, s}
	s.dest.own = own
	return inlet{l, own}
}

// part closes the companion. held is the loop whose lock the caller holds.
func (p *poller) part(held *loop) {
	c := p.companion
	if c.port == nil {
		return
	}
	if c.loop != held {
		c.loop.mu.Lock()
		defer c.loop.mu.Unlock()
	}
	c.s.dest.own = nil
	c.port.close()
	p.companion = companion{}
}

// connected opens a socket on the same port, with the address that was asked,
// and connects it to a peer.
func (p *port) connected(asked netip.Addr, to *destination) (*port, error) {
	local, err := p.localAddress(asked)
	if err != nil {
		return nil, err
	}
	family := unix.AF_INET
	if p.six {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := p.join(fd, local, to); err != nil {
		unix.Close(fd)
		return nil, err
	}
	own := newPort(fd, asked)
	own.connection = true
	return own, nil
}

// join binds fd beside the port and connects it. The port admits it for that
// moment only (SO_REUSEPORT, socket(7)): nobody else is to share it.
func (p *port) join(fd int, local unix.Sockaddr, to *destination) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return err
	}
	err := unix.Bind(fd, local)
	if off := unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 0); err == nil {
		err = off
	}
	if err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 0); err != nil {
		return err
	}
	_, _, errno := syscall.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&to.raw.sockaddr)), uintptr(to.raw.size))
	if errno != 0 {
		return errno
	}
	return nil
}

// localAddress is the port's own, with the address that was asked in the place
// of a wildcard.
func (p *port) localAddress(asked netip.Addr) (unix.Sockaddr, error) {
	local, err := unix.Getsockname(p.fd)
	if err != nil || !p.wildcard {
		return local, err
	}
	if !asked.IsValid() || asked.IsLinkLocalUnicast() {
		return nil, unix.EADDRNOTAVAIL
	}
	switch a := local.(type) {
	case *unix.SockaddrInet4:
		a.Addr = asked.As4()
	case *unix.SockaddrInet6:
		a.Addr = asked.As16()
	}
	return local, nil
}
