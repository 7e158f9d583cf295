package tftp

import (
	"fmt"
	"time"
)

// upload is the part of a session that receives a file: it passes the blocks to the
// storage side, and acknowledges them as long as there is room.
type upload struct {
	receiver
	s    *session
	held bool // an ACK waits for the storage side
}

// newUpload begins the upload of a session whose terms are agreed.
func newUpload(s *session) *upload {
	u := &upload{receiver: newReceiver(s.terms), s: s}
	u.limit = s.file.limit
	return u
}

// receive handles a packet of the peer.
func (u *upload) receive(now time.Time, p packet, out *outbox) {
	s := u.s
	if p.op != opData || s.state == storing {
		return
	}
	s.confirm(out)
	s.clock.heard, s.closed = now, false
	if len(p.body) > u.blockSize {
		s.fail(now, illegal("the DATA is longer than the block size"), out)
		return
	}
	if u.held || !u.room(len(p.body), out) {
		return // dropped: the ACK is sent when the storage side has caught up
	}
	switch u.data(p.block, p.body) {
	case ackDue:
		s.clock.rt.answered(now)
		s.progress(now, u.last, out)
		u.advance(now, out)
	case taken:
		s.clock.rt.answered(now)
		s.clock.rt.moved()
		s.progress(now, u.last, out)
		s.clock.deadline = now.Add(s.clock.rt.interval)
		if u.checkSize(now, out) && u.beyondLimit() {
			u.hold(out)
		}
	case repeated, missed, rewound:
		u.acknowledge(now, out)
		s.clock.rt.unclear = true
	}
}

// room makes space for a block, and reports whether there is some. Usually an ACK
// is sent only when there is space for the next window. But an ACK after a gap or
// a timeout may request a window earlier.
func (u *upload) room(n int, out *outbox) bool {
	if u.fill != nil && cap(u.fill.buf)-len(u.fill.buf) < n {
		if u.s.busy {
			u.held, u.s.clock.deadline = true, time.Time{}
			return false
		}
		u.write(jobWrite, out)
	}
	if u.fill == nil {
		u.fill = u.s.chunk(u.capacity(u.s.loop.engine.chunkSize()))
	}
	return true
}

// checkSize ends a transfer that brings more bytes than its tsize announced.
func (u *upload) checkSize(now time.Time, out *outbox) bool {
	if size := u.announced(); size < 0 || u.bytes <= size {
		return true
	}
	u.s.fail(now, &Error{CodeDiskFull, "more data than tsize announced"}, out)
	return false
}

// announced returns how many bytes the peer announced to send; -1: unknown.
func (u *upload) announced() int64 {
	if u.s.req.Netascii {
		return -1
	}
	return u.s.req.Size
}

// advance acknowledges the received blocks, unless the storage side is behind or
// the file is complete.
func (u *upload) advance(now time.Time, out *outbox) {
	if !u.checkSize(now, out) {
		return
	}
	switch {
	case u.final:
		u.store(now, out)
	case u.beyondLimit():
		u.hold(out)
	case u.roomy():
		u.acknowledge(now, out)
	case u.s.busy:
		u.held, u.s.clock.deadline = true, time.Time{}
	default:
		u.write(jobWrite, out)
		u.acknowledge(now, out)
	}
}

// hold delays the ACK until the Writer has seen the block, and probably refused it.
func (u *upload) hold(out *outbox) {
	u.held, u.s.clock.deadline = true, time.Time{}
	if !u.s.busy {
		u.write(jobWrite, out)
	}
}

// acknowledge sends an ACK of all blocks.
func (u *upload) acknowledge(now time.Time, out *outbox) {
	s := u.s
	u.pending = 0
	s.reply = appendACK(s.ack[:0], u.number(u.last))
	out.send(s.reply)
	s.clock.await(now)
}

// write hands the filled chunk to the storage side.
func (u *upload) write(kind jobKind, out *outbox) {
	u.s.submit(job{kind: kind, chunk: u.fill}, out)
	u.fill = nil
}

// store commits the complete file. Nothing is sent until the Commit returns.
func (u *upload) store(now time.Time, out *outbox) {
	if size := u.announced(); size >= 0 && u.bytes != size {
		u.s.fail(now, &Error{CodeUndefined, fmt.Sprintf("got %d bytes, tsize announced %d", u.bytes, size)}, out)
		return
	}
	u.s.state, u.s.clock.deadline = storing, time.Time{}
	if !u.s.busy {
		u.write(jobCommit, out)
	}
}

// written handles the end of a write.
func (u *upload) written(now time.Time, r result, out *outbox) {
	u.s.limits.chunks.put(r.chunk)
	switch {
	case r.err != nil:
		u.s.fail(now, r.err, out)
	case u.s.state == storing:
		u.write(jobCommit, out)
	case u.held && u.beyondLimit() && u.fill != nil:
		u.write(jobWrite, out)
	case u.held && u.beyondLimit():
		u.held = false
		u.acknowledge(now, out)
	case u.held:
		u.held = false
		u.write(jobWrite, out)
		u.acknowledge(now, out)
	}
}

// committed handles the end of the Commit.
func (u *upload) committed(now time.Time, r result, out *outbox) {
	u.s.limits.chunks.put(r.chunk)
	if r.err != nil {
		u.s.fail(now, r.err, out)
		return
	}
	u.acknowledge(now, out)
	u.s.finish(nil, out)
	u.s.linger(now)
}

// isBeyond reports whether a DATA of a complete upload is an empty block after the last
// one. atftp sends it when it reads the ACK of the last block after it has gone back to
// an earlier block for an old ACK. Until this block is acknowledged, it sends it again and
// again, and at last reports a failure. The file is the same with it.
func (u *upload) isBeyond(p packet) bool {
	return len(p.body) == 0 && p.block == u.number(u.last+1)
}

// release returns the buffer.
func (u *upload) release() {
	u.s.limits.chunks.put(u.fill)
	u.fill = nil
}
