// Package firewall reads the packet filter of this host and writes rules for
// it.
//
// Judge evaluates a Ruleset for one datagram, in the order of the kernel. If the
// result depends on something that cannot be evaluated, the verdict is "cannot
// tell". Supported are the rules of nftables, of iptables over nftables, of ufw
// (which uses iptables), and of legacy iptables.
package firewall

import (
	"fmt"
	"net/netip"
	"strings"
)

// Hook is a place in the kernel's packet path where rules are evaluated.
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

// The states of a datagram in connection tracking.
const (
	New         = "new"         // the first of a connection
	Established = "established" // of a connection with traffic in both directions
	Related     = "related"     // new, but a helper assigned it to an existing connection
)

// Packet is one UDP datagram between a device and this host. A zero value means
// that the field is unknown.
type Packet struct {
	Outgoing bool // from this host to the device
	V6       bool
	Device   netip.Addr // the device's address
	Host     netip.Addr // this host's
	Port     uint16     // the device's port
	HostPort uint16     // this host's

	Interface string // through which it arrives or leaves
	// Reachable reports that the route to the device also uses Interface. Rules
	// that check the reverse path need it.
	Reachable bool
	State     string // of connection tracking: New, Established or Related
}

// Verdict is the decision about a datagram.
type Verdict int

// The verdicts.
const (
	Accept  Verdict = iota
	Drop            // dropped or rejected
	Unknown         // depends on a rule that cannot be evaluated
)

// String returns the verdict in words.
func (v Verdict) String() string {
	return map[Verdict]string{Accept: "accept", Drop: "drop", Unknown: "cannot tell"}[v]
}

// Place is the base chain that made a decision.
type Place struct {
	Tool   string // "nft", "iptables" or "ip6tables" (also their legacy form), "ufw"
	Family string // of an nft table: ip, ip6, inet, netdev, bridge
	Table  string
	Chain  string
	Hook   Hook
}

// String returns the table and the chain in words.
func (p Place) String() string {
	if p.Tool == "nft" {
		return fmt.Sprintf("table %s %s, chain %s", p.Family, p.Table, p.Chain)
	}
	return fmt.Sprintf("%s table %s, chain %s", strings.Replace(p.Tool, "ufw", "iptables", 1), p.Table, p.Chain)
}

// Decision is the decision of one base chain.
type Decision struct {
	Verdict Verdict
	Place   Place
	Rule    string   // the rule or policy that decided, quoted with its place
	Doubts  []string // for Unknown: the rules that cannot be evaluated, and why
}

// Judgement is the decision of all hooks about a datagram.
type Judgement struct {
	Verdict  Verdict
	Against  []Decision // of the base chains with Drop or Unknown
	HostPort uint16     // the local port after redirection; 0: unknown
	Tracked  bool       // connection tracking has recorded it: an answer to it is Established
}

// Judge evaluates the rules for p.
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
