package firewall

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"flashwarden/tftp"
)

// Formats returns the formats that Rules can write.
func Formats() []string { return []string{"nft", "iptables", "ufw"} }

// Host is a device that the rules permit.
type Host struct {
	Name    string     // in the inventory
	Address netip.Addr // the permitted address
	Asked   string     // the host name that resolved to Address; empty: none
}

// ErrNobody reports that there is no device to permit.
var ErrNobody = errors.New("there is no address to permit")

// Rules returns rules that open the TFTP server's port and the transfer IDs for the
// devices only. They change nothing else, and can be loaded again without effect.
// It returns ErrNobody without devices, and an error for an unknown format.
func Rules(format string, devices []Host, ports Ports) (string, error) {
	if len(devices) == 0 {
		return "", ErrNobody
	}
	devices = slices.SortedStableFunc(slices.Values(devices), func(a, b Host) int { return a.Address.Unmap().Compare(b.Address.Unmap()) })
	addresses := make([]netip.Addr, len(devices))
	for i, d := range devices {
		addresses[i] = d.Address
	}
	v4, v6 := byFamily(addresses)
	switch format {
	case "nft":
		return heading("# Load with: nft -f FILE. Loading replaces the table.", devices, ports) + nftRules(v4, v6, ports), nil
	case "iptables":
		return heading("# Load with: sh FILE. Loading replaces the chains.", devices, ports) + iptablesRules(v4, v6, ports), nil
	case "ufw":
		return heading("# Load with: sh FILE. ufw skips existing rules. To remove an old device:\n# ufw status numbered, then ufw delete N", devices, ports) +
			ufwRules(devices, ports), nil
	}
	return "", fmt.Errorf("unknown format %q of rules; valid formats: %s", format, strings.Join(Formats(), ", "))
}

// heading is a comment with the devices that the rules permit, and with the lines that
// other firewalls need.
func heading(load string, devices []Host, ports Ports) string {
	var b strings.Builder
	b.WriteString("# " + servers(ports) + " for flashwarden, only for the devices of the inventory.\n" + load + "\n")
	for _, d := range devices {
		fmt.Fprintf(&b, "# %s is %s", d.Name, d.Address.Unmap().WithZone(""))
		if d.Asked != "" {
			fmt.Fprintf(&b, " (from the host name %s)", d.Asked)
		}
		b.WriteString("\n")
	}
	b.WriteString("# These rules are for this host. An access list between this host and a device\n# needs both directions, here in the words of Cisco IOS:\n")
	for _, line := range slices.Concat(accessList("DEVICE", "SERVER", ports.Transfers), tcpAccessList(ports)) {
		b.WriteString("#   " + line + "\n")
	}
	if ports.SCP != 0 && ports.SCP != SCPPort {
		b.WriteString("# Devices send by SCP to TCP 22. These rules redirect that, so ssh from a device\n# to this host ends at flashwarden. For all others TCP 22 stays as it is.\n")
	}
	return b.String()
}

