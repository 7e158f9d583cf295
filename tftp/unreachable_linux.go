package tftp

import (
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// wantUnreachable makes the kernel keep the ICMP messages about packets of this
// socket (IP_RECVERR, ip(7)). An IPv6 socket gets those about IPv4 as well.
func wantUnreachable(fd int) {
	unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
	unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
}

// allowFragments makes routers fragment large packets. By default, Linux forbids that
// and waits for the ICMP message "fragmentation needed", which many firewalls drop.
func allowFragments(fd int) {
	unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT)
}

// allowFragmentsOf is allowFragments for a socket of the Go runtime.
func allowFragmentsOf(c *net.UDPConn) {
	if raw, err := c.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { allowFragments(int(fd)) })
	}
}

// The ICMP messages that say that nobody listens on a port (RFC 792, RFC 4443).
const (
	unreachable4     = 3 // ICMP type destination unreachable
	portUnreachable4 = 3
	unreachable6     = 1 // ICMPv6 type destination unreachable
	portUnreachable6 = 4
)

// closedPeer returns the address in the next ICMP message that a peer's port is
// closed. It skips other messages. ok is false when no message is left.
func (p *port) closedPeer() (peer netip.AddrPort, ok bool) {
	var from rawAddress
	var oob [256]byte
	var discard [1]byte
	iov := unix.Iovec{Base: &discard[0]}
	iov.SetLen(len(discard))
	for {
		h := unix.Msghdr{Name: (*byte)(unsafe.Pointer(&from.sockaddr)), Namelen: unix.SizeofSockaddrInet6, Iov: &iov, Control: &oob[0]}
		h.SetIovlen(1)
		h.SetControllen(len(oob))
		_, _, errno := syscall.RawSyscall(unix.SYS_RECVMSG, uintptr(p.fd), uintptr(unsafe.Pointer(&h)), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		if errno != 0 {
			return netip.AddrPort{}, false
		}
		if isPortUnreachable(oob[:h.Controllen]) {
			return from.addrPort(), true
		}
	}
}

func isPortUnreachable(oob []byte) bool {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return false
	}
	for _, m := range messages {
		four := m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_RECVERR
		six := m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_RECVERR
		if !four && !six || len(m.Data) < int(unsafe.Sizeof(unix.SockExtendedErr{})) {
			continue
		}
		e := (*unix.SockExtendedErr)(unsafe.Pointer(&m.Data[0]))
		switch e.Origin {
		case unix.SO_EE_ORIGIN_ICMP:
			return e.Type == unreachable4 && e.Code == portUnreachable4
		case unix.SO_EE_ORIGIN_ICMP6:
			return e.Type == unreachable6 && e.Code == portUnreachable6
		}
	}
	return false
}
