package firewall

import (
	"cmp"
	"slices"
)

// Ruleset is every rule that was read, ready to be walked.
type Ruleset struct {
	bases []*base
}

// base is a chain that the kernel enters at a hook.
type base struct {
	place    Place
	kind     string // filter, nat, route
	priority int
	devices  []string // of an ingress chain
	policy   Verdict
	chain    *chain
}

type chain struct{ rules []*rule }

// rule is the steps of one rule, taken from left to right.
type rule struct {
	quote string
	steps []step
}

// step is one part of a rule. Exactly one of its functions is set, or verdict.
type step struct {
	match   func(*state) tri
	effect  func(s *state, sure bool)
	verdict *verdict
	choose  func(*state) []choice // the verdicts of a verdict map
	unknown string                // what a match cannot evaluate, for the doubt
}

// choice is one verdict that a map may give.
type choice struct {
	when    tri
	verdict verdict
}

// verdict is what a rule decides.
type verdict struct {
	kind   verdictKind
	target *chain // of jump and goto; nil: the chain is not known
	why    string // of unknown
}

type verdictKind int

const (
	accepts verdictKind = iota
	drops
	unknowable
	returns
	continues
	jumps
	goesTo
)

// tri is an answer that may not be known.
type tri int

const (
	no tri = iota
	maybe
	yes
)

func known(b bool) tri {
	if b {
		return yes
	}
	return no
}

func (t tri) not() tri { return yes - t }

// at lists the base chains of a hook in the order of their priority. Of equal
// ones the kernel asks the one that came last first (nf_hook_entries_grow).
func (r *Ruleset) at(hook Hook) []*base {
	var all []*base
	for _, b := range slices.Backward(r.bases) {
		if b.place.Hook == hook {
			all = append(all, b)
		}
	}
	slices.SortStableFunc(all, func(a, b *base) int { return cmp.Compare(a.priority, b.priority) })
	return all
}

// conntrackPriority is where connection tracking begins (nft(8): between raw
// at -300 and mangle at -150).
const conntrackPriority = -200

// meets reports whether the datagram enters the chain, and sets what is true
// at its place.
func (b *base) meets(s *state) bool {
	switch b.place.Family {
	case "ip":
		if s.v6 {
			return false
		}
	case "ip6":
		if !s.v6 {
			return false
		}
	case "inet", "netdev":
	default: // arp; bridge sees what is forwarded between its ports
		return false
	}
	if b.place.Hook == Ingress && s.device != "" && !slices.Contains(b.devices, s.device) {
		return false
	}
	if b.kind == "nat" && (s.tracked == Established || s.translated) {
		return false // nat chains see the first packet of a connection alone, until one translates it
	}
	first := b.place.Hook == Prerouting || b.place.Hook == Output // where connection tracking stands
	s.early = b.place.Hook == Ingress || first && b.priority <= conntrackPriority
	return true
}

// maxSteps bounds a walk: jumps can multiply.
const maxSteps = 1_000_000

// walk collects every way in which a base chain may end.
type walk struct {
	s      *state
	ways   []Decision
	doubts []string
	steps  int
}

// decide walks one base chain.
func (b *base) decide(s *state) Decision {
	w := &walk{s: s}
	if b.place.Hook == Ingress && s.device == "" {
		w.doubt(b.place.String() + ": the interface that the device reaches is not known")
	}
	if w.chain(b.chain, 0) {
		policy := map[Verdict]string{Accept: "policy accept", Drop: "policy drop"}[b.policy]
		w.ways = append(w.ways, Decision{Verdict: b.policy, Rule: b.place.String() + ": " + policy})
	}
	d := w.ways[0]
	for _, way := range w.ways {
		if way.Verdict != d.Verdict {
			d = Decision{Verdict: Unknown}
			break
		}
	}
	d.Place = b.place
	if d.Verdict == Unknown {
		d.Doubts = slices.Compact(w.doubts)
	}
	return d
}

func (w *walk) doubt(text string) { w.doubts = append(w.doubts, text) }

// maxDepth is how deep the kernel lets chains jump (NFT_JUMP_STACK_SIZE).
const maxDepth = 16

// chain walks a chain, and reports whether the datagram may come back from it.
func (w *walk) chain(c *chain, depth int) (back bool) {
	if c == nil || depth > maxDepth || w.steps > maxSteps {
		w.doubt("a chain that was not read, or chains too deep")
		w.ways = append(w.ways, Decision{Verdict: Unknown})
		return true
	}
	for _, r := range c.rules {
		w.steps++
		ended, returned := w.rule(r, depth)
		back = back || returned
		if ended {
			return back
		}
	}
	return true
}

// rule takes the steps of a rule. ended: the datagram certainly does not go on
// to the next rule; returned: it may leave the chain to where that was entered.
func (w *walk) rule(r *rule, depth int) (ended, returned bool) {
	sure := yes
	var why []string
	for _, st := range r.steps {
		switch {
		case st.match != nil:
			m := st.match(w.s)
			if m == no {
				return false, returned
			}
			if m == maybe {
				why = append(why, st.unknown)
			}
			sure = min(sure, m)
		case st.effect != nil:
			st.effect(w.s, sure == yes)
		case st.verdict != nil:
			ended, back := w.apply(r, choice{sure, *st.verdict}, why, depth)
			return ended, returned || back
		case st.choose != nil:
			for _, c := range st.choose(w.s) {
				if c.when == maybe {
					why = append(why, st.unknown)
				}
				c.when = min(c.when, sure)
				ended, back := w.apply(r, c, why, depth)
				returned = returned || back
				if ended || c.when == yes {
					return ended, returned
				}
			}
			return false, returned // nothing in the map: the rule ends here
		}
	}
	return false, returned
}

// apply carries out a verdict that a rule gives.
func (w *walk) apply(r *rule, c choice, why []string, depth int) (ended, returned bool) {
	sure := c.when == yes
	if !sure && c.verdict.kind != continues {
		for _, what := range why {
			w.doubt(r.quote + " (" + what + ")")
		}
	}
	switch c.verdict.kind {
	case accepts:
		w.ways = append(w.ways, Decision{Verdict: Accept, Rule: r.quote})
		return sure, false
	case drops:
		w.ways = append(w.ways, Decision{Verdict: Drop, Rule: r.quote})
		return sure, false
	case unknowable:
		w.doubt(r.quote + " (" + c.verdict.why + ")")
		w.ways = append(w.ways, Decision{Verdict: Unknown, Rule: r.quote})
		return sure, false
	case returns:
		return sure, true
	case jumps:
		return !w.chain(c.verdict.target, depth+1) && sure, false
	case goesTo:
		return sure, w.chain(c.verdict.target, depth+1)
	}
	return false, false
}
