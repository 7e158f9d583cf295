package tftp

import (
	"fmt"
	"time"
)

// receiver receives a file block by block (RFC 1350 section 6, RFC 7440 section
// 4). It is a state machine without I/O: it takes DATA, collects the payload and
// returns when an ACK is due.
type receiver struct {
	blockSize int
	window    int
	last      uint64 // last block that was accepted
	pending   int    // blocks accepted since the last ACK
	final     bool   // the last block was the end of the file
	gap       bool   // a gap was answered, and no block was accepted since
	rewound   bool   // a rewind was answered, and no block was accepted since
	toOne     bool   // the peer continues after block 65535 with 1, not with 0
	fill      *chunk // payload to be written; nil when empty
	bytes     int64  // payload accepted
	limit     int64  // bytes that the Writer takes; 0: unknown
}

// number returns the number of a block on the wire: 16 bits. RFC 1350 does not say
// what follows 65535. Nearly all implementations continue with 0, some with 1.
func (r *receiver) number(block uint64) uint16 {
	if r.toOne && block > 0 {
		return uint16((block-1)%65535 + 1)
	}
	return uint16(block)
}

// ahead returns the distance of a block from the last one. The first block after
// 65535 decides about the numbers of the rest. A window may have lost block 0, so
// there block 1 proves nothing.
func (r *receiver) ahead(block uint16) uint16 {
	if r.last == 65535 && block == 1 && r.window == 1 {
		r.toOne = true
	}
	switch {
	case !r.toOne:
		return block - uint16(r.last)
	case block == r.number(r.last):
		return 0
	case block == r.number(r.last+1):
		return 1
	}
	return 65535
}

func newReceiver(t terms) *receiver {
	return &receiver{blockSize: t.blockSize, window: t.window}
}

// verdict classifies a DATA packet.
type verdict uint8

const (
	ignored  verdict = iota // nothing to do
	taken                   // the next block, within a window
	ackDue                  // the next block, and an ACK is due
	repeated                // the last block again: our ACK may be lost
	missed                  // blocks before it are missing: acknowledge the last one, once
	rewound                 // the peer sends a window again that we have: the same
)

// data handles a DATA packet. It copies the payload of the next block to r.fill,
// which must have room for it.
func (r *receiver) data(block uint16, payload []byte) verdict {
	switch ahead := r.ahead(block); {
	case r.final && ahead != 0:
		return ignored
	case ahead == 0 && r.last > 0 && r.pending == 0:
		return repeated
	case ahead == 1:
		return r.take(payload)
	case ahead > 1 && ahead <= uint16(r.window) && r.window > 1 && !r.gap:
		r.gap = true
		return missed
	case r.window > 1 && !r.rewound && r.isRewind(-ahead):
		r.rewound = true
		return rewound
	}
	return ignored
}

// isRewind reports whether a block this far behind the last one shows that the peer
// did not get our ACK, and sends the window again: the block is the first one after
// our ACK, or older. Other old blocks are duplicates of the network.
func (r *receiver) isRewind(behind uint16) bool {
	return behind > 0 && uint64(behind) < r.last && int(behind) >= r.pending-1 && int(behind) < 2*r.window
}

func (r *receiver) take(payload []byte) verdict {
	r.last++
	r.pending++
	r.gap, r.rewound = false, false
	r.bytes += int64(len(payload))
	r.final = len(payload) < r.blockSize
	r.fill.buf = append(r.fill.buf, payload...)
	if r.final || r.pending >= r.window {
		return ackDue
	}
	return taken
}

// roomy reports whether another whole window fits into the chunk.
func (r *receiver) roomy() bool {
	return r.fill == nil || cap(r.fill.buf)-len(r.fill.buf) >= r.window*r.blockSize
}

// capacity returns the size of a new chunk in bytes: at least a whole window.
func (r *receiver) capacity(preferred int) int {
	return max(preferred, r.window*r.blockSize)
}

// receiveData steps a write request.
func (s *session) receiveData(now time.Time, p packet, out *outbox) {
	if p.op != opData || s.state == storing {
		return
	}
	s.confirm(out)
	s.heard, s.closed = now, false
	if len(p.body) > s.terms.blockSize {
		s.fail(now, illegal("the DATA is longer than the block size"), out)
		return
	}
	if s.held || !s.room(len(p.body), out) {
		return // dropped: the ACK is sent when the storage side has caught up
	}
	switch s.rcv.data(p.block, p.body) {
	case ackDue:
		s.rt.answered(now)
		s.progress(now, out)
		s.advance(now, out)
	case taken:
		s.rt.answered(now)
		s.rt.moved()
		s.progress(now, out)
		s.deadline = now.Add(s.rt.interval)
		if s.checkSize(now, out) && s.rcv.beyondLimit() {
			s.hold(out)
		}
	case repeated, missed, rewound:
		s.acknowledge(now, out)
		s.rt.unclear = true
	}
}

