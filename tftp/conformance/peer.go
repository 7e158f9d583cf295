package conformance

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"time"
)

// peer is a client that sends datagrams as a case wants them.
type peer struct {
	j      *judge
	conn   net.PacketConn
	server netip.AddrPort // where requests go
	tid    netip.AddrPort // the first answer to a request sets it
	tids   map[netip.AddrPort]bool
	buf    []byte
	last   []byte // the last packet of next; nil: a repetition of it is expected
}

// peer returns a client on a new port.
func (j *judge) peer() *peer { return j.peerAt(j.anywhere(), j.Addr) }

// anywhere is an unbound address of the family of the server.
func (j *judge) anywhere() netip.AddrPort {
	if j.Addr.Addr().Unmap().Is4() {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
}

func (j *judge) peerAt(local, server netip.AddrPort) *peer {
	c, err := j.Listen(local)
	j.need(err)
	p := j.peerOn(c, server)
	if a, ok := c.LocalAddr().(*net.UDPAddr); ok && local.Port() == 0 && a.Port == int(server.Port()) {
		return j.peerAt(local, server) // a server may ignore requests from a port with its own number
	}
	return p
}

func (j *judge) peerOn(c net.PacketConn, server netip.AddrPort) *peer {
	j.opened = append(j.opened, c)
	return &peer{j: j, conn: c, server: server, buf: make([]byte, 1<<16)}
}

func (p *peer) sendTo(to netip.AddrPort, b []byte) {
	_, err := p.conn.WriteTo(b, net.UDPAddrFromAddrPort(to))
	p.j.need(err)
}

// request sends a request. The next answer decides about the TID.
func (p *peer) request(b []byte) {
	p.tid, p.tids, p.last = netip.AddrPort{}, map[netip.AddrPort]bool{}, nil
	p.sendTo(p.server, b)
}

// send sends a packet of the transfer.
func (p *peer) send(b []byte) { p.sendTo(p.tid, b) }

func (p *peer) ack(n int) { p.send(ack(n)) }

// receive returns the next packet of the transfer, nil if none comes in time. It is
// valid until the next call.
func (p *peer) receive(within time.Duration) packet {
	for end := time.Now().Add(within); ; {
		got, from := p.receiveAny(time.Until(end))
		if got == nil || p.tid == from {
			return got
		}
		if p.tids != nil {
			p.tids[from] = true
		}
		if !p.tid.IsValid() {
			p.tid = from
			return got
		}
	}
}

// receiveAny returns the next packet from any port of the server.
func (p *peer) receiveAny(within time.Duration) (packet, netip.AddrPort) {
	p.conn.SetReadDeadline(time.Now().Add(within))
	for {
		n, addr, err := p.conn.ReadFrom(p.buf)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, netip.AddrPort{}
		case errors.Is(err, net.ErrClosed):
			p.j.failf("the socket was closed: %v", err)
		case err != nil: // an ICMP message
			continue
		}
		from := addr.(*net.UDPAddr).AddrPort()
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if want := p.server.Addr().Unmap(); from.Addr().WithZone("") != want.WithZone("") {
			p.j.failf("the answer to a request to %s came from %s", want, from.Addr())
		}
		return p.buf[:n], from
	}
}

// next returns the packet that must come now. It passes over repetitions of the one
// before: the server's timer may be faster than this process.
func (p *peer) next() packet {
	for {
		got := p.receive(p.j.Patience)
		if got == nil {
			p.j.failf("nothing arrived in %v", p.j.Patience)
		}
		if p.last == nil || !bytes.Equal(got, p.last) {
			p.last = bytes.Clone(got)
			return got
		}
	}
}

// again expects a repetition of the last packet, or any other packet.
func (p *peer) again() packet {
	p.last = nil
	return p.next()
}

