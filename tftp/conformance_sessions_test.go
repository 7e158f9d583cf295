package tftp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

// TestSessions runs section F of the conformance cases: transfer IDs and many
// transfers at the same time.
func TestSessions(t *testing.T) {
	t.Run("115 wrong TID", func(t *testing.T) {
		p, m, w := writing(t)
		body := content(1, 1300)
		p.store(body, 512, 1, 2)
		x := w.peer()
		for _, b := range [][]byte{data(2, []byte("evil")), ack(1)} {
			x.sendTo(p.to, b)
			x.to = p.to
			x.expectError(5)
		}
		x.send(failure(0, "stop")) // never answered, ends no other transfer
		x.silent(20 * time.Millisecond)
		p.store(body, 512, 2, 4)
		if got, _ := m.get("f"); !bytes.Equal(got, body) {
			t.Error("the content differs")
		}
	})
	t.Run("116 late packets of a finished peer", testLatePackets)
	t.Run("117 duplicate RRQ", testDuplicateRead)
	t.Run("118 duplicate WRQ", testDuplicateWrite)
	t.Run("119 a peer that starts over", testStartOver)
	t.Run("119 an old request while the disk is slow", testRequestWhileWriting)
	t.Run("120 two transfers of one port", testTwoOfOnePort)
	t.Run("121 TIDs at random", testRandomTIDs)
	t.Run("122 more peers than ports", testSharedPorts)
	t.Run("122 a port that is taken", testPortTaken)
	t.Run("123 one port for everything", testSinglePort)
	t.Run("124 reply source address", testReplySource)
	t.Run("125 IPv6", testIPv6)
	t.Run("129 stop with transfers running", testStop)
	t.Run("129 stop while a file is being stored", testStopWhileStoring)
}

// testLatePackets sends every ACK twice, and old ACKs after the end: a peer that has
// finished, or has given up, gets no ERROR 5.
func testLatePackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &tftptest.Network{Delay: time.Millisecond, Filter: func(p tftptest.Packet) tftptest.Verdict {
			switch p.Data[1] {
			case 4:
				return tftptest.Twice
			case 5:
				if p.From.Port() != 2000 {
					t.Errorf("the server sent %s", show(p.Data))
				}
			}
			return tftptest.Pass
		}}
		m := &memory{}
		m.set("f", content(1, 2000))
		w := inBubble(t, &tftp.Server{Handler: m}, n)
		p := w.peerAt(netip.AddrPortFrom(w.server.Addr(), 2000))
		p.request(rrq("f", "octet"))
		p.fetch(512)
		for _, late := range []int{3, 4, 1} {
			p.send(ack(late))
			p.silent(time.Second)
		}
		p.request(rrq("f", "octet", "windowsize", "4"))
		p.expect(oack("windowsize", "4"))
		p.send(ack(0))
		p.expect(data(1, content(1, 512)))
		p.send(failure(0, "stop"))
		time.Sleep(10 * time.Millisecond)
		p.send(ack(4)) // it was under way
		time.Sleep(time.Second)
		time.Sleep(time.Minute) // nothing stays for ever
		w.stop()
	})
}

func testDuplicateRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		body := content(1, 600)
		m.set("f", body)
		w := inBubble(t, &tftp.Server{Handler: m}, &tftptest.Network{})
		p := w.peer()
		for range 3 {
			p.sendTo(p.port, rrq("f", "octet"))
			p.expect(data(1, body[:512]))
		}
		p.send(ack(1))
		p.expect(data(2, body[512:]))
		p.sendTo(p.port, rrq("f", "octet")) // an old duplicate: too late
		p.silent(100 * time.Millisecond)
		p.send(ack(2))
		p.silent(time.Minute)
		if m.opens() != 1 || w.events.count(tftp.EventRepeated) != 3 || w.events.count(tftp.EventDone) != 1 {
			t.Errorf("opened %d, events %v", m.opens(), w.events.kinds())
		}
	})
}

