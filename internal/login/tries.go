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
	by map[netip.Prefix]*rate.Limiter
}

// NewTries returns Tries that have seen nothing.
func NewTries() *Tries { return &Tries{by: make(map[netip.Prefix]*rate.Limiter)} }

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

// Failed counts a wrong secret.
func (t *Tries) Failed(from netip.Addr, now time.Time) {
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
func (t *Tries) shrink(now time.Time) {
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

// Address is the address of a client.
func Address(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}