func (p *peer) wantData(n int, payload []byte) {
	if got := p.next(); got.op() != opDATA || got.number() != n&0xffff {
		p.j.failf("got %v, want DATA %d", got, n&0xffff)
	} else if !bytes.Equal(got.body(), payload) {
		p.j.failf("DATA %d: %s", n&0xffff, difference(got.body(), payload))
	}
}

func (p *peer) wantACK(n int) {
	if got := p.next(); got.op() != opACK || got.number() != n&0xffff {
		p.j.failf("got %v, want ACK %d", got, n&0xffff)
	}
}

// wantACKAgain wants an ACK that may have arrived before. It passes over repetitions of
// older ones, which the timer of the server sent.
func (p *peer) wantACKAgain(n int) {
	got := p.again()
	for got.op() == opACK && got.number() < n {
		got = p.again()
	}
	if got.op() != opACK || got.number() != n {
		p.j.failf("got %v, want ACK %d", got, n)
	}
}

// wantError wants an ERROR with one of these codes, or with any if none is given.
// It returns the text.
func (p *peer) wantError(codes ...int) string {
	got := p.next()
	if got.op() != opERROR || len(codes) > 0 && !slices.Contains(codes, got.number()) {
		p.j.failf("got %v, want ERROR %v", got, codes)
	}
	return got.text()
}

// silent checks that nothing but repetitions of the last packet arrives.
func (p *peer) silent(d time.Duration) {
	for end := time.Now().Add(d); ; {
		got := p.receive(time.Until(end))
		if got == nil {
			return
		}
		if !bytes.Equal(got, p.last) {
			p.j.failf("got %v, want nothing", got)
		}
	}
}

// closed checks that the transfer has ended: nothing arrives any more. One repetition may
// come: the server sent it before it read the packet that ended the transfer. A server that
// goes on repeats at least twice in this time.
func (p *peer) closed(d time.Duration) {
	p.drain(100 * time.Millisecond)
	if p.receive(d) == nil {
		return
	}
	p.drain(100 * time.Millisecond)
	if got := p.receive(d); got != nil {
		p.j.failf("got %v, want nothing", got)
	}
}

// drain reads the packets under way.
func (p *peer) drain(d time.Duration) {
	for p.receive(d) != nil {
	}
}

// count returns the number of packets that arrive in this time, and their bytes.
func (p *peer) count(d time.Duration) (packets, bytes int) {
	for end := time.Now().Add(d); ; {
		got, _ := p.receiveAny(time.Until(end))
		if got == nil {
			return packets, bytes
		}
		packets, bytes = packets+1, bytes+len(got)
	}
}

// negotiate sends a request and returns the options that the server grants. It must
// not refuse the request.
func (p *peer) negotiate(b []byte) map[string]string {
	p.request(b)
	got := p.next()
	switch got.op() {
	case opERROR:
		p.j.failf("got %v, want the transfer", got)
	case opOACK:
		options, err := got.options()
		if err != nil {
			p.j.failf("%v", err)
		}
		return options
	}
	return nil
}

// negotiated sends a request whose options the server must grant with these values;
// if it does not, the case is skipped.
func (p *peer) negotiated(b []byte, options ...string) {
	granted := p.negotiate(b)
	for i := 0; i < len(options); i += 2 {
		if granted[options[i]] != options[i+1] {
			p.j.skipf("the server does not grant %s %s", options[i], options[i+1])
		}
	}
}

// reading starts a read with options, or none, and acknowledges the OACK.
func (p *peer) reading(name string, options ...string) {
	if len(options) == 0 {
		p.request(rrq(name, "octet"))
		return
	}
	p.negotiated(rrq(name, "octet", options...), options...)
	p.ack(0)
}

// writing starts an upload with options, or none, and returns its name.
func (p *peer) writing(options ...string) (name string) {
	name = p.j.target()
	if len(options) == 0 {
		p.request(wrq(name, "octet"))
		p.wantACK(0)
		return name
	}
	p.negotiated(wrq(name, "octet", options...), options...)
	return name
}

