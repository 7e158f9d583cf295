package tftp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

// TestLimits runs the cases about floods in section F of the conformance cases.
func TestLimits(t *testing.T) {
	t.Run("126 flood from forged addresses", testFlood)
	t.Run("126 flood from one network", testFloodOfOneNetwork)
	t.Run("126 limit of one source", testPerSource)
	t.Run("126 a source is one IPv4 address or one IPv6 network", testSourceIsNetwork)
	t.Run("126 a greedy source starves nobody", testGreedySource)
	t.Run("126 stalled transfers make room", testStalledMakeRoom)
	t.Run("126 half of the transfers is for proved peers", testHalfUnproved)
	t.Run("126 unproved peers make room", testUnprovedMakeRoom)
	t.Run("126 memory is returned", testMemoryReturned)
	t.Run("126 memory of many small transfers", testManySmall)
	t.Run("126 memory of long requests", testLongRequests)
	t.Run("126 proved transfers are not crowded out", testProvedStay)
	t.Run("128 large blocks that never arrive", testLargeBlocksLost)
	t.Run("128 a forged request for large blocks", testForgedLargeBlocks)
	t.Run("126 slow Commits do not delay a read", testSlowCommits)
	t.Run("126 memory of stalled reads", testStalledReads)
	t.Run("131 ERROR 5 is rate-limited", testStrangersLimited)
}

func forged(i int) netip.AddrPort {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], 0x0a000000+uint32(i)<<8+1)
	return netip.AddrPortFrom(netip.AddrFrom4(a), 2000)
}

// testFlood sends 10 000 requests of as many networks, at the level quick 3 000, within
// half a second, while a known device moves its file.
func testFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		m.set("f", content(1, 300_000))
		n := &tftptest.Network{Delay: time.Millisecond}
		s := &tftp.Server{Handler: m, MaxTransfers: 500}
		w := inBubble(t, s, n)
		done := make(chan error, 1)
		body := content(2, 300_000)
		go func() {
			time.Sleep(100 * time.Millisecond)
			c := tftp.Client{Listen: n.Listen}
			_, err := c.Put(context.Background(), w.server, "g", bytes.NewReader(body), -1)
			done <- err
		}()
		requests := testlevel.Of(3_000, 10_000, 10_000)
		for i := range requests {
			c, err := n.Listen(forged(i))
			if err != nil {
				t.Fatal(err)
			}
			p := &peer{t: t, c: c, to: w.server, port: w.server}
			p.request([][]byte{rrq("f", "octet"), wrq("h", "octet")}[i%2])
			c.Close()
			if i%(requests/500) == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		if err := <-done; err != nil {
			t.Errorf("the known device: %v", err)
		}
		if got, _ := m.get("g"); !bytes.Equal(got, body) {
			t.Error("its content differs")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if started, ended := w.events.count(tftp.EventRequest), w.events.count(tftp.EventDone); started != ended {
			t.Errorf("%d began, %d ended", started, ended)
		}
	})
}

func testFloodOfOneNetwork(t *testing.T) {
	testlevel.NeedFull(t, "takes seconds")
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		m.set("f", []byte("x"))
		n := &tftptest.Network{}
		w := inBubble(t, &tftp.Server{Handler: m}, n)
		p := w.peer()
		for i := range 12_000 { // whose peers answer
			q := w.peer()
			q.request(rrq("f", "octet"))
			q.expect(data(1, []byte("x")))
			q.send(ack(1))
			q.c.Close()
			if i%1000 == 0 {
				synctest.Wait()
			}
		}
		for i := range 20_000 {
			p.sendTo(w.server, rrq(fmt.Sprint(i), "octet"))
			if i%1000 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		if answered := w.events.count(tftp.EventRefused); answered > 9000 || answered < 4000 {
			t.Errorf("%d requests of 20000 were answered", answered)
		}
		other := w.peerAt(netip.MustParseAddrPort("127.0.9.9:0"))
		other.request(rrq("f", "octet"))
		other.expect(data(1, []byte("x")))
		for range 10 { // a neighbour that answers needs no patience
			neighbour := w.peerAt(netip.MustParseAddrPort("127.0.0.77:0"))
			neighbour.request(rrq("f", "octet"))
			neighbour.expect(data(1, []byte("x")))
			neighbour.send(ack(1))
			synctest.Wait()
		}
		silent := w.peerAt(netip.MustParseAddrPort("127.0.0.78:0"))
		before := w.events.count(tftp.EventRefused)
		for i := range 100 {
			silent.sendTo(w.server, rrq(fmt.Sprint("silent", i), "octet"))
		}
		synctest.Wait()
		if more := w.events.count(tftp.EventRefused) - before; more > 10 {
			t.Errorf("%d requests of a silent neighbour were answered", more)
		}
	})
}

