package tftp_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

// TestReceiving runs section E of the conformance cases: write requests. The cases
// that need a directory of files are in TestDirectory.
func TestReceiving(t *testing.T) {
	for name, n := range map[string]int{
		"089 small":               100,
		"090 multiple of blksize": 1024,
		"091 empty":               0,
	} {
		t.Run(name, func(t *testing.T) {
			p, m, w := writing(t)
			body := content(1, n)
			last := blocks(body, 512)
			p.store(body, 512, 1, last)
			if _, ok := m.get("f"); ok {
				t.Error("stored before the final block came")
			}
			p.store(body, 512, last, last+1)
			if got, ok := m.get("f"); !ok || !bytes.Equal(got, body) {
				t.Errorf("stored %v, %d bytes, want %d", ok, len(got), n)
			}
			if e := w.events.done(t, 1); e.Err != nil || e.Bytes != int64(n) {
				t.Errorf("ended with %v after %d bytes", e.Err, e.Bytes)
			}
		})
	}
	t.Run("092 duplicate DATA", func(t *testing.T) {
		p, m, _ := writing(t)
		body := content(1, 1300)
		for n := 1; n <= 3; n++ {
			for range 4 {
				p.send(data(n, block(body, 512, n)))
				p.expect(ack(n))
			}
		}
		if got, _ := m.get("f"); !bytes.Equal(got, body) {
			t.Error("the content differs")
		}
	})
	t.Run("093 gap", func(t *testing.T) {
		p, m, _ := writing(t)
		body := content(1, 1300)
		p.store(body, 512, 1, 2)
		p.send(data(3, block(body, 512, 3)))
		p.send(data(0, block(body, 512, 3)))
		p.store(body, 512, 2, 4)
		if got, _ := m.get("f"); !bytes.Equal(got, body) {
			t.Error("the content differs")
		}
	})
	t.Run("096 oversize DATA", func(t *testing.T) {
		p, m, w := writing(t)
		p.store(content(1, 512), 512, 1, 2)
		p.send(data(2, content(1, 600)))
		p.expectError(4)
		if e := w.events.done(t, 1); e.Err == nil {
			t.Error("ended as complete")
		}
		w.stop()
		if _, ok := m.get("f"); ok || len(m.aborts()) != 1 {
			t.Errorf("stored %v, aborted %v", ok, m.aborts())
		}
	})
	t.Run("098 lost ACK", testLostACKOfWrite)
	t.Run("099 final ACK lost", testDally)
	t.Run("100 final ACK means stored", testCommitFirst)
	t.Run("102 disk full on the last block", func(t *testing.T) {
		testWriteFails(t, 0, fmt.Errorf("write /secret/path: %w", syscall.ENOSPC), 3)
	})
	t.Run("101 disk full mid-way", func(t *testing.T) {
		testWriteFails(t, 100_000, syscall.ENOSPC, 3)
	})
	t.Run("103 EIO at fsync", func(t *testing.T) {
		testCommitFails(t, fmt.Errorf("sync /secret/path: %w", syscall.EIO), 0)
	})
	t.Run("103 file system turned read-only", func(t *testing.T) {
		testWriteFails(t, 100_000, fmt.Errorf("write /secret/path: %w", syscall.EROFS), 2)
	})
	t.Run("103 quota at fsync", func(t *testing.T) {
		testCommitFails(t, syscall.EDQUOT, 3)
	})
	t.Run("106 client ERROR", func(t *testing.T) {
		p, m, w := writing(t)
		p.store(content(1, 1024), 512, 1, 3)
		p.send(failure(0, "gone"))
		var e *tftp.Error
		if done := w.events.done(t, 1); !errors.As(done.Err, &e) || e.Message != "gone" {
			t.Errorf("ended with %v", done.Err)
		}
		p.silent(50 * time.Millisecond)
		w.stop()
		if _, ok := m.get("f"); ok || len(m.aborts()) != 1 {
			t.Errorf("stored %v, aborted %v", ok, m.aborts())
		}
	})
	t.Run("107 client vanishes", testVanished)
	t.Run("108 more than tsize", testMoreThanTSize)
	t.Run("108 more than the limit", testBeyondLimit)
	t.Run("109 roll-over twice", testRollOverOfWrite)
	t.Run("110 roll-over to 1", testRollOverToOne)
	t.Run("111 slow sender", testSlowSender)
	t.Run("112 netascii", testNetasciiWrite)
	t.Run("114 loss inside a window", testWindowLoss)
	t.Run("139 a window that is sent again", testWindowAgain)
	t.Run("139 a simple peer that loses an ACK", testSimplePeer)
	t.Run("139 a window that begins again late", testMovingWindow)
	t.Run("108 less than tsize", testLessThanTSize)
	t.Run("110 block 0 is lost in a window", testBlockZeroLost)
	t.Run("108 an ERROR is not repeated for each block of a window", testErrorOnce)
}

