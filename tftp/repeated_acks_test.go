package tftp_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

// The tests of this file are about the Sorcerer's Apprentice (RFC 1123 section 4.2.3.1):
// one packet that arrived twice must not double all packets after it.

const (
	apprenticeWindow = 4
	apprenticeBlocks = 50*apprenticeWindow + 1
	apprenticeMost   = apprenticeBlocks + 5*apprenticeWindow // a few windows may be sent twice
)

// TestPartOfAWindowAgain uploads like a simple implementation of windows, which sends
// the next window for each ACK. The end of a window was lost, and then the ACK of its
// beginning.
func TestPartOfAWindowAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := content(1, 512*(apprenticeBlocks-1)+5)
		p, w := writingInBubble(t, &tftp.Server{}, &memory{}, "windowsize", "4")
		sent := 0
		send := func(first, last int) {
			for n := first; n <= min(last, apprenticeBlocks); n++ {
				p.send(data(n, block(body, 512, n)))
				sent++
			}
		}
		send(1, 2)
		p.expect(ack(2)) // of the server's timer; it is lost
		send(1, apprenticeWindow)
		for w.events.count(tftp.EventDone) == 0 && sent < 10*apprenticeBlocks {
			got := p.recv(time.Minute)
			if len(got) < 4 || got[1] != 4 {
				t.Fatalf("got %s", show(got))
			}
			n := int(binary.BigEndian.Uint16(got[2:]))
			send(n+1, n+apprenticeWindow)
			synctest.Wait()
		}
		if sent > apprenticeMost {
			t.Errorf("%d blocks were sent, the file has %d", sent, apprenticeBlocks)
		}
	})
}

// readWindows acknowledges each window whose last block arrives, new or not, until the
// end of the file. It returns how many blocks arrived. each is called for each of them.
func (p *peer) readWindows(each func(received int)) (received int) {
	p.t.Helper()
	for last := 0; last < apprenticeBlocks; {
		got := p.recv(time.Minute)
		if len(got) < 4 || got[1] != 3 {
			p.t.Fatalf("got %s", show(got))
		}
		received++
		each(received)
		switch number := int(binary.BigEndian.Uint16(got[2:])); {
		case number == last+1:
			last++
		case number != last:
			continue
		}
		if last%apprenticeWindow == 0 || last == apprenticeBlocks {
			p.send(ack(last))
		}
	}
	return received
}

// TestAnACKTwice reads a file with windows over a link where a window takes longer than
// the round trip. An ACK arrives again in the middle of a window.
func TestAnACKTwice(t *testing.T) {
	for _, options := range [][]string{{"windowsize", "4"}, {"windowsize", "4", "timeout", "1"}} {
		t.Run(fmt.Sprint(options), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &memory{}
				m.set("f", content(1, 512*(apprenticeBlocks-1)+5))
				n := &tftptest.Network{Delay: 100 * time.Microsecond, Rate: 1_000_000, Queue: 100}
				p := inBubble(t, &tftp.Server{Handler: m}, n).peer()
				p.request(rrq("f", "octet", options...))
				p.expect(oack(options...))
				p.send(ack(0))
				received := p.readWindows(func(received int) {
					if received == 10*apprenticeWindow+2 {
						p.send(ack(10 * apprenticeWindow))
					}
				})
				if received > apprenticeMost {
					t.Errorf("%d blocks were sent, the file has %d", received, apprenticeBlocks)
				}
			})
		})
	}
}

// TestEachACKTwice reads a file with windows. Each ACK arrives again after three
// quarters of the round trip, when it may mean that the next window was lost. Then that
// window is sent again, but not the one after it.
func TestEachACKTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := readingInWindows(t)
		const part = 100 * time.Millisecond
		time.Sleep(4 * part)
		p.send(ack(0))
		received := 0
		count := func(d time.Duration) {
			time.Sleep(d)
			for p.recv(time.Nanosecond) != nil {
				received++
			}
		}
		for last := 0; last < apprenticeBlocks; {
			count(3 * part)
			p.send(ack(last))
			count(part)
			last = min(last+apprenticeWindow, apprenticeBlocks)
			p.send(ack(last))
		}
		if received > apprenticeBlocks*3/2+apprenticeWindow {
			t.Errorf("%d blocks were sent, the file has %d", received, apprenticeBlocks)
		}
	})
}

// readingInWindows requests a file in a bubble. The answer to the OACK is due.
func readingInWindows(t *testing.T) *peer {
	t.Helper()
	m := &memory{}
	m.set("f", content(1, 512*(apprenticeBlocks-1)+5))
	p := inBubble(t, &tftp.Server{Handler: m}, &tftptest.Network{}).peer()
	p.request(rrq("f", "octet", "windowsize", "4"))
	p.expect(oack("windowsize", "4"))
	return p
}

