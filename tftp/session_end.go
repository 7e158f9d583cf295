package tftp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

// This file ends sessions. A transfer ends with finish, which reports the end and
// releases the resources. After that its session lingers for a peer that lost the
// last packet, absorbs late packets in silence, or leaves at once.

// fail ends the transfer with an ERROR to the peer. The ERROR is repeated for
// lingerTime if the peer continues.
func (s *session) fail(now time.Time, err error, out *outbox) {
	s.reply = appendError(nil, errorFor(err))
	out.send(s.reply)
	s.event(EventRefused, err, out)
	s.finish(err, out)
	s.linger(now)
}

// giveUp ends a transfer whose peer is silent.
func (s *session) giveUp(now time.Time, out *outbox) {
	if s.lostLargeBlocks() {
		s.loop.engine.blockLimits.lost(now, s.peer.Addr())
	}
	s.finish(s.silence(), out)
	s.leave()
}

// silence returns an ErrTimeout with the progress of the transfer.
func (s *session) silence() error {
	switch {
	case !s.clock.confirmed:
		return fmt.Errorf("%w: it never answered our first packet", ErrTimeout)
	case s.down != nil:
		return s.down.silence()
	}
	return fmt.Errorf("%w after block %d", ErrTimeout, s.up.last)
}

// lostLargeBlocks reports whether this transfer shows that the path drops fragments.
// A peer that reads has confirmed our OACK, which is small, and a peer that writes
// sends a large block after it. A port that was closed from the beginning belongs to
// the victim of a forged request; a port that closes later, to a peer that gave up.
func (s *session) lostLargeBlocks() bool {
	if s.closed && s.clock.rt.tries == 0 || s.terms.blockSize <= unfragmented(s.peer.Addr()) {
		return false
	}
	if s.down != nil {
		return s.clock.confirmed && s.down.acked == 0
	}
	return s.up.last == 0
}

// expireUnproved ends a transfer whose peer has not answered our first packet, when
// the time for that is over.
func (s *session) expireUnproved(now time.Time, out *outbox) {
	if end := s.clock.asking.Add(unprovedWait); now.Before(end) {
		s.clock.deadline = end
		return
	}
	s.giveUp(now, out)
}

// evict ends a session whose peer has not answered, or that stands still, to make
// room.
func (s *session) evict(now time.Time, out *outbox) {
	switch s.state {
	case opening:
		s.file.cancel()
		s.loop.engine.running.forget(s)
		s.cause = busy
		s.leave()
	case offered:
		s.finish(fmt.Errorf("%w: dropped for newer requests before it answered", ErrTimeout), out)
		s.leave()
	case running:
		if !s.busy && now.Sub(s.clock.heard) >= stalledFor {
			s.fail(now, fmt.Errorf("%w: dropped for a peer of another address", busy), out)
		}
	}
}

// unreachable handles the ICMP message that the peer's port is closed. A peer that
// never answered may have been forged: it gets nothing more, unless it repeats its
// request. The ACKs of a read may be forged, too, so it ends at once. But an upload
// sends little, and the message itself may be forged: the upload goes on if the peer
// does. A complete file is stored in any case.
func (s *session) unreachable(out *outbox) {
	switch {
	case s.state == offered || s.state == running && s.up != nil:
		s.closed = true
	case s.state == running:
		s.finish(errClosed, out)
		s.leave()
	case s.state == lingering:
		s.leave()
	}
}

// stop ends the session because the server stops. A running Commit is not
// interrupted.
func (s *session) stop(out *outbox) {
	switch s.state {
	case storing, gone:
		return
	case opening:
		s.loop.engine.running.forget(s)
	case offered, running:
		out.send(appendError(nil, &Error{CodeUndefined, "the server is stopping"}))
		s.finish(fmt.Errorf("the server is stopping: %w", context.Canceled), out)
	}
	s.cause = context.Canceled
	s.leave()
}

// finish reports the end of the transfer and releases its resources.
func (s *session) finish(err error, out *outbox) {
	s.cause = err
	s.file.cancel()
	s.event(EventDone, err, out)
	if s.clock.confirmed && s.limits.offer.maxBlockSize < s.loop.engine.MaxBlockSize && s.terms.blockSize == s.limits.offer.maxBlockSize {
		s.loop.engine.blockLimits.lost(s.clock.heard, s.peer.Addr()) // still so, as far as we know
	}
	s.loop.engine.running.forget(s)
	if s.clock.confirmed && s.guard.on() && !s.guard.forged.Load() {
		s.loop.engine.running.refund(s)
	}
	s.clock.deadline = time.Time{}
	s.release(out)
}

// release returns the buffers and closes the Handler's file. While a job runs,
// complete calls it later.
func (s *session) release(out *outbox) {
	if s.busy {
		return
	}
	if s.down != nil {
		s.down.releaseAll(s.limits.chunks)
	}
	if s.up != nil {
		s.up.release()
	}
	s.loop.engine.budget.reserve(s.peer.Addr(), -s.reserved)
	s.reserved = 0
	if s.file.open() {
		s.submit(job{kind: jobEnd, err: s.cause}, out)
	}
}

func (s *session) linger(now time.Time) {
	s.state, s.clock.deadline = lingering, now.Add(lingerTime)
}

// repeatLast sends the final ACK or the ERROR again to a peer that continues. The
// ERROR is sent at most once a second, because the peer may have a whole window in
// flight.
func (s *session) repeatLast(now time.Time, p packet, out *outbox) {
	if s.reply == nil || p.op != opData && (p.op != opACK || s.down == nil) {
		return
	}
	if s.cause != nil {
		if now.Sub(s.clock.heard) < time.Second {
			return
		}
		s.clock.heard = now
	}
	if s.cause == nil && s.up.isBeyond(p) {
		out.send(appendACK(nil, p.block))
		return
	}
	out.send(s.reply)
}

// absorb keeps a finished session for a while. It drops the late packets of its
// peer, which would otherwise get ERROR 5.
func (s *session) absorb(now time.Time) {
	s.reply = nil
	s.state, s.clock.deadline = lingering, now.Add(absorbTime)
}

// leave marks the session for removal.
func (s *session) leave() { s.state, s.clock.deadline = gone, time.Time{} }

// errorFor returns the ERROR packet for err. The text for errors that are not an
// *Error is generic, so that the peer learns nothing about the server's files.
func errorFor(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, fs.ErrNotExist):
		return &Error{CodeNotFound, "file not found"}
	case errors.Is(err, fs.ErrPermission):
		return &Error{CodeAccess, "access denied"}
	case errors.Is(err, syscall.EROFS):
		return &Error{CodeAccess, "the file system is read-only"}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &Error{CodeDiskFull, "disk full"}
	case errors.Is(err, fs.ErrExist):
		return &Error{CodeExists, "file exists"}
	}
	return &Error{CodeUndefined, "the server failed"}
}