// writing starts a write without options on loopback.
func writing(t *testing.T) (*peer, *memory, *world) {
	t.Helper()
	m := &memory{}
	w := onLoopback(t, &tftp.Server{Handler: m})
	p := w.peer()
	p.request(wrq("f", "octet"))
	p.expect(ack(0))
	return p, m, w
}

// writingInBubble is writing in a synctest bubble.
func writingInBubble(t *testing.T, s *tftp.Server, m *memory, options ...string) (*peer, *world) {
	t.Helper()
	s.Handler = m
	w := inBubble(t, s, &tftptest.Network{})
	p := w.peer()
	p.request(wrq("f", "octet", options...))
	if len(options) > 0 {
		p.expect(oack(options...))
	} else {
		p.expect(ack(0))
	}
	return p, w
}

func testLostACKOfWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := content(1, 1300)
		p, _ := writingInBubble(t, &tftp.Server{}, &memory{})
		p.store(body, 512, 1, 2)
		if got := p.recv(10 * time.Second); !bytes.Equal(got, ack(1)) { // on the timer
			t.Fatalf("got %s, want ACK 1 again", show(got))
		}
		p.send(data(1, block(body, 512, 1))) // on the repeated DATA
		p.expect(ack(1))
		p.store(body, 512, 2, 4)
	})
}

func testDally(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		p, w := writingInBubble(t, &tftp.Server{}, m)
		p.store(content(1, 700), 512, 1, 3)
		last := data(2, block(content(1, 700), 512, 2))
		for range 3 { // IOS repeats after 4 to 5 s
			p.silent(5 * time.Second)
			p.send(last)
			p.expect(ack(2))
		}
		if n := w.events.count(tftp.EventDone); n != 1 || m.opens() != 1 {
			t.Errorf("%d ends, %d files opened", n, m.opens())
		}
		time.Sleep(time.Minute)
		p.send(last)
		p.expectError(5)
	})
}

func testCommitFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		committing := make(chan struct{})
		m := &memory{committed: func(string) error { <-committing; return nil }}
		p, w := writingInBubble(t, &tftp.Server{}, m)
		p.store(content(1, 700), 512, 1, 2)
		last := data(2, block(content(1, 700), 512, 2))
		for range 20 { // repeats are absorbed, however long it takes
			p.send(last)
			p.silent(5 * time.Second)
		}
		if w.events.count(tftp.EventDone) != 0 {
			t.Error("the transfer ended before Commit")
		}
		close(committing)
		p.expect(ack(2))
		p.silent(10 * time.Second)
		p.send(last)
		p.expect(ack(2))
		if e := w.events.done(t, 1); e.Err != nil {
			t.Errorf("ended with %v", e.Err)
		}
	})
}

func testCommitFails(t *testing.T, err error, code uint16) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{committed: func(string) error { return err }}
		p, w := writingInBubble(t, &tftp.Server{}, m)
		p.store(content(1, 700), 512, 1, 2)
		last := data(2, block(content(1, 700), 512, 2))
		p.send(last)
		if text := p.expectError(code); strings.Contains(text, "secret") {
			t.Errorf("the text reveals the server's error: %q", text)
		}
		time.Sleep(5 * time.Second)
		p.send(last) // the ERROR was lost
		p.expectError(code)
		if e := w.events.done(t, 1); !errors.Is(e.Err, err) {
			t.Errorf("ended with %v", e.Err)
		}
		if n := w.events.count(tftp.EventRefused); n != 1 {
			t.Errorf("%d EventRefused", n)
		}
		w.stop()
		if n := len(m.aborts()); n != 0 {
			t.Errorf("Abort after Commit, %d times", n)
		}
	})
}

