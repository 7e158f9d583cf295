// Package login has what all faces need to let people and programs in over the network: how
// often an address may try, and the cookie of a session.
package login

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits of wrong secrets from one address: a few at once, then one in some seconds.
const (
	triesAtOnce  = 10
	triesEvery   = 5 * time.Second
	triesSources = 4096 // addresses that are counted
)

// Tries counts wrong secrets by the address that sent them, not by the name that they were
// for: nobody can lock another one out.
type Tries struct {
	mu sync.Mutex
	by map[netip.Prefix]*source
}

// source is an address that sent a wrong secret, or tries one now.
type source struct {
	left *rate.Limiter // tries
	open int           // tries that have begun and not ended
}

// free returns how many tries an address may begin.
func (s *source) free(now time.Time) float64 { return s.left.TokensAt(now) - float64(s.open) }

// NewTries returns Tries that have seen nothing.
func NewTries() *Tries { return &Tries{by: make(map[netip.Prefix]*source)} }

// sourceOf is what counts as one address: an IPv6 host has a whole /64 (RFC 8981).
func sourceOf(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.WithZone("").Prefix(bits)
	return p
}

// Wait returns how long an address has to wait for its next try; 0: not at all.
func (t *Tries) Wait(from netip.Addr, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wait(from, now)
}

// wait is Wait. The caller holds t.mu.
func (t *Tries) wait(from netip.Addr, now time.Time) time.Duration {
	s := t.by[sourceOf(from)]
	if s == nil {
		return 0
	}
	missing := 1 - s.free(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing * float64(triesEvery))
}

// Failed counts a wrong secret.
func (t *Tries) Failed(from netip.Addr, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.source(from, now).left.AllowN(now, 1)
}

// Begin begins a try that takes some time, unless the address has to wait. Tries that
// have begun count as wrong ones until End: many at the same time are not more than one after
// the other.
func (t *Tries) Begin(from netip.Addr, now time.Time) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if wait := t.wait(from, now); wait > 0 {
		return wait
	}
	t.source(from, now).open++
	return 0
}

// End ends a try that Begin began.
func (t *Tries) End(from netip.Addr, now time.Time, wrong bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.source(from, now)
	s.open--
	if wrong {
		s.left.AllowN(now, 1)
	}
}

// source returns the tries of an address. The caller holds t.mu.
func (t *Tries) source(from netip.Addr, now time.Time) *source {
	key := sourceOf(from)
	s := t.by[key]
	if s == nil {
		t.shrink(now)
		s = &source{left: rate.NewLimiter(rate.Every(triesEvery), triesAtOnce)}
		t.by[key] = s
	}
	return s
}

// shrink makes room for one address: those that may try as often as new ones go first. Those
// that try now stay.
func (t *Tries) shrink(now time.Time) {
	for key, s := range t.by {
		if s.free(now) >= triesAtOnce {
			delete(t.by, key)
		}
	}
	for key, s := range t.by {
		if len(t.by) < triesSources {
			return
		}
		if s.open == 0 {
			delete(t.by, key)
		}
	}
}

// Address is the address of a client.
func Address(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}
