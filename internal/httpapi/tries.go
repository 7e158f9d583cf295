package httpapi

import (
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

// tries counts wrong secrets by the address that sent them, not by the name that they were
// for: nobody can lock another one out.
type tries struct {
	mu sync.Mutex
	by map[netip.Prefix]*rate.Limiter
}

func newTries() *tries { return &tries{by: make(map[netip.Prefix]*rate.Limiter)} }

// sourceOf is what counts as one address: an IPv6 host has a whole /64 (RFC 8981).
func sourceOf(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.WithZone("").Prefix(bits)
	return p
}

// wait returns how long an address has to wait for its next try; 0: not at all.
func (t *tries) wait(from netip.Addr, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.by[sourceOf(from)]
	if l == nil {
		return 0
	}
	missing := 1 - l.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing * float64(triesEvery))
}

// failed counts a wrong secret.
func (t *tries) failed(from netip.Addr, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := sourceOf(from)
	l := t.by[key]
	if l == nil {
		t.shrink(now)
		l = rate.NewLimiter(rate.Every(triesEvery), triesAtOnce)
		t.by[key] = l
	}
	l.AllowN(now, 1)
}

// shrink makes room for one address: those that may try as often as new ones go first.
func (t *tries) shrink(now time.Time) {
	for key, l := range t.by {
		if l.TokensAt(now) >= triesAtOnce {
			delete(t.by, key)
		}
	}
	for key := range t.by {
		if len(t.by) < triesSources {
			return
		}
		delete(t.by, key)
	}
}
