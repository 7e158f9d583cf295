package tftp

import "net/netip"

// A read on a shared port can be forged: whoever knows the few ports of a server
// can send blind ACKs in the name of a victim. A port of its own, chosen by the
// system among many thousands, is something that only the true peer learns
// (RFC 1350 section 4). So a read that may send much at once gets one.

// mostOwnPorts is the largest number of ports with one transfer, if the system
// permits twice as many open files. Further reads use the shared ports.
const mostOwnPorts = 4096

// The limits of a read on a shared port. Repetitions use up a credit, which every
// new ACK raises. When it is used up, a block is repeated only after a packet of
// the peer. So each packet that was forged sends a few blocks to the victim.
const (
	sharedBlock       = 8192 // bytes
	sharedWindow      = 8    // blocks
	sharedWindowBytes = 12 << 10

	firstCredit = 2  // repetitions before the first ACK of a block
	ackCredit   = 4  // more for each new ACK of a block
	maxCredit   = 16 // no limit in practice: a transfer fails before
	slowCredit  = 2  // the last ones are at least Server.Timeout apart
)

// offerTo returns what a read on this port may get.
func (l *loop) offerTo(op Op, o offer) offer {
	if op == Read && l.shared() {
		o.maxBlockSize = min(o.maxBlockSize, sharedBlock)
		o.windowBytes = min(o.windowBytes, sharedWindowBytes)
		o.window = sharedWindow
	}
	return o
}

// ownPort reports whether a request gets a port of its own.
func (e *engine) ownPort(s *session) bool {
	if s.req.Op != Read || e.Ports != (PortRange{}) {
		return false
	}
	t, _ := negotiate(Read, s.req.Options, s.limits.offer)
	return t.window > 1 || t.blockSize > unfragmented(s.peer.Addr())
}

// openOwn opens a port for one transfer. It returns nil if there are too many, or
// the system has none left.
func (e *engine) openOwn() *loop {
	if e.countOwn() >= e.maxOwn {
		return nil
	}
	k, err := e.open(netip.AddrPortFrom(e.local.Addr(), 0))
	if err != nil {
		e.Log.Debug("no port for one transfer", "err", err)
		return nil
	}
	l := newLoop(e, k)
	l.closed = make(chan struct{})
	if err := e.reader.add(l); err != nil {
		e.Log.Debug("no port for one transfer", "err", err)
		k.close()
		return nil
	}
	e.mu.Lock()
	e.own[l] = struct{}{}
	e.mu.Unlock()
	e.watchers.Go(l.watch)
	return l
}

// abandon removes a session that could not begin, with its port.
func (e *engine) abandon(l *loop, s *session) {
	e.forget(s)
	close(l.closed)
	e.closeOwn(l)
}

// closeOwn closes a port whose only transfer is over.
func (e *engine) closeOwn(l *loop) {
	e.mu.Lock()
	delete(e.own, l)
	e.mu.Unlock()
	e.reader.remove(l)
}

func (e *engine) countOwn() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.own)
}

func (e *engine) ownLoops() []*loop {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []*loop
	for l := range e.own {
		list = append(list, l)
	}
	return list
}
