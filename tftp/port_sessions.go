package tftp

import (
	"net/netip"
	"sync"
	"time"
)

// loop owns one port and the sessions on it. The goroutine that reads it, one
// that waits for its timers, and the storage goroutines when a job is done step
// sessions while they hold the lock.
type loop struct {
	engine *engine
	link   link
	wake   chan struct{} // the first timer has changed

	mu        sync.Mutex
	sessions  map[netip.AddrPort]*session
	timers    timers
	out       outbox
	stored    bool       // a job was given to the storage side
	lingering []*session // in the order in which they began to linger, and so end
	strangers bucket
}

// maxLingering is how many sessions of a loop repeat their last packet at most;
// with more, the oldest are forgotten.
const maxLingering = 4096

func newLoop(e *engine, k link) *loop {
	return &loop{
		engine:    e,
		link:      k,
		wake:      make(chan struct{}, 1),
		sessions:  map[netip.AddrPort]*session{},
		strangers: bucket{rate: 20, burst: 20},
	}
}

// handle steps the sessions that the datagrams are for. It tells whether the
// storage side got something to do.
func (l *loop) handle(in []datagram) (stored bool) {
	now := time.Now()
	if l == l.engine.listener {
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

// stranger answers a packet of no transfer with ERROR 5 (RFC 1350 section 4),
// but never an ERROR, never from the listening port, and only so often.
func (l *loop) stranger(now time.Time, d *datagram, p packet) {
	if p.op == opError || l == l.engine.listener || l.engine.stopping.Load() || !l.strangers.take(now) {
		return
	}
	b := appendError(nil, &Error{CodeUnknownTID, "unknown transfer ID"})
	to := l.link.destination(d)
	l.link.send(run{b, len(b)}, &to)
}

// flush does what a step of the session wants done.
func (l *loop) flush(s *session) {
	if j := l.settle(s); j.kind != noJob {
		l.stored = true
		l.engine.storage.submit(j)
	}
}

// settle is flush without the job for the storage side, which it gives back.
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
	}
}

// linger notes that a session began to linger.
func (l *loop) linger(s *session) {
	if s.noted {
		return
	}
	s.noted = true
	l.lingering = append(l.lingering, s)
	for len(l.lingering) > maxLingering || l.lingering[0].state == gone {
		l.lingering[0].state = gone
		l.remove(l.lingering[0])
		l.lingering[0] = nil
		l.lingering = l.lingering[1:]
	}
}

// rouse makes watch look at the timers again.
func (l *loop) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// watch expires deadlines.
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
		case <-l.engine.over:
			return
		}
	}
}

// expire steps every session whose deadline has passed and gives the time of
// the next look.
func (l *loop) expire() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for {
		s, next := l.timers.due(now)
		if s == nil {
			return next
		}
		if !s.deadline.IsZero() && !s.deadline.After(now) {
			s.expire(now, &l.out)
		}
		l.flush(s)
	}
}

// complete takes the result of a storage job and gives the one that follows.
func (l *loop) complete(s *session, r result) job {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.complete(time.Now(), r, &l.out)
	return l.settle(s)
}

// begin starts a session. A session of the same peer that is over makes room.
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

// repeat tells a session that its request came again.
func (l *loop) repeat(now time.Time, s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.repeat(now, &l.out)
	l.flush(s)
}

// evict ends a session whose peer has not answered.
func (l *loop) evict(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.evict(&l.out)
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

// bucket is a token bucket: rate events a second, burst at once.
type bucket struct {
	rate, burst float64
	tokens      float64
	filled      time.Time // zero: full
}

// take uses up one token and tells whether there was one.
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
