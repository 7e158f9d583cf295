package tftp_test

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

// The cases here are about what a peer of a shared port may cause: each packet that it
// sends pays for a few packets of the server.

// fourPorts is a range whose ports an attacker can guess.
var fourPorts = tftp.PortRange{First: 1056, Last: 1059}

// testOneBlindACK has an attacker who guesses the port at once, sends one ACK, and
// nothing more.
func testOneBlindACK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := blindWorld(t, fourPorts)
		victim := w.peer()
		victim.request(rrq("f", "octet"))
		victim.recv(victim.soon())
		victim.send(ack(1))
		if packets, _ := victim.flooded(time.Hour); packets < 2 || packets > 8 {
			t.Errorf("one blind ACK causes %d packets, want 2 to 8", packets)
		}
	})
}

// testLuckyACKs has an attacker whose ACKs reach the right port first. The other three
// ACKs show that he does not know the port.
func testLuckyACKs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := blindWorld(t, fourPorts)
		victim := w.peer()
		victim.request(rrq("f", "octet"))
		victim.recv(victim.soon())
		tid := victim.to
		victim.sendTo(tid, ack(1))
		synctest.Wait()
		for port := fourPorts.First; port <= fourPorts.Last; port++ {
			if port != tid.Port() {
				victim.sendTo(netip.AddrPortFrom(tid.Addr(), port), ack(1))
			}
		}
		synctest.Wait()
		for n := 2; n < 100; n++ {
			victim.sendTo(tid, ack(n))
			synctest.Wait()
		}
		blocks, errors := 0, 0
		for victim.to = victim.port; ; victim.to = victim.port {
			got := victim.recv(time.Hour)
			if got == nil {
				break
			}
			if got[1] == 5 {
				errors++
			} else {
				blocks++
			}
		}
		if blocks > 8 || errors > 3 {
			t.Errorf("the victim got %d blocks, and %d ERROR, want at most 3: of the wrong ports", blocks, errors)
		}
	})
}

// testNoOwnPort has a system that has no ports left but the 64 shared ones. A read gets
// a window there, but not a large one.
func testNoOwnPort(t *testing.T) {
	if elsewhere != nil {
		t.Skip("on a network in memory")
	}
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		m.set("f", content(1, 100_000))
		n, opened := &tftptest.Network{}, 0
		s := &tftp.Server{Handler: m, Listen: func(a netip.AddrPort) (net.PacketConn, error) {
			if opened++; opened > 64 {
				return nil, syscall.EMFILE
			}
			return n.Listen(a)
		}}
		w := &world{t: t, events: watch(s), listen: n.Listen}
		w.run(s, "127.0.0.1:69")
		p := w.peer()
		p.request(rrq("f", "octet", "windowsize", "64"))
		p.expect(oack("windowsize", "24"))
	})
}

// testRequestAgain has a peer that lost each packet for some seconds and repeats its
// request, like IOS. The request pays for its answer.
func testRequestAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := blindWorld(t, fourPorts)
		p := w.peer()
		first := data(1, content(1, 3_000_000)[:512])
		p.request(rrq("f", "octet"))
		p.expect(first)
		p.repetitions(first, 5*time.Second)
		p.sendTo(p.port, rrq("f", "octet"))
		p.expect(first)
	})
}

// testPausedPath loses everything for two seconds, soon after the beginning. The last
// repetitions that the peer has paid for come after that.
func testPausedPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		m.set("f", content(1, 3000))
		var lost atomic.Bool
		n := &tftptest.Network{Delay: 500 * time.Microsecond, Filter: func(tftptest.Packet) tftptest.Verdict {
			if lost.Load() {
				return tftptest.Drop
			}
			return tftptest.Pass
		}}
		w := inBubble(t, &tftp.Server{Handler: m, Ports: fourPorts}, n)
		p := w.peer()
		p.request(rrq("f", "octet"))
		p.expect(data(1, content(1, 512)))
		p.send(ack(1))
		p.expect(data(2, block(content(1, 3000), 512, 2)))
		lost.Store(true)
		time.Sleep(2 * time.Second)
		lost.Store(false)
		if got := p.recv(time.Minute); !bytes.Equal(got, data(2, block(content(1, 3000), 512, 2))) {
			t.Errorf("after the pause: got %s, want DATA 2", show(got))
		}
	})
}

// countedReads is a Handler that counts how often its file is read.
type countedReads struct {
	memory
	reads atomic.Int64
}

// OpenRead implements tftp.Handler.
func (c *countedReads) OpenRead(ctx context.Context, r *tftp.Request) (tftp.Reader, error) {
	f, err := c.memory.OpenRead(ctx, r)
	return countedReader{f, &c.reads}, err
}

type countedReader struct {
	tftp.Reader
	reads *atomic.Int64
}

// ReadAt implements io.ReaderAt.
func (c countedReader) ReadAt(b []byte, off int64) (int, error) {
	c.reads.Add(1)
	return c.Reader.ReadAt(b, off)
}

// testUnprovedReadsLittle sends a request that is never answered: the server keeps one
// piece of the file for it, not two.
func testUnprovedReadsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &countedReads{}
		c.set("f", content(1, 3_000_000))
		w := inBubble(t, &tftp.Server{Handler: c}, &tftptest.Network{})
		p := w.peer()
		p.request(rrq("f", "octet"))
		p.repetitions(data(1, content(1, 3_000_000)[:512]), time.Minute)
		if n := c.reads.Load(); n != 1 {
			t.Errorf("the file was read %d times, want once", n)
		}
	})
}
