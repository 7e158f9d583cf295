package tftp

import (
	"context"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"flashwarden/tftp/tftptest"
)

// nowhere is a link that drops everything.
type nowhere struct{}

func (nowhere) send(run, *destination) {}

func (nowhere) hold() {}

func (nowhere) flush() {}

func (nowhere) arrival(*datagram) arrival { return arrival{} }

func (nowhere) destination(*datagram) destination { return destination{} }

func (nowhere) receiveBuffer() int { return 0 }

func (nowhere) close() {}

// lockstep returns a loop with one confirmed session, and the next datagram for it.
func lockstep(b *testing.B, op Op) (*loop, *session, []datagram) {
	conn, err := new(tftptest.Network).Listen(netip.AddrPort{})
	if err != nil {
		b.Fatal(err)
	}
	e := newEngine(context.Background(), (&Server{Handler: &fakeHandler{size: 1 << 62, discard: true}}).withDefaults(), conn)
	l := newLoop(e, nowhere{})
	e.ports.loops = []*loop{l}
	peer := netip.MustParseAddrPort("192.0.2.1:2000")
	s := &session{peer: peer, req: &Request{Op: op, Filename: "f", Remote: peer, Size: -1}, limits: e.limits, loop: l}
	if err := e.running.admit(time.Now(), s); err != nil {
		b.Fatal(err)
	}
	l.begin(time.Now(), s)
	for state := opening; state == opening; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		state = s.state
		l.mu.Unlock()
	}
	return l, s, []datagram{{b: make([]byte, 516), from: peer}}
}

// BenchmarkData measures one DATA of an upload, without the socket.
func BenchmarkData(b *testing.B) {
	l, s, in := lockstep(b, Write)
	b.ReportAllocs()
	n := uint16(0)
	for b.Loop() {
		n++
		putDataHeader(in[0].b, n)
		for l.handle(in); ; {
			l.mu.Lock()
			held := s.up.held
			l.mu.Unlock()
			if !held {
				break
			}
		}
	}
}

// BenchmarkACK measures one ACK of a download, without the socket.
func BenchmarkACK(b *testing.B) {
	l, s, in := lockstep(b, Read)
	in[0].b = in[0].b[:headerSize]
	b.ReportAllocs()
	for b.Loop() {
		l.mu.Lock()
		sent := s.down.sent
		l.mu.Unlock()
		binary.BigEndian.PutUint16(in[0].b, opACK)
		binary.BigEndian.PutUint16(in[0].b[2:], uint16(sent))
		l.handle(in)
	}
}
