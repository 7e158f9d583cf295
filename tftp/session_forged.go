package tftp

import (
	"errors"
	"net/netip"
	"slices"
	"time"
)

var errForged = errors.New("the read was probably forged: ACKs of the peer came to ports where it has no transfer")

// blind reports whether whoever knows the ports of the server could have sent the
// peer's ACKs.
func (s *session) blind() bool { return s.snd != nil && s.loop.shared() }

// earnCredit raises the credit after a new ACK. first: of the first block.
func (s *session) earnCredit(first bool) {
	more := ackCredit(len(s.loop.engine.loops))
	if first {
		more = startCredit
	}
	s.credit = min(s.credit+more, maxCredit)
}

// isForged reports whether a read on a shared port was probably forged.
func (s *session) isForged() bool {
	return s.blind() && s.snd.acked < doubtfulFor && s.forged.Load()
}

// dropForged ends a forged read. The victim gets nothing more.
func (s *session) dropForged(now time.Time, out *outbox) {
	s.finish(errForged, out)
	s.absorb(now)
}

// stray notes an ACK of a peer to a shared port where it has no transfer.
func (e *engine) stray(peer netip.AddrPort) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.reads[peer] {
		s.forged.Store(true)
	}
}

// forgetRead removes a finished read. The caller holds e.mu.
func (e *engine) forgetRead(s *session) {
	left := slices.DeleteFunc(e.reads[s.peer], func(other *session) bool { return other == s })
	if len(left) == 0 {
		delete(e.reads, s.peer)
		return
	}
	e.reads[s.peer] = left
}
