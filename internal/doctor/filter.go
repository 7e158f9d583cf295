package doctor

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/firewall"
	"flashwarden/tftp"
)

// Filter is the packet filter of this host.
type Filter struct {
	Rules   *firewall.Ruleset // nil when Err
	Err     error             // of reading them
	Ports   firewall.Ports
	Command string // to look again with the right to read the rules
	Helper  bool   // the kernel's helper for TFTP is loaded
}

// ReadHelper reports whether nf_conntrack_tftp is loaded.
func ReadHelper() bool {
	_, err := os.Stat("/sys/module/nf_conntrack_tftp")
	return err == nil
}

// CheckFilter walks the rules for what each device sends and for what this host
// answers. Without devices it walks them for nobody in particular.
func CheckFilter(f Filter, routes []Route) api.Report {
	var r api.Report
	if listen := f.Ports.Listen; f.Err != nil && listen != firewall.TFTPPort {
		r.Remark("devices send to UDP %d, and the TFTP server listens on UDP %d: a rule must redirect one to the other; %s prints it", firewall.TFTPPort, listen, api.Do("firewall", "nft"))
	}
	switch {
	case errors.Is(f.Err, firewall.ErrNoRight):
		r.Skip("Root is needed to read the firewall rules. To check them too, which changes nothing: `sudo %s`", f.Command)
		return r
	case errors.Is(f.Err, firewall.ErrNoTool):
		r.Find(api.Finding{Cause: cause.Internal, Seen: cause.Text(f.Err), Fix: "sudo apt-get install nftables",
			Changes: "installs nft, which lists the rules; no rule is made"})
		return r
	case f.Err != nil:
		r.Find(api.Finding{Cause: cause.Internal, Seen: cause.Text(f.Err), Fix: "sudo nft list ruleset", Changes: "nothing: it shows the rules"})
		return r
	}
	if len(routes) == 0 {
		routes = []Route{{Target: Target{Name: "a device"}}}
	}
	g := groups{filter: f, all: map[string]*group{}}
	for _, way := range routes {
		g.judge(way)
	}
	for _, key := range g.order {
		r.Find(g.all[key].finding(f))
	}
	for _, note := range g.notes {
		r.Remark("%s", note)
	}
	if len(r.Findings) == 0 {
		r.Note("the packet filter of this host lets UDP %d and the ports %d to %d pass", firewall.TFTPPort, f.Ports.Transfers.First, f.Ports.Transfers.Last)
		if !f.Helper {
			r.Note("the kernel's helper for TFTP (nf_conntrack_tftp) is not loaded, and not needed: the range is fixed")
		}
	}
	return r
}

// groups collects equal decisions for several devices.
type groups struct {
	filter Filter
	all    map[string]*group
	order  []string
	notes  []string
}

// group is one decision against devices.
type group struct {
	cause    cause.Cause
	what     string // "UDP 69 from"
	decision firewall.Decision
	names    []string
	devices  []netip.Addr
}

// judge walks the rules for one device.
func (g *groups) judge(way Route) {
	p := firewall.Packet{
		V6: way.Target.Address.Is6() && !way.Target.Address.Is4In6(), Device: way.Target.Address.Unmap(), Host: way.OurAddress(),
		Interface: way.Interface, Reachable: way.Interface != "", State: firewall.New,
	}
	if way.ToldIs != "" && way.ToldIs != way.Interface {
		p.Interface, p.Reachable = "", false // which one it comes in by is not known
	}
	p.HostPort = firewall.TFTPPort
	j := g.filter.Rules.Judge(p)
	listen := g.filter.Ports.Listen
	if listen != firewall.TFTPPort && j.HostPort == firewall.TFTPPort {
		g.noteOnce(fmt.Sprintf("devices send to UDP %d, the TFTP server listens on %d, and no rule on this host redirects one to the other: this works only if a device before this host does. %s prints the rule", firewall.TFTPPort, listen, api.Do("firewall", "nft")))
		p.HostPort = listen
		j = g.filter.Rules.Judge(p)
	}
	g.against(cause.NoRequest, fmt.Sprintf("UDP %d from", firewall.TFTPPort), way, j)
	if j.Verdict == firewall.Accept && j.HostPort != listen {
		g.add(cause.NoRequest, fmt.Sprintf("UDP %d from", firewall.TFTPPort), way,
			firewall.Decision{Verdict: firewall.Unknown, Doubts: []string{fmt.Sprintf("a rule redirects it to port %d, but the TFTP server listens on %d", j.HostPort, listen)}})
	}
	for _, port := range sample(g.filter.Ports.Transfers) {
		g.transfer(way, p, port)
	}
}

