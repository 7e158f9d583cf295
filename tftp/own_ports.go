package tftp

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
)

// A read on a shared port can be forged: whoever knows the few ports of a server
// can send blind ACKs in the name of a victim, because block numbers can be guessed. A
// port of its own, chosen among many, is something that only the true peer learns
// (RFC 1350 section 4). So a read that may send much at once gets one.
//
// Where the ports are few, two limits protect the victim. A blind ACK to each of them
// ends the transfer: a true peer sends none to a port where it has no transfer. The
// victim has got its first answer and a window then, no more. An attacker who tries
// one port of n is right in one of n attempts, and may then go on to the end of the
// file. So what one ACK can cause grows with n.
//
// The worst case, in bytes to the victim for each byte of blind ACKs, headers
// included, is reached by an ACK so late that the blocks are repeated before it:
//
//	ports   window             repetitions     gain
//	1       1 block of 512     1/2 for an ACK  (548 × 1.5) / (32 × 1)       26
//	4       1 block of 1468    1/2             (1500 × 1.5) / (32 × 4)      18
//	16      4 blocks of 1468   2               (1500 × 6) / (32 × 16)       18
//	64      8 blocks of 1468   4               (1500 × 12) / (32 × 64)      9

// mostOwnPorts is the largest number of ports with one transfer, if the system
// permits twice as many open files. Further reads use the shared ports.
const mostOwnPorts = 4096

// leastOwnRange is the smallest PortRange in which each transfer has its own port.
const leastOwnRange = 64

// The limits of a read on ports that can be guessed. Repetitions use up a credit,
// which every new ACK raises. When it is used up, a block is repeated only after a
// packet of the peer. So each packet that was forged sends a few blocks to the victim.
const (
	blindGain    = 12       // bytes of a window for each byte that the attacker sends, before repetitions
	blindACK     = 32       // bytes of an ACK with its headers (IPv4)
	sharedBytes  = 12 << 10 // of a window on a shared port, however many there are
	sharedWindow = 8        // blocks, of the smallest size too
	doubtfulFor  = 16       // blocks; a peer that acknowledged them with no stray ACK knew the port

	repetition  = 2               // the price of one, so an ACK can pay for half of one
	firstCredit = 2 * repetition  // before the first ACK of a block
	startCredit = 4 * repetition  // more for the first one
	maxCredit   = 16 * repetition // no limit in practice: a transfer fails before
	slowCredit  = 2 * repetition  // the last ones are at least Server.Timeout apart
)

// ackCredit is what a new ACK adds to the credit of a read on one of n shared ports.
func ackCredit(n int) int { return max(1, min(n/4, 4*repetition)) }

// offerTo returns what a read of this peer on this port may get.
func (l *loop) offerTo(op Op, peer netip.Addr, o offer) offer {
	if op != Read || l.engine.Expected || !l.shared() && l.engine.Ports == (PortRange{}) {
		return o
	}
	bytes := blindGain*blindACK*l.engine.ports.guesses(l) - blindACK
	if l.shared() {
		bytes = min(bytes, sharedBytes)
	}
	bytes = max(bytes, defaultBlockSize)
	o.window = max(sharedWindow, bytes/defaultBlockSize)
	o.windowBytes = min(o.windowBytes, bytes)
	if frame := unfragmented(peer); l.shared() {
		bytes = min(bytes, frame)
	}
	o.maxBlockSize = min(o.maxBlockSize, bytes)
	return o
}

// guesses returns among how many ports an attacker must guess the one of a transfer.
func (p *ports) guesses(l *loop) int {
	if l.shared() {
		return len(p.loops)
	}
	return p.engine.Ports.size() - len(p.loops)
}

// wantsOwn reports whether a request gets a port of its own.
func (p *ports) wantsOwn(s *session) bool {
	r := p.engine.Ports
	if s.req.Op != Read || r != (PortRange{}) && (r.size() < leastOwnRange || p.engine.Expected) {
		return false
	}
	t, _ := negotiate(Read, s.req.Options, s.limits.offer)
	return t.window > 1 || t.blockSize > unfragmented(s.peer.Addr())
}

// ownTries is how many ports of a range are tried, because some are in use.
const ownTries = 64

// tryOwn opens a port for one transfer: one of the range at random, or one that the
// system chooses.
func (p *ports) tryOwn() (k link, err error) {
	r := p.engine.Ports
	if r == (PortRange{}) {
		return p.open(0)
	}
	for range ownTries {
		if k, err = p.open(r.First + uint16(rand.IntN(r.size()))); err == nil {
			break
		}
	}
	return k, err
}

// openOwn opens a port for one transfer. It returns nil if there are too many, or
// the system has none left.
func (p *ports) openOwn() *loop {
	e := p.engine
	if p.countOwn() >= p.maxOwn {
		return nil
	}
	k, err := p.tryOwn()
	if err != nil {
		e.Log.Debug("no port for one transfer", "err", err)
		return nil
	}
	l := newLoop(e, k)
	l.closed = make(chan struct{})
	if err := p.reader.add(l); err != nil {
		e.Log.Debug("no port for one transfer", "err", err)
		k.close()
		return nil
	}
	p.mu.Lock()
	p.own[l] = struct{}{}
	p.mu.Unlock()
	e.watchers.Go(l.watch)
	return l
}

// abandon closes a port whose transfer could not begin.
func (p *ports) abandon(l *loop) {
	close(l.closed)
	p.closeOwn(l)
}

// closeOwn closes a port whose only transfer is over.
func (p *ports) closeOwn(l *loop) {
	p.mu.Lock()
	delete(p.own, l)
	p.mu.Unlock()
	p.reader.remove(l)
}

func (p *ports) countOwn() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.own)
}

// ownLoops returns the ports with one transfer.
func (p *ports) ownLoops() []*loop {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.own))
}
