package tftp

import (
	"context"
	"fmt"
	"net/netip"
	"sync/atomic"
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
	unprovedRepeats = 2                // repetitions of an unanswered first packet
	unprovedWait    = 8 * time.Second  // time for the first answer; IOS repeats a request after 4 to 5 s
	lingerTime      = 20 * time.Second // time in which a lost last packet is repeated (RFC 1350 section 6)
	shutdownWait    = 8 * time.Second  // the part of lingerTime that Shutdown waits; IOS repeats a DATA sooner
	absorbTime      = 5 * time.Second  // time in which late packets of a finished peer are dropped in silence
	stalledFor      = 10 * time.Second // without progress; a full server may drop the transfer
	startedBlocks   = 8                // a peer that moved so many blocks gets the patience of its long timeout
	restartAfter    = 5 * time.Second  // a peer that repeats its request after this silence has restarted
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

	state     state
	confirmed bool // the peer has answered: its address is proved
	unproved  bool // in the engine's queue of sessions without an answer
	terms     terms
	snd       *sender   // of a read request
	rcv       *receiver // of a write request
	file      *file
	busy      bool        // a job is running
	held      bool        // an ACK waits for the storage side
	reserved  int64       // bytes of the engine's budget
	credit    int         // for repetitions of a read on a shared port, see repetition
	forged    atomic.Bool // ACKs of the peer came to other shared ports
	closed    bool        // ICMP says that the peer's port is closed
	rt        retransmit
	heard     time.Time // last packet from the peer, or end of our last job
	asking    time.Time // last request, repetitions included
	reported  time.Time // last EventProgress
	reply     []byte    // the ACK, OACK or ERROR to repeat; nil: DATA is repeated
	ack       [headerSize]byte
	cause     error     // why the transfer failed
	noted     bool      // listed in the loop's lingering sessions
	deadline  time.Time // zero: nothing is expected from the peer
	timer     timerEntry
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
	case s.snd != nil:
		e.Bytes = s.snd.bytes()
	case s.rcv != nil:
		e.Bytes = s.rcv.bytes
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
	s.heard, s.asking = now, now
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
	case s.snd != nil:
		s.receiveACK(now, p, out)
	default:
		s.receiveData(now, p, out)
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
	if s.confirmed {
		return
	}
	s.confirmed = true
	s.state = running
	s.rt.begin()
	s.loop.engine.proved(s)
	if !s.blind() {
		s.loop.engine.refund(s)
	}
	s.event(EventConfirmed, nil, out)
}