// TestLossAfterACopy loses the first block of a window, and then the first block of the
// next one. Its repeated ACK could be one of the second copy of the first window. But
// the answer to the block that the server's timer repeats cannot.
func TestLossAfterACopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := readingInWindows(t)
		time.Sleep(time.Millisecond)
		window := func(first int) {
			t.Helper()
			for n := first; n < first+apprenticeWindow; n++ {
				if got := p.recv(10 * time.Millisecond); len(got) < 4 || !bytes.Equal(got[:4], data(n, nil)) {
					t.Fatalf("got %s, want DATA %d", show(got), n)
				}
			}
		}
		for _, n := range []int{0, 0, 4} { // block 1 was lost
			p.send(ack(n))
			window(n + 1)
			time.Sleep(time.Millisecond)
		}
		p.send(ack(4)) // block 5 was lost
		if got := p.recv(time.Second); len(got) < 4 || !bytes.Equal(got[:4], data(8, nil)) {
			t.Fatalf("got %s, want DATA 8 again", show(got))
		}
		p.send(ack(4))
		window(5)
	})
}

// TestOACKTwice reads a file with windows. The peer was busy and answers the OACK and
// its repetition, which the server's timer caused, or a repeated request.
func TestOACKTwice(t *testing.T) {
	for _, pause := range []time.Duration{time.Microsecond, 100 * time.Microsecond, 500 * time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{}
			m.set("f", content(1, 512*(apprenticeBlocks-1)+5))
			n := &tftptest.Network{Delay: time.Millisecond}
			p := inBubble(t, &tftp.Server{Handler: m}, n).peer()
			p.request(rrq("f", "octet", "windowsize", "4"))
			p.expect(oack("windowsize", "4"))
			if pause == 500*time.Millisecond {
				p.sendTo(p.port, rrq("f", "octet", "windowsize", "4"))
			}
			p.expect(oack("windowsize", "4"))
			p.send(ack(0))
			time.Sleep(pause)
			p.send(ack(0))
			if received := p.readWindows(func(int) {}); received > apprenticeMost {
				t.Errorf("%v: %d blocks were sent, the file has %d", pause, received, apprenticeBlocks)
			}
		})
	}
}

// TestClientsACKTwice moves files by a Client. The network doubles one ACK.
func TestClientsACKTwice(t *testing.T) {
	for name, c := range map[string]tftp.Client{"adaptive": {}, "timeout": {Timeout: time.Second}, "timeout of the server": {ServerTimeout: time.Second}} {
		for _, op := range []string{"put", "get"} {
			t.Run(op+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					acks, sent := 0, 0
					n := &tftptest.Network{Delay: 100 * time.Microsecond, Rate: 1_000_000, Queue: 100, Filter: func(p tftptest.Packet) tftptest.Verdict {
						switch p.Data[1] {
						case 3:
							sent++
						case 4:
							if acks++; acks == 5 {
								return tftptest.Twice
							}
						}
						return tftptest.Pass
					}}
					body := content(1, 512*(apprenticeBlocks-1)+5)
					m := &memory{}
					m.set("f", body)
					w := inBubble(t, &tftp.Server{Handler: m}, n)
					c.Listen, c.Window = n.Listen, apprenticeWindow
					var err error
					if op == "put" {
						_, err = c.Put(t.Context(), w.server, "g", bytes.NewReader(body), -1)
					} else {
						_, err = c.Get(t.Context(), w.server, "f", io.Discard)
					}
					if err != nil || sent > apprenticeMost {
						t.Errorf("%d blocks were sent, the file has %d; %v", sent, apprenticeBlocks, err)
					}
				})
			})
		}
	}
}

// TestClientAnswersEachOACK loses the first ACK of a Client that waits long. The server
// repeats its OACK, and would not wait as long as the Client.
func TestClientAnswersEachOACK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		acks := 0
		n := &tftptest.Network{Delay: time.Millisecond, Filter: func(p tftptest.Packet) tftptest.Verdict {
			if p.Data[1] == 4 {
				if acks++; acks == 1 {
					return tftptest.Drop
				}
			}
			return tftptest.Pass
		}}
		m := &memory{}
		m.set("f", content(1, 3000))
		w := inBubble(t, &tftp.Server{Handler: m}, n)
		c := tftp.Client{Listen: n.Listen, BlockSize: 1000, Timeout: 10 * time.Second}
		if _, err := c.Get(t.Context(), w.server, "f", io.Discard); err != nil {
			t.Error(err)
		}
	})
}