// testWriteFails sends a file until its Writer fails at an offset.
func testWriteFails(t *testing.T, offset int, err error, code uint16) {
	synctest.Test(t, func(t *testing.T) {
		body := content(1, 400_000)
		if offset == 0 {
			body = body[:700]
		}
		m := &memory{write: func(done int, b []byte) error {
			if done+len(b) > offset {
				return err
			}
			return nil
		}}
		p, w := writingInBubble(t, &tftp.Server{}, m)
		n := 0
		for n = 1; n <= blocks(body, 512); n++ {
			p.send(data(n, block(body, 512, n)))
			got := p.recv(p.soon())
			if bytes.Equal(got, ack(n)) {
				continue
			}
			if len(got) < 4 || !bytes.Equal(got[:4], []byte{0, 5, 0, byte(code)}) {
				t.Fatalf("got %s, want ERROR %d", show(got), code)
			}
			break
		}
		if n > blocks(body, 512) {
			t.Fatal("the whole file was acknowledged")
		}
		if ahead := n*512 - offset; ahead > 3*64<<10 {
			t.Errorf("%d bytes were acknowledged after the error", ahead)
		}
		if e := w.events.done(t, 1); !errors.Is(e.Err, err) {
			t.Errorf("ended with %v", e.Err)
		}
		w.stop()
		if len(m.aborts()) != 1 || !errors.Is(m.aborts()[0], err) {
			t.Errorf("aborted with %v", m.aborts())
		}
	})
}

func testVanished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		p, w := writingInBubble(t, &tftp.Server{MaxTransfers: 1}, m)
		p.store(content(1, 1024), 512, 1, 3)
		other := w.peer()
		other.request(wrq("g", "octet"))
		other.expectError(0) // the only slot is taken
		start := time.Now()
		p.repetitions(ack(2), 5*time.Minute)
		if e := w.events.done(t, 1); !errors.Is(e.Err, tftp.ErrTimeout) || e.Bytes != 1024 {
			t.Errorf("ended with %v after %d bytes", e.Err, e.Bytes)
		}
		if took := time.Since(start); took > 5*time.Minute {
			t.Errorf("it took %v", took)
		}
		other.request(wrq("g", "octet"))
		other.expect(ack(0))
		if len(m.aborts()) != 1 || !errors.Is(m.aborts()[0], tftp.ErrTimeout) {
			t.Errorf("aborted with %v", m.aborts())
		}
	})
}

func testMoreThanTSize(t *testing.T) {
	m := &memory{}
	w := onLoopback(t, &tftp.Server{Handler: m})
	p := w.peer()
	p.request(wrq("f", "octet", "tsize", "600"))
	p.expect(oack("tsize", "600"))
	p.store(content(1, 1024), 512, 1, 2)
	p.send(data(2, content(1, 1024)[512:601]))
	p.expectError(3)
	w.stop()
	if _, ok := m.get("f"); ok || len(m.aborts()) != 1 {
		t.Errorf("stored %v, aborted %v", ok, m.aborts())
	}
}

// testBeyondLimit sends 20 000 bytes where 10 000 are permitted: the first block
// beyond is refused.
func testBeyondLimit(t *testing.T) {
	for _, window := range []int{1, 4} {
		for _, size := range []int{10_000, 20_000} {
			synctest.Test(t, func(t *testing.T) {
				tooMuch := &tftp.Error{Code: 3, Message: "too much"}
				m := &memory{limit: 10_000, write: func(done int, b []byte) error {
					if done+len(b) > 10_000 {
						return tooMuch
					}
					return nil
				}}
				body := content(1, size)
				p, w := writingInBubble(t, &tftp.Server{}, m, "windowsize", fmt.Sprint(window))
				last := blocks(body, 512)
				for n := 1; n <= last && (n-1)*512 <= 10_000; n++ {
					p.send(data(n, block(body, 512, n)))
					switch {
					case n*512 > 10_000 && size > 10_000:
						p.expectError(3)
						if e := w.events.done(t, 1); !errors.Is(e.Err, tooMuch) {
							t.Errorf("ended with %v", e.Err)
						}
					case n%window == 0 || n == last:
						p.expect(ack(n))
					}
				}
				w.stop()
				if _, ok := m.get("f"); ok != (size <= 10_000) {
					t.Errorf("window %d, %d bytes: stored %v", window, size, ok)
				}
			})
		}
	}
}

