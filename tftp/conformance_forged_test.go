package tftp_test

import (
	"errors"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

// TestForged runs the cases about peers that may be forged: nobody may use the
// server to flood a victim.
func TestForged(t *testing.T) {
	t.Run("132 blind ACKs to shared ports", testBlindACKs)
	t.Run("132 blind ACKs to a guessed port", testGuessedPort)
	t.Run("132 one blind ACK", testOneBlindACK)
	t.Run("132 blind ACKs that are lucky at first", testLuckyACKs)
	t.Run("132 a repeated request is answered", testRequestAgain)
	t.Run("132 a path that pauses", testPausedPath)
	t.Run("132 reads for a peer that never answers", testUnprovedReadsLittle)
	t.Run("132 blocks and windows with a port range", testGrantedOnRanges)
	t.Run("133 many transfer ports", testManyPorts)
	t.Run("133 a port of its own for each window", testOwnPorts)
	t.Run("133 no port is left for a window", testNoOwnPort)
	t.Run("134 one block after a timeout", testOneBlockAfterTimeout)
	t.Run("136 a silent peer with a long timeout", testSilentPeer)
	t.Run("135 ICMP port unreachable ends a transfer", testPeerClosed)
	t.Run("135 ICMP port unreachable before the first answer", testPeerNeverOpen)
	t.Run("135 a peer that loses large blocks closes its port", testPeerGivesUp)
}

// reportsUnreachable: only on Linux the Server sees ICMP messages.
const reportsUnreachable = runtime.GOOS == "linux"

// received counts the packets that arrive within a time, and their bytes.
func (p *peer) received(within time.Duration) (packets, bytes int) {
	p.t.Helper()
	for end := time.Now().Add(within); ; {
		got := p.recv(time.Until(end))
		if got == nil {
			return packets, bytes
		}
		packets, bytes = packets+1, bytes+len(got)
	}
}

// testBlindACKs has an attacker who knows the port range of the server. He sends a
// request and ACKs in the name of a victim, and sees no answer. ACKs to all ports end
// the transfer, because a peer knows its port.
func testBlindACKs(t *testing.T) {
	for _, c := range []struct {
		options []string
		acks    int // the ACKs 0 to acks-1 are sent
		blocks  int // the most that the victim may get, the first answer included
	}{
		{[]string{"windowsize", "64", "blksize", "8192"}, 1, 8},
		{[]string{"windowsize", "64"}, 1, 8},
		{[]string{"blksize", "65464"}, 1, 6},
		{[]string{"blksize", "8192"}, 200, 6},
		{[]string{"windowsize", "64"}, 200, 8},
		{[]string{"windowsize", "64", "blksize", "8"}, 200, 20},
		{nil, 200, 6},
		{nil, 1, 4},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := blindWorld(t, tftp.PortRange{First: 1056, Last: 1059})
			victim := w.peer()
			victim.request(rrq("f", "octet", c.options...))
			synctest.Wait()
			for n := range c.acks {
				for port := uint16(1056); port <= 1059; port++ {
					victim.sendTo(netip.AddrPortFrom(w.server.Addr(), port), ack(n))
				}
				synctest.Wait()
			}
			if packets, bytes := victim.flooded(time.Hour); packets > c.blocks || bytes > c.blocks*1500 {
				t.Errorf("%v, %d blind ACKs: the victim got %d packets with %d bytes, want at most %d packets", c.options, c.acks, packets, bytes, c.blocks)
			}
			if got := w.events.count(tftp.EventDone); got != 1 {
				t.Errorf("%v, %d blind ACKs: %d transfers ended", c.options, c.acks, got)
			}
		})
	}
}

func blindWorld(t *testing.T, ports tftp.PortRange) *world {
	m := &memory{}
	m.set("f", content(1, 3_000_000))
	return inBubble(t, &tftp.Server{Handler: m, Ports: ports}, &tftptest.Network{})
}

// flooded counts what a victim gets within a time, without ERROR 5 from ports where
// it has no transfer. The bytes include the headers of IP and UDP.
func (p *peer) flooded(within time.Duration) (packets, bytes int) {
	p.t.Helper()
	for end := time.Now().Add(within); ; {
		p.to = p.port
		got := p.recv(time.Until(end))
		if got == nil {
			return packets, bytes
		}
		if got[1] != 5 {
			packets, bytes = packets+1, bytes+len(got)+28
		}
	}
}

