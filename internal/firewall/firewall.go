// Package firewall reads the packet filter of this host and writes rules for
// it.
//
// What was read is judged, not guessed: a Ruleset is walked as the kernel walks
// it, for one datagram, and what cannot be evaluated makes the answer "cannot
// tell". The rules of nftables, of iptables over nftables, of ufw (which loads
// them through iptables) and of legacy iptables are understood.
package firewall

import (
	"fmt"
	"net/netip"
	"strings"
)

// Hook is a place in the kernel's path where rules are asked.
type Hook string

// The hooks that a datagram to or from this host meets (nft(8), "Address
// families").
const (
	Ingress     Hook = "ingress"
	Prerouting  Hook = "prerouting"
	Input       Hook = "input"
	Output      Hook = "output"
	Postrouting Hook = "postrouting"
)

// The states of connection tracking that a datagram can be in.
const (
	New         = "new"
	Established = "established"
	Related     = "related" // new, and told by a helper to belong to a connection
)

// Packet is one UDP datagram between a device and this host. The zero values of
// its fields mean that they are not known.
type Packet struct {
	Outgoing bool // from this host to the device
	V6       bool
	Device   netip.Addr // the device's address
	Host     netip.Addr // this host's
	Port     uint16     // the device's port
	HostPort uint16     // this host's

	Interface string // that it comes in by or leaves by
	// Reachable says that the route back to the device leaves by Interface, as
	// rules that check the reverse path want it.
	Reachable bool
	State     string // of connection tracking: New, Established or Related
}

// Verdict is what becomes of a datagram.
type Verdict int

// The verdicts.
const (
	Accept  Verdict = iota
	Drop            // dropped or rejected
	Unknown         // a rule in its way uses something that is not evaluated
)

func (v Verdict) String() string {
	return map[Verdict]string{Accept: "accept", Drop: "drop", Unknown: "cannot tell"}[v]
}

// Place is the base chain in which something was decided.
type Place struct {
	Tool   string // "nft", "iptables" or "ip6tables" (also their legacy form), "ufw"
	Family string // of an nft table: ip, ip6, inet, netdev, bridge
	Table  string
	Chain  string
	Hook   Hook
}

// String names the chain as people do.
func (p Place) String() string {
	if p.Tool == "nft" {
		return fmt.Sprintf("table %s %s, chain %s", p.Family, p.Table, p.Chain)
	}
	return fmt.Sprintf("%s table %s, chain %s", strings.Replace(p.Tool, "ufw", "iptables", 1), p.Table, p.Chain)
}

// Decision is how one base chain decided.
type Decision struct {
	Verdict Verdict
	Place   Place
	Rule    string   // the rule or policy that decided, quoted with its place
	Doubts  []string // for Unknown: the rules that are not evaluated, and why
}

// Judgement is what becomes of a datagram at all hooks on its way.
type Judgement struct {
	Verdict  Verdict
	Against  []Decision // the base chains that drop it, or of which one cannot tell
	HostPort uint16     // where it arrives: another port where a rule redirects it; 0: not known
	Tracked  bool       // connection tracking knows it, so that an answer to it is Established
}

// Judge walks the rules for p.
func (r *Ruleset) Judge(p Packet) Judgement {
	s := newState(p)
	hooks := []Hook{Ingress, Prerouting, Input}
	if p.Outgoing {
		hooks = []Hook{Output, Postrouting}
	}
	var j Judgement
	for _, hook := range hooks {
		for _, b := range r.at(hook) {
			if !b.meets(s) {
				continue
			}
			d := b.decide(s)
			if d.Verdict != Accept {
				j.Against = append(j.Against, d)
			}
			if d.Verdict == Drop || d.Verdict == Unknown && j.Verdict == Accept {
				j.Verdict = d.Verdict
			}
		}
	}
	j.HostPort, _ = s.hostPort.(uint16)
	j.Tracked = s.tracked == New || s.tracked == Established
	return j
}
