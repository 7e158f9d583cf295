package tftp_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

// simpleSender uploads with a window as atftp 0.8 does: it goes to the block after each
// ACK that it reads, new or old, and looks for one after each block that it sends. At the
// end of a window it waits. If nothing comes, it goes on with the next window.
type simpleSender struct {
	*peer
	body   []byte
	window int
	pause  func() // before each packet, as a busy machine causes it
	sent   int    // blocks
	waits  int    // that ended without an ACK
}

const (
	simpleBlock   = 512
	simpleTimeout = 5 * time.Second
	simpleRetries = 5
)

var errGaveUp = errors.New("the sender gave up")

// run requests the upload and sends the file.
func (s *simpleSender) run() error {
	for s.to == s.port {
		s.request(wrq("f", "octet", "windowsize", strconv.Itoa(s.window)))
		s.recv(simpleTimeout)
	}
	return s.blocks()
}

// blocks sends the blocks until the last one is acknowledged.
func (s *simpleSender) blocks() error {
	next, inWindow, last, timeouts := 0, 0, -1, 0 // blocks are counted from 0; -1: the last one was not reached
	for {
		s.pause()
		payload := block(s.body, simpleBlock, next+1)
		s.send(data(next+1, payload))
		s.sent++
		inWindow++
		if len(payload) < simpleBlock {
			last = next
		} else {
			next++
		}
		patience := 5 * time.Microsecond
		if inWindow >= s.window || last != -1 {
			inWindow, patience = 0, simpleTimeout
		}
		got := s.recv(patience)
		if got == nil && patience == simpleTimeout {
			s.waits++
			if timeouts++; timeouts > simpleRetries {
				return errGaveUp
			}
		}
		if got == nil || got[1] == 6 { // an OACK again
			continue
		}
		if got[1] != 4 {
			return errors.New(show(got))
		}
		timeouts, inWindow, next = 0, 0, int(binary.BigEndian.Uint16(got[2:]))
		if next < last {
			last = -1
		}
		if last != -1 && next > last {
			return nil
		}
	}
}

// TestSimpleSenders uploads from a busy machine: the sender pauses at any time, so the
// server repeats ACKs that the sender then reads late. Each upload ends well, and sends
// no block ever more often.
func TestSimpleSenders(t *testing.T) {
	const length = 31 // blocks
	body := content(1, (length-1)*simpleBlock+5)
	for seed := range uint64(testlevel.Of(100, 1000, 100_000)) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			m := &memory{}
			n := &tftptest.Network{Seed: seed, Delay: time.Duration(r.IntN(3)) * 20 * time.Microsecond, Loss: float64(seed%3) / 200}
			w := inBubble(t, &tftp.Server{Handler: m}, n)
			s := &simpleSender{peer: w.peer(), body: body, window: 8}
			often, longest := r.Float64()/10, 1+r.Int64N(int64(200*time.Millisecond))
			s.pause = func() {
				if r.Float64() < often {
					time.Sleep(time.Duration(r.Int64N(longest)))
				}
			}
			err := s.run()
			if got, _ := m.get("f"); err != nil || s.sent > 6*length || s.waits > 0 && n.Loss == 0 || !bytes.Equal(got, body) {
				t.Errorf("seed %d: %v; %d blocks of %d were sent, %d times no ACK came, %d bytes arrived", seed, err, s.sent, length, s.waits, len(got))
			}
		})
	}
}

// TestBlockAfterTheLast reads an old ACK after the last block was sent, and then that of
// the last block. atftp goes on with an empty block after the last one.
func TestBlockAfterTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := content(1, 3*512+5)
		m := &memory{}
		p, _ := writingInBubble(t, &tftp.Server{}, m, "windowsize", "8")
		for n := range 4 {
			p.send(data(n+1, block(body, 512, n+1)))
		}
		p.expect(ack(4))
		p.send(data(5, nil))
		p.expect(ack(5))
		for _, b := range [][]byte{data(5, []byte("x")), data(6, nil), data(4, block(body, 512, 4))} {
			p.send(b)
			p.expect(ack(4))
		}
		if got, _ := m.get("f"); !bytes.Equal(got, body) {
			t.Error("the content differs")
		}
	})
}
