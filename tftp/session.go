package tftp

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

// ErrTimeout ends a transfer whose peer stopped answering. It is a net.Error whose
// Timeout method returns true.
var ErrTimeout error = timeoutError{}

type timeoutError struct{}

// Error implements error.
func (timeoutError) Error() string { return "the peer stopped answering" }

// Timeout implements net.Error.
func (timeoutError) Timeout() bool { return true }

// Temporary implements net.Error.
func (timeoutError) Temporary() bool { return true }

var errClosed = fmt.Errorf("%w: its port is closed", ErrTimeout)

const (
	lingerTime   = 20 * time.Second // time in which a lost last packet is repeated (RFC 1350 section 6)
	shutdownWait = 8 * time.Second  // the part of lingerTime that Shutdown waits; IOS repeats a DATA sooner
	absorbTime   = 5 * time.Second  // time in which late packets of a finished peer are dropped in silence
	stalledFor   = 10 * time.Second // without progress; a full server may drop the transfer
	restartAfter = 5 * time.Second  // a peer that repeats its request after this silence has restarted
)

// state is the state of a session.
type state uint8

const (
	opening   state = iota // the Handler decides; nothing was sent
	offered                // our first packet was sent (or is being loaded)
	running                // the peer has answered
	storing                // the final DATA has arrived, Commit runs
	lingering              // finished; repeats its last packet, if there is one, to a peer that lost it
	gone                   // finished; the loop removes it
)

// session is one transfer of the server: a state machine without I/O. A packet,
// a timer or a finished job steps it; each step puts its output into an outbox.
type session struct {
	loop   *loop
	peer   netip.AddrPort
	dest   destination
	req    *Request
	limits limits

	state    state
	unproved bool // in the queue of sessions without an answer
	closed   bool // ICMP says that the peer's port is closed
	noted    bool // listed in the loop's lingering sessions
	terms    terms
	clock    clock
	guard    guard
	down     *download // of a read request
	up       *upload   // of a write request
	reply    []byte    // the ACK, OACK or ERROR to repeat; nil: DATA is repeated
	ack      [headerSize]byte

	file     *file
	busy     bool      // a job is running
	reserved int64     // bytes of the engine's budget
	reported time.Time // last EventProgress
	cause    error     // why the transfer failed
	timer    timerEntry
}

// limits are the settings of the Server that a session needs.
type limits struct {
	offer   offer
	timeout time.Duration
	retries int
	idle    time.Duration
	chunks  *chunkPool
}

// run is one or more packets that are sent together. All have size bytes, except
// the last, which may be shorter.
type run struct {
	b    []byte
	size int
}

// outbox collects the packets, the job and the events of one step. Its slices may
// point into the session; they are used before the next step.
type outbox struct {
	runs   []run
	job    job
	events []Event
}

func (o *outbox) send(b []byte) { o.runs = append(o.runs, run{b, len(b)}) }

func (s *session) event(kind EventKind, err error, out *outbox) {
	e := Event{Kind: kind, Request: s.req, BlockSize: s.terms.blockSize, Window: s.terms.window, Err: err}
	switch {
	case s.down != nil:
		e.Bytes = s.down.bytes()
	case s.up != nil:
		e.Bytes = s.up.bytes
	}
	out.events = append(out.events, e)
}

func (s *session) submit(j job, out *outbox) {
	j.s = s
	s.busy = true
	out.job = j
}

// open starts the session.
func (s *session) open(now time.Time, out *outbox) {
	s.clock.heard, s.clock.asking = now, now
	s.file = &file{req: s.req}
	s.file.ctx, s.file.cancel = context.WithCancel(s.loop.engine.storage.ctx)
	s.submit(job{kind: jobOpen}, out)
}

// receive handles a packet from the peer.
func (s *session) receive(now time.Time, p packet, out *outbox) {
	switch {
	case s.state == opening || s.state == gone:
	case p.op == opError:
		s.peerError(now, p.err(), out)
	case s.state == lingering:
		s.repeatLast(now, p, out)
	case s.down != nil:
		s.down.receive(now, p, out)
	default:
		s.up.receive(now, p, out)
	}
}

// peerError ends the transfer at once; an ERROR is never answered.
func (s *session) peerError(now time.Time, e *Error, out *outbox) {
	switch s.state {
	case storing: // too late: the complete file is being stored
	case lingering:
		s.leave()
	default:
		s.confirm(out)
		s.finish(fmt.Errorf("the peer aborted the transfer: %w", &PeerError{e}), out)
		s.absorb(now)
	}
}

// confirm records that the peer answered a packet, and so proved its address.
func (s *session) confirm(out *outbox) {
	if s.clock.confirmed {
		return
	}
	s.state, s.clock.confirmed = running, true
	s.clock.rt.begin()
	s.loop.engine.running.proved(s)
	if !s.guard.on() {
		s.loop.engine.running.refund(s)
	}
	s.event(EventConfirmed, nil, out)
}

