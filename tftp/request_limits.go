package tftp

import (
	"net/netip"
	"slices"
	"time"
)

// servicePorts are source ports from which no request comes, but with which a
// forged one makes two services answer each other for ever (CVE-2024-2169):
// echo, discard, daytime, qotd, chargen, time, domain, tftp, sunrpc, ntp,
// netbios-ns, snmp, ldap, rip.
var servicePorts = []uint16{0, 7, 9, 13, 17, 19, 37, 53, 69, 111, 123, 137, 161, 389, 520}

const (
	prefixRate  = 100  // requests a second of one network whose peers do not answer
	prefixBurst = 8192 // and so many at once
	maxPrefixes = 4096 // networks that are told apart
	clampTime   = time.Hour
	maxClamped  = 1024
)

// welcome tells whether a request of this source is looked at at all.
func (e *engine) welcome(now time.Time, d *datagram) bool {
	why := ""
	switch {
	case d.to.group: // RFC 1123 section 4.2.3.5
		why = "sent to a broadcast or multicast address"
	case slices.Contains(servicePorts, d.from.Port()) || d.from.Port() == e.port:
		why = "source port of a service"
	case len(e.Allow) > 0 && !slices.ContainsFunc(e.Allow, func(p netip.Prefix) bool { return p.Contains(d.from.Addr().WithZone("")) }):
		why = "source is not allowed"
	case !e.takePrefix(now, d.from.Addr()):
		why = "too many requests of this network without an answer"
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

// admit counts a new transfer, or says why there may be none. Transfers whose
// peers have proved their address cannot be crowded out by those that have not:
// of these the oldest gives way.
func (e *engine) admit(s *session) error {
	source := s.peer.Addr()
	if old := e.crowded(source); old != nil {
		old.loop.evict(old)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.requests) >= e.MaxTransfers || e.sources[source] >= e.PerSource {
		return busy
	}
	e.requests[keyOf(s.req)] = s
	e.sources[source]++
	e.unproved.push(s)
	e.active.Add(1)
	return nil
}

var busy = &Error{CodeUndefined, "too many transfers, try again later"}

// crowded gives the session that has to give way to a new one of this source,
// nil if there is room, or no such session.
func (e *engine) crowded(source netip.Addr) *session {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.sources[source] >= e.PerSource:
		return e.unproved.oldest(source)
	case len(e.requests) >= e.MaxTransfers, e.unproved.count >= max(1, e.MaxTransfers/2):
		return e.unproved.oldest(netip.Addr{})
	}
	return nil
}

// proved notes that the peer of a session has answered.
func (e *engine) proved(s *session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unproved.drop(s)
	e.prefixes.refund(s.peer.Addr())
}

// forget takes a session that is over out of the counts.
func (e *engine) forget(s *session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := keyOf(s.req)
	if e.requests[key] != s {
		return
	}
	delete(e.requests, key)
	e.unproved.drop(s)
	e.active.Add(-1)
	source := s.req.Remote.Addr()
	if e.sources[source]--; e.sources[source] <= 0 {
		delete(e.sources, source)
	}
}

// unprovedQueue holds the sessions whose peers have not answered, in the order
// of their requests.
type unprovedQueue struct {
	queue []*session // and others, which are skipped
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

// trim takes what is no longer unproved from the front, so that the queue does
// not keep it.
func (q *unprovedQueue) trim() {
	for len(q.queue) > 0 && !q.queue[0].unproved {
		q.queue[0] = nil
		q.queue = q.queue[1:]
	}
}

// oldest gives the session of a source (invalid: of any) that has waited
// longest, nil if there is none.
func (q *unprovedQueue) oldest(source netip.Addr) *session {
	for _, s := range q.queue {
		if s.unproved && (!source.IsValid() || s.peer.Addr() == source) {
			return s
		}
	}
	return nil
}

// prefixLimiter limits the requests of each network (an IPv4 /24, an IPv6 /64)
// that nobody answers for: forged ones use the server to flood a third party.
type prefixLimiter map[netip.Prefix]*bucket

func networkOf(a netip.Addr) netip.Prefix {
	bits := 64
	if a.Is4() {
		bits = 24
	}
	p, _ := a.WithZone("").Prefix(bits)
	return p
}

// take counts one request and tells whether it may be answered.
func (l prefixLimiter) take(now time.Time, a netip.Addr) bool {
	key := networkOf(a)
	b := l[key]
	if b == nil {
		if len(l) >= maxPrefixes {
			l.shrink(now)
		}
		b = &bucket{rate: prefixRate, burst: prefixBurst}
		l[key] = b
	}
	return b.take(now)
}

// refund gives back what a request took whose peer has answered.
func (l prefixLimiter) refund(a netip.Addr) {
	if b := l[networkOf(a)]; b != nil {
		b.tokens = min(b.burst, b.tokens+1)
	}
}

// shrink forgets networks: those that have used up nothing, else any.
func (l prefixLimiter) shrink(now time.Time) {
	for key, b := range l {
		if b.tokens+b.rate*now.Sub(b.filled).Seconds() >= b.burst {
			delete(l, key)
		}
	}
	for key := range l {
		if len(l) < maxPrefixes {
			return
		}
		delete(l, key)
	}
}

// blockLimit is the largest block for a peer in bytes: what the server grants,
// or what surely fits into one frame if larger ones were lost before.
func (e *engine) blockLimit(now time.Time, peer netip.Addr) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	until, ok := e.clamped[peer]
	if !ok || now.After(until) {
		return e.MaxBlockSize
	}
	return min(e.MaxBlockSize, unfragmented(peer))
}

// unfragmented is the block that fits into an Ethernet frame of 1500 bytes with
// the headers of IP, UDP and TFTP.
func unfragmented(peer netip.Addr) int {
	if peer.Is4() {
		return 1500 - 20 - 8 - headerSize
	}
	return 1500 - 40 - 8 - headerSize
}

// lostLargeBlocks notes that a peer took our OACK and then no block came
// through: fragments are dropped on the way. Its next OACK is smaller.
func (e *engine) lostLargeBlocks(now time.Time, peer netip.Addr) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.clamped) >= maxClamped {
		clear(e.clamped)
	}
	e.clamped[peer] = now.Add(clampTime)
}
