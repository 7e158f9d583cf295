package tftp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

// world is a network with a Server on it.
type world struct {
	t      *testing.T
	server netip.AddrPort
	listen func(netip.AddrPort) (net.PacketConn, error)
	within func(serve func()) // runs Serve in another network namespace; nil: this one
	real   bool               // real time: on a busy machine the Server may repeat a packet
	events *eventLog
	stop   func() // ends Serve and waits for it
}

// elsewhere, where it is set, is where onLoopback puts Server and peers.
var elsewhere func(t *testing.T, s *tftp.Server) *world

// onLoopback runs a Server on UDP sockets of the system.
func onLoopback(t *testing.T, s *tftp.Server) *world {
	t.Helper()
	if elsewhere != nil {
		return elsewhere(t, s)
	}
	w := &world{t: t, events: watch(s), real: true}
	w.listen = func(a netip.AddrPort) (net.PacketConn, error) {
		return net.ListenUDP("udp", net.UDPAddrFromAddrPort(a))
	}
	w.run(s, "127.0.0.1:0")
	return w
}

// inBubble runs a Server on a network in memory, inside synctest.Test. Where elsewhere
// is set, it skips the rest of the bubble, which would be the same once more.
func inBubble(t *testing.T, s *tftp.Server, n *tftptest.Network) *world {
	t.Helper()
	if elsewhere != nil {
		t.Skip("on a network in memory")
	}
	w := &world{t: t, events: watch(s), listen: n.Listen}
	s.Listen = n.Listen
	w.run(s, "127.0.0.1:69")
	return w
}

func (w *world) run(s *tftp.Server, local string) {
	w.t.Helper()
	c, err := w.listen(netip.MustParseAddrPort(local))
	if err != nil {
		w.t.Fatal(err)
	}
	w.server = c.LocalAddr().(*net.UDPAddr).AddrPort()
	w.server = netip.AddrPortFrom(w.server.Addr().Unmap(), w.server.Port())
	ctx, cancel := context.WithCancel(context.Background())
	done, ready := make(chan error, 1), make(chan struct{})
	s.Ready = func() { close(ready) }
	within := w.within
	if within == nil {
		within = func(serve func()) { serve() }
	}
	go within(func() { done <- s.Serve(ctx, c) })
	<-ready
	w.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				w.t.Errorf("Serve: %v", err)
			}
		case <-time.After(time.Minute):
			w.t.Error("Serve does not return")
		}
		c.Close()
	})
	w.t.Cleanup(w.stop)
}

// eventLog records what a Server observes.
type eventLog struct {
	mu   sync.Mutex
	list []tftp.Event
}

func watch(s *tftp.Server) *eventLog {
	l := &eventLog{}
	s.Observe = func(e tftp.Event) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.list = append(l.list, e)
	}
	return l
}

func (l *eventLog) all() []tftp.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list)
}

