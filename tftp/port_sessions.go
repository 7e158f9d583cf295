package tftp

import (
	"net/netip"
	"sync"
	"time"
)

// loop owns one port and the sessions on it. Three kinds of goroutines step the
// sessions, each holding the lock: the one that reads the port, the one that
// waits for the timers, and the storage goroutines when a job is done.
type loop struct {
	engine *engine
	link   link
	index  int32         // the reader's number for it
	wake   chan struct{} // the first timer has changed
	closed chan struct{} // of a port with one transfer: closed when that is over; nil: shared port

	mu        sync.Mutex
	sessions  map[netip.AddrPort]*session
	timers    timers
	out       outbox
	stored    bool       // a job was submitted to the storage side
	lingering []*session // oldest first
	strangers bucket
}

// maxLingering is the largest number of lingering sessions of a server, divided
// among its loops. Beyond it the oldest are removed.
const maxLingering = 16384

func newLoop(e *engine, k link) *loop {
	return &loop{
		engine:    e,
		link:      k,
		wake:      make(chan struct{}, 1),
		sessions:  map[netip.AddrPort]*session{},
		strangers: bucket{rate: 20, burst: 20},
	}
}

// visit waits until nobody holds the lock of the loop.
func (l *loop) visit() {
	l.mu.Lock()
	defer l.mu.Unlock()
}

// handle steps the sessions that the datagrams belong to. It reports whether it
// submitted a job to the storage side.
func (l *loop) handle(in []datagram) (stored bool) {
	now := time.Now()
	if l.isListener() {
		for i := range in {
			l.engine.request(now, &in[i])
		}
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stored = false
	if len(in) > 1 {
		l.link.hold()
	}
	for i := range in {
		l.receive(now, &in[i])
	}
	l.link.flush()
	return l.stored
}

func (l *loop) receive(now time.Time, d *datagram) {
	p, err := parsePacket(d.b)
	if err != nil {
		return
	}
	s := l.sessions[d.from]
	if s == nil {
		l.stranger(now, d, p)
		return
	}
	s.receive(now, p, &l.out)
	l.flush(s)
}

// stranger answers a packet that belongs to no transfer with ERROR 5 (RFC 1350
// section 4). It never answers an ERROR, never answers from the listening port,
// and limits the rate.
func (l *loop) stranger(now time.Time, d *datagram, p packet) {
	if p.op == opACK && l.shared() {
		l.engine.running.stray(d.from)
	}
	if p.op == opError || l.isListener() || l.engine.stopping.Load() || !l.strangers.take(now) {
		return
	}
	b := appendError(nil, &Error{CodeUnknownTID, "unknown transfer ID"})
	d.to = l.link.arrival(d)
	to := l.link.destination(d)
	l.link.send(run{b, len(b)}, &to)
}

// flush carries out the contents of the outbox after a step of the session.
func (l *loop) flush(s *session) {
	if j := l.settle(s); j.kind != noJob {
		l.stored = true
		l.engine.storage.submit(j)
	}
}

// settle is flush, but returns the job instead of submitting it.
func (l *loop) settle(s *session) job {
	for _, r := range l.out.runs {
		l.link.send(r, &s.dest)
	}
	for _, e := range l.out.events {
		l.engine.observe(e)
	}
	clear(l.out.events)
	j := l.out.job
	l.out = outbox{runs: l.out.runs[:0], events: l.out.events[:0]}
	switch s.state {
	case gone:
		l.remove(s)
		return j
	case lingering:
		l.linger(s)
	}
	if l.timers.set(s) {
		l.rouse()
	}
	return j
}

func (l *loop) remove(s *session) {
	l.timers.remove(s)
	if l.sessions[s.peer] == s {
		delete(l.sessions, s.peer)
		if l.closed != nil {
			close(l.closed)
			l.engine.ports.closeOwn(l)
		}
	}
}

// isListener reports whether requests arrive here.
func (l *loop) isListener() bool { return l == l.engine.ports.listener }

// shared reports whether any number of peers use the port.
func (l *loop) shared() bool { return l.closed == nil }

// linger records that a session began to linger.
func (l *loop) linger(s *session) {
	if s.noted {
		return
	}
	s.noted = true
	l.lingering = append(l.lingering, s)
	for len(l.lingering) > max(1, maxLingering/len(l.engine.ports.loops)) || l.lingering[0].state == gone {
		l.lingering[0].state = gone
		l.remove(l.lingering[0])
		l.lingering[0] = nil
		l.lingering = l.lingering[1:]
	}
}

// lastUpload returns when the last upload ended well; zero: none that still lingers.
func (l *loop) lastUpload() (last time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.lingering {
		if s.state == lingering && s.up != nil && s.cause == nil {
			last = s.clock.deadline.Add(-lingerTime) // the sessions are in the order of their ends
		}
	}
	return last
}

// rouse makes watch check the timers again.
func (l *loop) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// watch runs the timers until the engine stops.
func (l *loop) watch() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if next := l.expire(); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
		select {
		case <-timer.C:
		case <-l.wake:
		case <-l.closed:
			return
		case <-l.engine.over:
			return
		}
	}
}

// expire steps every session whose deadline has passed. It returns the time of
// the next check; zero: no timer is set.
func (l *loop) expire() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for {
		s, next := l.timers.due(now)
		if s == nil {
			return next
		}
		if !s.clock.deadline.IsZero() && !s.clock.deadline.After(now) {
			s.expire(now, &l.out)
		}
		l.flush(s)
	}
}

// complete passes the result of a storage job to its session and returns the
// next job.
func (l *loop) complete(s *session, r result) job {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.complete(time.Now(), r, &l.out)
	return l.settle(s)
}

// begin starts a session, in place of a finished one of the same peer. It returns
// false if a session of this peer is still running here, or the server stops.
func (l *loop) begin(now time.Time, s *session) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.engine.stopping.Load() {
		return false
	}
	if old := l.sessions[s.peer]; old != nil {
		if old.state != lingering {
			return false
		}
		old.state = gone
		l.remove(old)
	}
	s.loop = l
	l.sessions[s.peer] = s
	s.open(now, &l.out)
	l.flush(s)
	return true
}

// repeat steps a session whose request arrived again.
func (l *loop) repeat(now time.Time, s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.repeat(now, &l.out)
	l.flush(s)
}

// unreachable steps the session of a peer whose port is closed.
func (l *loop) unreachable(peer netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.sessions[peer]; s != nil {
		s.unreachable(&l.out)
		l.flush(s)
	}
}

// evict ends a session whose peer has not answered, or that stands still.
func (l *loop) evict(now time.Time, s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.evict(now, &l.out)
	l.flush(s)
}

// stop ends the sessions.
func (l *loop) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sessions {
		s.stop(&l.out)
		l.flush(s)
	}
}

// bucket is a token bucket: it permits rate events a second, and burst events at
// once.
type bucket struct {
	rate, burst float64
	tokens      float64
	filled      time.Time // zero: full
}

// take uses one token and reports whether there was one.
func (b *bucket) take(now time.Time) bool {
	if b.filled.IsZero() {
		b.tokens = b.burst
	} else {
		b.tokens = min(b.burst, b.tokens+b.rate*now.Sub(b.filled).Seconds())
	}
	b.filled = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// refund returns one token.
func (b *bucket) refund() { b.tokens = min(b.burst, b.tokens+1) }

// full reports whether nothing was taken for so long that the bucket is full.
func (b *bucket) full(now time.Time) bool {
	return b.tokens+b.rate*now.Sub(b.filled).Seconds() >= b.burst
}
