package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// savedReader compiles the output of iptables-save.
type savedReader struct {
	tool, family string // iptables and ip, or ip6tables and ip6
	table        string
	chains       map[string]*chain // of the current table
	rules        *Ruleset
}

// builtIn maps the built-in chains to their hooks.
var builtIn = map[string]Hook{"PREROUTING": Prerouting, "INPUT": Input, "OUTPUT": Output, "POSTROUTING": Postrouting}

// tablePriority maps tables to the priority of their chains
// (linux/netfilter_ipv4.h).
var tablePriority = map[string]int{"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}

// parseSaved compiles the output of iptables-save or ip6tables-save.
func parseSaved(tool, text string) (*Ruleset, error) {
	family := "ip"
	if strings.HasPrefix(tool, "ip6") {
		family = "ip6"
	}
	r := savedReader{tool: tool, family: family, rules: &Ruleset{}}
	var appended []string
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "", strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "*"):
			r.table, r.chains, appended = line[1:], map[string]*chain{}, nil
		case strings.HasPrefix(line, ":"):
			r.declare(strings.Fields(line[1:]))
		case strings.HasPrefix(line, "-A "), strings.HasPrefix(line, "["):
			appended = append(appended, line[strings.Index(line, "-A "):])
		case line == "COMMIT":
			for _, rule := range appended {
				if err := r.append(rule); err != nil {
					return nil, err
				}
			}
		default:
			return nil, fmt.Errorf("read the rules of %s-save: line %d is not understood: %q", tool, i+1, line)
		}
	}
	return r.rules, nil
}

// declare reads a line such as ":INPUT DROP [0:0]".
func (r *savedReader) declare(words []string) {
	if len(words) < 2 {
		return
	}
	k := &chain{}
	r.chains[words[0]] = k
	hook, ok := builtIn[words[0]]
	if !ok {
		return
	}
	policy := Accept
	if words[1] == "DROP" {
		policy = Drop
	}
	kind := "filter"
	if r.table == "nat" {
		kind = "nat"
	}
	r.rules.bases = append(r.rules.bases, &base{
		place: Place{Tool: r.tool, Family: r.family, Table: r.table, Chain: words[0], Hook: hook},
		kind:  kind, priority: tablePriority[r.table], policy: policy, chain: k,
	})
}

// append compiles a line that begins with -A.
func (r *savedReader) append(line string) error {
	words := splitQuoted(line)
	if len(words) < 2 || r.chains[words[1]] == nil {
		return fmt.Errorf("read the rules of %s-save: %q names an unknown chain of table %s", r.tool, line, r.table)
	}
	k := r.chains[words[1]]
	k.rules = append(k.rules, &rule{quote: fmt.Sprintf("%s table %s: %s", r.tool, r.table, line), steps: r.steps(words[2:])})
	return nil
}

