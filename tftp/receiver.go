package tftp

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
	rewound   int    // how far behind the last block the rewind was that was answered; 0: none since the last block
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

func newReceiver(t terms) receiver {
	return receiver{blockSize: t.blockSize, window: t.window}
}

// verdict classifies a DATA packet.
type verdict uint8

const (
	ignored  verdict = iota // nothing to do
	taken                   // the next block, within a window
	ackDue                  // the next block, and an ACK is due
	repeated                // the last block again: our ACK may be lost
	missed                  // blocks before it are missing: acknowledge the last one, once
	rewound                 // the peer sends a window again that we have: the same, once for each time
)

// data handles a DATA packet. It copies the payload of the next block to r.fill,
// which must have room for it.
func (r *receiver) data(block uint16, payload []byte) verdict {
	switch ahead := r.ahead(block); {
	case r.final && ahead != 0:
		return ignored
	case ahead == 0 && r.last > 0 && r.pending == 0:
		return r.lastAgain()
	case ahead == 1:
		return r.take(payload)
	case ahead > 1 && ahead <= uint16(r.window) && r.window > 1 && !r.gap:
		r.gap = true
		return missed
	case r.window > 1 && r.isRewind(-ahead) && int(-ahead) >= r.rewound:
		r.rewound = int(-ahead)
		return rewound
	}
	return ignored
}

// lastAgain handles the last block again. At the end of a window that is sent again, it
// gets no ACK if the beginning had one: a peer that sends a window for each ACK would send
// ever more of them (RFC 1123 section 4.2.3.1).
func (r *receiver) lastAgain() verdict {
	if r.rewound > 0 {
		r.rewound = 0
		return ignored
	}
	return repeated
}

// isRewind reports whether a block this far behind the last one shows that the peer
// did not get our ACK, and sends the window again: the block is the first one after
// our ACK, or older. Other old blocks are duplicates of the network.
func (r *receiver) isRewind(behind uint16) bool {
	return behind > 0 && uint64(behind) < r.last && int(behind) >= r.pending && int(behind) < 2*r.window
}

func (r *receiver) take(payload []byte) verdict {
	r.last++
	r.pending++
	r.gap, r.rewound = false, 0
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

// beyondLimit reports whether more arrived than the Writer announced to take.
func (r *receiver) beyondLimit() bool { return r.limit > 0 && r.bytes > r.limit }
