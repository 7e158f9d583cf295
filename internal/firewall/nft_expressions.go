package firewall

import (
	"net/netip"
	"slices"
	"strings"
)

const protocolUDP = 17

// match compiles a comparison.
func (n *nftReader) match(table string, body map[string]any) step {
	left, right, op := expression(body["left"]), body["right"], body["op"]
	st := step{unknown: "not evaluated: " + describe(body["left"])}
	st.match = func(s *state) tri {
		v := left(s)
		if _, none := v.(absent); none {
			return no
		}
		if v == nil {
			return maybe
		}
		return n.compare(table, v, op, right)
	}
	return st
}

func (n *nftReader) compare(table string, v any, op, right any) tri {
	switch op {
	case "==", "in":
		return n.matches(table, v, right)
	case "!=", "!":
		return n.matches(table, v, right).not()
	}
	a, okA := number(v)
	b, okB := number(right)
	if !okA || !okB {
		return maybe
	}
	switch op {
	case "<":
		return known(a < b)
	case ">":
		return known(a > b)
	case "<=":
		return known(a <= b)
	case ">=":
		return known(a >= b)
	}
	return maybe
}

// matches is equal, but also resolves named sets.
func (n *nftReader) matches(table string, v, right any) tri {
	name, ok := right.(string)
	if !ok || !strings.HasPrefix(name, "@") {
		return equal(v, right)
	}
	elements, there := n.sets[table+" "+name[1:]]
	if !there {
		return maybe
	}
	return anyOf(v, elements)
}

func anyOf(v any, elements []any) tri {
	best := no
	for _, e := range elements {
		best = max(best, equal(v, e))
	}
	return best
}

// equal compares a value of the datagram with a value in a rule or set: a word, a
// number, an address, a prefix, a range, a list, or a concatenation.
func equal(v, right any) tri {
	if v == nil {
		return maybe
	}
	switch r := right.(type) {
	case []any:
		return anyOf(v, r)
	case map[string]any:
		return equalObject(v, r)
	case string:
		return equalWord(v, r)
	case bool:
		b, ok := v.(bool)
		return orMaybe(ok, b == r)
	case float64:
		a, ok := number(v)
		return orMaybe(ok, a == int64(r))
	}
	return maybe
}

func orMaybe(ok, b bool) tri {
	if !ok {
		return maybe
	}
	return known(b)
}

func equalObject(v any, r map[string]any) tri {
	if elements, ok := r["set"].([]any); ok {
		return anyOf(v, elements)
	}
	if elements, ok := r["|"].([]any); ok {
		return anyOf(v, elements)
	}
	if e, ok := r["elem"].(map[string]any); ok {
		return equal(v, e["val"])
	}
	if bounds, ok := r["range"].([]any); ok && len(bounds) == 2 {
		return within(v, bounds[0], bounds[1])
	}
	if p, ok := r["prefix"].(map[string]any); ok {
		return inPrefix(v, p)
	}
	if parts, ok := r["concat"].([]any); ok {
		return equalParts(v, parts)
	}
	return maybe
}

func equalParts(v any, parts []any) tri {
	values, ok := v.([]any)
	if !ok || len(values) != len(parts) {
		return maybe
	}
	all := yes
	for i, part := range parts {
		all = min(all, equal(values[i], part))
	}
	return all
}

func equalWord(v any, word string) tri {
	switch v := v.(type) {
	case names:
		if stem, wild := strings.CutSuffix(word, "*"); wild {
			return known(slices.ContainsFunc(v, func(name string) bool { return strings.HasPrefix(name, stem) }))
		}
		return known(slices.Contains(v, word))
	case netip.Addr:
		a, err := netip.ParseAddr(word)
		return orMaybe(err == nil, err == nil && a.Unmap() == v)
	case []any:
		return maybe
	}
	n, ok := wordNumber(word)
	a, isNumber := number(v)
	return orMaybe(ok && isNumber, a == n)
}

// wordNumber returns the number of a protocol name, or of the port name tftp.
func wordNumber(word string) (int64, bool) {
	n, ok := map[string]int64{"icmp": 1, "igmp": 2, "tcp": 6, "udp": protocolUDP, "dccp": 33, "gre": 47, "esp": 50, "ah": 51,
		"ipv6-icmp": 58, "icmpv6": 58, "ospf": 89, "ospfigp": 89, "pim": 103, "vrrp": 112, "sctp": 132, "udplite": 136, "tftp": 69}[word]
	return n, ok
}

func within(v, low, high any) tri {
	if a, ok := v.(netip.Addr); ok {
		from, errA := netip.ParseAddr(text(low))
		to, errB := netip.ParseAddr(text(high))
		return orMaybe(errA == nil && errB == nil, from.Compare(a) <= 0 && a.Compare(to) <= 0)
	}
	a, ok := number(v)
	from, okA := number(low)
	to, okB := number(high)
	return orMaybe(ok && okA && okB, from <= a && a <= to)
}

