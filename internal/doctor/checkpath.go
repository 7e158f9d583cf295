package doctor

import (
	"fmt"
	"net/netip"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/firewall"
	"flashwarden/internal/ios"
	"flashwarden/tftp"
)

// clientPorts are those that a device's TFTP client may use.
var clientPorts = tftp.PortRange{First: 1024, Last: 65535}

// CheckPath judges what a device shows of its way to the server.
func CheckPath(p Path) api.Report {
	var r api.Report
	for _, command := range p.Unread {
		r.Skip("%s shows no output, or none that can be read, for: %s", p.Name, command)
	}
	for _, part := range []api.Report{checkSource(p), checkLists(p), checkBlockSize(p)} {
		r.Add(part)
	}
	return r
}

// checkSource compares the address from which the device will send with the
// one that it is known by.
func checkSource(p Path) api.Report {
	var r api.Report
	name, address := p.Source()
	switch known := p.holder(p.Device); {
	case !address.IsValid():
		r.Skip("%s does not show which address it uses to send to %s", p.Name, p.Server)
	case address == p.Device:
		r.Note("%s will send from %s (%s), its address in the inventory", p.Name, address, name)
	case known == "":
		r.Find(api.Finding{Cause: cause.WrongSource, Where: api.OnHost,
			Seen:    fmt.Sprintf("%s will send from %s (%s). The inventory has %s, which is none of its addresses: NAT on the path translates it", p.Name, address, name, p.Device),
			Next:    api.Do("device edit", p.Name).With("address", address.String()),
			Changes: "flashwarden then uses this address for logins and transfers"})
	default:
		r.Find(api.Finding{Cause: cause.WrongSource, Where: p.Name,
			Seen:    fmt.Sprintf("%s will send from %s (%s), but the inventory has %s (%s): the server would refuse its requests", p.Name, address, name, p.Device, known),
			Fix:     configure("ip tftp source-interface " + known),
			Changes: fmt.Sprintf("%s sends all TFTP from %s", p.Name, p.Device)})
	}
	if p.TFTP.SourceInterface != "" && !address.IsValid() {
		r.Find(api.Finding{Cause: cause.NoRequest, Where: p.Name,
			Seen: fmt.Sprintf("%s is configured to send TFTP from %s, which has no address", p.Name, p.TFTP.SourceInterface),
			Fix:  configure("no ip tftp source-interface"), Changes: "the device sends TFTP from the interface nearest to the server"})
	}
	return r
}

// checkLists asks the access lists on the way in what they do with the server's answers.
// What a device sends itself passes its own lists on the way out (Cisco,
// "Configuring IP Access Lists": they do not act on packets that originate on
// the router).
func checkLists(p Path) api.Report {
	var r api.Report
	uplink, address := p.Source()
	if !address.IsValid() {
		address = p.Device
	}
	answer := ios.Datagram{Src: p.Server, Dst: address, SrcPort: p.Ports, DstPort: clientPorts}
	applied := 0
	for _, i := range p.Interfaces {
		if i.In == "" || p.Uplink != "" && !sameInterface(i.Name, p.Uplink) {
			continue
		}
		applied++
		list, ok := findList(p.Lists, i.In)
		if !ok {
			r.Skip("%s", listNotShown(p.Lists, i))
			continue
		}
		r.Add(p.judgeList(list, i.Name, answer))
	}
	if applied == 0 && len(p.Interfaces) > 0 {
		r.Note("%s has no incoming access list on the interfaces towards %s", p.Name, p.Server)
	}
	r.Add(p.listsElsewhere(uplink, address))
	return r
}

func findList(lists []ios.AccessList, name string) (ios.AccessList, bool) {
	for _, l := range lists {
		if l.Name == name && l.Family == "ip" {
			return l, true
		}
	}
	return ios.AccessList{}, false
}

// listNotShown explains why there is no verdict on the list that an interface
// applies.
func listNotShown(lists []ios.AccessList, i ios.InterfaceConfig) string {
	for _, l := range lists {
		if l.Name == i.In {
			return fmt.Sprintf("access list %s, incoming on %s: its effect on the server's answers is unknown, because it is a list of the kind %q",
				i.In, i.Name, l.Family)
		}
	}
	return fmt.Sprintf("access list %s is applied on %s but not shown; a list that does not exist permits everything", i.In, i.Name)
}

