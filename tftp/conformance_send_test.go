package tftp_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

// TestSending runs section D of the conformance cases: read requests.
func TestSending(t *testing.T) {
	t.Run("134 the first block and the last one in turn", testProbes)
	t.Run("086 a window that is lost twice", testWindowLostTwice)
	t.Run("055 a silence of three long timeouts", testLongTimeout)
	t.Run("073 sorcerer's apprentice", testSorcerersApprentice)
	t.Run("076 lost ACK", testLostACKOfRead)
	t.Run("077 retransmission schedule", testSchedule)
	t.Run("078 give up", testGiveUp)
	t.Run("079 first packet at most 3 times", testUnproved)
	t.Run("080 ERROR in mid-transfer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, w := reading(t, &tftptest.Network{}, content(1, 2000))
			p.expect(data(1, content(1, 512)))
			p.send(ack(1))
			p.expect(data(2, content(1, 1024)[512:]))
			p.send(failure(0, "stop"))
			p.silent(2 * time.Minute)
			var e *tftp.Error
			if done := w.events.done(t, 1); !errors.As(done.Err, &e) || e.Message != "stop" {
				t.Errorf("ended with %v", done.Err)
			}
		})
	})
	t.Run("081 roll-over twice", testRollOverOfRead)
	t.Run("084 087 window", testWindowOfRead)
	t.Run("085 ACK in the middle of a window", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, body := readingWindow(t, 4, 20)
			p.expectBlocks(body, 1, 4)
			p.send(ack(2))
			p.expectBlocks(body, 3, 6)
			p.send(ack(6))
			p.expectBlocks(body, 7, 10)
		})
	})
	t.Run("086 first block of a window lost", testWindowFirstLost)
	t.Run("088 last ACK lost, client gone", testLastACKLost)
}

// reading starts a read of content without options in a bubble.
func reading(t *testing.T, n *tftptest.Network, body []byte) (*peer, *world) {
	t.Helper()
	m := &memory{}
	m.set("f", body)
	w := inBubble(t, &tftp.Server{Handler: m}, n)
	p := w.peer()
	p.request(rrq("f", "octet"))
	return p, w
}

func testSorcerersApprentice(t *testing.T) {
	for _, options := range [][]string{nil, {"windowsize", "1"}} {
		synctest.Test(t, func(t *testing.T) {
			sent := 0
			n := &tftptest.Network{Filter: func(p tftptest.Packet) tftptest.Verdict {
				switch p.Data[1] {
				case 3:
					sent++
				case 4:
					return tftptest.Twice
				}
				return tftptest.Pass
			}}
			m := &memory{}
			body := content(1, 40*512)
			m.set("f", body)
			w := inBubble(t, &tftp.Server{Handler: m}, n)
			p := w.peer()
			p.request(rrq("f", "octet", options...))
			if options != nil {
				p.expect(oack(options...))
				p.send(ack(0))
			}
			if got := p.fetch(512); !bytes.Equal(got, body) {
				t.Error("the content differs")
			}
			synctest.Wait()
			if sent != 41 {
				t.Errorf("%d DATA for 41 blocks", sent)
			}
		})
	}
}

func testLostACKOfRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := content(1, 2000)
		p, _ := reading(t, &tftptest.Network{}, body)
		p.expect(data(1, body[:512]))
		p.send(ack(1))
		p.expect(data(2, body[512:1024]))
		for range 5 {
			p.silent(4 * time.Millisecond)
			p.send(ack(1)) // an old ACK is no reason to send anything
		}
		p.expect(data(2, body[512:1024])) // the timer is
		p.send(ack(2))
		p.expect(data(3, body[1024:1536]))
	})
}

// repetitions returns the times at which the same packet arrives again.
func (p *peer) repetitions(want []byte, during time.Duration) []time.Duration {
	p.t.Helper()
	var list []time.Duration
	start, last := time.Now(), time.Now()
	for {
		got := p.recv(during - time.Since(start))
		if got == nil {
			return list
		}
		if !bytes.Equal(got, want) {
			p.t.Fatalf("got %s, want %s", show(got), show(want))
		}
		list = append(list, time.Since(last))
		last = time.Now()
	}
}

