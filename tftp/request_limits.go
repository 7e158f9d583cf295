package tftp

import (
	"maps"
	"net/netip"
	"slices"
	"time"
)

// servicePorts are source ports that no TFTP client uses. A forged request from
// such a port would make two services answer each other for ever (CVE-2024-2169):
// echo, discard, daytime, qotd, chargen, time, domain, tftp, sunrpc, ntp,
// netbios-ns, snmp, ldap, rip.
var servicePorts = []uint16{0, 7, 9, 13, 17, 19, 37, 53, 69, 111, 123, 137, 161, 389, 520}

const (
	prefixRate  = 100             // unanswered requests a second from one network
	prefixBurst = 8192            // unanswered requests at once from one network
	maxPrefixes = 4096            // networks that are counted
	fairRate    = 1               // requests a second that each address of such a network still has
	fairBurst   = 4               // the same at once
	maxFair     = 256             // addresses of one network that are counted: those of an IPv4 /24
	clampTime   = 5 * time.Minute // a peer repeats a failed transfer sooner
	maxClamped  = 1024
)

// welcome reports whether requests from this source are accepted.
func (e *engine) welcome(now time.Time, d *datagram) bool {
	why := ""
	switch {
	case d.to.group: // RFC 1123 section 4.2.3.5
		why = "sent to a broadcast or multicast address"
	case slices.Contains(servicePorts, d.from.Port()) || d.from.Port() == e.local.Port():
		why = "source port of a service"
	case len(e.Allow) > 0 && !slices.ContainsFunc(e.Allow, func(p netip.Prefix) bool { return p.Contains(d.from.Addr().WithZone("")) }):
		why = "source is not allowed"
	case !e.takePrefix(now, d.from.Addr()):
		why = "too many requests from this network whose peers never answer"
	default:
		return true
	}
	e.dropped++
	if e.dropLog.take(now) {
		e.Log.Debug("request dropped", "remote", d.from, "reason", why, "dropped", e.dropped)
	}
	return false
}

func (e *engine) takePrefix(now time.Time, a netip.Addr) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.prefixes.take(now, a)
}

// admit counts a new transfer, or returns the error that refuses it. Under
// pressure it removes the oldest transfer whose peer has not proved its address. A
// proved transfer is removed only if it stands still and its address is greedy.
func (e *engine) admit(now time.Time, s *session) error {
	source := sourceOf(s.peer.Addr())
	if old := e.crowded(now, source); old != nil {
		old.loop.evict(now, old)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.draining.Load() || len(e.requests) >= e.MaxTransfers || e.sources[source] >= e.PerSource {
		return busy
	}
	e.requests[keyOf(s.req)] = s
	if s.req.Op == Read {
		e.reads[s.peer] = append(e.reads[s.peer], s)
	}
	e.sources[source]++
	e.unproved.push(s)
	e.active.Add(1)
	return nil
}

var busy = &Error{CodeUndefined, "too many transfers, try again later"}

// crowded returns the session to remove before a new one of this source can
// start; nil if there is room, or no session may be removed.
func (e *engine) crowded(now time.Time, source netip.Addr) *session {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.sources[source] >= e.PerSource:
		return e.unproved.oldest(source)
	case len(e.requests) >= e.MaxTransfers && e.unproved.count == 0:
		return e.greedy(now, source)
	case len(e.requests) >= e.MaxTransfers, e.unproved.count >= max(1, e.MaxTransfers/2):
		return e.unproved.oldest(netip.Addr{})
	}
	return nil
}

// greedyShare is the part of all transfers that makes an address greedy: an eighth.
const greedyShare = 8

// greedy returns a transfer of an address that has a large part of all transfers, nil
// if there is none. Otherwise a few hosts that stall their transfers would keep all
// others from being served. The search is limited, because it takes time.
func (e *engine) greedy(now time.Time, source netip.Addr) *session {
	if !e.searches.take(now) {
		return nil
	}
	for key, s := range e.requests {
		if a := sourceOf(key.peer.Addr()); e.sources[source] < e.sources[a] && e.sources[a] > max(1, e.MaxTransfers/greedyShare) {
			return s
		}
	}
	return nil
}

// proved records that the peer of a session has answered.
func (e *engine) proved(s *session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unproved.drop(s)
}

// refund returns the token of a request whose peer has proved its address.
func (e *engine) refund(s *session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.prefixes.refund(s.peer.Addr())
}

// forget removes a finished session from the counts.
func (e *engine) forget(s *session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := keyOf(s.req)
	if e.requests[key] != s {
		return
	}
	delete(e.requests, key)
	e.forgetRead(s)
	if e.draining.Load() && len(e.requests) == 0 {
		close(e.drained)
	}
	e.unproved.drop(s)
	e.active.Add(-1)
	source := sourceOf(s.req.Remote.Addr())
	if e.sources[source]--; e.sources[source] <= 0 {
		delete(e.sources, source)
	}
}

