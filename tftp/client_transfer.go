package tftp

import (
	"fmt"
	"io"
	"time"
)

// startPut sends a write request and waits until the server accepts it.
func (x *exchange) startPut(name string, size int64) (*sender, error) {
	p, err := x.request(Write, name, size)
	switch {
	case err != nil:
		return nil, err
	case p.op == opOACK || p.op == opACK && p.block == 0:
		snd := newSender(x.terms)
		return &snd, nil
	}
	return nil, illegal("the answer to a write request is neither ACK 0 nor OACK")
}

// startGet sends a read request. The packet is DATA 1 or an OACK.
func (x *exchange) startGet(name string) (*receiver, packet, error) {
	p, err := x.request(Read, name, -1)
	switch {
	case err != nil:
		return nil, packet{}, err
	case p.op == opOACK || p.op == opData && p.block == 1:
		rcv := newReceiver(x.terms)
		return &rcv, p, nil
	}
	return nil, packet{}, illegal("the answer to a read request is neither DATA 1 nor OACK")
}

// send runs a put.
func (x *exchange) send(snd *sender, src *source) error {
	for !snd.done() {
		if err := x.load(snd, src); err != nil {
			return err
		}
		if snd.pump(time.Now(), &x.out) {
			x.flush()
			x.rt.sent(time.Now())
		}
		p, err := x.await(func() {
			snd.rewind()
			snd.pump(time.Now(), &x.out)
			x.flush()
		})
		if err != nil {
			return err
		}
		now := time.Now()
		if p.op == opACK && snd.ack(now, p.block, x.rt.srtt) {
			x.rt.answered(now)
			snd.release(&x.chunks)
			x.progress(snd.bytes())
		}
	}
	return nil
}

func (x *exchange) flush() {
	for _, r := range x.out.runs {
		x.socket.send(r, &x.dest)
	}
	x.out.runs = x.out.runs[:0]
}

func (x *exchange) load(snd *sender, src *source) error {
	packetSize := x.terms.blockSize + headerSize
	size := max(packetSize, largeChunk)
	for snd.wants(0) {
		c := x.chunks.get(size)
		c.first = snd.next
		tail, err := src.load(c, x.terms.blockSize)
		if err != nil {
			x.chunks.put(c)
			return err
		}
		snd.add(c, tail)
	}
	return nil
}

// source reads the content of a file that is sent, in order.
type source struct {
	r        io.Reader
	netascii bool
	encoder  netasciiEncoder
	raw      []byte
	rest     []byte // of raw, not encoded
	eof      bool
}

// load fills a chunk with packets. tail is the payload of the final block in
// bytes if the chunk contains it, else -1.
func (s *source) load(c *chunk, blockSize int) (tail int, err error) {
	blocks := cap(c.buf) / (blockSize + headerSize)
	from, want := blocks*headerSize, blocks*blockSize
	c.buf = c.buf[:from+want]
	n, err := s.read(c.buf[from:])
	if err != nil {
		return -1, err
	}
	c.count, tail = blocks, -1
	if n < want {
		c.count, tail = n/blockSize+1, n%blockSize
	}
	c.buf = c.buf[:from+n]
	c.spread(from, blockSize)
	return tail, nil
}

// read fills b. It returns less only at the end.
func (s *source) read(b []byte) (int, error) {
	if !s.netascii {
		return readFull(s.r, b)
	}
	done := 0
	for done < len(b) {
		if len(s.rest) == 0 && !s.eof {
			if err := s.fill(); err != nil {
				return 0, err
			}
		}
		out, used := s.encoder.encode(b[done:], s.rest)
		if out == 0 && s.eof {
			break
		}
		done, s.rest = done+out, s.rest[used:]
	}
	return done, nil
}

func (s *source) fill() error {
	if s.raw == nil {
		s.raw = make([]byte, 32<<10)
	}
	n, err := readFull(s.r, s.raw)
	s.rest, s.eof = s.raw[:n], n < len(s.raw)
	return err
}

