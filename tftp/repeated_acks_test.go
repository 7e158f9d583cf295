package tftp_test

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/tftp"
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