// progressEvery is the shortest time between two EventProgress: reporting each
// block would cost too much.
const progressEvery = time.Second

// progress reports that blocks move. On a slow path one chunk takes minutes, and
// the Writer or Reader is not called meanwhile.
func (s *session) progress(now time.Time, out *outbox) {
	switch {
	case s.reported.IsZero():
		s.reported = now
	case now.Sub(s.reported) >= progressEvery:
		s.reported = now
		s.event(EventProgress, nil, out)
	}
}

// room makes space for a block, and reports whether there is some. Usually an ACK
// is sent only when there is space for the next window. But an ACK after a gap or
// a timeout may request a window earlier.
func (s *session) room(n int, out *outbox) bool {
	r := s.rcv
	if r.fill != nil && cap(r.fill.buf)-len(r.fill.buf) < n {
		if s.busy {
			s.held, s.deadline = true, time.Time{}
			return false
		}
		s.write(jobWrite, out)
	}
	if r.fill == nil {
		r.fill = s.limits.chunks.get(r.capacity(s.loop.engine.chunkSize()))
	}
	return true
}

// checkSize ends a transfer that brings more bytes than its tsize announced.
func (s *session) checkSize(now time.Time, out *outbox) bool {
	if s.req.Netascii || s.req.Size < 0 || s.rcv.bytes <= s.req.Size {
		return true
	}
	s.fail(now, &Error{CodeDiskFull, "more data than tsize announced"}, out)
	return false
}

// advance acknowledges the received blocks, unless the storage side is behind or
// the file is complete.
func (s *session) advance(now time.Time, out *outbox) {
	if !s.checkSize(now, out) {
		return
	}
	switch {
	case s.rcv.final:
		s.store(now, out)
	case s.rcv.beyondLimit():
		s.hold(out)
	case s.rcv.roomy():
		s.acknowledge(now, out)
	case s.busy:
		s.held, s.deadline = true, time.Time{}
	default:
		s.write(jobWrite, out)
		s.acknowledge(now, out)
	}
}

// beyondLimit reports whether more arrived than the Writer announced to take.
func (r *receiver) beyondLimit() bool { return r.limit > 0 && r.bytes > r.limit }

// hold delays the ACK until the Writer has seen the block, and probably refused it.
func (s *session) hold(out *outbox) {
	s.held, s.deadline = true, time.Time{}
	if !s.busy {
		s.write(jobWrite, out)
	}
}

func (s *session) acknowledge(now time.Time, out *outbox) {
	s.rcv.pending = 0
	s.reply = appendACK(s.ack[:0], s.rcv.number(s.rcv.last))
	out.send(s.reply)
	s.await(now)
}

// write hands the filled chunk to the storage side.
func (s *session) write(kind jobKind, out *outbox) {
	s.submit(job{kind: kind, chunk: s.rcv.fill}, out)
	s.rcv.fill = nil
}

// store commits the complete file. Nothing is sent until the Commit returns.
func (s *session) store(now time.Time, out *outbox) {
	if !s.req.Netascii && s.req.Size >= 0 && s.rcv.bytes != s.req.Size {
		s.fail(now, &Error{CodeUndefined, fmt.Sprintf("got %d bytes, tsize announced %d", s.rcv.bytes, s.req.Size)}, out)
		return
	}
	s.state, s.deadline = storing, time.Time{}
	if !s.busy {
		s.write(jobCommit, out)
	}
}

func (s *session) written(now time.Time, r result, out *outbox) {
	s.limits.chunks.put(r.chunk)
	switch {
	case r.err != nil:
		s.fail(now, r.err, out)
	case s.state == storing:
		s.write(jobCommit, out)
	case s.held && s.rcv.beyondLimit() && s.rcv.fill != nil:
		s.write(jobWrite, out)
	case s.held && s.rcv.beyondLimit():
		s.held = false
		s.acknowledge(now, out)
	case s.held:
		s.held = false
		s.write(jobWrite, out)
		s.acknowledge(now, out)
	}
}

func (s *session) committed(now time.Time, r result, out *outbox) {
	s.limits.chunks.put(r.chunk)
	if r.err != nil {
		s.fail(now, r.err, out)
		return
	}
	s.acknowledge(now, out)
	s.finish(nil, out)
	s.linger(now)
}
