package tftp

import "time"

// sender sends a file block by block (RFC 1350 section 6, RFC 7440 section 4).
// It is a pure state machine: chunks and ACKs go in, runs of DATA come out.
// Block numbers are 64 bits wide inside; on the wire they wrap to 0.
type sender struct {
	blockSize int
	window    int
	acked     uint64   // the peer has everything up to this block
	sent      uint64   // sent up to this block
	last      uint64   // number of the final block; 0 while it is not known
	tail      int      // payload of the final block in bytes
	next      uint64   // first block that was not loaded
	chunks    []*chunk // loaded and not acknowledged, in order
	repaired  bool     // a repeated ACK has made the window leave again
	windowAt  time.Time
}

func newSender(t terms) *sender {
	return &sender{blockSize: t.blockSize, window: t.window, next: 1}
}

// wants tells whether another chunk should be loaded: the window that the peer
// has not acknowledged, and the next one, or chunk, are kept ready.
func (s *sender) wants(chunkBlocks int) bool {
	return s.last == 0 && s.next-1-s.acked < uint64(s.window+max(s.window, chunkBlocks))
}

// loaded takes the next chunk. tail is the payload of its last block if that is
// the final one of the file, else -1.
func (s *sender) loaded(c *chunk, tail int) {
	s.chunks = append(s.chunks, c)
	s.next = c.first + uint64(c.count)
	if tail >= 0 {
		s.last, s.tail = s.next-1, tail
	}
}

// ack takes an ACK and tells whether it brought anything new. A repeated ACK
// never sends a lockstep block again (RFC 1123 section 4.2.3.1). In a window it
// says that the first block was lost; the window then leaves again, once, and
// not for an ACK that came too early to be an answer to it.
func (s *sender) ack(now time.Time, block uint16, rtt time.Duration) (progress bool) {
	n := uint64(block - uint16(s.acked))
	switch {
	case n == 0:
		if s.window > 1 && !s.repaired && s.sent > s.acked && now.Sub(s.windowAt) > rtt/2 {
			s.repaired = true
			s.sent = s.acked
		}
		return false
	case n > s.sent-s.acked:
		return false
	}
	s.acked += n
	s.sent = s.acked // what was lost behind it leaves again (RFC 7440 section 4)
	s.repaired = false
	return true
}

// release gives chunks back that the peer has in whole.
func (s *sender) release(pool *chunkPool) {
	for len(s.chunks) > 0 && s.chunks[0].first+uint64(s.chunks[0].count) <= s.acked+1 {
		pool.put(s.chunks[0])
		n := copy(s.chunks, s.chunks[1:])
		s.chunks[n] = nil
		s.chunks = s.chunks[:n]
	}
}

// drop gives all chunks back.
func (s *sender) drop(pool *chunkPool) {
	for _, c := range s.chunks {
		pool.put(c)
	}
	s.chunks = nil
}

// pump sends what the window allows and is loaded, and tells whether it sent.
func (s *sender) pump(now time.Time, out *outbox) bool {
	limit := s.acked + uint64(s.window)
	before := s.sent
	for _, c := range s.chunks {
		end := min(limit, c.first+uint64(c.count)-1)
		if s.sent+1 < c.first || s.sent >= end {
			continue
		}
		out.runs = append(out.runs, run{c.blocks(s.sent+1, end, s.blockSize), s.blockSize + headerSize})
		s.sent = end
	}
	if s.sent == before {
		return false
	}
	s.windowAt = now
	return true
}

// blocks gives the packets of the blocks from..to.
func (c *chunk) blocks(from, to uint64, blockSize int) []byte {
	size := uint64(blockSize + headerSize)
	start := (from - c.first) * size
	return c.buf[start:min((to-c.first+1)*size, uint64(len(c.buf)))]
}

// rewind makes everything that is not acknowledged leave again.
func (s *sender) rewind() { s.sent = s.acked }

// done tells whether the peer has acknowledged the final block.
func (s *sender) done() bool { return s.last > 0 && s.acked == s.last }

// bytes is the payload that was acknowledged.
func (s *sender) bytes() int64 {
	if s.done() {
		return int64(s.acked-1)*int64(s.blockSize) + int64(s.tail)
	}
	return int64(s.acked) * int64(s.blockSize)
}

// spread turns payload that stands in c.buf[from:] into packets, in place, for
// c.count blocks that begin with c.first. from leaves room for their headers.
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

// receiveACK steps a read request.
func (s *session) receiveACK(now time.Time, p packet, out *outbox) {
	if p.op != opACK {
		return
	}
	if s.reply != nil { // our OACK waits for its ACK 0 (RFC 2347)
		if p.block != 0 {
			return
		}
		s.confirm(out)
		s.heard, s.reply = now, nil
		s.rt.answered(now)
		s.deadline = time.Time{}
		s.load(out)
		return
	}
	if s.snd.ack(now, p.block, s.rt.srtt) {
		s.confirm(out)
		s.heard = now
		s.rt.answered(now)
		s.progress(now, out)
		s.snd.release(s.limits.chunks)
		s.deadline = time.Time{}
	}
	s.proceed(now, out)
}

// proceed sends what the window allows and has more loaded.
func (s *session) proceed(now time.Time, out *outbox) {
	if s.snd.done() {
		s.finish(nil, out)
		s.leave()
		return
	}
	if s.snd.pump(now, out) {
		s.await(now)
	}
	s.load(out)
}

func (s *session) load(out *outbox) {
	block := s.terms.blockSize + headerSize
	size := max(s.loop.engine.chunkSize(), block)
	if s.terms.window > 1 {
		size = max(size, largeChunk)
	}
	if s.busy || !s.snd.wants(size/block) {
		return
	}
	if !s.confirmed && len(s.snd.chunks) > 0 {
		return // a peer that has not answered gets no more than the first
	}
	s.submit(job{kind: jobRead, chunk: s.limits.chunks.get(size)}, out)
}

func (s *session) loaded(now time.Time, r result, out *outbox) {
	if r.err != nil {
		s.limits.chunks.put(r.chunk)
		s.fail(now, r.err, out)
		return
	}
	s.snd.loaded(r.chunk, r.tail)
	s.proceed(now, out)
}