func testSchedule(t *testing.T) {
	jitter := map[time.Duration]bool{}
	for range 5 {
		synctest.Test(t, func(t *testing.T) {
			body := content(1, 2000)
			p, _ := reading(t, &tftptest.Network{Delay: 50 * time.Millisecond}, body)
			p.expect(data(1, body[:512]))
			p.send(ack(1))
			p.expect(data(2, body[512:1024]))
			intervals := p.repetitions(data(2, body[512:1024]), time.Minute)
			if len(intervals) < 4 {
				t.Fatalf("only %d repetitions in a minute: %v", len(intervals), intervals)
			}
			// one sample of 100 ms: 100 + 4*50 ms (RFC 6298 section 2.2)
			if intervals[0] != 300*time.Millisecond {
				t.Errorf("first repetition after %v, want 300ms", intervals[0])
			}
			for i := 1; i < len(intervals); i++ {
				if intervals[i] < 2*intervals[i-1] {
					t.Errorf("interval %v after %v: it does not double", intervals[i], intervals[i-1])
				}
			}
			jitter[intervals[2]] = true
		})
	}
	if len(jitter) == 1 {
		t.Errorf("no jitter: %v", jitter)
	}
}

func testGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := content(1, 2000)
		p, w := reading(t, &tftptest.Network{}, body)
		p.expect(data(1, body[:512]))
		p.send(ack(1))
		n := len(p.repetitions(data(2, body[512:1024]), time.Hour))
		if n < 4 || n > 14 {
			t.Errorf("DATA 2 was sent %d times", n)
		}
		if e := w.events.done(t, 1); !errors.Is(e.Err, tftp.ErrTimeout) || e.Bytes != 512 {
			t.Errorf("ended with %v after %d bytes", e.Err, e.Bytes)
		}
	})
}

func testUnproved(t *testing.T) {
	for _, c := range []struct{ request, first []byte }{
		{rrq("f", "octet"), data(1, []byte("x"))},
		{rrq("f", "octet", "blksize", "100"), oack("blksize", "100")},
		{wrq("g", "octet"), ack(0)},
		{wrq("g", "octet", "blksize", "100"), oack("blksize", "100")},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{}
			m.set("f", []byte("x"))
			w := inBubble(t, &tftp.Server{Handler: m}, &tftptest.Network{})
			p := w.peer()
			p.request(c.request)
			intervals := p.repetitions(c.first, time.Hour)
			if len(intervals) != 3 || intervals[1] >= 3*time.Second || intervals[1]+intervals[2] >= 4*time.Second {
				t.Errorf("%s: sent after %v, want three within 4 s", show(c.first), intervals)
			}
			if e := w.events.done(t, 1); !errors.Is(e.Err, tftp.ErrTimeout) {
				t.Errorf("ended with %v", e.Err)
			}
			if n := w.events.count(tftp.EventConfirmed); n != 0 {
				t.Error("a peer that never answered is confirmed")
			}
		})
	}
}

func testRollOverOfRead(t *testing.T) {
	for _, window := range testlevel.Of([]int{64}, []int{1, 64}, []int{1, 64}) {
		synctest.Test(t, func(t *testing.T) {
			body := content(1, 8*(2*65536+500)+3)
			m := &memory{}
			m.set("f", body)
			w := inBubble(t, &tftp.Server{Handler: m}, &tftptest.Network{})
			p := w.peer()
			options := []string{"blksize", "8", "windowsize", fmt.Sprint(window)}
			p.request(rrq("f", "octet", options...))
			p.expect(oack(options...))
			p.send(ack(0))
			last := blocks(body, 8)
			for from := 1; from <= last; from += window {
				to := min(from+window-1, last)
				p.expectBlocksOf(body, 8, from, to)
				p.send(ack(to))
			}
			if e := w.events.done(t, 1); e.Err != nil || e.Bytes != int64(len(body)) {
				t.Errorf("window %d: ended with %v after %d bytes", window, e.Err, e.Bytes)
			}
		})
	}
}

// readingWindow starts a read of blocks of 512 bytes with a window, over a
// network with a round trip of 40 ms.
func readingWindow(t *testing.T, window, blocks int) (*peer, []byte) {
	t.Helper()
	body := content(1, 512*blocks-12)
	m := &memory{}
	m.set("f", body)
	w := inBubble(t, &tftp.Server{Handler: m}, &tftptest.Network{Delay: 20 * time.Millisecond})
	p := w.peer()
	size := strconv.Itoa(window)
	p.request(rrq("f", "octet", "windowsize", size))
	p.expect(oack("windowsize", size))
	p.send(ack(0))
	return p, body
}

// expectBlocks checks that DATA from to to arrive, with 512 bytes each.
func (p *peer) expectBlocks(body []byte, from, to int) {
	p.t.Helper()
	p.expectBlocksOf(body, 512, from, to)
}

func (p *peer) expectBlocksOf(body []byte, blockSize, from, to int) {
	p.t.Helper()
	for n := from; n <= to; n++ {
		p.expect(data(n, block(body, blockSize, n)))
	}
}

