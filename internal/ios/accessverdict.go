package ios

import (
	"net/netip"
	"strconv"
	"strings"

	"flashwarden/tftp"
)

// Datagram is the UDP datagram that an access list decides on.
type Datagram struct {
	Src, Dst         netip.Addr
	SrcPort, DstPort tftp.PortRange // one port, or the range in which the port lies
}

// AccessVerdict is the decision of an access list on a datagram.
type AccessVerdict struct {
	Action string           // "permit", "deny", or "" for a list that we cannot judge
	Entry  *AccessListEntry // the deciding entry; nil for the deny at the end of every list
	Doubt  string           // the entry that we do not understand; set when Action is empty
}

// Decide walks the list as IOS does: the first matching entry decides, the end
// of the list denies, and a list without entries permits (Cisco IOS Security
// Configuration Guide, "Creating an IP Access List").
func (l AccessList) Decide(d Datagram) AccessVerdict {
	if len(l.Entries) == 0 {
		return AccessVerdict{Action: "permit"}
	}
	possible := AccessVerdict{}
	for i := range l.Entries {
		e := &l.Entries[i]
		switch l.matches(e, d) {
		case matchesNot:
		case matchesPerhaps:
			if possible.Entry == nil {
				possible = AccessVerdict{Action: e.Action, Entry: e, Doubt: e.Text}
			} else if possible.Action != e.Action {
				return AccessVerdict{Doubt: possible.Doubt}
			}
		case matches:
			return settle(possible, AccessVerdict{Action: e.Action, Entry: e})
		}
	}
	return settle(possible, AccessVerdict{Action: "deny"})
}

// settle joins the verdict of an entry that may match with the certain verdict
// after it.
func settle(possible, certain AccessVerdict) AccessVerdict {
	if possible.Entry != nil && possible.Action != certain.Action {
		return AccessVerdict{Doubt: possible.Doubt}
	}
	return certain
}

type matching int

const (
	matchesNot matching = iota
	matchesPerhaps
	matches
)

// matches compares one entry. An entry that it does not understand may match.
func (l AccessList) matches(e *AccessListEntry, d Datagram) matching {
	if e.Action == "" {
		return matchesPerhaps
	}
	words := strings.Fields(strings.ReplaceAll(e.Text, ", wildcard bits", ""))
	if l.Type == "standard" {
		m, _ := matchAddress(words, d.Src)
		return m
	}
	if len(words) == 0 {
		return matchesPerhaps
	}
	switch words[0] {
	case "ip", "ipv6", "udp", "17":
	case "object-group", "evaluate":
		return matchesPerhaps
	default:
		return matchesNot // another protocol
	}
	source, rest := matchAddress(words[1:], d.Src)
	sourcePort, rest := matchPorts(rest, d.SrcPort)
	destination, rest := matchAddress(rest, d.Dst)
	destinationPort, rest := matchPorts(rest, d.DstPort)
	return min(source, sourcePort, destination, destinationPort, matchOptions(rest))
}

// matchAddress takes any, host A, A WILDCARD, a prefix or A alone.
func matchAddress(words []string, a netip.Addr) (matching, []string) {
	if len(words) == 0 {
		return matchesPerhaps, nil
	}
	if words[0] == "any" {
		return matches, words[1:]
	}
	if words[0] == "host" && len(words) > 1 {
		words = words[1:]
		return same(words[0], a), words[1:]
	}
	if p, err := netip.ParsePrefix(words[0]); err == nil {
		return certain(p.Contains(a)), words[1:]
	}
	base, err := netip.ParseAddr(words[0])
	if err != nil {
		return matchesPerhaps, nil // object-group and others
	}
	if len(words) > 1 {
		if wildcard, err := netip.ParseAddr(words[1]); err == nil && base.Is4() && wildcard.Is4() {
			return certain(a.Is4() && wild(base, wildcard, a)), words[2:]
		}
	}
	return certain(base == a), words[1:]
}

func same(text string, a netip.Addr) matching {
	b, err := netip.ParseAddr(text)
	if err != nil {
		return matchesPerhaps
	}
	return certain(a == b)
}

func certain(b bool) matching {
	if b {
		return matches
	}
	return matchesNot
}

// wild compares the bits that are zero in the wildcard mask.
func wild(base, wildcard, a netip.Addr) bool {
	b, w, x := base.As4(), wildcard.As4(), a.As4()
	for i := range b {
		if (b[i]^x[i])&^w[i] != 0 {
			return false
		}
	}
	return true
}

// matchPorts reads eq, neq, gt, lt and range. Without any of them every port
// matches.
func matchPorts(words []string, p tftp.PortRange) (matching, []string) {
	if len(words) == 0 {
		return matches, nil
	}
	operator := words[0]
	var numbers []uint16
	rest := words[1:]
	for len(rest) > 0 {
		n, ok := portNumber(rest[0])
		if !ok {
			break
		}
		numbers, rest = append(numbers, n), rest[1:]
	}
	switch {
	case operator != "eq" && operator != "neq" && operator != "gt" && operator != "lt" && operator != "range":
		return matches, words
	case len(numbers) == 0:
		return matchesPerhaps, nil // an unknown name
	case operator == "range" && len(numbers) >= 2:
		return overlap(p, numbers[0], numbers[1]), rest
	case operator == "gt" && numbers[0] < 65535:
		return overlap(p, numbers[0]+1, 65535), rest
	case operator == "lt" && numbers[0] > 0:
		return overlap(p, 0, numbers[0]-1), rest
	case operator == "eq", operator == "neq":
		found := matchesNot
		for _, n := range numbers {
			found = max(found, overlap(p, n, n))
		}
		if operator == "neq" {
			found = matches - found
		}
		return found, rest
	}
	return matchesPerhaps, rest
}

// overlap compares the ports that a datagram may have with those of an entry.
func overlap(p tftp.PortRange, first, last uint16) matching {
	switch {
	case first <= p.First && p.Last <= last:
		return matches
	case p.Last < first || last < p.First:
		return matchesNot
	}
	return matchesPerhaps
}

// matchOptions reads the words after the addresses.
func matchOptions(words []string) matching {
	for _, w := range words {
		switch w {
		case "log", "log-input":
		case "fragments", "established":
			return matchesNot // a whole UDP datagram is not a fragment and has no TCP flags
		default:
			return matchesPerhaps
		}
	}
	return matches
}

// udpNames has the names that IOS prints for UDP ports (Cisco IOS Security
// Command Reference, "permit (IP)").
var udpNames = map[string]uint16{
	"biff": 512, "bootpc": 68, "bootps": 67, "discard": 9, "dnsix": 195, "domain": 53, "echo": 7, "isakmp": 500, "mobile-ip": 434,
	"nameserver": 42, "netbios-dgm": 138, "netbios-ns": 137, "netbios-ss": 139, "non500-isakmp": 4500, "ntp": 123, "pim-auto-rp": 496,
	"rip": 520, "snmp": 161, "snmptrap": 162, "sunrpc": 111, "syslog": 514, "tacacs": 49, "talk": 517, "tftp": 69, "time": 37, "who": 513, "xdmcp": 177,
}

func portNumber(text string) (uint16, bool) {
	if n, ok := udpNames[text]; ok {
		return n, true
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return uint16(n), err == nil
}