func inPrefix(v any, p map[string]any) tri {
	a, isAddr := v.(netip.Addr)
	net, err := netip.ParseAddr(text(p["addr"]))
	bits, isNumber := p["len"].(float64)
	if !isAddr || err != nil || !isNumber {
		return maybe
	}
	return known(netip.PrefixFrom(net, int(bits)).Contains(a))
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func number(v any) (int64, bool) {
	switch v := v.(type) {
	case uint16:
		return int64(v), true
	case int64:
		return v, true
	case float64:
		return int64(v), true
	}
	return 0, false
}

// unknownValue is an expression that cannot be evaluated.
func unknownValue(*state) any { return nil }

// expression compiles the left side of a comparison.
func expression(e any) func(*state) any {
	m, _ := e.(map[string]any)
	for name, arg := range m {
		body, _ := arg.(map[string]any)
		switch name {
		case "payload":
			return payload(text(body["protocol"]), text(body["field"]))
		case "meta":
			return meta(text(body["key"]))
		case "ct":
			return conntrack(body)
		case "fib":
			return fib(body)
		case "&":
			return masked(arg)
		case "concat":
			return joined(arg)
		}
	}
	return unknownValue
}

// describe returns a short name of an expression, for a doubt.
func describe(e any) string {
	m, _ := e.(map[string]any)
	for name, arg := range m {
		if body, ok := arg.(map[string]any); ok {
			return strings.TrimSpace(name + " " + text(body["protocol"]) + " " + text(body["field"]) + text(body["key"]))
		}
		return name
	}
	return "an expression"
}

func joined(arg any) func(*state) any {
	list, _ := arg.([]any)
	var parts []func(*state) any
	for _, e := range list {
		parts = append(parts, expression(e))
	}
	return func(s *state) any {
		values := make([]any, len(parts))
		for i, part := range parts {
			values[i] = part(s)
			if _, none := values[i].(absent); none {
				return absent{}
			}
		}
		return values
	}
}

func masked(arg any) func(*state) any {
	list, _ := arg.([]any)
	if len(list) != 2 {
		return unknownValue
	}
	left := expression(list[0])
	mask, ok := number(list[1])
	return func(s *state) any {
		v := left(s)
		switch f := v.(type) {
		case absent:
			return v
		case fragment:
			if ok && mask&dontFragment == 0 {
				return int64(0)
			}
			return nil
		default:
			n, isNumber := number(f)
			if !ok || !isNumber {
				return nil
			}
			return n & mask
		}
	}
}

// fragment has the fragment flags and the offset of an unfragmented datagram. All
// are zero, except the flag "don't fragment", which is unknown.
type fragment struct{}

const dontFragment = 0x4000

func payload(protocol, field string) func(*state) any {
	switch protocol {
	case "ip":
		return func(s *state) any { return ipField(s, field, false) }
	case "ip6":
		return func(s *state) any { return ipField(s, field, true) }
	case "udp", "th":
		return func(s *state) any {
			switch field {
			case "sport":
				return s.sport
			case "dport":
				return s.dport()
			}
			return nil
		}
	case "tcp", "icmp", "icmpv6", "igmp", "sctp", "dccp", "ah", "esp", "comp", "arp", "udplite":
		return func(*state) any { return absent{} }
	}
	return unknownValue
}

func ipField(s *state, field string, v6 bool) any {
	if s.v6 != v6 {
		return absent{}
	}
	switch field {
	case "saddr":
		return s.src
	case "daddr":
		return s.dst
	case "protocol", "nexthdr":
		return int64(protocolUDP)
	case "frag-off":
		return fragment{}
	case "version":
		if v6 {
			return int64(6)
		}
		return int64(4)
	}
	return nil
}

func meta(key string) func(*state) any {
	return func(s *state) any {
		switch key {
		case "l4proto":
			return int64(protocolUDP)
		case "protocol":
			return family(s, "ip", "ip6")
		case "nfproto":
			return family(s, "ipv4", "ipv6")
		case "iif", "iifname":
			return s.in()
		case "oif", "oifname":
			return s.out()
		case "mark":
			return s.mark
		case "pkttype":
			if !s.outgoing {
				return names{"host", "unicast"}
			}
		}
		return nil
	}
}

func family(s *state, v4, v6 string) any {
	if s.v6 {
		return names{v6}
	}
	return names{v4}
}

func conntrack(body map[string]any) func(*state) any {
	key := text(body["key"])
	if body["dir"] != nil {
		return unknownValue
	}
	return func(s *state) any {
		switch key {
		case "state":
			return s.ctState()
		case "direction":
			return s.direction()
		case "mark":
			if s.early {
				return absent{}
			}
			if s.tracked != New {
				return nil // an earlier datagram may have set it
			}
			return s.ctMark
		case "protocol":
			return int64(protocolUDP)
		case "l3proto":
			return family(s, "ipv4", "ipv6")
		}
		return nil
	}
}

// fib evaluates a lookup in the routing table. This host's address is local. The
// device is reached through the interface if Packet.Reachable is set.
func fib(body map[string]any) func(*state) any {
	var flags []string
	if list, ok := body["flags"].([]any); ok {
		for _, f := range list {
			flags = append(flags, text(f))
		}
	}
	result := text(body["result"])
	return func(s *state) any {
		switch {
		case result == "type" && slices.Contains(flags, "daddr") != s.outgoing && !slices.Contains(flags, "oif"):
			return names{"local"} // the side that is this host
		case result == "oif" && slices.Equal(flags, []string{"saddr", "iif"}) && !s.outgoing && s.back:
			return true
		}
		return nil
	}
}
