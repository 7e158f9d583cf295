//go:build linux

package tftp_test

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"flashwarden/internal/netlab"
	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
)

// The ends of the cable. The loopback addresses of the tests' peers, 127.0.0.N,
// are 10.99.0.N on it.
const (
	cableServer = "10.99.0.1"
	cablePeer   = "10.99.0.2"
	cablePeers  = 9
)

// TestAcrossCable runs the tests of conformance once more between two hosts: a
// server in one network namespace, its peers in another, a pair of veth
// interfaces between them.
func TestAcrossCable(t *testing.T) {
	testlevel.NeedFull(t, "the conformance once more")
	lab := netlab.New(t)
	server, peers := lab.Host("server"), lab.Host("peers")
	lab.Cable(server, cableServer+"/24", peers, cablePeer+"/24")
	var addresses []string
	for n := 3; n <= cablePeers; n++ {
		addresses = append(addresses, fmt.Sprintf("address add 10.99.0.%d/24 dev server", n))
	}
	peers.IP(addresses...)
	elsewhere = func(t *testing.T, s *tftp.Server) *world {
		t.Helper()
		for i, p := range s.Allow {
			s.Allow[i] = netip.PrefixFrom(onCable(p.Addr()), p.Bits())
		}
		w := &world{t: t, events: watch(s), real: true, listen: on(server), within: server.Do}
		w.run(s, cableServer+":0")
		w.listen = func(a netip.AddrPort) (net.PacketConn, error) {
			return on(peers)(netip.AddrPortFrom(onCable(a.Addr()), a.Port()))
		}
		return w
	}
	defer func() { elsewhere = nil }()
	for name, test := range map[string]func(*testing.T){
		"Requests": TestRequests, "Options": TestOptions, "Receiving": TestReceiving, "Sending": TestSending, "Sessions": TestSessions, "Directory": TestDirectory,
	} {
		t.Run(name, test)
	}
}

// on opens sockets on a host.
func on(h *netlab.Host) func(netip.AddrPort) (net.PacketConn, error) {
	return func(a netip.AddrPort) (c net.PacketConn, err error) {
		h.Do(func() { c, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(a)) })
		return c, err
	}
}

// onCable is the address of a peer.
func onCable(a netip.Addr) netip.Addr {
	b := a.As4()
	if a.IsLoopback() && b[3] > 1 {
		return netip.AddrFrom4([4]byte{10, 99, 0, b[3]})
	}
	return netip.MustParseAddr(cablePeer)
}