// testRollOverToOne sends blocks like a client that continues after 65535 with 1:
// the server keeps to these numbers for the rest of the transfer.
func testRollOverToOne(t *testing.T) {
	testlevel.NeedFull(t, "takes seconds")
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		body := content(1, 8*(2*65535+500)+3)
		p, _ := writingInBubble(t, &tftp.Server{}, m, "blksize", "8")
		for n := 1; n <= blocks(body, 8); n++ {
			number := (n-1)%65535 + 1
			p.send(data(number, block(body, 8, n)))
			p.expect(ack(number))
			if number < 3 || number > 65533 {
				p.send(data(number, block(body, 8, n))) // our ACK was lost
				p.expect(ack(number))
			}
		}
		if got, _ := m.get("f"); !bytes.Equal(got, body) {
			t.Error("the content differs")
		}
	})
}

func testRollOverOfWrite(t *testing.T) {
	for _, window := range testlevel.Of([]int{64}, []int{1, 64}, []int{1, 64}) {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{}
			body := content(1, 8*(2*65536+500)+3)
			p, _ := writingInBubble(t, &tftp.Server{}, m, "blksize", "8", "windowsize", fmt.Sprint(window))
			last := blocks(body, 8)
			for n := 1; n <= last; n++ {
				p.send(data(n, block(body, 8, n)))
				if n%window == 0 || n == last {
					p.expect(ack(n))
				}
			}
			if got, _ := m.get("f"); !bytes.Equal(got, body) {
				t.Error("the content differs")
			}
		})
	}
}

func testSlowSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		body := content(1, 2500)
		p, _ := writingInBubble(t, &tftp.Server{}, m)
		for n := 1; n <= blocks(body, 512); n++ {
			p.send(data(n, block(body, 512, n)))
			p.expect(ack(n))
			p.repetitions(ack(n), 30*time.Second) // the device reads its flash
		}
		if got, _ := m.get("f"); !bytes.Equal(got, body) {
			t.Error("the content differs")
		}
	})
}

func testNetasciiWrite(t *testing.T) {
	for sent, want := range map[string]string{
		"a\r\nb":                             "a\nb",
		"a\r\x00b":                           "a\rb",
		"a\rb":                               "a\rb",
		"a\r":                                "a\r",
		"\r\r\n\n":                           "\r\n\n",
		"12345678\r":                         "12345678\r",
		"1234567\r\n2345678\r\x00bcdefg\r\n": "1234567\n2345678\rbcdefg\n", // pairs over block borders
		"1234567\r\x00":                      "1234567\r",
	} {
		m := &memory{}
		w := onLoopback(t, &tftp.Server{Handler: m})
		p := w.peer()
		p.request(wrq("f", "netascii", "blksize", "8"))
		p.expect(oack("blksize", "8"))
		body := []byte(sent)
		p.store(body, 8, 1, blocks(body, 8)+1)
		if got, _ := m.get("f"); string(got) != want {
			t.Errorf("%q stored as %q, want %q", sent, got, want)
		}
	}
}

func testWindowLoss(t *testing.T) {
	m := &memory{}
	body := content(1, 9*512+5)
	w := onLoopback(t, &tftp.Server{Handler: m})
	p := w.peer()
	p.request(wrq("f", "octet", "windowsize", "4"))
	p.expect(oack("windowsize", "4"))
	for _, n := range []int{1, 3, 4} {
		p.send(data(n, block(body, 512, n)))
	}
	p.expect(ack(1)) // once
	for n := 2; n <= 5; n++ {
		p.send(data(n, block(body, 512, n)))
	}
	p.expect(ack(5))
	for n := 6; n <= 9; n++ {
		p.send(data(n, block(body, 512, n)))
	}
	p.expect(ack(9))
	p.send(data(10, block(body, 512, 10)))
	p.expect(ack(10))
	if got, _ := m.get("f"); !bytes.Equal(got, body) {
		t.Error("the content differs")
	}
}
