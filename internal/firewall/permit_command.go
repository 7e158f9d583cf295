package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"flashwarden/tftp"
)

// TFTPPort is the UDP port to which devices send their requests.
const TFTPPort = 69

// Ports are the ports that a firewall must open: of UDP, and of TCP where a server listens.
type Ports struct {
	Listen    uint16         // of the TFTP server
	Transfers tftp.PortRange // transfer IDs; not zero
	HTTPS     uint16         // TCP port of the HTTPS server; 0: none
	SCP       uint16         // TCP port of the SCP server; 0: none
}

// SCPPort is the TCP port to which devices send by SCP. On most hosts it is that of an SSH server for
// people, too: no rule closes it.
const SCPPort = 22

// tcp returns the TCP ports to open for the devices.
func (p Ports) tcp() []uint16 {
	return slices.DeleteFunc([]uint16{p.HTTPS, p.SCP}, func(port uint16) bool { return port == 0 })
}

// closed returns those of tcp that the rules close for everybody else.
func (p Ports) closed() []uint16 {
	return slices.DeleteFunc(p.tcp(), func(port uint16) bool { return port == SCPPort })
}

// redirects returns the redirects that the servers need.
func (p Ports) redirects() (all []redirect) {
	if p.Listen != TFTPPort {
		all = append(all, redirect{"TFTP", "to_server", "udp", TFTPPort, p.Listen})
	}
	if p.SCP != 0 && p.SCP != SCPPort {
		all = append(all, redirect{"SCP", "to_scp", "tcp", SCPPort, p.SCP})
	}
	return all
}

// redirect brings what devices send to one port to another. chain is its name in nftables.
type redirect struct {
	server, chain, protocol string
	from, to                uint16
}

// list returns the ports to which devices send or, for answers, from which this
// host sends. sep separates the ends of the range.
func (p Ports) list(sep string, answers bool) []string {
	var all []string
	if !answers {
		all = append(all, fmt.Sprint(TFTPPort))
		if p.Listen != TFTPPort {
			all = append(all, fmt.Sprint(p.Listen))
		}
	}
	ids := fmt.Sprint(p.Transfers.First)
	if p.Transfers.Last != p.Transfers.First {
		ids += sep + fmt.Sprint(p.Transfers.Last)
	}
	return append(all, ids)
}

// Permit returns the command that inserts a rule at the start of this chain. The
// rule permits TFTP with the devices: their datagrams, or this host's answers if the
// chain is for outgoing datagrams. Commands of several lines are possible.
func (p Place) Permit(devices []netip.Addr, ports Ports) string {
	answers := p.Hook == Output || p.Hook == Postrouting
	v4, v6 := byFamily(devices)
	switch p.Tool {
	case "nft":
		return p.permitNFT(v4, v6, ports, answers)
	case "ufw":
		return permitUFW(slices.Concat(v4, v6), ports, answers)
	}
	addresses, side, direction := v4, "-s", "--dports"
	if strings.HasPrefix(p.Tool, "ip6tables") {
		addresses = v6
	}
	if answers {
		side, direction = "-d", "--sports"
	}
	return fmt.Sprintf("%s -t %s -I %s %s %s -p udp -m multiport %s %s -j ACCEPT", p.Tool, p.Table, p.Chain, side,
		join(addresses, ","), direction, strings.Join(ports.list(":", answers), ","))
}

func (p Place) permitNFT(v4, v6 []netip.Addr, ports Ports, answers bool) string {
	side, direction := "saddr", "dport"
	if answers {
		side, direction = "daddr", "sport"
	}
	var lines []string
	for _, f := range []struct {
		protocol  string
		addresses []netip.Addr
	}{{"ip", v4}, {"ip6", v6}} {
		if len(f.addresses) > 0 {
			lines = append(lines, fmt.Sprintf("nft 'insert rule %s %s %s %s %s { %s } udp %s { %s } accept'", p.Family, p.Table, p.Chain,
				f.protocol, side, join(f.addresses, ", "), direction, strings.Join(ports.list("-", answers), ", ")))
		}
	}
	return strings.Join(lines, "\n")
}

func permitUFW(devices []netip.Addr, ports Ports, answers bool) string {
	var lines []string
	for _, a := range devices {
		line := fmt.Sprintf("ufw prepend allow proto udp from %s to any port %s", a, strings.Join(ports.list(":", false), ","))
		if answers {
			line = fmt.Sprintf("ufw prepend allow out proto udp from any port %s to %s", strings.Join(ports.list(":", true), ","), a)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// byFamily splits addresses into IPv4 and IPv6, sorted, without duplicates and
// zones.
func byFamily(all []netip.Addr) (v4, v6 []netip.Addr) {
	for _, a := range all {
		if a = a.Unmap().WithZone(""); a.Is4() {
			v4 = append(v4, a)
		} else {
			v6 = append(v6, a)
		}
	}
	for _, list := range []*[]netip.Addr{&v4, &v6} {
		slices.SortFunc(*list, netip.Addr.Compare)
		*list = slices.Compact(*list)
	}
	return v4, v6
}

func join(all []netip.Addr, sep string) string {
	words := make([]string, len(all))
	for i, a := range all {
		words[i] = a.String()
	}
	return strings.Join(words, sep)
}