func testDuplicateWrite(t *testing.T) {
	for _, pause := range []time.Duration{0, 4 * time.Second, 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{}
			w := inBubble(t, &tftp.Server{Handler: m}, &tftptest.Network{})
			p := w.peer()
			for range 3 {
				p.sendTo(p.port, wrq("f", "octet", "blksize", "100"))
				want := oack("blksize", "100")
				if got := p.recv(p.soon()); !bytes.Equal(got, want) {
					t.Fatalf("got %s", show(got))
				}
				p.repetitions(want, pause)
			}
			p.send(data(1, []byte("x")))
			p.expect(ack(1))
			if m.opens() != 1 || w.events.count(tftp.EventRepeated) != 2 {
				t.Errorf("pause %v: opened %d, events %v", pause, m.opens(), w.events.kinds())
			}
		})
	}
}

// testStartOver has a device that loses power during a transfer and then repeats
// its request from the same port.
func testStartOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		p, w := writingInBubble(t, &tftp.Server{}, m)
		p.store(content(1, 512), 512, 1, 2)
		p.repetitions(ack(1), 10*time.Second)
		p.request(wrq("f", "octet")) // ends the old transfer
		p.silent(5 * time.Second)
		p.request(wrq("f", "octet")) // opens the new one
		p.expect(ack(0))
		p.store(content(2, 700), 512, 1, 3)
		synctest.Wait() // the event comes behind the last ACK
		if got, _ := m.get("f"); !bytes.Equal(got, content(2, 700)) {
			t.Error("the content differs")
		}
		if len(m.aborts()) != 1 || w.events.count(tftp.EventDone) != 2 {
			t.Errorf("aborted %v, events %v", m.aborts(), w.events.kinds())
		}
	})
}

// testRequestWhileWriting has a disk that needs 10 s for the first write. Meanwhile the peer
// is silent, and an old copy of its request arrives: that is no new start.
func testRequestWhileWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{write: func(done int, _ []byte) error {
			if done == 0 {
				time.Sleep(10 * time.Second)
			}
			return nil
		}}
		body := content(1, 70_000)
		p, w := writingInBubble(t, &tftp.Server{}, m)
		p.store(body, 512, 1, 129) // the first 64 KB: the write begins
		p.repetitions(ack(128), 6*time.Second)
		p.sendTo(p.port, wrq("f", "octet"))
		p.repetitions(ack(128), time.Second)
		p.store(body, 512, 129, 137)
		p.repetitions(ack(136), 5*time.Second)
		p.store(body, 512, 137, 138)
		synctest.Wait() // the event comes behind the last ACK
		if got, _ := m.get("f"); !bytes.Equal(got, body) || w.events.count(tftp.EventDone) != 1 {
			t.Errorf("%d of %d bytes were stored; events %v", len(got), len(body), w.events.story())
		}
	})
}

func testTwoOfOnePort(t *testing.T) {
	m := &memory{}
	w := onLoopback(t, &tftp.Server{Handler: m})
	p := w.peer()
	var tids []netip.AddrPort
	for i := range 3 {
		p.request(wrq(fmt.Sprint("f", i), "octet"))
		p.expect(ack(0))
		tids = append(tids, p.to)
	}
	for i, tid := range tids {
		p.to = tid
		body := content(uint64(i), 700)
		p.store(body, 512, 1, 3)
		if got, _ := m.get(fmt.Sprint("f", i)); !bytes.Equal(got, body) {
			t.Errorf("the content of file %d differs", i)
		}
	}
}

func testRandomTIDs(t *testing.T) {
	m := &memory{}
	w := onLoopback(t, &tftp.Server{Handler: m})
	steps, last := map[int]int{}, 0
	for range 100 {
		p := w.peer()
		p.request(wrq("f", "octet"))
		p.expect(ack(0))
		if last == int(p.to.Port()) {
			t.Error("a port was used twice in a row")
		}
		steps[int(p.to.Port())-last]++
		last = int(p.to.Port())
	}
	for step, n := range steps {
		if n > 50 {
			t.Errorf("the next port is %+d in %d of 100 cases", step, n)
		}
	}
}

