package tftp

import "time"

// sender sends a file block by block (RFC 1350 section 6, RFC 7440 section 4).
// It is a state machine without I/O: it takes chunks and ACKs, and returns runs of
// DATA. Block numbers have 64 bits here; on the wire they have 16 and wrap to 0.
type sender struct {
	blockSize int
	window    int
	acked     uint64    // the peer acknowledged everything up to this block
	sent      uint64    // sent up to this block
	last      uint64    // number of the final block; 0: not known yet
	tail      int       // payload of the final block in bytes
	next      uint64    // next block to load
	chunks    []*chunk  // loaded and not acknowledged, in order
	repaired  bool      // a repeated ACK has caused a repetition of this window
	again     bool      // this window was sent more than once
	echoes    bool      // the block before this window may be acknowledged more than once
	windowAt  time.Time // when the window was last sent
	paced     bool      // bursts are permitted: the caller has a timer for the rest of a window
	burst     int       // blocks that may be sent at once; 0: the whole window
	resting   bool      // the rest of the window is sent after a pause
	lossAt    uint64    // acked when the burst was last halved
}

func newSender(t terms) sender {
	return sender{blockSize: t.blockSize, window: t.window, next: 1}
}

// wants reports whether another chunk should be loaded. The unacknowledged window
// and the next window (or chunk, if larger) are kept in memory.
func (s *sender) wants(chunkBlocks int) bool {
	return s.last == 0 && s.next-1-s.acked < uint64(s.window+max(s.window, chunkBlocks))
}

// add adds the next chunk. tail is the payload of its last block in bytes if
// that is the final block of the file, else -1.
func (s *sender) add(c *chunk, tail int) {
	s.chunks = append(s.chunks, c)
	s.next = c.first + uint64(c.count)
	if tail >= 0 {
		s.last, s.tail = s.next-1, tail
	}
}

// ack handles an ACK and reports whether it acknowledged new blocks. In lockstep a
// repeated ACK never causes a repetition (RFC 1123 section 4.2.3.1). With a window
// it means that the first block was lost. Then the whole window is sent again, but
// only once, and not if the ACK arrived too early to be an answer to this window, or
// may answer the second copy of the window before. Otherwise one needless repetition
// would cause the next one, until the end of the file.
func (s *sender) ack(now time.Time, block uint16, rtt time.Duration) (progress bool) {
	n := uint64(block - uint16(s.acked))
	switch {
	case n == 0:
		if s.mayRepair() && now.Sub(s.windowAt) > rtt/2 {
			s.lost()
			s.repaired = true
			s.rewind()
		}
		return false
	case n > s.sent-s.acked:
		return false
	}
	if s.acked += n; s.acked < s.sent {
		s.lost()
	} else {
		s.calm()
	}
	s.sent = s.acked // the blocks after it were lost and are sent again (RFC 7440 section 4)
	s.echoes, s.again, s.repaired = s.again, false, false
	return true
}

// mayRepair reports whether a repeated ACK may mean that the window was lost.
func (s *sender) mayRepair() bool {
	return s.window > 1 && s.sent > s.acked && !s.repaired && !s.echoes
}

// minBurst is the smallest burst in blocks.
const minBurst = 4

// lost halves the burst after a loss. A window goes out in one burst at first, which
// may overflow a queue on the path. It cannot be shorter than negotiated: the peer
// acknowledges only whole windows. But its blocks can leave one burst after the other.
func (s *sender) lost() {
	if !s.paced || s.window <= minBurst || s.burst > 0 && s.lossAt == s.acked {
		return
	}
	if s.burst == 0 {
		s.burst = s.window
	}
	s.burst, s.lossAt = max(minBurst, s.burst/2), s.acked
}

// calm raises the burst after a window that arrived.
func (s *sender) calm() {
	if s.burst == 0 {
		return
	}
	if s.burst += max(1, s.window/16); s.burst >= s.window {
		s.burst = 0
	}
}