// splitQuoted splits a line at blanks outside of double quotes.
func splitQuoted(line string) []string {
	var words []string
	var word strings.Builder
	inWord, quoted, escaped := false, false, false
	for _, c := range line {
		switch {
		case escaped:
			word.WriteRune(c)
			escaped = false
		case c == '\\' && quoted:
			escaped = true
		case c == '"':
			quoted, inWord = !quoted, true
		case c == ' ' && !quoted:
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}

// steps compiles the matches and the target of a rule.
func (r *savedReader) steps(words []string) []step {
	var steps []step
	module := ""
	for i := 0; i < len(words); {
		negated := words[i] == "!"
		if negated {
			i++
		}
		if i >= len(words) {
			break
		}
		option, args := words[i], []string(nil)
		for i++; i < len(words) && words[i] != "!" && !strings.HasPrefix(words[i], "-"); i++ {
			args = append(args, words[i])
		}
		value := strings.Join(args, " ")
		switch option {
		case "-m":
			module = value
			if why, odd := bareModules[module]; odd {
				steps = append(steps, why)
			}
		case "-j", "-g":
			return append(steps, r.target(option, value, words[i:])...)
		default:
			steps = append(steps, option2step(module, option, value, negated))
		}
	}
	return steps
}

// bareModules lists modules that match even without an option.
var bareModules = map[string]step{
	"socket": doubtful("socket"), "rpfilter": {unknown: "not evaluated: -m rpfilter", match: func(s *state) tri {
		if s.back && !s.outgoing {
			return yes
		}
		return maybe
	}},
}

func doubtful(what string) step {
	return step{unknown: "not evaluated: -m " + what, match: func(*state) tri { return maybe }}
}

// option2step compiles one option of a match.
func option2step(module, option, value string, negated bool) step {
	st := step{unknown: strings.TrimSpace("not evaluated: -m " + module + " " + option + " " + value)}
	test := savedMatch(module, option, value)
	st.match = func(s *state) tri {
		if test == nil {
			return maybe
		}
		if m := test(s); negated {
			return m.not()
		} else {
			return m
		}
	}
	return st
}

// savedMatch returns the comparison of an option; nil: it cannot be evaluated.
func savedMatch(module, option, value string) func(*state) tri {
	switch option {
	case "-s":
		return func(s *state) tri { return inNetwork(s.src, value) }
	case "-d":
		return func(s *state) tri { return inNetwork(s.dst, value) }
	case "-i":
		return func(s *state) tri { return equal(s.in(), strings.Replace(value, "+", "*", 1)) }
	case "-o":
		return func(s *state) tri { return equal(s.out(), strings.Replace(value, "+", "*", 1)) }
	case "-p":
		return func(*state) tri { return isUDP(value) }
	case "-f":
		return func(*state) tri { return no } // second and later fragments
	case "--comment", "--limit-burst", "--reap", "--rsource", "--name", "--mask", "--loose", "--validmark", "--accept-local":
		return func(*state) tri { return yes } // only modifies another option
	}
	return moduleMatch(module, option, value)
}

func moduleMatch(module, option, value string) func(*state) tri {
	switch module + " " + option {
	case "udp --dport", "udp --destination-port", "multiport --dports", "multiport --destination-ports":
		return func(s *state) tri { return inPorts(s.dport(), value) }
	case "udp --sport", "udp --source-port", "multiport --sports", "multiport --source-ports":
		return func(s *state) tri { return inPorts(s.sport, value) }
	case "multiport --ports":
		return func(s *state) tri { return max(inPorts(s.sport, value), inPorts(s.dport(), value)) }
	case "conntrack --ctstate", "state --state":
		return func(s *state) tri { return anyWord(s.ctState(), strings.ToLower(value)) }
	case "conntrack --ctdir":
		return func(s *state) tri { return anyWord(s.direction(), strings.ToLower(value)) }
	case "addrtype --dst-type":
		return func(s *state) tri { return addressType(!s.outgoing, value) }
	case "addrtype --src-type":
		return func(s *state) tri { return addressType(s.outgoing, value) }
	case "mark --mark":
		return func(s *state) tri { return hasMark(s.mark, value) }
	case "connmark --mark":
		return func(s *state) tri { return hasMark(s.ctMark, value) }
	case "iprange --src-range":
		return func(s *state) tri { return inRange(s.src, value) }
	case "iprange --dst-range":
		return func(s *state) tri { return inRange(s.dst, value) }
	case "pkttype --pkt-type":
		return func(s *state) tri { return equal(meta("pkttype")(s), value) }
	case "rpfilter --invert":
		return func(s *state) tri { return known(!s.back) } // follows the step of -m rpfilter
	}
	if slices.Contains([]string{"tcp", "icmp", "icmp6", "sctp", "dccp", "esp", "ah", "rt", "frag", "hbh", "dst"}, module) {
		return func(*state) tri { return no } // other protocols: our datagrams do not have these headers
	}
	return nil
}

func isUDP(protocol string) tri {
	switch strings.ToLower(protocol) {
	case "udp", "17", "all", "0":
		return yes
	}
	return no
}

func inNetwork(v any, network string) tri {
	a, ok := v.(netip.Addr)
	best := no
	for part := range strings.SplitSeq(network, ",") {
		p, err := netip.ParsePrefix(part)
		if host, hostErr := netip.ParseAddr(part); hostErr == nil {
			p, err = netip.PrefixFrom(host, host.BitLen()), nil
		}
		best = max(best, orMaybe(ok && err == nil, p.Contains(a))) // a mask with holes is not evaluated
	}
	return best
}

func inPorts(v any, list string) tri {
	n, ok := v.(uint16)
	if !ok {
		return maybe
	}
	for part := range strings.SplitSeq(list, ",") {
		low, high, isRange := strings.Cut(part, ":")
		if !isRange {
			high = low
		}
		from, errA := strconv.ParseUint(low, 10, 16)
		to, errB := strconv.ParseUint(high, 10, 16)
		if errA != nil || errB != nil {
			return maybe
		}
		if from <= uint64(n) && uint64(n) <= to {
			return yes
		}
	}
	return no
}

func anyWord(v any, list string) tri {
	if _, none := v.(absent); none {
		return no
	}
	best := no
	for word := range strings.SplitSeq(list, ",") {
		best = max(best, equal(v, word))
	}
	return best
}

// addressType compares the type of an address. The address of this host is LOCAL;
// the type of a device's address is unknown.
func addressType(ours bool, list string) tri {
	if !ours {
		return maybe
	}
	return known(slices.Contains(strings.Split(list, ","), "LOCAL"))
}

func hasMark(v any, value string) tri {
	want, mask, masked := strings.Cut(value, "/")
	n, errA := strconv.ParseInt(want, 0, 64)
	m, errB := strconv.ParseInt(mask, 0, 64)
	if !masked {
		m, errB = 0xffffffff, nil
	}
	mark, ok := v.(int64)
	return orMaybe(ok && errA == nil && errB == nil, mark&m == n)
}

func inRange(v any, value string) tri {
	low, high, _ := strings.Cut(value, "-")
	if v == nil {
		return maybe
	}
	return within(v, low, high)
}

// target compiles the target of a rule. rest has the options after its name.
func (r *savedReader) target(option, name string, rest []string) []step {
	switch name {
	case "ACCEPT":
		return decide(verdict{kind: accepts})
	case "DROP", "REJECT":
		return decide(verdict{kind: drops})
	case "RETURN":
		return decide(verdict{kind: returns})
	case "MASQUERADE", "SNAT", "NETMAP":
		return decide(verdict{kind: accepts})
	case "LOG", "NFLOG", "ULOG", "TRACE", "AUDIT", "CHECKSUM", "CLASSIFY", "DSCP", "TOS", "TTL", "HL", "TEE", "SET", "TCPMSS", "SECMARK", "CONNSECMARK", "RATEEST":
		return nil
	case "MARK":
		return []step{{effect: func(s *state, _ bool) { s.mark = nil }}}
	case "CONNMARK":
		return []step{{effect: func(s *state, _ bool) { s.mark, s.ctMark = nil, nil }}}
	case "NOTRACK":
		return []step{{effect: (*state).notrack}}
	case "CT":
		if slices.Contains(rest, "--notrack") {
			return []step{{effect: (*state).notrack}}
		}
		return nil
	case "REDIRECT":
		return redirectTo(rest)
	}
	kind := jumps
	if option == "-g" {
		kind = goesTo
	}
	if k := r.chains[name]; k != nil {
		return decide(verdict{kind: kind, target: k})
	}
	return decide(verdict{kind: unknowable, why: "not evaluated: target " + name})
}

func decide(v verdict) []step { return []step{{verdict: &v}} }

func redirectTo(rest []string) []step {
	i := slices.Index(rest, "--to-ports")
	if i < 0 || i+1 >= len(rest) {
		return decide(verdict{kind: accepts})
	}
	to, err := strconv.ParseUint(rest[i+1], 10, 16)
	if err != nil {
		return decide(verdict{kind: unknowable, why: "REDIRECT to several ports"})
	}
	return append([]step{{effect: func(s *state, sure bool) { s.redirect(uint16(to), sure) }}}, decide(verdict{kind: accepts})...)
}
