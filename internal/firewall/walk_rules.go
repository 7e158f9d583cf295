package firewall

import (
	"cmp"
	"slices"
)

// Ruleset has all rules of this host, compiled for Judge. The zero Ruleset has no
// rules and accepts everything.
type Ruleset struct {
	bases []*base
}

// base is a base chain: the kernel enters it at a hook.
type base struct {
	place    Place
	kind     string // filter, nat, route
	priority int
	devices  []string // of an ingress chain
	policy   Verdict
	chain    *chain
}

type chain struct{ rules []*rule }

// rule is one rule, as steps from left to right.
type rule struct {
	quote string
	steps []step
}

// step is one part of a rule. Exactly one of match, effect, verdict and choose is
// set.
type step struct {
	match   func(*state) tri
	effect  func(s *state, sure bool)
	verdict *verdict
	choose  func(*state) []choice // the possible verdicts of a verdict map
	unknown string                // text for the doubt if the result is maybe
}

// choice is one possible verdict of a verdict map.
type choice struct {
	when    tri
	verdict verdict
}

// verdict is the decision of a rule.
type verdict struct {
	kind   verdictKind
	target *chain // of jump and goto; nil: the chain is unknown
	why    string // of unknowable
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

// tri is a truth value that may be unknown.
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

// at lists the base chains of a hook in the order of their priority. Among chains
// of equal priority the kernel runs the newest first (nf_hook_entries_grow).
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

// conntrackPriority is the priority of connection tracking (nft(8): between raw at
// -300 and mangle at -150).
const conntrackPriority = -200

// meets reports whether the datagram enters the chain. It also sets s.early for
// this chain.
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
	default: // arp; bridge only handles traffic between its ports
		return false
	}
	if b.place.Hook == Ingress && s.device != "" && !slices.Contains(b.devices, s.device) {
		return false
	}
	if b.kind == "nat" && (s.tracked == Established || s.translated) {
		return false // nat chains only see the first packet of a connection, until one translates it
	}
	first := b.place.Hook == Prerouting || b.place.Hook == Output // the hooks with connection tracking
	s.early = b.place.Hook == Ingress || first && b.priority <= conntrackPriority
	return true
}

// maxSteps limits a walk, because the number of paths grows with each jump.
const maxSteps = 1_000_000

// walk collects all possible decisions of a base chain.
type walk struct {
	s      *state
	ways   []Decision
	doubts []string
	steps  int
}

// decide evaluates one base chain.
func (b *base) decide(s *state) Decision {
	w := &walk{s: s}
	if b.place.Hook == Ingress && s.device == "" {
		w.doubt(b.place.String() + ": the interface towards the device is unknown")
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

// maxDepth is the kernel's limit for nested jumps (NFT_JUMP_STACK_SIZE).
const maxDepth = 16

// chain evaluates a chain. back reports whether the datagram may return from it
// without a decision.
func (w *walk) chain(c *chain, depth int) (back bool) {
	if c == nil || depth > maxDepth || w.steps > maxSteps {
		w.doubt("a chain is unknown, or the chains are nested too deeply")
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

// rule evaluates a rule. ended reports that the datagram certainly does not reach
// the next rule. returned reports that it may return to the calling chain.
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
			return false, returned // no entry matches: the rule ends here
		}
	}
	return false, returned
}

// apply applies the verdict of a rule.
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
