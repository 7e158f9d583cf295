package tftp

import (
	"errors"
	"sync/atomic"
)

var errForged = errors.New("the read was probably forged: ACKs of the peer came to ports where it has no transfer")

// guard protects the victim of a forged read on a shared port: whoever knows the
// ports of the server can send blind ACKs in the name of the victim. Before begin, for
// an upload and on a port of its own, it is off.
type guard struct {
	ports  int         // among which an attacker must guess; 0: the guard is off
	credit int         // for repetitions, see repetition
	forged atomic.Bool // ACKs of the peer came to other shared ports
}

// begin turns the guard on for a read on one of so many shared ports.
func (g *guard) begin(ports int) { g.ports, g.credit = ports, firstCredit }

func (g *guard) on() bool { return g.ports > 0 }

// earn raises the credit after a new ACK. first: of the first block.
func (g *guard) earn(first bool) {
	more := ackCredit(g.ports)
	if first {
		more = startCredit
	}
	g.credit = min(g.credit+more, maxCredit)
}

// spend uses the credit for one repetition and reports whether there was enough.
func (g *guard) spend() bool {
	if !g.on() {
		return true
	}
	if g.credit < repetition {
		return false
	}
	g.credit -= repetition
	return true
}

// isSpent reports whether only a packet of the peer can cause another repetition.
func (g *guard) isSpent() bool { return g.on() && g.credit < repetition }

// isNearlySpent reports whether the last repetitions have begun, which come slowly.
func (g *guard) isNearlySpent() bool { return g.on() && g.credit <= slowCredit }

// isForged reports whether a read was probably forged. acked is how many blocks the
// peer has acknowledged.
func (g *guard) isForged(acked uint64) bool {
	return g.on() && acked < doubtfulFor && g.forged.Load()
}
