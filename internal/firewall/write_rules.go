package firewall

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Formats are the kinds of rules that Rules writes.
func Formats() []string { return []string{"nft", "iptables", "ufw"} }

// Host is a device for which rules are written.
type Host struct {
	Name    string // in the inventory
	Address netip.Addr
	Asked   string // the host name that Address was resolved from; empty: none
}

// ErrNobody refuses rules for no device: they would be open, or of no use.
var ErrNobody = errors.New("there is no address to permit")

// Rules writes rules that let the devices, and nobody else, reach the TFTP
// server's port and the range of transfer IDs. They touch nothing else, and
// loading them twice is loading them once.
func Rules(format string, devices []Host, ports Ports) (string, error) {
	if len(devices) == 0 {
		return "", ErrNobody
	}
	addresses := make([]netip.Addr, len(devices))
	for i, d := range devices {
		addresses[i] = d.Address
	}
	v4, v6 := byFamily(addresses)
	switch format {
	case "nft":
		return heading("# Load with: nft -f FILE. The table is made anew each time.", devices) + nftRules(v4, v6, ports), nil
	case "iptables":
		return heading("# Load with: sh FILE. The chain is made anew each time.", devices) + iptablesRules(v4, v6, ports), nil
	case "ufw":
		return heading("# Load with: sh FILE. ufw skips what it has. Take devices that are gone out with: ufw status numbered, ufw delete N", devices) +
			ufwRules(devices, ports), nil
	}
	return "", fmt.Errorf("there are no rules for %q; there are %s", format, strings.Join(Formats(), ", "))
}

// heading says for whom the rules are.
func heading(load string, devices []Host) string {
	var b strings.Builder
	b.WriteString("# TFTP for flashwarden: the devices of the inventory, and nobody else.\n" + load + "\n")
	for _, d := range devices {
		fmt.Fprintf(&b, "# %s is %s", d.Name, d.Address.Unmap().WithZone(""))
		if d.Asked != "" {
			fmt.Fprintf(&b, " (%s was resolved when this was written)", d.Asked)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// nftRules is a table of its own. It drops strangers; whom it accepts, the
// chains of other tables may still drop.
func nftRules(v4, v6 []netip.Addr, ports Ports) string {
	var sets, rules strings.Builder
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
	}
	return "# A table accepts for itself alone: where another one drops, `flashwarden doctor` prints the rule for that one.\n" +
		"table inet flashwarden\ndelete table inet flashwarden\n" +
		"table inet flashwarden {\n" + sets.String() +
		"\tchain tftp {\n\t\ttype filter hook input priority filter; policy accept;\n" + rules.String() +
		"\t\t" + match + " drop\n\t}\n}\n"
}

// iptablesRules fills a chain of its own at one stroke, and leads INPUT into it
// once.
func iptablesRules(v4, v6 []netip.Addr, ports Ports) string {
	var b strings.Builder
	match := "-p udp -m multiport --dports " + strings.Join(ports.list(":", false), ",")
	for _, f := range []struct {
		tool      string
		addresses []netip.Addr
	}{{"iptables", v4}, {"ip6tables", v6}} {
		fmt.Fprintf(&b, "%s-restore --noflush <<'END'\n*filter\n:FLASHWARDEN - [0:0]\n", f.tool)
		for _, a := range f.addresses {
			fmt.Fprintf(&b, "-A FLASHWARDEN -s %s %s -j ACCEPT\n", a, match)
		}
		fmt.Fprintf(&b, "-A FLASHWARDEN %s -j DROP\nCOMMIT\nEND\n", match)
		fmt.Fprintf(&b, "%[1]s -C INPUT -p udp -j FLASHWARDEN 2>/dev/null || %[1]s -I INPUT -p udp -j FLASHWARDEN\n", f.tool)
	}
	return b.String()
}

// ufwRules puts the devices first, so that a device that comes later stands
// before the refusal of everybody else.
func ufwRules(devices []Host, ports Ports) string {
	var b strings.Builder
	list := strings.Join(ports.list(":", false), ",")
	fmt.Fprintf(&b, "ufw deny proto udp to any port %s comment 'flashwarden: everybody else'\n", list)
	for _, d := range devices {
		fmt.Fprintf(&b, "ufw prepend allow proto udp from %s to any port %s comment 'flashwarden: %s'\n", d.Address.Unmap().WithZone(""), list, d.Name)
	}
	return b.String()
}