func (l *eventLog) kinds() []tftp.EventKind {
	var kinds []tftp.EventKind
	for _, e := range l.all() {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// story describes the events for the text of a failure.
func (l *eventLog) story() []string {
	var list []string
	for _, e := range l.all() {
		s := fmt.Sprint(int(e.Kind))
		if e.Kind == tftp.EventDone || e.Kind == tftp.EventRefused {
			s += fmt.Sprintf("(%s after %d bytes: %v)", e.Request.Op, e.Bytes, e.Err)
		}
		list = append(list, s)
	}
	return list
}

func (l *eventLog) count(k tftp.EventKind) int {
	n := 0
	for _, e := range l.all() {
		if e.Kind == k {
			n++
		}
	}
	return n
}

// done waits for the n-th EventDone and gives it.
func (l *eventLog) done(t *testing.T, n int) tftp.Event {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		seen := 0
		for _, e := range l.all() {
			if e.Kind == tftp.EventDone {
				if seen++; seen == n {
					return e
				}
			}
		}
	}
	t.Fatalf("no EventDone number %d; events: %v", n, l.kinds())
	return tftp.Event{}
}

// peer speaks raw datagrams.
type peer struct {
	t    *testing.T
	c    net.PacketConn
	to   netip.AddrPort // where send sends: the listening port, then the TID
	port netip.AddrPort // the listening port
	buf  []byte         // holds the last received packet
	last []byte         // the last expected packet, in real time
	real bool
}

// client is a tftp.Client in the namespace of the peers.
func (w *world) client() tftp.Client { return tftp.Client{Listen: w.listen} }

func (w *world) peer() *peer {
	w.t.Helper()
	return w.peerAt(netip.AddrPortFrom(w.server.Addr(), 0))
}

func (w *world) peerAt(local netip.AddrPort) *peer {
	w.t.Helper()
	c, err := w.listen(local)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	if local.Port() == 0 && c.LocalAddr().(*net.UDPAddr).Port == int(w.server.Port()) {
		return w.peerAt(local) // the server ignores requests from a port with its own number
	}
	return &peer{t: w.t, c: c, to: w.server, port: w.server, buf: make([]byte, 70000), real: w.real}
}

func (p *peer) sendTo(to netip.AddrPort, b []byte) {
	p.t.Helper()
	if _, err := p.c.WriteTo(b, net.UDPAddrFromAddrPort(to)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) send(b []byte) { p.t.Helper(); p.sendTo(p.to, b) }

// request sends a request to the listening port; the answer fixes the TID.
func (p *peer) request(b []byte) { p.t.Helper(); p.to = p.port; p.sendTo(p.port, b) }

// recv returns the next packet, nil if none comes in time. It is valid until the
// next call.
func (p *peer) recv(within time.Duration) []byte {
	p.t.Helper()
	p.c.SetReadDeadline(time.Now().Add(within))
	n, from, err := p.c.ReadFrom(p.buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	if err != nil {
		p.t.Fatal(err)
	}
	a := from.(*net.UDPAddr).AddrPort()
	a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	if p.to == p.port {
		p.to = a
	}
	if a != p.to {
		p.t.Fatalf("packet % x from %s, want it from %s", p.buf[:min(n, 20)], a, p.to)
	}
	return p.buf[:n]
}

// soon returns how long to wait for a packet that must come. In real time, a
// busy machine may take long.
func (p *peer) soon() time.Duration {
	if p.real {
		return time.Minute
	}
	return 3 * time.Second
}

// expect checks that this packet arrives next.
func (p *peer) expect(want []byte) {
	p.t.Helper()
	if bytes.Equal(want, p.last) {
		p.last = nil // here a repetition is expected
	}
	got := p.next()
	if !bytes.Equal(got, want) {
		p.t.Fatalf("got %s, want %s", show(got), show(want))
	}
	p.last = bytes.Clone(want)
}

// next returns the next packet. On a real network it passes over repetitions of
// the one before: the Server's timer may have been faster than this process.
func (p *peer) next() []byte {
	p.t.Helper()
	for {
		got := p.recv(p.soon())
		if !p.real || got == nil || len(p.last) == 0 || !bytes.Equal(got, p.last) {
			return got
		}
	}
}

// expectError wants an ERROR of this code next and gives its text.
func (p *peer) expectError(code uint16) string {
	p.t.Helper()
	got := p.next()
	if len(got) < 5 || !bytes.Equal(got[:4], []byte{0, 5, 0, byte(code)}) || got[len(got)-1] != 0 {
		p.t.Fatalf("got %s, want ERROR %d", show(got), code)
	}
	return string(got[4 : len(got)-1])
}

// silent checks that no packet arrives for a while. On a real network, repetitions
// of the previous packet are allowed.
func (p *peer) silent(d time.Duration) {
	p.t.Helper()
	for end := time.Now().Add(d); ; {
		switch got := p.recv(time.Until(end)); {
		case got == nil:
			return
		case !p.real || !bytes.Equal(got, p.last):
			p.t.Fatalf("got %s, want nothing", show(got))
		}
	}
}

// fetch reads a file in lockstep, after its request was sent.
func (p *peer) fetch(blockSize int) []byte {
	p.t.Helper()
	var all []byte
	for n := 1; ; n++ {
		b := p.next()
		if len(b) < 4 || !bytes.Equal(b[:4], data(n, nil)) {
			p.t.Fatalf("got %s, want DATA %d", show(b), n)
		}
		p.last = bytes.Clone(b)
		all = append(all, b[4:]...)
		p.send(ack(n))
		if len(b) < 4+blockSize {
			return all
		}
	}
}

// store sends the blocks from to to-1 of content in lockstep and checks each ACK.
func (p *peer) store(content []byte, blockSize, from, to int) {
	p.t.Helper()
	for n := from; n < to; n++ {
		p.send(data(n, block(content, blockSize, n)))
		p.expect(ack(n))
	}
}

// block returns the payload of block n, from 1.
func block(content []byte, blockSize, n int) []byte {
	start := min((n-1)*blockSize, len(content))
	return content[start:min(start+blockSize, len(content))]
}

// blocks returns the number of blocks of content.
func blocks(content []byte, blockSize int) int { return len(content)/blockSize + 1 }

func rrq(name, mode string, options ...string) []byte { return request(1, name, mode, options) }

func wrq(name, mode string, options ...string) []byte { return request(2, name, mode, options) }

func request(op byte, name, mode string, options []string) []byte {
	b := append([]byte{0, op}, name+"\x00"+mode+"\x00"...)
	for _, o := range options {
		b = append(b, o+"\x00"...)
	}
	return b
}

func data(n int, payload []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0, 3}, uint16(n)), payload...)
}

func ack(n int) []byte { return binary.BigEndian.AppendUint16([]byte{0, 4}, uint16(n)) }

func failure(code byte, text string) []byte { return append([]byte{0, 5, 0, code}, text+"\x00"...) }

func oack(options ...string) []byte {
	b := []byte{0, 6}
	for _, o := range options {
		b = append(b, o+"\x00"...)
	}
	return b
}

// show describes a packet for a failure's text.
func show(b []byte) string {
	if b == nil {
		return "nothing"
	}
	if len(b) < 4 {
		return "a stub"
	}
	names := map[byte]string{1: "RRQ", 2: "WRQ", 3: "DATA", 4: "ACK", 5: "ERROR", 6: "OACK"}
	if b[1] == 6 || b[1] < 3 {
		return names[b[1]] + " " + string(bytes.ReplaceAll(b[2:], []byte{0}, []byte(" ")))
	}
	return fmt.Sprintf("%s %d with %d bytes %.40q", names[b[1]], binary.BigEndian.Uint16(b[2:]), len(b)-4, b[4:])
}
