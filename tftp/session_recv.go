package tftp

// receiver takes a file block by block (RFC 1350 section 6, RFC 7440 section
// 4). It is a pure state machine: DATA goes in; it collects payload and says
// when an ACK is due.
type receiver struct {
	blockSize int
	window    int
	last      uint64 // last block that was taken
	pending   int    // blocks taken since the last ACK
	final     bool   // the last block was the end of the file
	gap       bool   // a gap was answered, nothing came since
	fill      *chunk // payload on its way to the storage side; nil when empty
	bytes     int64  // payload taken
}

func newReceiver(t terms) *receiver {
	return &receiver{blockSize: t.blockSize, window: t.window}
}

// verdict says what a DATA was.
type verdict uint8

const (
	ignored  verdict = iota // nothing to do
	taken                   // new, and the window goes on
	ackDue                  // new, and an ACK is due
	repeated                // the last block again: our ACK may be lost
	missed                  // blocks before it are missing: say once where we are
)

// data takes DATA n. Payload of a block that is in order is copied to r.fill,
// which must have room for it.
func (r *receiver) data(block uint16, payload []byte) verdict {
	switch ahead := block - uint16(r.last); {
	case r.final && ahead != 0:
		return ignored
	case ahead == 0 && r.last > 0 && r.pending == 0:
		return repeated
	case ahead == 1:
		return r.take(payload)
	case ahead > 1 && ahead <= uint16(r.window) && r.window > 1 && !r.gap:
		r.gap = true
		return missed
	}
	return ignored
}

func (r *receiver) take(payload []byte) verdict {
	r.last++
	r.pending++
	r.gap = false
	r.bytes += int64(len(payload))
	r.final = len(payload) < r.blockSize
	r.fill.buf = append(r.fill.buf, payload...)
	if r.final || r.pending >= r.window {
		return ackDue
	}
	return taken
}

// roomy tells whether another whole window fits into what is being filled.
func (r *receiver) roomy() bool {
	return r.fill == nil || cap(r.fill.buf)-len(r.fill.buf) >= r.window*r.blockSize
}

// capacity is the size a chunk must have at least.
func (r *receiver) capacity(preferred int) int {
	return max(preferred, r.window*r.blockSize)
}