// servers returns the names of the servers that the rules open.
func servers(ports Ports) string {
	names := []string{"TFTP"}
	if ports.SCP != 0 {
		names = append(names, "SCP")
	}
	if ports.HTTPS != 0 {
		names = append(names, "HTTPS")
	}
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// accessList returns the lines of an access list of Cisco IOS that let TFTP pass between a
// device and a server: requests, packets of the device, and packets of the server.
func accessList(device, server string, transfers tftp.PortRange) []string {
	ids := Ports{Transfers: transfers}.list(" ", true)[0]
	match := "eq " + ids
	if strings.Contains(ids, " ") {
		match = "range " + ids
	}
	return []string{
		fmt.Sprintf("permit udp host %s host %s eq tftp", device, server),
		fmt.Sprintf("permit udp host %s host %s %s", device, server, match),
		fmt.Sprintf("permit udp host %s %s host %s", server, match, device),
	}
}

// tcpAccessList is accessList for the servers over TCP; none without them. On the way to this host,
// SCP has the port of the devices.
func tcpAccessList(ports Ports) (lines []string) {
	if ports.SCP != 0 {
		ports.SCP = SCPPort
	}
	for _, port := range ports.tcp() {
		lines = append(lines, fmt.Sprintf("permit tcp host DEVICE host SERVER eq %d", port),
			fmt.Sprintf("permit tcp host SERVER eq %d host DEVICE established", port))
	}
	return lines
}

// nftRules returns a separate table. It drops TFTP from other hosts. Chains of other
// tables may still drop datagrams that it accepts.
func nftRules(v4, v6 []netip.Addr, ports Ports) string {
	var sets, rules strings.Builder
	var redirects, answers []string
	match := "udp dport { " + strings.Join(ports.list("-", false), ", ") + " }"
	for _, f := range []struct {
		set, kind, saddr string
		addresses        []netip.Addr
	}{{"devices4", "ipv4_addr", "ip saddr", v4}, {"devices6", "ipv6_addr", "ip6 saddr", v6}} {
		if len(f.addresses) == 0 {
			continue
		}
		fmt.Fprintf(&sets, "\tset %s {\n\t\ttype %s\n\t\telements = { %s }\n\t}\n", f.set, f.kind, join(f.addresses, ", "))
		fmt.Fprintf(&rules, "\t\t%s @%s %s accept\n", f.saddr, f.set, match)
		for _, port := range ports.tcp() {
			fmt.Fprintf(&rules, "\t\t%s @%s tcp dport %d accept\n", f.saddr, f.set, port)
		}
		redirects = append(redirects, f.saddr+" @"+f.set)
		answers = append(answers, fmt.Sprintf("#   %s { %s } udp sport %s accept\n", strings.Replace(f.saddr, "saddr", "daddr", 1), join(f.addresses, ", "), ports.list("-", true)[0]))
	}
	return "# Another table may still drop these datagrams. Then that table needs a rule of\n" +
		"# its own. If it filters what this host sends, its output chain needs a rule\n# for the way back:\n" + strings.Join(answers, "") +
		"table inet flashwarden\ndelete table inet flashwarden\n" +
		"table inet flashwarden {\n" + sets.String() +
		"\tchain tftp {\n\t\ttype filter hook input priority filter; policy accept;\n" + rules.String() +
		"\t\t" + match + " drop\n" + nftDropTCP(ports) + "\t}\n" + nftRedirect(redirects, ports) + "}\n"
}

// nftDropTCP are the rules for other hosts that want the servers over TCP; empty without them.
func nftDropTCP(ports Ports) string {
	var b strings.Builder
	for _, port := range ports.closed() {
		fmt.Fprintf(&b, "\t\ttcp dport %d drop\n", port)
	}
	return b.String()
}

// nftRedirect are the chains that bring what these sources, such as "ip saddr 192.0.2.1", send to the
// ports of the servers. It is empty if those are the ports of the devices.
func nftRedirect(sources []string, ports Ports) string {
	var b strings.Builder
	for _, r := range ports.redirects() {
		fmt.Fprintf(&b, "\tchain %s {\n\t\ttype nat hook prerouting priority dstnat; policy accept;\n", r.chain)
		for _, source := range sources {
			fmt.Fprintf(&b, "\t\t%s %s dport %d redirect to :%d\n", source, r.protocol, r.from, r.to)
		}
		b.WriteString("\t}\n")
	}
	return b.String()
}

// iptablesRules replaces two separate chains atomically, and adds a jump from INPUT and
// one from OUTPUT to them once.
func iptablesRules(v4, v6 []netip.Addr, ports Ports) string {
	var b strings.Builder
	match := "-p udp -m multiport --dports " + strings.Join(ports.list(":", false), ",")
	answers := "-p udp -m multiport --sports " + strings.Join(ports.list(":", true), ",")
	for _, f := range []struct {
		tool      string
		addresses []netip.Addr
	}{{"iptables", v4}, {"ip6tables", v6}} {
		fmt.Fprintf(&b, "%s-restore --noflush <<'END'\n*filter\n:FLASHWARDEN - [0:0]\n:FLASHWARDEN-OUT - [0:0]\n", f.tool)
		for _, a := range f.addresses {
			fmt.Fprintf(&b, "-A FLASHWARDEN -s %s %s -j ACCEPT\n-A FLASHWARDEN-OUT -d %s %s -j ACCEPT\n", a, match, a, answers)
			for _, port := range ports.tcp() {
				fmt.Fprintf(&b, "-A FLASHWARDEN -s %[1]s -p tcp --dport %[2]d -j ACCEPT\n-A FLASHWARDEN-OUT -d %[1]s -p tcp --sport %[2]d -j ACCEPT\n", a, port)
			}
		}
		fmt.Fprintf(&b, "-A FLASHWARDEN %s -j DROP\n", match)
		for _, port := range ports.closed() {
			fmt.Fprintf(&b, "-A FLASHWARDEN -p tcp --dport %d -j DROP\n", port)
		}
		b.WriteString("COMMIT\nEND\n")
		fmt.Fprintf(&b, "%[1]s -C INPUT -p udp -j FLASHWARDEN 2>/dev/null || %[1]s -I INPUT -p udp -j FLASHWARDEN\n", f.tool)
		fmt.Fprintf(&b, "%[1]s -C OUTPUT -p udp -j FLASHWARDEN-OUT 2>/dev/null || %[1]s -I OUTPUT -p udp -j FLASHWARDEN-OUT\n", f.tool)
		if len(ports.tcp()) > 0 {
			fmt.Fprintf(&b, "%[1]s -C INPUT -p tcp -j FLASHWARDEN 2>/dev/null || %[1]s -I INPUT -p tcp -j FLASHWARDEN\n", f.tool)
			fmt.Fprintf(&b, "%[1]s -C OUTPUT -p tcp -j FLASHWARDEN-OUT 2>/dev/null || %[1]s -I OUTPUT -p tcp -j FLASHWARDEN-OUT\n", f.tool)
		}
		b.WriteString(iptablesRedirect(f.tool, f.addresses, ports))
	}
	return b.String()
}

// iptablesRedirect does the same as nftRedirect, with a chain of the table nat.
func iptablesRedirect(tool string, addresses []netip.Addr, ports Ports) string {
	redirects := ports.redirects()
	if len(redirects) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s-restore --noflush <<'END'\n*nat\n:FLASHWARDEN - [0:0]\n", tool)
	for _, a := range addresses {
		for _, r := range redirects {
			fmt.Fprintf(&b, "-A FLASHWARDEN -s %s -p %s --dport %d -j REDIRECT --to-ports %d\n", a, r.protocol, r.from, r.to)
		}
	}
	b.WriteString("COMMIT\nEND\n")
	for _, r := range redirects {
		fmt.Fprintf(&b, "%[1]s -t nat -C PREROUTING -p %[2]s -j FLASHWARDEN 2>/dev/null || %[1]s -t nat -I PREROUTING -p %[2]s -j FLASHWARDEN\n", tool, r.protocol)
	}
	return b.String()
}

// ufwRules prepends the rules of the devices. So a device that is added later also
// comes before the rule that denies all others.
func ufwRules(devices []Host, ports Ports) string {
	var b strings.Builder
	list := strings.Join(ports.list(":", false), ",")
	fmt.Fprintf(&b, "ufw deny proto udp to any port %s comment 'flashwarden: everybody else'\n", list)
	for _, port := range ports.closed() {
		fmt.Fprintf(&b, "ufw deny proto tcp to any port %d comment 'flashwarden: everybody else'\n", port)
	}
	for _, d := range devices {
		for _, port := range ports.tcp() {
			fmt.Fprintf(&b, "ufw prepend allow proto tcp from %s to any port %d comment 'flashwarden: %s'\n", d.Address.Unmap().WithZone(""), port, d.Name)
		}
		fmt.Fprintf(&b, "ufw prepend allow proto udp from %s to any port %s comment 'flashwarden: %s'\n", d.Address.Unmap().WithZone(""), list, d.Name)
		fmt.Fprintf(&b, "ufw prepend allow out proto udp from any port %s to %s comment 'flashwarden: answers to %s'\n", ports.list(":", true)[0], d.Address.Unmap().WithZone(""), d.Name)
	}
	var sources []string
	for _, d := range devices {
		address, family := d.Address.Unmap().WithZone(""), "ip"
		if address.Is6() {
			family = "ip6"
		}
		sources = append(sources, fmt.Sprintf("%s saddr %s", family, address))
	}
	if chain := nftRedirect(sources, ports); chain != "" {
		for _, r := range ports.redirects() {
			fmt.Fprintf(&b, "# Devices send to %[1]s %[2]d, but the %[3]s server listens on %[1]s %[4]d. ufw has\n# no command that redirects:\n", strings.ToUpper(r.protocol), r.from, r.server, r.to)
		}
		b.WriteString("nft -f - <<'END'\ntable inet flashwarden\ndelete table inet flashwarden\ntable inet flashwarden {\n" + chain + "}\nEND\n")
	}
	return b.String()
}
