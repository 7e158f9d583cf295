package transfer

import (
	"fmt"
	"net/netip"
	"strings"

	"flashwarden/api"
)

// The fixes of a failed transfer. Lines for nftables are written for the names
// of Debian's /etc/nftables.conf: table inet filter with the chains input,
// forward and output. Lines for an access list are those of Cisco IOS.

// fixRequest permits everything that a transfer needs, not only the port of the request:
// a filter that drops the request usually drops the other packets too, and the next run
// would only fail at the next port.
func fixRequest(w Witness) api.Fix {
	if w.Listen != 0 && w.Listen != devicesAsk {
		return api.Say("the TFTP server listens on UDP %d, but devices send to UDP %d. If no rule redirects this yet: ", w.Listen, devicesAsk).
			Type(api.OnHost, w.redirect()).Say(". Then ").Then(fixFilters(w, fmt.Sprintf("%d, %d", devicesAsk, w.Listen)))
	}
	return fixFilters(w, fmt.Sprint(devicesAsk))
}

// devicesAsk is the UDP port to which devices send their requests.
const devicesAsk = 69

// redirect is the command that brings the requests of the device to our port. Its table and
// chain are those of the rules for the whole inventory, which replace it later.
func (w Witness) redirect() string {
	return fmt.Sprintf("nft 'table inet flashwarden { chain to_server { type nat hook prerouting priority dstnat; policy accept; %s saddr %s udp dport %d redirect to :%d; }; }'",
		w.family(), w.Device, devicesAsk, w.Listen)
}

// fixFilters permits the requests to these ports, and the transfer.
func fixFilters(w Witness, asked string) api.Fix {
	requests, answers := fmt.Sprintf("udp dport { %s, %s } accept", asked, w.portRange("-")), "udp sport "+w.portRange("-")+" accept"
	return api.Say("permit UDP %s and %s from %s to %s. Look in this order:", asked, w.portRange("-"), w.Device, w.Server).
		Say("\n1. this host, if ").Type(api.OnHost, "nft list tables").Say(" shows inet filter: ").
		Type(api.OnHost, w.quotedNFT("inet filter input", w.Device, none, requests)).Say(", and if it filters what it sends ").
		Type(api.OnHost, w.quotedNFT("inet filter output", none, w.Device, answers)).
		Say(" (").Do("doctor", w.Name).Say(" prints the exact lines)").
		Say("\n2. the device: ").Type(api.OnDevice, "ping "+w.Server.String()).Say(", ").Type(api.OnDevice, "show ip route "+w.Server.String()).
		Say(", ").Type(api.OnDevice, "show access-lists").Say("; if TFTP must leave through a VRF, ").Type(api.OnDevice, "ip tftp source-interface").Say(" names its interface").
		Say("\n3. the path, in each access list: ").Type(api.OnPath, fmt.Sprintf("permit udp host %s host %s eq tftp", w.Device, w.Server)).Say(", ").
		Type(api.OnPath, w.accessToServer()).Say(", and for the way back ").Type(api.OnPath, w.accessToDevice())
}

// accessToServer is the line of an access list for the packets of the device.
func (w Witness) accessToServer() string {
	return fmt.Sprintf("permit udp host %s host %s range %s", w.Device, w.Server, w.portRange(" "))
}

// accessToDevice is the line of an access list for the server's answers.
func (w Witness) accessToDevice() string {
	return fmt.Sprintf("permit udp host %s range %s host %s", w.Server, w.portRange(" "), w.Device)
}

func fixSource(w Witness) api.Fix {
	name := w.Interface
	if name == "" {
		name = "INTERFACE"
	}
	fix := api.Say("on the device, in configuration mode: ").Type(api.OnDevice, "ip tftp source-interface "+name)
	if w.Interface == "" {
		fix = fix.Say(" with the INTERFACE that has %s (", w.Device).Type(api.OnDevice, "show ip interface brief").Say(")")
	}
	return fix.Say("; or change its address in the inventory: ").
		Do("device edit", w.Name).With("address", w.Seen.WrongSource[0].String())
}

// fixAnswers is the fix if the answers of the server do not reach the device.
func fixAnswers(w Witness) api.Fix {
	ports := "udp sport " + w.portRange("-") + " accept"
	return api.Say("permit UDP %s from %s to %s: ", w.Ports, w.Server, w.Device).Then(onHost()).
		Type(api.OnHost, w.nft("inet filter output", none, w.Device, ports)).
		Say("; on a firewall between them ").Type(api.OnPath, w.nft("inet filter forward", w.Server, w.Device, ports)).
		Say(", or its helper for TFTP; in an access list ").
		Type(api.OnPath, w.accessToDevice()).
		Say("; where NAT changes the address of the server's answers ").
		Type(api.OnPath, w.nft(w.family()+" nat postrouting", none, w.Device, ports))
}

// fixTransfer is the fix if the packets of the device do not reach the server.
func fixTransfer(w Witness) api.Fix {
	ports := "udp dport " + w.portRange("-") + " accept"
	return api.Say("permit UDP %s from %s to %s: ", w.Ports, w.Device, w.Server).Then(onHost()).
		Type(api.OnHost, w.nft("inet filter input", w.Device, none, ports)).
		Say("; on a firewall between them ").Type(api.OnPath, w.nft("inet filter forward", w.Device, w.Server, ports)).
		Say("; in an access list ").
		Type(api.OnPath, w.accessToServer())
}

// onHost says when the lines for this host can be typed: another host has other
// tables, or no rules at all.
func onHost() api.Fix {
	return api.Say("on this host, if ").Type(api.OnHost, "nft list tables").Say(" shows inet filter, ")
}

func fixFragments(w Witness) api.Fix {
	size := unfragmented(w.Device)
	return api.Say("the next attempt uses blocks of %d bytes; to keep this, set ", size).Set("tftp.max-block-size", fmt.Sprint(size)).
		Say("; or on the device, in configuration mode, ").Type(api.OnDevice, fmt.Sprintf("ip tftp blocksize %d", size))
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

// quotedNFT is nft for a rule with a set, whose braces belong to the shell.
func (w Witness) quotedNFT(chain string, from, to netip.Addr, match string) string {
	return "nft '" + strings.TrimPrefix(w.nft(chain, from, to, match), "nft ") + "'"
}

func (w Witness) family() string {
	if w.Device.Is6() {
		return "ip6"
	}
	return "ip"
}

// portRange is the transfer-ID range as others write it.
func (w Witness) portRange(between string) string { return strings.Replace(w.Ports, ":", between, 1) }