// readFull fills b. It returns less only at io.EOF. Unlike with io.ReadFull, an
// io.ErrUnexpectedEOF of r stays an error: a damaged archive is not a short file.
func readFull(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var more int
		more, err = r.Read(b[n:])
		n += more
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// receive runs a get.
func (x *exchange) receive(rcv *receiver, first packet, dst *sink) error {
	var ack [headerSize]byte
	again := func() { // no rt.sent: that would reset the count of repetitions
		rcv.pending, rcv.gap = 0, false
		x.sendOne(appendACK(ack[:0], rcv.number(rcv.last)))
	}
	send := func() {
		rcv.pending = 0
		x.sendOne(appendACK(ack[:0], rcv.number(rcv.last)))
		x.rt.sent(time.Now())
	}
	rcv.fill = x.chunks.get(rcv.capacity(largeChunk))
	defer func() { x.chunks.put(rcv.fill) }()
	p, err := first, error(nil)
	if first.op == opOACK {
		send() // ACK 0 (RFC 2347)
		p, err = x.await(again)
	}
	for ; err == nil; p, err = x.await(again) {
		if p.op == opOACK && rcv.last == 0 { // our ACK 0 was lost
			again()
		}
		if p.op != opData {
			continue
		}
		if len(p.body) > x.terms.blockSize {
			return illegal("the DATA is longer than the block size")
		}
		done, err := x.take(rcv, p, dst, send)
		if err != nil {
			return err
		}
		x.progress(rcv.bytes)
		if done {
			x.dally(rcv.number(rcv.last))
			return nil
		}
	}
	return err
}

func (x *exchange) progress(done int64) {
	if x.Progress != nil {
		x.Progress(done, x.tsize)
	}
}

// dally repeats the last ACK as long as the server repeats the last DATA (RFC 1350
// section 6). The file is complete, so errors do not matter any more.
func (x *exchange) dally(last uint16) {
	end := time.Now().Add(x.Dally)
	for x.Dally > 0 {
		p, err := x.read(end)
		if err != nil {
			return
		}
		if p.op == opData && p.block == last {
			x.sendOne(appendACK(nil, last))
		}
	}
}

// take handles one DATA of a get. It writes the content before it acknowledges it.
func (x *exchange) take(rcv *receiver, p packet, dst *sink, ack func()) (done bool, err error) {
	if cap(rcv.fill.buf)-len(rcv.fill.buf) < len(p.body) {
		if err := dst.write(rcv.fill, false); err != nil {
			return false, err
		}
	}
	switch rcv.data(p.block, p.body) {
	case taken:
		x.rt.answered(time.Now())
		x.rt.moved()
		x.rt.sentAt = time.Now()
		x.rt.unclear = true
	case repeated, missed, rewound:
		ack()
		x.rt.unclear = true
	case ackDue:
		x.rt.answered(time.Now())
		if rcv.final || !rcv.roomy() {
			if err := dst.write(rcv.fill, rcv.final); err != nil {
				return false, err
			}
		}
		if rcv.final {
			if err := x.checkSize(rcv.bytes); err != nil {
				return false, err
			}
		}
		ack()
	}
	return rcv.final, nil
}

func (x *exchange) checkSize(n int64) error {
	if x.tsize < 0 || x.Netascii || n == x.tsize {
		return nil
	}
	return fmt.Errorf("got %d bytes, the server announced %d", n, x.tsize)
}

// sink writes a get's content.
type sink struct {
	w        io.Writer
	netascii bool
	decoder  netasciiDecoder
	buf      []byte
}

// write empties a chunk. final marks the last chunk of the file.
func (s *sink) write(c *chunk, final bool) error {
	b := c.buf
	c.buf = c.buf[:0]
	if s.netascii {
		s.buf = s.decoder.decode(s.buf[:0], b)
		if final {
			s.buf = s.decoder.finish(s.buf)
		}
		b = s.buf
	}
	_, err := s.w.Write(b)
	return err
}
