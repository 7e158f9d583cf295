package backup

import (
	"fmt"
	"net/netip"
	"strings"
)

// The hints of a failed transfer. Lines for nftables are written for the names
// of Debian's /etc/nftables.conf: table inet filter with the chains input,
// forward and output. Lines for an access list are those of Cisco IOS.

func hintRequest(w Witness) string {
	return fmt.Sprintf("permit UDP 69 from %s to %s: on this host `%s` (`flashwarden firewall nft` prints the rules for all devices); in an access list on the way `permit udp host %s host %s eq tftp`; "+
		"on the device see `ping %s`, `show ip route %s` and `show access-lists`; where TFTP must leave through a VRF `ip tftp source-interface` names its interface",
		w.Device, w.Server, w.nft("inet filter input", w.Device, none, "udp dport 69 accept"), w.Device, w.Server, w.Server, w.Server)
}

func hintSource(w Witness) string {
	name := w.Interface
	if name == "" {
		name = "INTERFACE"
	}
	hint := fmt.Sprintf("on the device, in configuration mode: `ip tftp source-interface %s`", name)
	if w.Interface == "" {
		hint += fmt.Sprintf(" with the INTERFACE that has %s (`show ip interface brief`)", w.Device)
	}
	return hint + fmt.Sprintf("; or let it be known by the other address: `flashwarden device edit %s --address %s`", w.Name, w.Seen.WrongSource[0])
}

// hintAnswers is for answers of ours that do not arrive.
func hintAnswers(w Witness) string {
	ports := "udp sport " + w.portRange("-") + " accept"
	return fmt.Sprintf("permit UDP %s from %s to %s: on this host `%s`; on a firewall between them `%s`, or its helper for TFTP; in an access list `permit udp host %s range %s host %s`; "+
		"where NAT changes the address of our answers `%s`",
		w.Ports, w.Server, w.Device, w.nft("inet filter output", none, w.Device, ports), w.nft("inet filter forward", w.Server, w.Device, ports),
		w.Server, w.portRange(" "), w.Device, w.nft(w.family()+" nat postrouting", none, w.Device, ports))
}

// hintTransfer is for packets of the device that do not arrive.
func hintTransfer(w Witness) string {
	ports := "udp dport " + w.portRange("-") + " accept"
	return fmt.Sprintf("permit UDP %s from %s to %s: on this host `%s`; on a firewall between them `%s`; in an access list `permit udp host %s host %s range %s`",
		w.Ports, w.Device, w.Server, w.nft("inet filter input", w.Device, none, ports), w.nft("inet filter forward", w.Device, w.Server, ports),
		w.Device, w.Server, w.portRange(" "))
}

func hintFragments(w Witness) string {
	size := unfragmented(w.Device)
	return fmt.Sprintf("the next attempt uses blocks of %d bytes by itself; for good `tftp.max-block-size: %d` in the configuration, or on the device, in configuration mode, `ip tftp blocksize %d`", size, size, size)
}

// none is for rules that do not look at one of the addresses.
var none netip.Addr

// nft is the command that puts a rule before all others of a chain.
func (w Witness) nft(chain string, from, to netip.Addr, match string) string {
	rule := "nft insert rule " + chain
	if from.IsValid() {
		rule += " " + w.family() + " saddr " + from.String()
	}
	if to.IsValid() {
		rule += " " + w.family() + " daddr " + to.String()
	}
	return rule + " " + match
}

func (w Witness) family() string {
	if w.Device.Is6() {
		return "ip6"
	}
	return "ip"
}

// portRange is the transfer-ID range as others write it.
func (w Witness) portRange(between string) string { return strings.Replace(w.Ports, ":", between, 1) }

// prefixed is text behind a prefix; empty without text.
func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}