// transfer walks the rules for a transfer on one port of the range: this host
// answers from there first, and then the device sends there.
func (g *groups) transfer(way Route, p firewall.Packet, port uint16) {
	p.HostPort, p.Outgoing, p.State = port, true, firewall.New
	if p.Interface == "" {
		p.Interface = way.Interface
	}
	out := g.filter.Rules.Judge(p)
	p.State = firewall.Related
	if out.Verdict == firewall.Drop && g.filter.Rules.Judge(p).Verdict == firewall.Accept {
		out.Against = g.asRelated(out.Against)
	}
	g.against(cause.TIDBlocked, "answers from the transfer ports to", way, out)
	p.Outgoing, p.State = false, firewall.New
	if out.Tracked && out.Verdict == firewall.Accept {
		p.State = firewall.Established
	}
	if out.Verdict == firewall.Drop {
		return // no answer comes to a datagram that was not sent
	}
	g.against(cause.TIDBlocked, "the transfer ports from", way, g.filter.Rules.Judge(p))
}

// asRelated adds to decisions what they depend on: the first answer comes from
// a port that the request did not go to, and is related to it only for the
// kernel's helper. A loaded one helps only the requests that a rule gives it.
func (g *groups) asRelated(dropped []firewall.Decision) []firewall.Decision {
	all := slices.Clone(dropped)
	for i, d := range all {
		if d.Verdict != firewall.Drop {
			continue
		}
		if g.filter.Helper {
			all[i].Verdict = firewall.Unknown
			all[i].Doubts = []string{d.Rule + " (related datagrams pass; these are related only if a rule gives the request to the helper nf_conntrack_tftp)"}
			continue
		}
		all[i].Rule += " (related datagrams pass, but nf_conntrack_tftp, the helper that marks these as related, is not loaded)"
	}
	return all
}

// sample is the ports of the range, of a long one some.
func sample(p tftp.PortRange) []uint16 {
	const most = 64
	n := int(p.Last) - int(p.First) + 1
	var ports []uint16
	for i := range min(n, most) {
		ports = append(ports, p.First+uint16(i*(n-1)/max(1, min(n, most)-1)))
	}
	return ports
}

func (g *groups) noteOnce(note string) {
	for _, have := range g.notes {
		if have == note {
			return
		}
	}
	g.notes = append(g.notes, note)
}

func (g *groups) against(c cause.Cause, what string, way Route, j firewall.Judgement) {
	for _, d := range j.Against {
		g.add(c, what, way, d)
	}
}

func (g *groups) add(c cause.Cause, what string, way Route, d firewall.Decision) {
	key := fmt.Sprint(c, what, d.Place, d.Rule, d.Doubts)
	k := g.all[key]
	if k == nil {
		k = &group{cause: c, what: what, decision: d}
		g.all[key] = k
		g.order = append(g.order, key)
	}
	if len(k.names) == 0 || k.names[len(k.names)-1] != way.Name {
		k.names = append(k.names, way.Name)
	}
	if a := way.Target.Address; a.IsValid() && (len(k.devices) == 0 || k.devices[len(k.devices)-1] != a) {
		k.devices = append(k.devices, a)
	}
}

// finding says what a group is about.
func (k *group) finding(f Filter) api.Finding {
	who := strings.TrimSuffix(listed(k.names, "", ""), " ")
	out := api.Finding{Cause: k.cause}
	if k.decision.Verdict == firewall.Drop {
		out.Seen = fmt.Sprintf("the packet filter of this host drops %s %s: %s", k.what, who, k.decision.Rule)
	} else {
		out.Seen = fmt.Sprintf("the packet filter of this host may drop %s %s: %s", k.what, who, strings.Join(k.decision.Doubts, "; "))
	}
	switch {
	case k.decision.Place == (firewall.Place{}):
		out.Fix, out.Changes = "sudo nft list ruleset", "nothing: it shows the rules"
	case len(k.devices) == 0:
		out.Next, out.Changes = api.Do("device add", "NAME").With("address", "HOST").With("username", "USER"), "adds a device"
		out.Then = "run doctor again: it prints the rule for this device"
	default:
		out.Fix = k.decision.Place.Permit(k.devices, f.Ports)
		out.Changes = "this rule lets TFTP with these devices pass before the other rules of " + k.decision.Place.String()
		out.Then = "add the rule to the file of the rules too: it is lost when they are loaded again"
		if k.decision.Place.Tool == "ufw" {
			out.Changes, out.Then = "ufw lets TFTP from these devices pass before its other rules, also after a restart", ""
		}
	}
	return out
}
