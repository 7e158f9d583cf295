package tftp

import (
	"fmt"
	"time"
)

// download is the part of a session that sends a file: it loads the file piece by
// piece, and sends its blocks as the peer acknowledges them.
type download struct {
	sender
	s *session
}

// newDownload begins the download of a session whose terms are agreed.
func newDownload(s *session) *download {
	d := &download{newSender(s.terms), s}
	d.paced = true
	if s.loop.shared() {
		s.guard.begin(len(s.loop.engine.ports.loops))
	}
	return d
}

// receive handles a packet of the peer.
func (d *download) receive(now time.Time, p packet, out *outbox) {
	s := d.s
	switch {
	case p.op != opACK:
	case s.guard.isForged(d.acked):
		d.drop(now, out)
	case s.reply != nil:
		d.receiveFirst(now, p, out)
	default:
		d.receiveACK(now, p, out)
	}
}

// receiveFirst handles an ACK while our OACK waits for its ACK 0 (RFC 2347).
func (d *download) receiveFirst(now time.Time, p packet, out *outbox) {
	s := d.s
	if p.block != 0 {
		return
	}
	s.confirm(out)
	s.clock.heard, s.reply = now, nil
	d.echoes = s.clock.rt.tries > 0 || s.clock.rt.unclear // the peer may answer each OACK
	s.clock.rt.answered(now)
	s.clock.deadline = time.Time{}
	d.load(out)
}

// receiveACK handles the ACK of a block.
func (d *download) receiveACK(now time.Time, p packet, out *outbox) {
	s := d.s
	first := d.acked == 0
	if d.ack(now, p.block, s.clock.rt.srtt) {
		s.confirm(out)
		s.clock.heard = now
		s.guard.earn(first)
		s.clock.rt.answered(now)
		s.progress(now, d.acked, out)
		d.release(s.limits.chunks)
		s.clock.deadline = time.Time{}
	} else if d.needs(p.block) && s.guard.isSpent() {
		s.guard.credit = repetition // the peer's packet pays for one block
		s.sendAgain(out)
	}
	d.proceed(now, out)
}

// goOn does the work of a deadline other than a repetition: it ends a forged read, or
// sends the rest of a window after a pause. It reports whether there was such work.
func (d *download) goOn(now time.Time, out *outbox) bool {
	switch {
	case d.s.guard.isForged(d.acked):
		d.drop(now, out)
	case d.resting:
		d.s.clock.setDeadline() // in case that the next blocks are still being loaded
		d.proceed(now, out)
	default:
		return false
	}
	return true
}

// drop ends a forged read. The victim gets nothing more.
func (d *download) drop(now time.Time, out *outbox) {
	d.s.finish(errForged, out)
	d.s.absorb(now)
}

// proceed sends the blocks that the window permits and loads more.
func (d *download) proceed(now time.Time, out *outbox) {
	s := d.s
	if d.done() {
		s.finish(nil, out)
		s.absorb(now)
		return
	}
	if d.pump(now, out) {
		s.clock.await(now)
		if d.resting {
			s.clock.deadline = now.Add(d.pause(s.clock.rt.srtt))
		}
	}
	d.load(out)
}

// load asks the storage side for the next chunk, if one is needed.
func (d *download) load(out *outbox) {
	s := d.s
	block := d.blockSize + headerSize
	size := max(s.loop.engine.chunkSize(), block)
	if d.window > 1 {
		size = max(size, min(largeChunk, d.window*block))
	}
	if s.busy || !d.wants(size/block) {
		return
	}
	if !s.clock.confirmed && len(d.chunks) > 0 {
		return // a peer that has not answered gets only the first chunk
	}
	s.submit(job{kind: jobRead, chunk: s.chunk(size)}, out)
}

// loaded takes the chunk that load asked for.
func (d *download) loaded(now time.Time, r result, out *outbox) {
	if r.err != nil {
		d.s.limits.chunks.put(r.chunk)
		d.s.fail(now, r.err, out)
		return
	}
	d.add(r.chunk, r.tail)
	d.proceed(now, out)
}

// silence returns an ErrTimeout with the progress.
func (d *download) silence() error {
	if d.last > 0 && d.sent == d.last {
		return fmt.Errorf("%w: all data was sent, but the last ACK never arrived", ErrTimeout)
	}
	return fmt.Errorf("%w after block %d", ErrTimeout, d.acked)
}