func testPerSource(t *testing.T) {
	w := onLoopback(t, &tftp.Server{Handler: &memory{}, PerSource: 3})
	for i := range 10 { // no peer answers: they could be forged
		w.peer().request(wrq(fmt.Sprint("forged", i), "octet"))
	}
	for i := range 3 {
		p := w.peer()
		p.request(wrq(fmt.Sprint(i), "octet"))
		p.expect(ack(0))
		p.store(content(1, 700), 512, 1, 2)
	}
	p := w.peer()
	p.request(wrq("more", "octet"))
	p.expectError(0)
	p = w.peerAt(netip.MustParseAddrPort("127.0.0.3:0"))
	p.request(wrq("other", "octet"))
	p.expect(ack(0))
}

// testSourceIsNetwork has a host that uses many addresses of its IPv6 network: they
// count as one source. By default that gets half of all transfers, however few.
func testSourceIsNetwork(t *testing.T) {
	for _, c := range []struct {
		pattern string // of the addresses
		want    int    // transfers that are accepted, of 8
	}{
		{"[2001:db8::%d]:2000", 3},
		{"[2001:db8::%d:0:0:0:1]:2000", 6},
		{"127.0.0.%d:2000", 6},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := inBubble(t, &tftp.Server{Handler: &memory{}, MaxTransfers: 6}, &tftptest.Network{})
			answered := 0
			for i := range 8 {
				p := w.peerAt(netip.MustParseAddrPort(fmt.Sprintf(c.pattern, 2+i)))
				p.request(wrq(fmt.Sprint(i), "octet"))
				if got := p.next(); got[1] == 4 {
					answered++
					p.store(content(1, 700), 512, 1, 2)
				}
			}
			if answered != c.want {
				t.Errorf("%d of 8 requests from %s were accepted, want %d", answered, c.pattern, c.want)
			}
		})
	}
}

// testGreedySource has a stranger who takes all transfers and windows that his address
// may have, and stalls. A device at another address still gets a window.
func testGreedySource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		w := inBubble(t, &tftp.Server{Handler: m, MaxTransfers: 40, PerSource: 20, BufferBytes: 2 << 20}, &tftptest.Network{})
		refused := 0
		for i := range 30 {
			p := w.peerAt(netip.MustParseAddrPort(fmt.Sprintf("127.0.0.2:%d", 3000+i)))
			p.request(wrq(fmt.Sprint("stalled", i), "octet", "blksize", "512", "windowsize", "64"))
			if got := p.next(); got[1] == 5 {
				refused++
				continue
			}
			p.send(data(1, make([]byte, 512)))
			synctest.Wait() // its address is proved
		}
		if refused != 10 {
			t.Errorf("%d of 30 requests of one address were refused, want 10", refused)
		}
		p := w.peerAt(netip.MustParseAddrPort("127.0.0.3:3000"))
		p.request(wrq("mine", "octet", "windowsize", "16"))
		p.expect(oack("windowsize", "16"))
		body := content(1, 16*512+5)
		for n := 1; n <= 16; n++ {
			p.send(data(n, block(body, 512, n)))
		}
		p.expect(ack(16))
		p.send(data(17, block(body, 512, 17)))
		p.expect(ack(17))
		if got, _ := m.get("mine"); !bytes.Equal(got, body) {
			t.Errorf("%d bytes are stored", len(got))
		}
	})
}