// testGuessedPort has an attacker who guesses the port. Of n ports he guesses the
// right one in one of n attempts, so his gain is the n-th part of what the victim gets
// for each byte of the ACKs. He sends them as fast as possible, or so slowly that the
// server repeats each block.
func testGuessedPort(t *testing.T) {
	testlevel.NeedFull(t, "132 blind ACKs to shared ports")
	for _, ports := range []uint16{1, 4, 16, 200} {
		most := 20.0
		if ports == 1 {
			most = 27 // even blocks of 512 bytes are so large
		}
		for _, options := range [][]string{nil, {"blksize", "8192"}, {"windowsize", "64", "blksize", "8192"}, {"windowsize", "64"}, {"windowsize", "64", "blksize", "8"}} {
			for _, pause := range []time.Duration{time.Millisecond, 800 * time.Millisecond, 20 * time.Second} {
				synctest.Test(t, func(t *testing.T) {
					w := blindWorld(t, tftp.PortRange{First: 1056, Last: 1055 + ports})
					victim := w.peer()
					victim.request(rrq("f", "octet", options...))
					got := victim.recv(time.Minute)
					tid, window, next := victim.to, 1, 1
					if len(got) > 0 && got[1] == 6 {
						window, next = windowOf(got), 0
					}
					acks, bytes := 0, 0
					for i := 0; i < 100 && w.events.count(tftp.EventDone) == 0; i++ {
						acks++
						if next > 0 && i < 10 {
							time.Sleep(time.Millisecond) // a short round trip
						} else {
							time.Sleep(pause)
						}
						victim.sendTo(tid, ack(next))
						next += window
						_, n := victim.flooded(time.Nanosecond)
						bytes += n
					}
					if gain := float64(bytes) / float64(acks*32*int(ports)); gain > most {
						t.Errorf("%d ports, %v, an ACK each %v: the victim gets %.1f times what the attacker sends, want at most %.0f", ports, options, pause, gain, most)
					}
				})
			}
		}
	}
}

// windowOf returns the windowsize of an OACK; 1: none.
func windowOf(oack []byte) int {
	_, rest, found := strings.Cut(string(oack[2:]), "windowsize\x00")
	value, _, _ := strings.Cut(rest, "\x00")
	if n, err := strconv.Atoi(value); found && err == nil {
		return n
	}
	return 1
}

// testGrantedOnRanges asks for large blocks and windows, with port ranges of several
// sizes. A range of many ports, and a Handler that expects its peers, permit them.
func testGrantedOnRanges(t *testing.T) {
	for _, c := range []struct {
		server    *tftp.Server
		ports     uint16
		blockSize string // granted, of 8192
		window    string // granted, of 16 blocks of 512
		large     string // granted, of 64 blocks of 8192
		own       bool   // a port for each
	}{
		{&tftp.Server{}, 4, "1468", "2", "1", false},
		{&tftp.Server{}, 1, "512", "1", "1", false},
		{&tftp.Server{}, 63, "1468", "11", "4", false},
		{&tftp.Server{}, 64, "8192", "16", "2", true},
		{&tftp.Server{}, 2000, "8192", "16", "64", true},
		{&tftp.Server{Expected: true}, 4, "8192", "16", "64", false},
		{&tftp.Server{Expected: true}, 2000, "8192", "16", "64", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{}
			m.set("f", content(1, 30_000))
			c.server.Handler, c.server.Ports = m, tftp.PortRange{First: 2000, Last: 1999 + c.ports}
			w := inBubble(t, c.server, &tftptest.Network{})
			used := map[uint16]bool{}
			for range 12 {
				p, q := w.peer(), w.peer()
				p.request(rrq("f", "octet", "blksize", "8192"))
				p.expect(oack("blksize", c.blockSize))
				q.request(rrq("f", "octet", "windowsize", "16"))
				q.expect(oack("windowsize", c.window))
				r := w.peer()
				r.request(rrq("f", "octet", "blksize", "8192", "windowsize", "64"))
				r.expect(oack("blksize", c.blockSize, "windowsize", c.large))
				r.send([]byte("\x00\x05\x00\x00enough\x00"))
				for _, port := range []uint16{p.to.Port(), q.to.Port()} {
					if used[port] = true; port < 2000 || port >= 2000+c.ports {
						t.Fatalf("%d ports: port %d", c.ports, port)
					}
				}
			}
			if own := len(used) > 16; own != c.own {
				t.Errorf("%d ports, expected: %v: 24 transfers used %d", c.ports, c.server.Expected, len(used))
			}
		})
	}
}

func testManyPorts(t *testing.T) {
	m := &memory{}
	w := onLoopback(t, &tftp.Server{Handler: m})
	used := map[uint16]bool{}
	for range 500 {
		p := w.peer()
		p.request(wrq("f", "octet"))
		p.expect(ack(0))
		used[p.to.Port()] = true
		p.c.Close()
	}
	if len(used) < 60 {
		t.Errorf("500 transfers used %d ports, want 64", len(used))
	}
}