// repeat handles a repeated request. A peer that has not answered gets our first
// packet again. From a peer that has answered, the request is an old duplicate or,
// after a silence, a sign that the peer has restarted.
func (s *session) repeat(now time.Time, out *outbox) {
	switch s.state {
	case offered:
		s.clock.asking, s.clock.heard, s.closed = now, now, false
		s.event(EventRepeated, nil, out)
		if s.clock.rt.sentAt.IsZero() {
			return // the first block is being loaded
		}
		s.clock.rt.unclear = true
		s.guard.credit += repetition // the request pays for its answer
		s.sendAgain(out)
	case running:
		s.event(EventRepeated, nil, out)
		if now.Sub(s.clock.heard) > restartAfter && !s.busy {
			s.finish(fmt.Errorf("%w: it restarted the transfer", ErrTimeout), out)
			s.leave()
		}
	}
}

// expire handles a deadline that has passed.
func (s *session) expire(now time.Time, out *outbox) {
	switch {
	case s.state == lingering:
		s.leave()
	case s.down != nil && s.down.goOn(now, out):
	case s.clock.confirmed && s.closed:
		s.finish(errClosed, out)
		s.leave()
	case s.clock.isUnproved(now) || !s.clock.confirmed && s.closed:
		s.expireUnproved(now, out)
	case s.clock.isOver(now):
		s.giveUp(now, out)
	case s.up != nil && s.up.pending > 0: // the end of a window was lost
		s.event(EventRetransmit, nil, out)
		s.up.acknowledge(now, out)
	default:
		s.clock.rt.repeated(now)
		s.event(EventRetransmit, nil, out)
		s.sendAgain(out)
		if s.guard.isNearlySpent() {
			s.clock.slowDown()
		}
		s.clock.setDeadline()
	}
}

// sendAgain repeats the unanswered packet, or one block of the unanswered window.
func (s *session) sendAgain(out *outbox) {
	if s.up != nil && s.up.last > 0 {
		s.up.pending, s.up.gap = 0, false
		s.reply = appendACK(s.ack[:0], s.up.number(s.up.last))
	}
	if s.reply != nil {
		out.send(s.reply)
		return
	}
	if s.guard.spend() {
		s.down.probe(s.clock.rt.tries, out)
	}
}

// progressEvery is the shortest time between two EventProgress: reporting each
// block would cost too much.
const progressEvery = time.Second

// progress records that blocks move: so many by now. On a slow path one chunk takes
// minutes, and the Writer or Reader is not called meanwhile.
func (s *session) progress(now time.Time, blocks uint64, out *outbox) {
	s.clock.started = blocks >= startedBlocks
	switch {
	case s.reported.IsZero():
		s.reported = now
	case now.Sub(s.reported) >= progressEvery:
		s.reported = now
		s.event(EventProgress, nil, out)
	}
}

// complete handles the result of the running job.
func (s *session) complete(now time.Time, r result, out *outbox) {
	s.busy = false
	s.clock.heard = now // we caused the pause, not the peer
	switch {
	case r.kind == jobEnd:
	case s.state == lingering || s.state == gone:
		s.limits.chunks.put(r.chunk)
		s.release(out)
	case r.kind == jobOpen:
		s.opened(now, r.err, out)
	case r.kind == jobRead:
		s.down.loaded(now, r, out)
	case r.kind == jobWrite:
		s.up.written(now, r, out)
	case r.kind == jobCommit:
		s.up.committed(now, r, out)
	}
}

// chunk returns an empty chunk with room for at least size bytes. It counts unless the
// reservation of the transfer covers it.
func (s *session) chunk(size int) *chunk {
	c := s.limits.chunks.get(size)
	if int64(cap(c.buf)) > s.reserved/windowsHeld {
		s.loop.engine.budget.count(c)
	}
	return c
}

// opened sends the first packet, or the refusal.
func (s *session) opened(now time.Time, err error, out *outbox) {
	if err != nil {
		s.event(EventRefused, err, out)
		out.send(appendError(nil, errorFor(err)))
		s.file.cancel()
		s.loop.engine.running.forget(s)
		s.leave()
		return
	}
	granted := s.agree()
	s.state = offered
	if s.req.Op == Read {
		s.down = newDownload(s)
	} else {
		s.up = newUpload(s)
		s.reply = appendACK(s.ack[:0], 0)
	}
	s.event(EventRequest, nil, out)
	if len(granted) > 0 {
		s.reply = appendOACK(nil, granted)
	}
	if s.reply == nil {
		s.down.load(out)
		return
	}
	out.send(s.reply)
	s.clock.await(now)
}

// agree negotiates the terms within the memory that this transfer may use. It returns
// the options for the OACK.
func (s *session) agree() (granted []Option) {
	budget, peer := s.loop.engine.budget, s.peer.Addr()
	o := budget.fit(s.req, s.loop.offerTo(s.req.Op, peer, s.limits.offer))
	if o.tsize = -1; s.req.Op == Read && !s.req.Netascii {
		o.tsize = s.file.size
	}
	s.terms, granted = negotiate(s.req.Op, s.req.Options, o)
	s.reserved = s.terms.windowMemory()
	budget.reserve(peer, s.reserved)
	s.file.blockSize, s.file.block = s.terms.blockSize, 1
	s.clock.begin(s.limits, s.terms.timeout)
	return granted
}
