package firewall

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"

	"flashwarden/internal/lazyregexp"
)

// object is one element in the output of nft -j (libnftables-json(5)).
type object struct {
	Table *struct{ Family, Name string }
	Chain *struct {
		Family, Table, Name, Type, Hook, Policy string
		Prio                                    int
		Dev                                     json.RawMessage
	}
	Rule *struct {
		Family, Table, Chain string
		Handle               int
		Expr                 []map[string]json.RawMessage
	}
	Set *setObject
	Map *setObject
}

type setObject struct {
	Family, Table, Name string
	Elem                []any
}

// listing has the rules of nft -a list ruleset as text, for quoting them in the
// usual syntax.
type listing struct {
	rules   map[string]string // "family table handle" to text
	dormant map[string]bool   // "family table"
}

// nftReader compiles the output of nft.
type nftReader struct {
	text   listing
	chains map[string]*chain
	sets   map[string][]any
	opaque map[string]bool // "family table" with matches of iptables that nft does not show
	rules  *Ruleset
}

// parseNFT compiles nft's JSON. opaque lists the tables of iptables (such as "ip
// filter") whose rules nft does not show completely.
func parseNFT(document []byte, text string) (r *Ruleset, opaque []string, err error) {
	var d struct{ Nftables []object }
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, nil, fmt.Errorf("read the output of nft: %w", err)
	}
	n := nftReader{text: parseListing(text), chains: map[string]*chain{}, sets: map[string][]any{}, opaque: map[string]bool{}, rules: &Ruleset{}}
	for _, o := range d.Nftables { // first, because rules refer to later chains and sets
		n.declare(o)
	}
	for _, o := range d.Nftables {
		if o.Rule == nil {
			continue
		}
		table := o.Rule.Family + " " + o.Rule.Table
		c := n.chains[table+" "+o.Rule.Chain]
		if c == nil {
			return nil, nil, fmt.Errorf("read the output of nft: a rule names the unknown chain %s of table %s", o.Rule.Chain, table)
		}
		c.rules = append(c.rules, n.rule(table, o.Rule.Chain, o.Rule.Handle, o.Rule.Expr))
	}
	for table := range n.opaque {
		opaque = append(opaque, table)
	}
	return n.rules, opaque, nil
}

// declare records chains and sets.
func (n *nftReader) declare(o object) {
	for _, s := range []*setObject{o.Set, o.Map} {
		if s != nil {
			n.sets[s.Family+" "+s.Table+" "+s.Name] = s.Elem
		}
	}
	if o.Chain == nil {
		return
	}
	k := &chain{}
	table := o.Chain.Family + " " + o.Chain.Table
	n.chains[table+" "+o.Chain.Name] = k
	if o.Chain.Hook == "" || n.text.dormant[table] {
		return
	}
	policy := Accept
	if o.Chain.Policy == "drop" {
		policy = Drop
	}
	n.rules.bases = append(n.rules.bases, &base{
		place:    Place{Tool: "nft", Family: o.Chain.Family, Table: o.Chain.Table, Chain: o.Chain.Name, Hook: Hook(o.Chain.Hook)},
		kind:     o.Chain.Type,
		priority: o.Chain.Prio,
		devices:  oneOrMore(o.Chain.Dev),
		policy:   policy,
		chain:    k,
	})
}

// oneOrMore reads a name or a list of names.
func oneOrMore(raw json.RawMessage) []string {
	var one string
	var many []string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	if json.Unmarshal(raw, &many) != nil {
		return nil
	}
	return many
}

func (n *nftReader) rule(table, chain string, handle int, statements []map[string]json.RawMessage) *rule {
	place := fmt.Sprintf("table %s, chain %s, handle %d", table, chain, handle)
	text := n.text.rules[fmt.Sprintf("%s %d", table, handle)]
	if text == "" {
		raw, _ := json.Marshal(statements) // cannot fail: they come from JSON
		text = string(raw)
	}
	r := &rule{quote: place + ": " + text}
	for _, statement := range statements {
		for name, raw := range statement {
			r.steps = append(r.steps, n.statement(table, name, raw)...)
		}
	}
	return r
}

// statement compiles one statement of a rule.
func (n *nftReader) statement(table, name string, raw json.RawMessage) []step {
	var arg any
	if err := json.Unmarshal(raw, &arg); err != nil {
		arg = nil
	}
	body, _ := arg.(map[string]any)
	if v, ok := n.verdict(table, name, raw); ok {
		return append(implied(body), step{verdict: &v})
	}
	switch name {
	case "counter", "log", "last", "ct helper", "ct timeout", "ct expectation", "secmark", "dup", "set", "flow", "masquerade", "snat":
		return nil // these do not change the path of the datagram
	case "match":
		return []step{n.match(table, body)}
	case "vmap":
		return []step{n.verdictMap(table, body)}
	case "mangle":
		return []step{{effect: mangle(body)}}
	case "notrack":
		return []step{{effect: func(s *state, sure bool) { s.notrack(sure) }}}
	case "redirect", "dnat":
		return append(implied(body), translate(name, body)...)
	case "xt":
		n.opaque[table] = true
	}
	why := "not evaluated: " + name
	return []step{{match: func(*state) tri { return maybe }, unknown: why}}
}