// freePorts returns a range of ports that are free now.
func freePorts(t *testing.T, n int) tftp.PortRange {
	t.Helper()
	for first := 6056; first < 9000; first += n { // other tests use the ports from 9000 on
		var open []net.PacketConn
		for i := range n {
			c, err := net.ListenPacket("udp4", fmt.Sprintf("127.0.0.1:%d", first+i))
			if err != nil {
				break
			}
			open = append(open, c)
		}
		for _, c := range open {
			c.Close()
		}
		if len(open) == n {
			return tftp.PortRange{First: uint16(first), Last: uint16(first + n - 1)}
		}
	}
	t.Fatal("no free ports")
	return tftp.PortRange{}
}

// testSharedPorts runs 200 uploads at once over 4 ports.
func testSharedPorts(t *testing.T) {
	ports := freePorts(t, 4)
	m := &memory{}
	w := onLoopback(t, &tftp.Server{Handler: m, Ports: ports})
	used := map[uint16]bool{}
	for range 50 {
		p := w.peer()
		p.request(wrq("probe", "octet"))
		p.expect(ack(0))
		used[p.to.Port()] = true
	}
	for port := range used {
		if port < ports.First || port > ports.Last {
			t.Errorf("port %d is outside of %v", port, ports)
		}
	}
	if len(used) != 4 {
		t.Errorf("ports used: %v", used)
	}
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			body := content(uint64(i), 20_000+i)
			c := w.client()
			if _, err := c.Put(context.Background(), w.server, fmt.Sprint(i), bytes.NewReader(body), -1); err != nil {
				t.Errorf("put %d: %v", i, err)
			}
			if got, _ := m.get(fmt.Sprint(i)); !bytes.Equal(got, body) {
				t.Errorf("the content of %d differs", i)
			}
		})
	}
	wg.Wait()
}

func testPortTaken(t *testing.T) {
	ports := freePorts(t, 4)
	taken, err := net.ListenPacket("udp4", fmt.Sprintf("127.0.0.1:%d", ports.First+2))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := &tftp.Server{Handler: &memory{}, Ports: ports}
	err = s.Serve(context.Background(), c)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint(ports.First+2)) {
		t.Errorf("Serve: %v, want an error that names port %d", err, ports.First+2)
	}
	for port := ports.First; port <= ports.Last; port++ { // the others are free again
		if port == ports.First+2 {
			continue
		}
		c, err := net.ListenPacket("udp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Errorf("port %d was kept: %v", port, err)
			continue
		}
		c.Close()
	}
}

func testSinglePort(t *testing.T) {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(c.LocalAddr().(*net.UDPAddr).Port)
	m := &memory{}
	at := serveOn(t, &tftp.Server{Handler: m, Ports: tftp.PortRange{First: port, Last: port}}, c)
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			name, body := fmt.Sprint(i), content(uint64(i), 3000)
			client := tftp.Client{}
			if _, err := client.Put(context.Background(), at, name, bytes.NewReader(body), -1); err != nil {
				t.Error(err)
			}
			var back bytes.Buffer
			if _, err := client.Get(context.Background(), at, name, &back); err != nil || !bytes.Equal(back.Bytes(), body) {
				t.Errorf("get: %v, %d bytes", err, back.Len())
			}
		})
	}
	wg.Wait()
	w := &world{t: t, server: at, listen: func(a netip.AddrPort) (net.PacketConn, error) {
		return net.ListenPacket("udp4", a.String())
	}}
	p := w.peer()
	p.request(rrq("0", "octet"))
	p.expect(data(1, content(0, 3000)[:512]))
	if p.to != at {
		t.Errorf("DATA came from %s", p.to)
	}
	stranger := w.peer()
	stranger.send(ack(7)) // a session is found by its peer; there is none
	stranger.silent(20 * time.Millisecond)
}

