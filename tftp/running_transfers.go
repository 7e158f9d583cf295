package tftp

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// transfers are the running transfers of an engine. They are counted by request, by
// source and by network, to find the session of a repeated request, and to refuse what
// is too much.
type transfers struct {
	most      int // at the same time
	perSource int
	active    atomic.Int64
	draining  atomic.Bool   // new requests are ignored
	drained   chan struct{} // closed when draining and no transfer runs

	mu       sync.Mutex
	requests map[requestKey]*session
	reads    map[netip.AddrPort][]*session // those of them that are reads, of each peer
	sources  map[netip.Addr]int            // number of each source, see sourceOf
	unproved unprovedQueue
	prefixes prefixLimiter
	searches bucket // limits the searches for greedy addresses
}

// requestKey identifies a request. A second request with the same key is a
// repetition.
type requestKey struct {
	peer     netip.AddrPort
	op       Op
	filename string
}

func keyOf(r *Request) requestKey { return requestKey{r.Remote, r.Op, r.Filename} }

func newTransfers(most, perSource int) *transfers {
	return &transfers{
		most:      most,
		perSource: perSource,
		drained:   make(chan struct{}),
		requests:  map[requestKey]*session{},
		reads:     map[netip.AddrPort][]*session{},
		sources:   map[netip.Addr]int{},
		prefixes:  prefixLimiter{},
		searches:  bucket{rate: 100, burst: 100},
	}
}

// find returns the running session of the same request.
func (t *transfers) find(r *Request) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.requests[keyOf(r)]
}

// takePrefix counts a request of an address and reports whether it may be answered.
func (t *transfers) takePrefix(now time.Time, a netip.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.prefixes.take(now, a)
}

var busy = &Error{CodeUndefined, "too many transfers, try again later"}

// admit counts a new transfer, or returns the error that refuses it. Under
// pressure it removes the oldest transfer whose peer has not proved its address. A
// proved transfer is removed only if it stands still and its address is greedy.
func (t *transfers) admit(now time.Time, s *session) error {
	source := sourceOf(s.peer.Addr())
	if old := t.crowded(now, source); old != nil {
		old.loop.evict(now, old)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.draining.Load() || len(t.requests) >= t.most || t.sources[source] >= t.perSource {
		return busy
	}
	t.requests[keyOf(s.req)] = s
	if s.req.Op == Read {
		t.reads[s.peer] = append(t.reads[s.peer], s)
	}
	t.sources[source]++
	t.unproved.push(s)
	t.active.Add(1)
	return nil
}

// crowded returns the session to remove before a new one of this source can
// start; nil if there is room, or no session may be removed.
func (t *transfers) crowded(now time.Time, source netip.Addr) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.sources[source] >= t.perSource:
		return t.unproved.oldest(source)
	case len(t.requests) >= t.most && t.unproved.count == 0:
		return t.greedy(now, source)
	case len(t.requests) >= t.most, t.unproved.count >= max(1, t.most/2):
		return t.unproved.oldest(netip.Addr{})
	}
	return nil
}

// greedyShare is the part of all transfers that makes an address greedy: an eighth.
const greedyShare = 8

// greedy returns a transfer of an address that has a large part of all transfers, nil
// if there is none. Otherwise a few hosts that stall their transfers would keep all
// others from being served. The search is limited, because it takes time. The caller
// holds the lock.
func (t *transfers) greedy(now time.Time, source netip.Addr) *session {
	if !t.searches.take(now) {
		return nil
	}
	for key, s := range t.requests {
		if a := sourceOf(key.peer.Addr()); t.sources[source] < t.sources[a] && t.sources[a] > max(1, t.most/greedyShare) {
			return s
		}
	}
	return nil
}

// proved records that the peer of a session has answered.
func (t *transfers) proved(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unproved.drop(s)
}

// refund returns the token of a request whose peer has proved its address.
func (t *transfers) refund(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.prefixes.refund(s.peer.Addr())
}

// stray notes an ACK of a peer to a shared port where it has no transfer.
func (t *transfers) stray(peer netip.AddrPort) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.reads[peer] {
		s.guard.forged.Store(true)
	}
}

// forget removes a finished session from the counts.
func (t *transfers) forget(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := keyOf(s.req)
	if t.requests[key] != s {
		return
	}
	delete(t.requests, key)
	t.forgetRead(s)
	if t.draining.Load() && len(t.requests) == 0 {
		close(t.drained)
	}
	t.unproved.drop(s)
	t.active.Add(-1)
	source := sourceOf(s.req.Remote.Addr())
	if t.sources[source]--; t.sources[source] <= 0 {
		delete(t.sources, source)
	}
}

// forgetRead removes a finished read. The caller holds the lock.
func (t *transfers) forgetRead(s *session) {
	left := slices.DeleteFunc(t.reads[s.peer], func(other *session) bool { return other == s })
	if len(left) == 0 {
		delete(t.reads, s.peer)
		return
	}
	t.reads[s.peer] = left
}

// drain ignores new requests from now on. It closes drained when no transfer runs.
func (t *transfers) drain() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.draining.Swap(true) && len(t.requests) == 0 {
		close(t.drained)
	}
}