// testStalledMakeRoom has two hosts that take all transfers. One transfer moves, the
// others stall. A device at a third address gets one of them.
func testStalledMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		m.set("f", content(1, 50_000))
		w := inBubble(t, &tftp.Server{Handler: m, MaxTransfers: 40, PerSource: 20}, &tftptest.Network{})
		var moving *peer
		for i := range 40 {
			p := w.peerAt(netip.MustParseAddrPort(fmt.Sprintf("127.0.0.%d:%d", 2+i%2, 3000+i)))
			p.request(rrq("f", "octet"))
			p.expect(data(1, content(1, 512)))
			p.send(ack(1))
			p.expect(data(2, block(content(1, 50_000), 512, 2)))
			moving = p
		}
		asks := func(a string) *peer {
			p := w.peerAt(netip.MustParseAddrPort(a))
			p.request(rrq("f", "octet"))
			return p
		}
		asks("127.0.0.9:3000").expectError(0) // none has stalled for long
		for n := 2; n < 15; n++ {
			time.Sleep(time.Second)
			moving.send(ack(n))
			synctest.Wait()
		}
		asks("127.0.0.2:5000").expectError(0)
		for i := range 20 { // the moving one may be found first
			p := asks(fmt.Sprintf("127.0.0.9:%d", 4000+i))
			if got := p.next(); got[1] == 3 {
				p.send(ack(1))
				break
			} else if i == 19 {
				t.Errorf("got %s", show(got))
			}
		}
		moving.send(ack(15))
		for {
			got := moving.next()
			if bytes.Equal(got, data(16, block(content(1, 50_000), 512, 16))) {
				return
			}
			if got[1] != 3 {
				t.Fatalf("the moving one got %s", show(got))
			}
		}
	})
}

func testProvedStay(t *testing.T) {
	m := &memory{}
	w := onLoopback(t, &tftp.Server{Handler: m, MaxTransfers: 4, PerSource: 4})
	var proved []*peer
	for i := range 3 {
		p := w.peer()
		p.request(wrq(fmt.Sprint(i), "octet"))
		p.expect(ack(0))
		p.store(content(1, 700), 512, 1, 2)
		proved = append(proved, p)
	}
	for i := range 20 { // they take turns in the last slot
		p := w.peer()
		p.request(wrq(fmt.Sprint("flood", i), "octet"))
		p.expect(ack(0))
	}
	last := w.peer()
	last.request(wrq("last", "octet"))
	last.expect(ack(0))
	last.store(content(1, 700), 512, 1, 2)
	full := w.peer()
	full.request(wrq("full", "octet"))
	full.expectError(0)
	for _, p := range append(proved, last) {
		p.store(content(1, 700), 512, 2, 3)
	}
	w.stop()
	for _, e := range w.events.all() {
		if e.Kind == tftp.EventDone && e.Request.Filename == "last" && e.Err != nil {
			t.Errorf("the last one: %v", e.Err)
		}
	}
}

// testLargeBlocksLost drops datagrams that do not fit into one frame, like a firewall
// that drops fragments.
func testLargeBlocksLost(t *testing.T) {
	for _, op := range []string{"read", "write"} {
		synctest.Test(t, func(t *testing.T) {
			n := &tftptest.Network{Filter: func(p tftptest.Packet) tftptest.Verdict {
				if len(p.Data) > 1472 {
					return tftptest.Drop
				}
				return tftptest.Pass
			}}
			m := &memory{}
			m.set("f", content(1, 20_000))
			w := inBubble(t, &tftp.Server{Handler: m}, n)
			c := tftp.Client{BlockSize: 8192, Listen: n.Listen, Timeout: 4 * time.Second, Retries: 5, Silent: true}
			attempt := func() error {
				if op == "read" {
					_, err := c.Get(context.Background(), w.server, "f", &bytes.Buffer{})
					return err
				}
				_, err := c.Put(context.Background(), w.server, "g", bytes.NewReader(content(1, 20_000)), -1)
				return err
			}
			if attempt() == nil {
				t.Fatal("the large blocks came through")
			}
			time.Sleep(2 * time.Minute)
			if err := attempt(); err != nil {
				t.Errorf("%s, second attempt: %v", op, err)
			}
			if e := w.events.done(t, 2); e.BlockSize != 1468 {
				t.Errorf("%s: second attempt with blocks of %d", op, e.BlockSize)
			}
			time.Sleep(4 * time.Minute) // the second attempt renewed the restriction
			if err := attempt(); err != nil {
				t.Errorf("%s, third attempt: %v", op, err)
			}
			time.Sleep(10 * time.Minute) // it has ended
			if attempt() == nil {
				t.Errorf("%s: the large blocks came through", op)
			}
		})
	}
}

