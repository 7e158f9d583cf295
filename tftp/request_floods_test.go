package tftp_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

// at returns the address of peer i. Each peer has an address of its own.
func at(i int) netip.AddrPort { return netip.MustParseAddrPort(fmt.Sprintf("127.0.1.%d:3000", i+1)) }

// testHalfUnproved sends more requests than half of all transfers, whose peers never
// answer: the oldest are dropped, so the other half stays free.
func testHalfUnproved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inBubble(t, &tftp.Server{Handler: &memory{}, MaxTransfers: 10, PerSource: 10}, &tftptest.Network{})
		for i := range 8 {
			p := w.peerAt(at(i))
			p.request(wrq("f", "octet"))
			p.expect(ack(0))
		}
		synctest.Wait()
		if n := w.events.count(tftp.EventDone); n != 3 {
			t.Errorf("%d of 8 unproved transfers were dropped, want 3", n)
		}
	})
}

// testUnprovedMakeRoom has a server that is full of proved transfers but for two. New
// requests take their turn there.
func testUnprovedMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inBubble(t, &tftp.Server{Handler: &memory{}, MaxTransfers: 10, PerSource: 10}, &tftptest.Network{})
		for i := range 12 {
			p := w.peerAt(at(i))
			p.request(wrq("f", "octet"))
			p.expect(ack(0))
			if i < 8 {
				p.store(content(1, 700), 512, 1, 2)
			}
		}
		synctest.Wait()
		if n := w.events.count(tftp.EventDone); n != 2 {
			t.Errorf("%d transfers were dropped, want 2", n)
		}
	})
}

// testMemoryReturned moves many files in large windows, one after the other. The last
// one gets the same window as the first.
func testMemoryReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, n := &memory{}, &tftptest.Network{}
		m.set("f", content(1, 20_000))
		w := inBubble(t, &tftp.Server{Handler: m}, n)
		c := tftp.Client{Listen: n.Listen, BlockSize: 8192, Window: 64}
		for range 30 {
			if _, err := c.Get(t.Context(), w.server, "f", &bytes.Buffer{}); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Put(t.Context(), w.server, "g", bytes.NewReader(content(1, 20_000)), -1); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		for _, e := range w.events.all() {
			if e.Kind == tftp.EventDone && (e.BlockSize != 8192 || e.Window != 64) {
				t.Fatalf("a transfer got %d blocks of %d bytes", e.Window, e.BlockSize)
			}
		}
	})
}

// testManySmall has many reads without options that stall. They share the memory for
// buffers.
func testManySmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		m.set("f", content(1, 3_000_000))
		w := inBubble(t, &tftp.Server{Handler: m, BufferBytes: 1 << 20}, &tftptest.Network{})
		before := heap()
		for i := range 300 {
			p := w.peerAt(netip.AddrPortFrom(at(i%200).Addr(), uint16(3000+i)))
			p.buf = make([]byte, 1000)
			p.request(rrq("f", "octet"))
			p.expect(data(1, content(1, 512)))
			p.send(ack(1))
			synctest.Wait()
		}
		if used := heap() - before; used > 3700<<10 { // the memory for buffers, 4 KB for each, and a little
			t.Errorf("300 stalled reads use %d KB", used>>10)
		}
	})
}

// testLongRequests sends long requests that are never answered. The server keeps none of
// their bytes.
func testLongRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		m.set("f", []byte("x"))
		w := inBubble(t, &tftp.Server{Handler: m, BufferBytes: 1 << 20}, &tftptest.Network{})
		before := heap()
		for i := range 150 {
			p := w.peerAt(at(i))
			p.buf = nil
			p.request(rrq("f", "octet", "padding", strings.Repeat("x", 60_000)))
			synctest.Wait()
		}
		if used := heap() - before; used > 4<<20 {
			t.Errorf("150 requests of 60 KB use %d KB", used>>10)
		}
	})
}
