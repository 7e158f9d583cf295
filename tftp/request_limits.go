package tftp

import (
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// servicePorts are source ports that no TFTP client uses. A forged request from
// such a port would make two services answer each other forever (CVE-2024-2169):
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

// gate decides from which sources requests are accepted. Only the goroutine that reads
// the listening socket uses it.
type gate struct {
	allow   []netip.Prefix // nil: every network
	local   uint16         // our own port
	running *transfers
	log     *slog.Logger
	dropped int64  // requests that got no answer
	logs    bucket // limits the log lines about them
}

// welcome reports whether a request is accepted.
func (g *gate) welcome(now time.Time, d *datagram) bool {
	why := g.objection(now, d)
	if why == "" {
		return true
	}
	g.dropped++
	if g.logs.take(now) {
		g.log.Debug("request dropped", "remote", d.from, "reason", why, "dropped", g.dropped)
	}
	return false
}

// objection returns why a request gets no answer; empty: it gets one.
func (g *gate) objection(now time.Time, d *datagram) string {
	peer := d.from.Addr().WithZone("")
	switch {
	case d.to.group: // RFC 1123 section 4.2.3.5
		return "sent to a broadcast or multicast address"
	case slices.Contains(servicePorts, d.from.Port()) || d.from.Port() == g.local:
		return "source port of a service"
	case len(g.allow) > 0 && !slices.ContainsFunc(g.allow, func(p netip.Prefix) bool { return p.Contains(peer) }):
		return "source is not allowed"
	case !g.running.takePrefix(now, d.from.Addr()):
		return "too many requests from this network whose peers never answer"
	}
	return ""
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

// trim removes proved sessions, so that the queue does not keep them in memory: those at
// the front at once, the others when they are most of it. A peer that repeats its request
// again and again stays at the front.
func (q *unprovedQueue) trim() {
	for len(q.queue) > 0 && !q.queue[0].unproved {
		q.queue[0] = nil
		q.queue = q.queue[1:]
	}
	if len(q.queue) > 2*q.count+64 {
		q.queue = slices.DeleteFunc(q.queue, func(s *session) bool { return !s.unproved })
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

// blockLimits are the largest blocks of the peers that lost larger ones: probably the
// path drops fragments.
type blockLimits struct {
	largest int // bytes, of all other peers

	mu    sync.Mutex
	until map[netip.Addr]time.Time // end of the restriction
}

// of returns the largest block for a peer in bytes.
func (b *blockLimits) of(now time.Time, peer netip.Addr) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	until, ok := b.until[peer]
	if !ok || now.After(until) {
		return b.largest
	}
	return min(b.largest, unfragmented(peer))
}

// lost records that no block arrived after our OACK granted large ones. The peer's
// next OACK has a smaller blksize. The restriction is short, because a forged request
// may cause it, and a transfer that needed it renews it.
func (b *blockLimits) lost(now time.Time, peer netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.until) >= maxClamped {
		clear(b.until)
	}
	b.until[peer] = now.Add(clampTime)
}

// unfragmented returns the largest block, in bytes, that fits into an Ethernet
// frame of 1500 bytes with the headers of IP, UDP and TFTP.
func unfragmented(peer netip.Addr) int {
	if peer.Is4() {
		return 1500 - 20 - 8 - headerSize
	}
	return 1500 - 40 - 8 - headerSize
}