// lockstep sends the blocks from to to, each after the ACK of the one before.
func (p *peer) lockstep(body []byte, size, from, to int) {
	for n := from; n <= to; n++ {
		p.send(data(n, block(body, size, n)))
		p.wantACK(n)
	}
}

// fetched is what fetch saw.
type fetched struct {
	body   []byte
	blocks int
	again  int // DATA that had arrived before
}

// fetch reads a whole file as a client does. It acknowledges every window, reports
// a gap once, and repeats its ACK after a second of silence. pause, if set, is called
// before each ACK.
func (p *peer) fetch(size, window int, pause func(block int)) fetched {
	var f fetched
	pending, gap, quiet := 0, false, time.Now()
	acknowledge := func() {
		if pause != nil {
			pause(f.blocks)
		}
		p.ack(f.blocks)
		pending, gap = 0, false
	}
	for {
		got := p.receive(time.Second)
		switch {
		case got == nil && time.Since(quiet) > p.j.Patience+30*time.Second:
			p.j.failf("after block %d nothing more arrived", f.blocks)
		case got == nil && p.tid.IsValid():
			acknowledge()
			continue
		case got == nil:
			continue
		case got.op() == opERROR:
			p.j.failf("got %v after block %d", got, f.blocks)
		case got.op() != opDATA:
			continue
		}
		switch ahead := uint16(got.number() - f.blocks); {
		case ahead == 1:
			quiet = time.Now()
			f.body = append(f.body, got.body()...)
			f.blocks++
			pending++
			if final := len(got.body()) < size; final || pending == window {
				acknowledge()
				if final {
					return f
				}
			}
		case ahead > 1 && int(ahead) <= window && !gap:
			acknowledge()
			gap = true
		case ahead == 0 || ahead > 1<<15:
			f.again++
			if ahead == 0 && pending == 0 {
				p.ack(f.blocks)
			}
		}
	}
}

// store sends a whole file as a client does, after its request was accepted: a
// window, then the rest from the block after the ACK. It repeats the window after a
// second of silence. wire gives the number of a block on the wire. It returns the
// ERROR if the server sent one, else nil.
func (p *peer) store(body []byte, size, window int, wire func(n int) int) packet {
	return p.storeFrom(0, body, size, window, wire)
}

// storeFrom is store after some blocks were acknowledged.
func (p *peer) storeFrom(acked int, body []byte, size, window int, wire func(n int) int) packet {
	total, quiet := blocks(body, size), time.Now()
	for acked < total {
		to := min(acked+window, total)
		for n := acked + 1; n <= to; n++ {
			p.send(data(wire(n), block(body, size, n)))
		}
		n, refused := p.awaitACK(acked, to, wire)
		switch {
		case refused != nil:
			return refused
		case n > acked:
			acked, quiet = n, time.Now()
		case time.Since(quiet) > p.j.Patience+10*time.Second:
			p.j.failf("block %d of %d was never acknowledged", acked+1, total)
		}
	}
	return nil
}

// awaitACK waits for the ACK of a block after acked, up to to. It returns acked if
// none comes within a second.
func (p *peer) awaitACK(acked, to int, wire func(int) int) (int, packet) {
	for end := time.Now().Add(time.Second); ; {
		got := p.receive(time.Until(end))
		switch {
		case got == nil:
			return acked, nil
		case got.op() == opERROR:
			return acked, bytes.Clone(got)
		case got.op() != opACK:
			continue
		}
		for n := to; n > acked; n-- {
			if got.number() == wire(n)&0xffff {
				return n, nil
			}
		}
	}
}

// plain is the number on the wire of a client that continues with 0 after 65535.
func plain(n int) int { return n & 0xffff }

// toOne is the number of a client that continues with 1.
func toOne(n int) int { return (n-1)%65535 + 1 }

// number reads a decimal number, -1 if it is none. A number that is too large
// counts as the largest one.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return -1
	}
	return n
}