// testProbes never acknowledges a window. The server repeats its last block and its first
// one in turn: a peer that lost the first block may have reported that already.
func testProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, body := readingWindow(t, 8, 20)
		p.expectBlocks(body, 1, 8)
		for _, n := range []int{8, 1, 8, 1} {
			if got := p.recv(time.Minute); !bytes.Equal(got, data(n, block(body, 512, n))) {
				t.Errorf("got %s, want DATA %d", show(got), n)
			}
		}
	})
}

// testWindowLostTwice loses a window and its repetition. A repeated ACK repeats the
// window once; after the server's own timer, once more.
func testWindowLostTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, body := readingWindow(t, 4, 20)
		p.expectBlocks(body, 1, 4)
		time.Sleep(50 * time.Millisecond)
		p.send(ack(0))
		p.expectBlocks(body, 1, 4)
		time.Sleep(30 * time.Millisecond)
		p.send(ack(0))
		if got := p.recv(time.Minute); !bytes.Equal(got, data(4, block(body, 512, 4))) { // the timer
			t.Fatalf("got %s, want DATA 4", show(got))
		}
		time.Sleep(30 * time.Millisecond)
		p.send(ack(0))
		p.expectBlocks(body, 1, 4)
	})
}

// testLongTimeout is silent for three times the negotiated timeout, after blocks have
// moved. The server is as patient.
func testLongTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := content(1, 20*512+5)
		m := &memory{}
		m.set("f", body)
		w := inBubble(t, &tftp.Server{Handler: m}, &tftptest.Network{})
		p := w.peer()
		p.request(rrq("f", "octet", "timeout", "100"))
		p.expect(oack("timeout", "100"))
		for n := range 10 {
			p.send(ack(n))
			p.expect(data(n+1, block(body, 512, n+1)))
		}
		p.repetitions(data(10, block(body, 512, 10)), 310*time.Second)
		p.send(ack(10))
		p.expect(data(11, block(body, 512, 11)))
	})
}

func testWindowOfRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, body := readingWindow(t, 4, 6)
		p.expectBlocks(body, 1, 4)
		p.silent(50 * time.Millisecond)
		p.send(ack(4))
		p.expectBlocks(body, 5, 6)
		p.send(ack(6))
		p.silent(time.Minute)
	})
}

// testWindowFirstLost repeats the last ACK, like a peer that lost the first block of
// a window. The window must be sent again, but only once.
func testWindowFirstLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := content(1, 512*20)
		m := &memory{}
		m.set("f", body)
		w := inBubble(t, &tftp.Server{Handler: m}, &tftptest.Network{Delay: 20 * time.Millisecond})
		p := w.peer()
		p.request(rrq("f", "octet", "windowsize", "4"))
		p.expect(oack("windowsize", "4"))
		p.send(ack(0))
		p.expectBlocks(body, 1, 4)
		p.send(ack(4))
		p.send(ack(4)) // doubled by the network: too early to be about the next window
		p.expectBlocks(body, 5, 8)
		p.silent(10 * time.Millisecond)
		p.send(ack(4)) // block 5 did not come
		p.send(ack(4))
		p.expectBlocks(body, 5, 8)
		p.silent(50 * time.Millisecond)
		p.send(ack(8))
		p.expectBlocks(body, 9, 12)
	})
}

func testLastACKLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := content(1, 600)
		p, w := reading(t, &tftptest.Network{}, body)
		p.expect(data(1, body[:512]))
		p.send(ack(1))
		if n := len(p.repetitions(data(2, body[512:]), time.Hour)); n < 3 || n > 14 {
			t.Errorf("the last DATA was sent %d times", n)
		}
		if e := w.events.done(t, 1); !errors.Is(e.Err, tftp.ErrTimeout) {
			t.Errorf("ended with %v", e.Err)
		}
	})
}

// TestProgressOfRead checks that EventProgress comes once a second for a slow peer.
func TestProgressOfRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, w := reading(t, &tftptest.Network{}, content(1, 4*512))
		for block := 1; block <= 4; block++ {
			p.expect(data(block, content(1, 4*512)[(block-1)*512:block*512]))
			time.Sleep(600 * time.Millisecond)
			p.send(ack(block))
		}
		p.expect(data(5, nil))
		synctest.Wait()
		var told []int64
		for _, e := range w.events.all() {
			if e.Kind == tftp.EventProgress {
				told = append(told, e.Bytes)
			}
		}
		if !slices.Equal(told, []int64{3 * 512}) {
			t.Errorf("told of %d bytes, want 1536 once", told)
		}
	})
}
