package tftp

import (
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// enableArrivals makes the kernel report the destination address of each datagram
// (ip(7), ipv6(7)). If it cannot, Request.Local stays invalid.
func enableArrivals(fd int) {
	unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
}

// isV6Only reports whether an IPv6 socket refuses IPv4.
func isV6Only(fd int) bool {
	only, _ := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
	return only != 0
}

// parseArrival reads the control messages of a datagram.
func parseArrival(oob []byte) arrival {
	var a arrival
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return a
	}
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_PKTINFO && len(m.Data) >= unix.SizeofInet4Pktinfo:
			// struct in_pktinfo: ifindex, address to reply from, destination of the header
			spec, dst := netip.AddrFrom4([4]byte(m.Data[4:8])), netip.AddrFrom4([4]byte(m.Data[8:12]))
			if spec.IsUnspecified() && isOurs(dst) {
				spec = dst // arrived before enableArrivals: only the header has the address
			}
			a.local, a.ifindex = spec, int(hostUint32(m.Data))
			a.group = dst != spec
		case m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_PKTINFO && len(m.Data) >= unix.SizeofInet6Pktinfo:
			dst := netip.AddrFrom16([16]byte(m.Data[:16]))
			a.ifindex = int(hostUint32(m.Data[16:]))
			if !dst.Is4In6() { // for IPv4, the message IP_PKTINFO has more details
				a.local, a.group = dst, dst.IsMulticast()
			}
		}
	}
	return a
}

// isOurs reports whether a is an address of this host, and not a broadcast or
// multicast address that it receives.
func isOurs(a netip.Addr) bool {
	list, err := net.InterfaceAddrs()
	if err != nil || a.IsLoopback() {
		return a.IsLoopback()
	}
	for _, l := range list {
		if n, ok := l.(*net.IPNet); ok && n.IP.Equal(a.AsSlice()) {
			return true
		}
	}
	return false
}

// controlFor builds the control message that sets a packet's source address to
// the address that received the request. six is true for an IPv6 socket, which
// needs IPv4 addresses in mapped form.
func controlFor(a arrival, six bool) []byte {
	switch {
	case !a.local.IsValid():
		return nil
	case !six:
		return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: a.local.As4()})
	}
	info := &unix.Inet6Pktinfo{Addr: a.local.As16()}
	if a.local.IsLinkLocalUnicast() && a.local.Is6() {
		info.Ifindex = uint32(a.ifindex)
	}
	return unix.PktInfo6(info)
}

func hostUint32(b []byte) uint32 { return binary.NativeEndian.Uint32(b) }
