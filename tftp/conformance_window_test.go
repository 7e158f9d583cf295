package tftp_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

// testWindowAgain sends a window again whose ACK was lost. The server acknowledges it at
// once, and once for each time, before its own timer does.
func testWindowAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := content(1, 5000)
		p, _ := writingInBubble(t, &tftp.Server{}, &memory{}, "windowsize", "4")
		window := func(first int) {
			for n := first; n < first+4; n++ {
				p.send(data(n, block(body, 512, n)))
			}
		}
		window(1)
		p.expect(ack(4))
		for range 2 {
			window(1)
			if got := p.recv(10 * time.Millisecond); !bytes.Equal(got, ack(4)) {
				t.Errorf("the window again: got %s, want ACK 4", show(got))
			}
			p.silent(10 * time.Millisecond)
		}
		p.send(data(1, block(body, 512, 1))) // and the rest is lost
		p.expect(ack(4))
		window(1)
		p.expect(ack(4))
		window(5)
		p.expect(ack(8))
	})
}

// testSimplePeer uploads like a simple implementation of windows: for each ACK it sends
// the next window. After an ACK that was lost, it must not send ever more windows.
func testSimplePeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const windows = 50
		body := content(1, 512*4*windows+5)
		p, w := writingInBubble(t, &tftp.Server{}, &memory{}, "windowsize", "4")
		sent := 0
		window := func(first int) {
			for n := first; n < first+4 && n <= blocks(body, 512); n++ {
				p.send(data(n, block(body, 512, n)))
				sent++
			}
		}
		window(1)
		p.expect(ack(4)) // lost
		window(1)
		for w.events.count(tftp.EventDone) == 0 && sent < 100*4*windows {
			got := p.recv(time.Minute)
			if len(got) < 4 || got[1] != 4 {
				t.Fatalf("got %s", show(got))
			}
			window(int(got[2])<<8 + int(got[3]) + 1)
			synctest.Wait()
		}
		if sent > 2*4*windows {
			t.Errorf("%d blocks were sent, the file has %d", sent, blocks(body, 512))
		}
	})
}

// testLessThanTSize ends an upload before its announced size.
func testLessThanTSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		p, w := writingInBubble(t, &tftp.Server{}, m, "tsize", "1000")
		p.store(content(1, 1000), 512, 1, 2)
		p.send(data(2, content(1, 400)))
		p.expectError(0)
		synctest.Wait()
		if e := w.events.done(t, 1); e.Err == nil {
			t.Error("ended as complete")
		}
		if _, ok := m.get("f"); ok {
			t.Error("stored")
		}
	})
}

// testBlockZeroLost loses the block after 65535 in a window. Block 1, which follows it,
// must not be taken for the one that was lost.
func testBlockZeroLost(t *testing.T) {
	testlevel.NeedFull(t, "takes seconds")
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		body := content(1, 8*65545+3)
		p, _ := writingInBubble(t, &tftp.Server{}, m, "blksize", "8", "windowsize", "5")
		send := func(from, to int) {
			for n := from; n <= to; n++ {
				p.send(data(n, block(body, 8, n)))
			}
		}
		for n := 1; n <= 65535; n += 5 {
			send(n, n+4)
			p.expect(ack(n + 4))
		}
		send(65537, 65540)
		p.expect(ack(65535)) // a gap
		send(65536, 65540)
		p.expect(ack(65540))
		send(65541, 65545)
		p.expect(ack(65545))
		send(65546, 65546)
		p.expect(ack(65546))
		if got, _ := m.get("f"); !bytes.Equal(got, body) {
			t.Error("the content differs")
		}
	})
}

// testErrorOnce has a peer with many blocks in flight when the server refuses the
// upload. It gets the ERROR once, and again after a second.
func testErrorOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := writingInBubble(t, &tftp.Server{}, &memory{}, "tsize", "100", "windowsize", "32")
		for n := 1; n <= 32; n++ {
			p.send(data(n, make([]byte, 512)))
		}
		p.expectError(3)
		p.silent(900 * time.Millisecond)
		time.Sleep(200 * time.Millisecond)
		p.send(data(1, make([]byte, 512)))
		p.expectError(3)
	})
}

// testMovingWindow is silent until the server has repeated its ACK as often as it does,
// and then sends a part of a window. The blocks moved, so the server goes on.
func testMovingWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := content(1, 5000)
		p, _ := writingInBubble(t, &tftp.Server{Retries: 2}, &memory{}, "windowsize", "4", "timeout", "1")
		for n := 1; n <= 4; n++ {
			p.send(data(n, block(body, 512, n)))
		}
		p.expect(ack(4))
		for range 2 {
			if got := p.recv(time.Minute); !bytes.Equal(got, ack(4)) {
				t.Fatalf("got %s, want ACK 4 again", show(got))
			}
		}
		p.send(data(5, block(body, 512, 5)))
		if got := p.recv(time.Minute); !bytes.Equal(got, ack(5)) {
			t.Errorf("got %s, want ACK 5", show(got))
		}
	})
}

// TestOnlyTheLastOfAWindow loses all blocks of a window but the last one. The server
// reports that at once, before its own timer does.
func TestOnlyTheLastOfAWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := content(1, 5000)
		p, _ := writingInBubble(t, &tftp.Server{}, &memory{}, "windowsize", "4")
		for n := 1; n <= 4; n++ {
			p.send(data(n, block(body, 512, n)))
		}
		p.expect(ack(4))
		p.send(data(8, block(body, 512, 8)))
		if got := p.recv(10 * time.Millisecond); !bytes.Equal(got, ack(4)) {
			t.Errorf("got %s, want ACK 4", show(got))
		}
	})
}

// TestNoBlockZero sends a block 0, which no file has at its beginning.
func TestNoBlockZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := writingInBubble(t, &tftp.Server{}, &memory{}, "windowsize", "4")
		for n := 1; n <= 4; n++ {
			p.send(data(n, make([]byte, 512)))
		}
		p.expect(ack(4))
		p.send(data(0, make([]byte, 512)))
		p.silent(10 * time.Millisecond)
	})
}

// TestFarRewind goes on with the next window after an ACK was lost, as atftp does, and
// then back to the first block. The server acknowledges all that it has.
func TestFarRewind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := writingInBubble(t, &tftp.Server{}, &memory{}, "windowsize", "4")
		for n := 1; n <= 4; n++ {
			p.send(data(n, make([]byte, 512)))
		}
		p.expect(ack(4))
		p.send(data(5, make([]byte, 512)))
		p.send(data(6, make([]byte, 512)))
		p.send(data(1, make([]byte, 512)))
		if got := p.recv(10 * time.Millisecond); !bytes.Equal(got, ack(6)) {
			t.Errorf("got %s, want ACK 6", show(got))
		}
	})
}

// TestACKOfABlockNotSent acknowledges the block after the one that the server sent.
func TestACKOfABlockNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		m.set("f", content(1, 2000))
		p := inBubble(t, &tftp.Server{Handler: m}, &tftptest.Network{}).peer()
		p.request(rrq("f", "octet"))
		p.expect(data(1, block(content(1, 2000), 512, 1)))
		p.send(ack(2))
		p.silent(10 * time.Millisecond)
		p.send(ack(1))
		p.expect(data(2, block(content(1, 2000), 512, 2)))
	})
}