// pause returns the time between two bursts: the bursts of a window are spread over
// a round trip.
func (s *sender) pause(rtt time.Duration) time.Duration {
	return max(time.Millisecond, rtt*time.Duration(s.burst)/time.Duration(s.window))
}

// needs reports whether a repeated ACK may be about the unanswered block in
// lockstep.
func (s *sender) needs(block uint16) bool {
	return s.window == 1 && block == uint16(s.acked) && s.sent > s.acked
}

// release returns fully acknowledged chunks to the pool.
func (s *sender) release(pool *chunkPool) {
	for len(s.chunks) > 0 && s.chunks[0].first+uint64(s.chunks[0].count) <= s.acked+1 {
		pool.put(s.chunks[0])
		n := copy(s.chunks, s.chunks[1:])
		s.chunks[n] = nil
		s.chunks = s.chunks[:n]
	}
}

// releaseAll returns all chunks to the pool.
func (s *sender) releaseAll(pool *chunkPool) {
	for _, c := range s.chunks {
		pool.put(c)
	}
	s.chunks = nil
}

// pump sends the loaded blocks that the window permits. It reports whether there
// were any.
func (s *sender) pump(now time.Time, out *outbox) bool {
	limit := s.acked + uint64(s.window)
	before := s.sent
	short := s.burst > 0 && before+uint64(s.burst) < limit
	if short {
		limit = before + uint64(s.burst)
	}
	for _, c := range s.chunks {
		end := min(limit, c.first+uint64(c.count)-1)
		if s.sent+1 < c.first || s.sent >= end {
			continue
		}
		out.runs = append(out.runs, run{c.blocks(s.sent+1, end, s.blockSize), s.blockSize + headerSize})
		s.sent = end
	}
	s.resting = short && s.sent == limit
	if s.sent == before {
		return false
	}
	s.windowAt = now
	return true
}

// blocks returns the packets of the blocks from to to, both included.
func (c *chunk) blocks(from, to uint64, blockSize int) []byte {
	size := uint64(blockSize + headerSize)
	start := (from - c.first) * size
	return c.buf[start:min((to-c.first+1)*size, uint64(len(c.buf)))]
}

// probe sends one block of the unacknowledged window again. A peer answers the last
// block at once, whatever it has: all blocks, or a gap (RFC 7440 section 4). The
// next time it is the first block, for a peer that reports a gap only once.
func (s *sender) probe(tries int, out *outbox) {
	block := s.sent
	if tries%2 == 0 {
		block = s.acked + 1
	}
	s.repaired, s.echoes = false, false
	for _, c := range s.chunks {
		if block >= c.first && block < c.first+uint64(c.count) {
			out.send(c.blocks(block, block, s.blockSize))
		}
	}
}

// rewind makes the next pump send all unacknowledged blocks again.
func (s *sender) rewind() { s.sent, s.again = s.acked, true }

// done reports whether the peer has acknowledged the final block.
func (s *sender) done() bool { return s.last > 0 && s.acked == s.last }

// bytes returns the acknowledged payload in bytes.
func (s *sender) bytes() int64 {
	if s.done() {
		return int64(s.acked-1)*int64(s.blockSize) + int64(s.tail)
	}
	return int64(s.acked) * int64(s.blockSize)
}

// spread converts the payload in c.buf[from:] to DATA packets, in place: c.count
// blocks, the first of them c.first. The space before from is for their headers.
// The last block may be short.
func (c *chunk) spread(from, blockSize int) {
	to := 0
	for i := range c.count {
		n := min(blockSize, len(c.buf)-from)
		copy(c.buf[to+headerSize:], c.buf[from:from+n])
		putDataHeader(c.buf[to:], uint16(c.first+uint64(i)))
		from, to = from+n, to+headerSize+n
	}
	c.buf = c.buf[:to]
}
