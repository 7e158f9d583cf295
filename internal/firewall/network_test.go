package firewall

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"flashwarden/internal/netlab"
	"flashwarden/internal/testlevel"
)

// TestMain runs more tests side by side than there are processors: they wait for lost datagrams.
func TestMain(m *testing.M) {
	testlevel.SideBySide()
	m.Run()
}

// network is this host, with the rules, and one host that has the addresses of the
// devices.
type network struct {
	t             *testing.T
	host, devices *netlab.Host
	ufwFiles      string // the copy of /etc/ufw; empty: none yet
}

// The addresses of the network.
var (
	hostV4, deviceV4, strangerV4 = netip.MustParseAddr("10.77.0.1"), netip.MustParseAddr("10.77.0.2"), netip.MustParseAddr("10.77.0.130")
	hostV6, deviceV6, strangerV6 = netip.MustParseAddr("fd77::1"), netip.MustParseAddr("fd77::2"), netip.MustParseAddr("fd77::130")
)

// uplink is the interface of the host. It has the name of the other end.
const uplink = "devices"

func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := find(p); err != nil {
			testlevel.Missing(t, "needs "+p)
		}
	}
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	lab := netlab.New(t)
	n := &network{t: t, host: lab.Host("host"), devices: lab.Host(uplink)}
	lab.Cable(n.host, hostV4.String()+"/24", n.devices, deviceV4.String()+"/24")
	// Rules that drop everything drop the search for neighbours, too.
	const hostMAC, deviceMAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
	lines := []string{"link set dev " + uplink + " address " + hostMAC, "addr add " + hostV6.String() + "/64 dev " + uplink + " nodad"}
	for _, a := range []netip.Addr{deviceV4, strangerV4, deviceV6, strangerV6} {
		lines = append(lines, neighbour(a, deviceMAC, uplink))
	}
	n.host.IP(lines...)
	n.devices.IP("link set dev host address "+deviceMAC, "addr add "+strangerV4.String()+"/24 dev host",
		"addr add "+deviceV6.String()+"/64 dev host nodad", "addr add "+strangerV6.String()+"/64 dev host nodad",
		neighbour(hostV4, hostMAC, "host"), neighbour(hostV6, hostMAC, "host"))
	return n
}

// neighbour is the line of ip(8) that sets the link address of a neighbour.
func neighbour(a netip.Addr, mac, dev string) string {
	return fmt.Sprintf("neigh replace %s lladdr %s dev %s nud permanent", a, mac, dev)
}

// read reads the rules of the host.
func (n *network) read() *Ruleset {
	n.t.Helper()
	var r *Ruleset
	var err error
	n.host.Do(func() { r, err = Read(n.t.Context()) })
	if err != nil {
		n.t.Fatal(err)
	}
	return r
}

// socket opens a UDP socket on a host.
func (n *network) socket(h *netlab.Host, at netip.AddrPort) *net.UDPConn {
	n.t.Helper()
	var c *net.UDPConn
	var err error
	h.Do(func() { c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at)) })
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { c.Close() })
	return c
}