// unprovedQueue holds the sessions whose peers have not answered, oldest first.
type unprovedQueue struct {
	queue []*session // may contain proved sessions, which are skipped
	count int
}

func (q *unprovedQueue) push(s *session) {
	s.unproved = true
	q.queue = append(q.queue, s)
	q.count++
}

func (q *unprovedQueue) drop(s *session) {
	if !s.unproved {
		return
	}
	s.unproved = false
	q.count--
	q.trim()
}

// trim removes proved sessions from the front, so that the queue does not keep
// them in memory.
func (q *unprovedQueue) trim() {
	for len(q.queue) > 0 && !q.queue[0].unproved {
		q.queue[0] = nil
		q.queue = q.queue[1:]
	}
}

// oldest returns the oldest unproved session of a source, nil if there is none.
// An invalid source stands for all sources.
func (q *unprovedQueue) oldest(source netip.Addr) *session {
	for _, s := range q.queue {
		if s.unproved && (!source.IsValid() || sourceOf(s.peer.Addr()) == source) {
			return s
		}
	}
	return nil
}

// sourceOf returns what counts as one source: an IPv4 address, or the first address of
// an IPv6 /64, because one host may use every address of its /64 (RFC 8981). The zone
// of a link-local address stays.
func sourceOf(peer netip.Addr) netip.Addr {
	if peer.Is4() {
		return peer
	}
	return networkOf(peer).Addr().WithZone(peer.Zone())
}

// prefixLimiter limits the requests of each network (an IPv4 /24, an IPv6 /64)
// whose peers never answer. Such requests may be forged to flood a third party.
type prefixLimiter map[netip.Prefix]*networkLimit

// networkLimit counts the requests of one network. When the bucket of the network is
// empty, an address that asks seldom is still answered: one host that floods the
// server must not starve its neighbours.
type networkLimit struct {
	bucket
	fair map[netip.Addr]*bucket // nil until the bucket of the network was empty
}

func networkOf(a netip.Addr) netip.Prefix {
	bits := 64
	if a.Is4() {
		bits = 24
	}
	p, _ := a.WithZone("").Prefix(bits)
	return p
}

// take counts one request and reports whether it may be answered.
func (l prefixLimiter) take(now time.Time, a netip.Addr) bool {
	key := networkOf(a)
	n := l[key]
	if n == nil {
		if len(l) >= maxPrefixes {
			l.shrink(now)
		}
		n = &networkLimit{bucket: bucket{rate: prefixRate, burst: prefixBurst}}
		l[key] = n
	}
	return n.take(now) || n.takeFair(now, a)
}

// takeFair counts one request of an address whose network has used up its requests.
func (n *networkLimit) takeFair(now time.Time, a netip.Addr) bool {
	b := n.fair[a]
	if b == nil {
		if len(n.fair) >= maxFair {
			maps.DeleteFunc(n.fair, func(_ netip.Addr, b *bucket) bool { return b.full(now) })
		}
		if len(n.fair) >= maxFair {
			return false
		}
		if n.fair == nil {
			n.fair = map[netip.Addr]*bucket{}
		}
		b = &bucket{rate: fairRate, burst: fairBurst}
		n.fair[a] = b
	}
	return b.take(now)
}

// refund returns the token of a request whose peer has answered.
func (l prefixLimiter) refund(a netip.Addr) {
	n := l[networkOf(a)]
	if n == nil {
		return
	}
	n.refund()
	if b := n.fair[a]; b != nil {
		b.refund()
	}
}

// shrink removes networks with a full bucket. If too many remain, it removes any.
func (l prefixLimiter) shrink(now time.Time) {
	maps.DeleteFunc(l, func(_ netip.Prefix, n *networkLimit) bool { return n.full(now) })
	for key := range l {
		if len(l) < maxPrefixes {
			return
		}
		delete(l, key)
	}
}

// blockLimit returns the largest block for a peer in bytes: MaxBlockSize, or a
// block that fits into one frame if the peer lost larger blocks before.
func (e *engine) blockLimit(now time.Time, peer netip.Addr) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	until, ok := e.clamped[peer]
	if !ok || now.After(until) {
		return e.MaxBlockSize
	}
	return min(e.MaxBlockSize, unfragmented(peer))
}

// unfragmented returns the largest block, in bytes, that fits into an Ethernet
// frame of 1500 bytes with the headers of IP, UDP and TFTP.
func unfragmented(peer netip.Addr) int {
	if peer.Is4() {
		return 1500 - 20 - 8 - headerSize
	}
	return 1500 - 40 - 8 - headerSize
}

// lostLargeBlocks records that no block arrived after our OACK granted large ones:
// probably the path drops fragments. The peer's next OACK has a smaller blksize. The
// restriction is short, because a forged request may cause it, and a transfer that
// needed it renews it.
func (e *engine) lostLargeBlocks(now time.Time, peer netip.Addr) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.clamped) >= maxClamped {
		clear(e.clamped)
	}
	e.clamped[peer] = now.Add(clampTime)
}