// repeat handles a repeated request. A peer that has not answered gets our first
// packet again. From a peer that has answered, the request is an old duplicate or,
// after a silence, a sign that the peer has restarted.
func (s *session) repeat(now time.Time, out *outbox) {
	switch s.state {
	case offered:
		s.asking, s.heard, s.closed = now, now, false
		s.event(EventRepeated, nil, out)
		if s.rt.sentAt.IsZero() {
			return // the first block is being loaded
		}
		s.rt.unclear = true
		s.credit += repetition // the request pays for its answer
		s.sendAgain(now, out)
	case running:
		s.event(EventRepeated, nil, out)
		if now.Sub(s.heard) > restartAfter && !s.busy {
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
	case s.isForged():
		s.dropForged(now, out)
	case s.snd != nil && s.snd.resting:
		s.setDeadline() // in case that the next blocks are still being loaded
		s.proceed(now, out)
	case s.confirmed && s.closed:
		s.finish(errClosed, out)
		s.leave()
	case !s.confirmed && (s.closed || s.rt.tries >= unprovedRepeats || now.Sub(s.asking) >= unprovedWait):
		s.expireUnproved(now, out)
	case s.rt.slow >= s.limits.retries || now.Sub(s.heard) >= s.patience():
		s.giveUp(now, s.silence(), out)
	case s.rcv != nil && s.rcv.pending > 0: // the end of a window was lost
		s.event(EventRetransmit, nil, out)
		s.acknowledge(now, out)
	default:
		s.rt.repeated(now)
		s.event(EventRetransmit, nil, out)
		s.sendAgain(now, out)
		if s.snd != nil && s.loop.shared() && s.credit <= slowCredit {
			s.rt.interval = max(s.rt.interval, s.rt.base)
		}
		s.setDeadline()
	}
}

// patience returns how long the peer may be silent. A long negotiated timeout
// needs more. But a peer that moved few blocks may be forged: it gets one repetition.
func (s *session) patience() time.Duration {
	if s.snd != nil && s.snd.acked >= startedBlocks || s.rcv != nil && s.rcv.last >= startedBlocks {
		return max(s.limits.idle, 4*s.terms.timeout)
	}
	return max(s.limits.idle, s.terms.timeout*5/4)
}

// setDeadline sets the time of the next repetition, or of the end if that is earlier.
func (s *session) setDeadline() {
	end := s.heard.Add(s.patience())
	if !s.confirmed {
		end = s.asking.Add(unprovedWait)
	}
	s.deadline = s.rt.due()
	if end.Before(s.deadline) {
		s.deadline = end
	}
}

// sendAgain repeats the unanswered packet, or one block of the unanswered window.
func (s *session) sendAgain(now time.Time, out *outbox) {
	if s.rcv != nil && s.rcv.last > 0 {
		s.rcv.pending, s.rcv.gap = 0, false
		s.reply = appendACK(s.ack[:0], s.rcv.number(s.rcv.last))
	}
	if s.reply != nil {
		out.send(s.reply)
		return
	}
	if s.spend() {
		s.snd.probe(s.rt.tries, out)
	}
}

// spend uses one unit of the credit and reports whether there was one.
func (s *session) spend() bool {
	if !s.loop.shared() {
		return true
	}
	if s.credit < repetition {
		return false
	}
	s.credit -= repetition
	return true
}

// await sets the deadline for the answer to a packet that was just sent.
func (s *session) await(now time.Time) {
	s.rt.sent(now)
	s.setDeadline()
}

// complete handles the result of the running job.
func (s *session) complete(now time.Time, r result, out *outbox) {
	s.busy = false
	s.heard = now // we caused the pause, not the peer
	switch {
	case r.kind == jobEnd:
	case s.state == lingering || s.state == gone:
		s.limits.chunks.put(r.chunk)
		s.release(out)
	case r.kind == jobOpen:
		s.opened(now, r.err, out)
	case r.kind == jobRead:
		s.loaded(now, r, out)
	case r.kind == jobWrite:
		s.written(now, r, out)
	case r.kind == jobCommit:
		s.committed(now, r, out)
	}
}

// opened sends the first packet, or the refusal.
func (s *session) opened(now time.Time, err error, out *outbox) {
	if err != nil {
		s.event(EventRefused, err, out)
		out.send(appendError(nil, errorFor(err)))
		s.file.cancel()
		s.loop.engine.forget(s)
		s.leave()
		return
	}
	o := s.reserve(s.loop.offerTo(s.req.Op, s.peer.Addr(), s.limits.offer))
	if o.tsize = -1; s.req.Op == Read && !s.req.Netascii {
		o.tsize = s.file.size
	}
	var granted []Option
	s.terms, granted = negotiate(s.req.Op, s.req.Options, o)
	s.reserved = s.terms.windowMemory()
	s.loop.engine.budget.reserve(s.peer.Addr(), s.reserved)
	s.file.blockSize, s.file.block = s.terms.blockSize, 1
	s.rt = newRetransmit(s.limits.timeout, s.terms.timeout)
	s.state, s.credit = offered, firstCredit
	if s.req.Op == Read {
		s.snd = newSender(s.terms)
		s.snd.paced = true
	} else {
		s.rcv = newReceiver(s.terms)
		s.rcv.limit = s.file.limit
		s.reply = appendACK(s.ack[:0], 0)
	}
	s.event(EventRequest, nil, out)
	if len(granted) > 0 {
		s.reply = appendOACK(nil, granted)
	}
	if s.reply == nil {
		s.load(out)
		return
	}
	out.send(s.reply)
	s.await(now)
}

// reserve lowers an offer to the memory that this transfer may use.
func (s *session) reserve(o offer) offer {
	asked, _ := negotiate(s.req.Op, s.req.Options, o)
	need := asked.windowMemory()
	if share := s.loop.engine.budget.share(s.peer.Addr()); need > share {
		return o.limit(share, s.peer.Addr())
	}
	return o
}