func testReplySource(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:0", "[::]:0"} {
		c, err := net.ListenPacket("udp", listen)
		if err != nil {
			t.Fatal(err)
		}
		m := &memory{}
		m.set("f", content(1, 700))
		s := &tftp.Server{Handler: m}
		events := watch(s)
		at := serveOn(t, s, c)
		for _, to := range []string{"127.0.0.2", "127.0.0.1", "::1"} {
			asked := netip.MustParseAddr(to)
			if asked.Is6() && listen == "0.0.0.0:0" {
				continue
			}
			w := &world{t: t, server: netip.AddrPortFrom(asked, at.Port()), listen: func(a netip.AddrPort) (net.PacketConn, error) {
				return net.ListenUDP("udp", net.UDPAddrFromAddrPort(a))
			}}
			local := netip.AddrPortFrom(netip.IPv6Loopback(), 0)
			if asked.Is4() {
				local = netip.MustParseAddrPort("127.0.0.9:0")
			}
			p := w.peerAt(local)
			p.request(rrq("f", "octet"))
			p.expect(data(1, content(1, 512)))
			if p.to.Addr() != asked {
				t.Errorf("%s: asked %s, answered from %s", listen, asked, p.to.Addr())
			}
			stranger := w.peerAt(netip.AddrPortFrom(local.Addr(), 0))
			stranger.to = p.to
			stranger.send(ack(1))
			stranger.expectError(5) // from the same address and port
			p.send(ack(1))
			p.expect(data(2, content(1, 700)[512:]))
			if got := requestOf(t, events, p); got.Local != asked {
				t.Errorf("%s: the request says local %s, not %s", listen, got.Local, asked)
			}
			p.send(ack(2))
			other := w.peerAt(local) // the first one may get DATA 2 again
			other.request(rrq("nope", "octet"))
			other.expectError(1)
			if other.to.Addr() != asked {
				t.Errorf("%s: the ERROR came from %s", listen, other.to.Addr())
			}
		}
	}
}

// requestOf returns the request of a peer. The events of earlier peers may come
// after it.
func requestOf(t *testing.T, events *eventLog, p *peer) *tftp.Request {
	t.Helper()
	at := p.c.LocalAddr().(*net.UDPAddr).AddrPort()
	for _, e := range events.all() {
		if e.Kind == tftp.EventRequest && e.Request.Remote == at {
			return e.Request
		}
	}
	t.Fatalf("no event of a request from %s", at)
	return nil
}

func testIPv6(t *testing.T) {
	c, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		testlevel.Missing(t, "no IPv6: "+err.Error())
	}
	m := &memory{}
	at := serveOn(t, &tftp.Server{Handler: m}, c)
	body := content(1, 5000)
	client := tftp.Client{BlockSize: 1024}
	if _, err := client.Put(context.Background(), at, "f", bytes.NewReader(body), -1); err != nil {
		t.Fatal(err)
	}
	var back bytes.Buffer
	if _, err := client.Get(context.Background(), at, "f", &back); err != nil || !bytes.Equal(back.Bytes(), body) {
		t.Errorf("get: %v, %d bytes", err, back.Len())
	}
}

func testStop(t *testing.T) {
	m := &memory{}
	m.set("f", content(1, 5000))
	w := onLoopback(t, &tftp.Server{Handler: m})
	put, get := w.peer(), w.peer()
	put.request(wrq("g", "octet"))
	put.expect(ack(0))
	put.store(content(1, 512), 512, 1, 2)
	get.request(rrq("f", "octet"))
	get.expect(data(1, content(1, 512)))
	get.send(ack(1))
	get.expect(data(2, content(1, 1024)[512:]))
	w.stop()
	put.expectError(0)
	get.expectError(0)
	if len(m.aborts()) != 1 || !errors.Is(m.aborts()[0], context.Canceled) {
		t.Errorf("aborted %v", m.aborts())
	}
	if n := w.events.count(tftp.EventDone); n != 2 {
		t.Errorf("%d ends, want 2", n)
	}
}

func testStopWhileStoring(t *testing.T) {
	storing, release := make(chan struct{}), make(chan struct{})
	m := &memory{committed: func(string) error { close(storing); <-release; return nil }}
	w := onLoopback(t, &tftp.Server{Handler: m})
	p := w.peer()
	p.request(wrq("g", "octet"))
	p.expect(ack(0))
	p.send(data(1, []byte("x")))
	<-storing
	stopped := make(chan struct{})
	go func() { w.stop(); close(stopped) }()
	p.silent(50 * time.Millisecond)
	close(release)
	p.expect(ack(1))
	<-stopped
	if e := w.events.done(t, 1); e.Err != nil {
		t.Errorf("ended with %v", e.Err)
	}
}