// testForgedLargeBlocks forges requests in the name of a peer. The peer still gets
// large blocks: at once after a forged read, soon after a forged write.
func testForgedLargeBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		m.set("f", content(1, 20_000))
		w := inBubble(t, &tftp.Server{Handler: m}, &tftptest.Network{})
		p := w.peer()
		want := oack("blksize", "8192")
		for _, c := range []struct {
			request []byte
			after   time.Duration
		}{{rrq("f", "octet", "blksize", "8192"), 20 * time.Second}, {wrq("g", "octet", "blksize", "8192"), 6 * time.Minute}} {
			p.request(c.request)
			p.repetitions(want, c.after)
			p.request(rrq("f", "octet", "blksize", "8192"))
			p.expect(want)
			p.send(failure(0, "enough"))
		}
	})
}

// testStalledReads starts many reads with large windows and never acknowledges a
// block, from one address and from many. The memory for them is limited, and a device
// that comes later is still served.
func testStalledReads(t *testing.T) {
	for _, sources := range []int{1, 300} {
		synctest.Test(t, func(t *testing.T) {
			n := &tftptest.Network{Filter: func(p tftptest.Packet) tftptest.Verdict {
				if p.Data[1] == 3 && p.To.Port() != 2000 {
					return tftptest.Drop // the queues of the sockets would need memory, too
				}
				return tftptest.Pass
			}}
			m := &memory{}
			m.set("f", content(1, 3_000_000))
			w := inBubble(t, &tftp.Server{Handler: m}, n)
			before := heap()
			for i := range 300 {
				p := w.peerAt(netip.AddrPortFrom(forged(i%sources).Addr(), uint16(3000+i)))
				p.request(rrq("f", "octet", "blksize", "8192", "windowsize", "64"))
				p.buf = make([]byte, 100)
				if got := p.recv(p.soon()); len(got) < 2 || got[1] != 6 {
					t.Fatalf("got %s", show(got))
				}
				p.send(ack(0))
				synctest.Wait()
			}
			if used := heap() - before; used > 80<<20 {
				t.Errorf("%d sources: 300 stalled reads use %d MB", sources, used>>20)
			}
			late := w.peerAt(netip.MustParseAddrPort("127.0.9.9:2000"))
			late.request(rrq("f", "octet", "blksize", "1468", "windowsize", "2"))
			late.expect(oack("blksize", "1468", "windowsize", "2"))
			late.send(ack(0))
			late.expect(data(1, content(1, 1468)))
		})
	}
}

// heap returns the memory in use, in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// testSlowCommits has a disk that needs 6 s for each Commit.
func testSlowCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{committed: func(name string) error { time.Sleep(6 * time.Second); return nil }}
		m.set("f", []byte("hello"))
		w := inBubble(t, &tftp.Server{Handler: m}, &tftptest.Network{})
		var uploads []*peer
		for i := range 40 {
			p := w.peer()
			p.request(wrq(fmt.Sprint(i), "octet"))
			p.expect(ack(0))
			p.send(data(1, []byte("x")))
			uploads = append(uploads, p)
		}
		synctest.Wait()
		start := time.Now()
		p := w.peer()
		p.request(rrq("f", "octet"))
		p.expect(data(1, []byte("hello")))
		p.request(wrq("small", "octet"))
		p.expect(ack(0))
		if took := time.Since(start); took > time.Second {
			t.Errorf("the read waited for %v", took)
		}
		for _, p := range uploads {
			if got := p.recv(time.Minute); !bytes.Equal(got, ack(1)) {
				t.Fatalf("got %s, want ACK 1", show(got))
			}
		}
	})
}

func testStrangersLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inBubble(t, &tftp.Server{Handler: &memory{}, Ports: tftp.PortRange{First: 1056, Last: 1056}}, &tftptest.Network{})
		p := w.peer()
		p.to = netip.AddrPortFrom(w.server.Addr(), 1056)
		for range 1000 {
			p.send(ack(1))
		}
		answers := 0
		for p.recv(time.Millisecond) != nil {
			answers++
		}
		if answers < 1 || answers > 30 {
			t.Errorf("%d ERROR to 1000 packets", answers)
		}
	})
}