func (p Path) judgeList(l ios.AccessList, on string, d ios.Datagram) api.Report {
	var r api.Report
	what := fmt.Sprintf("access list %s, incoming on %s", l.Name, on)
	switch v := l.Decide(d); v.Action {
	case "permit":
		r.Note("%s, lets the server's answers through", what)
	case "":
		r.Skip("%s: its effect on the server's answers is unknown, because of %q", what, v.Doubt)
	default:
		rule := "the deny at its end"
		if v.Entry != nil {
			rule = fmt.Sprintf("%q", entryLine(*v.Entry))
		}
		r.Find(api.Finding{Cause: cause.TIDBlocked, Where: p.Name,
			Seen:    fmt.Sprintf("%s, drops the server's answers from %s, UDP ports %d to %d: %s", what, p.Server, d.SrcPort.First, d.SrcPort.Last, rule),
			Fix:     permitLine(l, v.Entry, d),
			Changes: fmt.Sprintf("access list %s lets the answers of this TFTP server through, until the device restarts", l.Name), Then: "keep it after a restart: `write memory`"})
	}
	return r
}

func entryLine(e ios.AccessListEntry) string {
	line := e.Action + " " + e.Text
	if e.Sequence >= 0 {
		line = fmt.Sprintf("%d %s", e.Sequence, line)
	}
	return line
}

// permitLine is an entry that goes before the one that denies.
func permitLine(l ios.AccessList, denies *ios.AccessListEntry, d ios.Datagram) string {
	entry := fmt.Sprintf("permit udp host %s range %d %d host %s gt 1023", d.Src, d.SrcPort.First, d.SrcPort.Last, d.Dst)
	if d.SrcPort.First == d.SrcPort.Last {
		entry = fmt.Sprintf("permit udp host %s eq %d host %s gt 1023", d.Src, d.SrcPort.First, d.Dst)
	}
	if l.Type == "standard" {
		entry = "permit host " + d.Src.String()
	}
	if n := sequenceBefore(l, denies); n > 0 {
		entry = fmt.Sprintf("%d %s", n, entry)
	}
	return configure(fmt.Sprintf("ip access-list %s %s", strings.ToLower(l.Type), l.Name), " "+entry)
}

// sequenceBefore is a free number before an entry; 0 if there is none, or
// where the end of the list denies: then a line without a number goes last.
func sequenceBefore(l ios.AccessList, denies *ios.AccessListEntry) int {
	before := 0
	for _, e := range l.Entries {
		if denies != nil && e == *denies {
			if e.Sequence-before < 2 {
				return 0
			}
			return (before + e.Sequence) / 2
		}
		before = max(before, e.Sequence)
	}
	return 0
}

// listsElsewhere names the lists that would drop TFTP if they were on the way:
// on another device, say, that has them too.
func (p Path) listsElsewhere(uplink string, address netip.Addr) api.Report {
	var r api.Report
	request := ios.Datagram{Src: address, Dst: p.Server, SrcPort: clientPorts, DstPort: tftp.PortRange{First: firewall.TFTPPort, Last: firewall.TFTPPort}}
	for _, i := range p.Interfaces {
		list, ok := findList(p.Lists, i.Out)
		if !ok || sameInterface(i.Name, uplink) {
			continue
		}
		if v := list.Decide(request); v.Action == "deny" {
			r.Remark("access list %s, outgoing on %s, would drop TFTP of devices behind this one", list.Name, i.Name)
		}
	}
	return r
}

// largestFrame is the largest block that fits into a frame of 1500 bytes.
const largestFrame = 1468

func checkBlockSize(p Path) api.Report {
	var r api.Report
	if p.TFTP.BlockSize > largestFrame {
		r.Remark("%s asks for blocks of %d bytes (ip tftp blocksize), which travel in fragments if tftp.max-block-size allows them", p.Name, p.TFTP.BlockSize)
	}
	return r
}

// CheckPolicers compares the counters of control-plane policing before and
// after the test transfers.
func CheckPolicers(name string, before, after []ios.Policer) api.Report {
	var r api.Report
	for i, a := range after {
		if a.Dropped == 0 {
			continue
		}
		if i < len(before) && before[i].Class == a.Class && before[i].Dropped < a.Dropped {
			r.Find(api.Finding{Cause: cause.Stalled, Where: name,
				Seen: fmt.Sprintf("control-plane policing of %s (policy %s, class %s) dropped packets during the test transfers: %d before, %d after", name, a.Policy, a.Class, before[i].Dropped, a.Dropped),
				Fix:  policersCommand, Changes: "nothing: it shows the class whose rate is too low", Then: "raise its rate, or wait longer: dropped blocks are sent again"})
			continue
		}
		r.Remark("control-plane policing of %s (policy %s, class %s) has dropped packets before: %d", name, a.Policy, a.Class, a.Dropped)
	}
	return r
}