// testOwnPorts checks that what may send much at once uses a port that no other
// transfer has, and that the port is closed in the end.
func testOwnPorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		m.set("f", content(1, 3000))
		w := inBubble(t, &tftp.Server{Handler: m}, &tftptest.Network{})
		tids := map[uint16]int{}
		for i := range 400 {
			options := [][]string{nil, {"windowsize", "2"}, {"blksize", "8192"}, {"blksize", "1428"}}[i%4]
			p := w.peer()
			p.request(rrq("f", "octet", options...))
			p.recv(p.soon())
			if port := p.to.Port(); i%4 == 1 || i%4 == 2 {
				if tids[port]++; tids[port] > 1 {
					t.Fatalf("port %d was used again for %v", port, options)
				}
			} else {
				tids[port] += 1000
			}
		}
		for port, n := range tids {
			if n > 1000 && n%1000 != 0 {
				t.Errorf("port %d has a transfer of its own and others", port)
			}
		}
		time.Sleep(time.Minute)
		free := 0
		for port, n := range tids {
			if n == 1 {
				if _, err := w.listen(netip.AddrPortFrom(w.server.Addr(), port)); err == nil {
					free++
				}
			}
		}
		if free != 200 {
			t.Errorf("%d of 200 ports were closed", free)
		}
	})
}

// testSilentPeer asks for the longest timeout and never answers, or answers once.
// The session must not stay for many minutes, and must not serve a later request.
func testSilentPeer(t *testing.T) {
	for _, c := range []struct {
		request, answer []byte
		most            time.Duration
	}{
		{rrq("f", "octet", "timeout", "255"), nil, 10 * time.Second},
		{wrq("g", "octet", "timeout", "255"), nil, 10 * time.Second},
		{rrq("f", "octet", "timeout", "255"), ack(0), 6 * time.Minute},
		{wrq("g", "octet", "timeout", "255"), data(1, make([]byte, 512)), 6 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{}
			m.set("f", content(1, 5000))
			w := inBubble(t, &tftp.Server{Handler: m}, &tftptest.Network{})
			p := w.peer()
			p.request(c.request)
			p.expect(oack("timeout", "255"))
			if c.answer != nil {
				p.send(c.answer)
			}
			time.Sleep(c.most)
			if w.events.count(tftp.EventDone) != 1 {
				t.Errorf("%s, then %s: the session is still there after %v", show(c.request), show(c.answer), c.most)
			}
		})
	}
}

func testOneBlockAfterTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, body := readingWindow(t, 8, 20)
		p.expectBlocks(body, 1, 8)
		if packets, _ := p.received(time.Hour); packets < 4 || packets > 14 {
			t.Errorf("%d packets after a window that was never acknowledged", packets)
		}
	})
}

// testPeerClosed closes the socket of a peer in mid-transfer. Without the ICMP
// message the server would keep trying for much longer than the test waits.
func testPeerClosed(t *testing.T) {
	for _, options := range [][]string{nil, {"windowsize", "4"}} {
		m := &memory{}
		m.set("f", content(1, 100_000))
		w := onLoopback(t, &tftp.Server{Handler: m, Retries: 1000, IdleTimeout: time.Hour})
		if !reportsUnreachable {
			t.Skip("this system does not report ICMP messages")
		}
		p := w.peer()
		p.request(rrq("f", "octet", options...))
		if options != nil {
			p.expect(oack(options...))
			p.send(ack(0))
		}
		p.expect(data(1, content(1, 512)))
		other := w.peer()
		other.request(rrq("f", "octet"))
		other.expect(data(1, content(1, 512)))
		p.send(ack(1))
		p.c.Close()
		if e := w.events.done(t, 1); !errors.Is(e.Err, tftp.ErrTimeout) || e.Request.Remote.Port() != addrOf(p.c).Port() {
			t.Errorf("%v: ended with %v", options, e.Err)
		}
		other.send(ack(1))
		other.expect(data(2, content(1, 1024)[512:]))
	}
}

func addrOf(c net.PacketConn) netip.AddrPort {
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// testPeerGivesUp has a peer whose large blocks never arrive. It takes our OACK and
// its repetition, then closes its port. Its next request gets smaller blocks.
func testPeerGivesUp(t *testing.T) {
	testlevel.NeedFull(t, "waits 8 s for the end of a transfer")
	w := onLoopback(t, &tftp.Server{Handler: &memory{}})
	request := wrq("f", "octet", "blksize", "8192")
	p := w.peer()
	p.request(request)
	p.expect(oack("blksize", "8192"))
	p.expect(oack("blksize", "8192"))
	p.c.Close()
	w.events.done(t, 1)
	p = w.peer()
	p.request(request)
	p.expect(oack("blksize", "1468"))
}

// testPeerNeverOpen sends a request and closes the socket: the address may be
// forged. The same request from there is answered again.
func testPeerNeverOpen(t *testing.T) {
	testlevel.NeedFull(t, "waits 8 s for the end of a transfer")
	m := &memory{}
	m.set("f", content(1, 1000))
	w := onLoopback(t, &tftp.Server{Handler: m})
	if !reportsUnreachable {
		t.Skip("this system does not report ICMP messages")
	}
	p := w.peer()
	p.request(rrq("f", "octet"))
	p.c.Close()
	e := w.events.done(t, 1)
	// If the DATA is faster than Close, only its first repetition causes the message.
	if n := w.events.count(tftp.EventRetransmit); n > 1 || !errors.Is(e.Err, tftp.ErrTimeout) {
		t.Errorf("%d repetitions, ended with %v", n, e.Err)
	}
}