// implied returns the comparison that a statement implies without listing it:
// reject with icmp and dnat ip only apply to IPv4.
func implied(body map[string]any) []step {
	var want func(*state) bool
	switch {
	case body["type"] == "icmp", body["family"] == "ip":
		want = func(s *state) bool { return !s.v6 }
	case body["type"] == "icmpv6", body["family"] == "ip6":
		want = func(s *state) bool { return s.v6 }
	case body["type"] == "tcp reset":
		want = func(*state) bool { return false }
	default:
		return nil
	}
	return []step{{match: func(s *state) tri { return known(want(s)) }}}
}

// verdict reads a verdict statement. It returns false for other statements.
func (n *nftReader) verdict(table, name string, raw json.RawMessage) (verdict, bool) {
	kinds := map[string]verdictKind{
		"accept": accepts, "drop": drops, "reject": drops, "return": returns, "continue": continues, "jump": jumps, "goto": goesTo,
		"queue": unknowable, "tproxy": unknowable, "fwd": unknowable,
	}
	kind, ok := kinds[name]
	if !ok {
		return verdict{}, false
	}
	v := verdict{kind: kind, why: name + " sends it to a program or another interface"}
	if kind == jumps || kind == goesTo {
		var to struct{ Target string }
		if json.Unmarshal(raw, &to) == nil {
			v.target = n.chains[table+" "+to.Target]
		}
	}
	return v, true
}

// verdictMap compiles a map from values to verdicts.
func (n *nftReader) verdictMap(table string, body map[string]any) step {
	key := expression(body["key"])
	return step{unknown: "not evaluated: the key of a verdict map", choose: func(s *state) []choice {
		v := key(s)
		if _, ok := v.(absent); ok {
			return nil
		}
		var all []choice
		var rest *choice
		for _, element := range n.elements(table, body["data"]) {
			pair, ok := element.([]any)
			if !ok || len(pair) != 2 {
				continue
			}
			c := choice{when: equal(v, pair[0]), verdict: n.mapped(table, pair[1])}
			if pair[0] == "*" {
				rest = &choice{when: yes, verdict: c.verdict}
				continue
			}
			if c.when != no {
				all = append(all, c)
			}
		}
		if rest != nil {
			all = append(all, *rest)
		}
		return all
	}}
}

func (n *nftReader) mapped(table string, decided any) verdict {
	if statement, ok := decided.(map[string]any); ok {
		for name, arg := range statement {
			raw, _ := json.Marshal(arg) // cannot fail: it comes from JSON
			if v, ok := n.verdict(table, name, raw); ok {
				return v
			}
		}
	}
	return verdict{kind: unknowable, why: "not evaluated: the verdict of the map"}
}

// elements lists the elements of a set or map, named or inline.
func (n *nftReader) elements(table string, set any) []any {
	switch set := set.(type) {
	case string:
		return n.sets[table+" "+strings.TrimPrefix(set, "@")]
	case map[string]any:
		elements, _ := set["set"].([]any)
		return elements
	}
	return nil
}

// mangle sets a mark. Other fields that a rule changes become unknown.
func mangle(body map[string]any) func(*state, bool) {
	key, _ := body["key"].(map[string]any)
	number, isNumber := body["value"].(float64)
	return func(s *state, sure bool) {
		var v any
		if sure && isNumber {
			v = int64(number)
		}
		meta, _ := key["meta"].(map[string]any)
		ct, _ := key["ct"].(map[string]any)
		switch {
		case meta["key"] == "mark":
			s.mark = v
		case ct["key"] == "mark":
			s.ctMark = v
		case key["payload"] != nil:
			s.src, s.dst, s.sport, s.srcPort, s.hostPort = nil, nil, nil, nil, nil
		}
	}
}

// notrack exempts the datagram from connection tracking.
func (s *state) notrack(sure bool) {
	s.tracked = ""
	if sure {
		s.tracked = "untracked"
	}
}

// translate redirects the datagram to another port or host, and ends the chain.
func translate(name string, body map[string]any) []step {
	to, hasPort := body["port"].(float64)
	elsewhere := body["addr"] != nil
	if _, odd := body["port"]; odd && !hasPort {
		elsewhere = true
	}
	if elsewhere {
		return []step{{verdict: &verdict{kind: unknowable, why: name + " redirects it to another host or to several ports"}}}
	}
	return []step{
		{effect: func(s *state, sure bool) {
			if hasPort {
				s.redirect(uint16(to), sure)
			}
		}},
		{verdict: &verdict{kind: accepts}},
	}
}

// redirect changes the local port of the datagram.
func (s *state) redirect(to uint16, sure bool) {
	switch {
	case sure:
		s.hostPort, s.translated = to, true
	case s.hostPort != to:
		s.hostPort = nil
	}
}

var (
	tableLine  = lazyregexp.New(`^table (\S+ \S+) \{`)
	handleMark = lazyregexp.New(`^(.*) # handle (\d+)$`)
)

// parseListing reads nft -a list ruleset. Each rule ends with its handle. Rules
// with long sets have several lines.
func parseListing(text string) listing {
	l := listing{rules: map[string]string{}, dormant: map[string]bool{}}
	table, open := "", ""
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, maxListing)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if m := tableLine.FindStringSubmatch(line); m != nil {
			table, open = m[1], ""
			continue
		}
		if line == "flags dormant" {
			l.dormant[table] = true
		}
		m := handleMark.FindStringSubmatch(line)
		if m == nil {
			if open += " " + line; line == "}" || line == "" || strings.HasPrefix(line, "type ") {
				open = ""
			}
			continue
		}
		if !strings.HasSuffix(m[1], "{") {
			l.rules[table+" "+m[2]] = strings.TrimSpace(open + " " + m[1])
		}
		open = ""
	}
	return l
}
