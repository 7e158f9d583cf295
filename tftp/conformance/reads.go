package conformance

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// readCases tests how a file is sent.
func readCases() []Case {
	return []Case{
		{Number: 73, Name: "a repeated ACK does not repeat DATA (Sorcerer's Apprentice)", Source: "RFC 1123 section 4.2.3.1", Level: Must, run: sorcerersApprentice},
		{Number: 76, Name: "a lost ACK: DATA is repeated", Source: "RFC 1350 section 2", Level: Must, Slow: true, run: lostACK},
		{Number: 77, Name: "the time between repetitions grows", Source: "RFC 1123 section 4.2.3.2", Level: Must, Slow: true, run: growingIntervals},
		{Number: 79, Name: "a peer that never answers gets the first packet at most three times", Source: "bounds amplification", Level: Hardening, Slow: true, run: unproved},
		{Number: 81, Name: "read more than 131,071 blocks: the number rolls over to 0 twice", Source: "de facto; RFC 1350 is silent", Level: Must, Slow: true, run: rollOverOfRead},
		{Number: 84, Name: "a window of four: four DATA for each ACK", Source: "RFC 7440 section 4", Level: Must, run: windowOfRead},
		{Number: 85, Name: "an ACK in the middle of a window: the next one begins after it", Source: "RFC 7440 section 4", Level: Should, run: ackInWindow},
		{Number: 86, Name: "the last ACK again: the window is sent again", Source: "RFC 7440 section 4", Level: Should, Slow: true, run: rewindOfRead},
		{Number: 88, Name: "the last ACK is lost: the last DATA is repeated", Source: "RFC 1350 section 6", Level: Must, Slow: true, run: lostLastACK},
		{Number: 145, Name: "a repeated ACK does not double all windows after it", Source: "RFC 1123 section 4.2.3.1", Level: Should, run: apprenticeWithWindows},
	}
}

// sorcerersApprentice sends every ACK twice. A server that answers both sends every
// block twice from then on.
func sorcerersApprentice(j *judge) {
	body := content(40 * 512)
	name := j.file(body)
	j.attempts(func() string {
		p := j.peer()
		p.request(rrq(name, "octet"))
		again := 0
		for n := 1; n <= blocks(body, 512); {
			got := p.receive(j.Patience)
			switch {
			case got == nil:
				j.failf("DATA %d did not arrive", n)
			case got.op() != opDATA || got.number() > n:
				j.failf("got %v, want DATA %d", got, n)
			case got.number() < n:
				again++
				continue
			}
			p.ack(n)
			p.ack(n)
			n++
		}
		if again > 10 {
			return fmt.Sprintf("%d of 41 DATA arrived twice", again)
		}
		return ""
	})
}

// apprenticeWithWindows sends one ACK twice, the second time in the middle of the window
// after it. A server may then send that window again. The client acknowledges each copy.
// If the server answers both of these ACKs, it sends each window twice from then on.
func apprenticeWithWindows(j *judge) {
	const window, total = 4, 101
	name := j.file(content(512 * (total - 1)))
	j.attempts(func() string {
		p := j.peer()
		p.reading(name, "windowsize", "4")
		received, last := 0, 0
		for last < total {
			got := p.receive(j.Patience)
			if got == nil || got.op() != opDATA {
				j.failf("got %v, want DATA %d", got, last+1)
			}
			received++
			number := got.number()
			if last == 3*window && number == last+1 {
				time.Sleep(6 * time.Millisecond) // more than half of the round trip
				p.ack(last)
			}
			if number == last+1 {
				last++
			}
			if number == last && (last%window == 0 || last == total) {
				time.Sleep(10 * time.Millisecond) // a round trip
				p.ack(last)
			}
		}
		if received > total*3/2 {
			return fmt.Sprintf("%d DATA arrived for %d blocks", received, total)
		}
		return ""
	})
}

func lostACK(j *judge) {
	body := content(1200)
	p := j.peer()
	p.reading(j.file(body))
	p.wantData(1, body[:512])
	p.ack(1)
	p.wantData(2, body[512:1024])
	if got := p.again(); got.op() != opDATA || got.number() != 2 {
		j.failf("got %v, want DATA 2 again", got)
	}
	p.ack(2)
	p.wantData(3, body[1024:])
	p.ack(3)
}

// growingIntervals measures the time between the repetitions that arrive in half a
// minute.
func growingIntervals(j *judge) {
	body := content(1200)
	name := j.file(body)
	j.attempts(func() string {
		p := j.peer()
		p.reading(name)
		p.wantData(1, body[:512])
		p.ack(1)
		p.wantData(2, body[512:1024])
		start := time.Now()
		var list []time.Duration
		for last := start; p.receive(time.Until(start.Add(30*time.Second))) != nil; last = time.Now() {
			list = append(list, time.Since(last))
		}
		switch n := len(list); {
		case n < 2:
			return fmt.Sprintf("DATA 2 was repeated %d times in 30 s", n)
		case list[n-1] < list[0]*3/2:
			return fmt.Sprintf("the intervals do not grow: %v", rounded(list))
		}
		return ""
	})
}

func rounded(list []time.Duration) []time.Duration {
	for i := range list {
		list[i] = list[i].Round(10 * time.Millisecond)
	}
	return list
}

// unproved counts what a peer gets that never answers. Its address may be forged.
func unproved(j *judge) {
	p := j.peer()
	p.request(rrq(j.file(content(512)), "octet"))
	if n, _ := p.count(20 * time.Second); n == 0 {
		j.failf("nothing arrived")
	} else if n > 3 {
		j.failf("%d packets in 20 s", n)
	}
}

func rollOverOfRead(j *judge) {
	size := 8
	body := content(size*(2*65536+500) + 3)
	p := j.peer()
	p.reading(j.file(body), "blksize", "8")
	if f := p.fetch(size, 1, nil); !bytes.Equal(f.body, body) {
		j.failf("%s", difference(f.body, body))
	}
}

// readingWindow starts a read of this many blocks, the last one short.
func (j *judge) readingWindow(window, n int) (*peer, []byte) {
	body := content(512*n - 12)
	p := j.peer()
	p.reading(j.file(body), "windowsize", strconv.Itoa(window))
	return p, body
}

// wantBlocks wants all these blocks, and none after them. It passes over older ones,
// which the timer of the server repeated.
func (p *peer) wantBlocks(body []byte, from, to int) {
	for seen := map[int]bool{}; len(seen) <= to-from; {
		got := p.receive(p.j.Patience)
		switch n := got.number(); {
		case got == nil || got.op() == opERROR:
			p.j.failf("of the blocks %d to %d, %d arrived, then %v", from, to, len(seen), got)
		case got.op() != opDATA || n < from:
		case n > to:
			p.j.failf("got %v, the window ends with block %d", got, to)
		case !bytes.Equal(got.body(), block(body, 512, n)):
			p.j.failf("DATA %d: %s", n, difference(got.body(), block(body, 512, n)))
		default:
			seen[n] = true
		}
	}
}

func windowOfRead(j *judge) {
	p, body := j.readingWindow(4, 6)
	p.wantBlocks(body, 1, 4)
	p.ack(4)
	p.wantBlocks(body, 5, 6)
	p.ack(6)
}

func ackInWindow(j *judge) {
	p, body := j.readingWindow(4, 20)
	p.wantBlocks(body, 1, 4)
	p.ack(2)
	p.wantBlocks(body, 3, 6)
	p.ack(6)
	p.wantBlocks(body, 7, 10)
	p.send(failure(0, "enough"))
}

// rewindOfRead has a peer that lost a whole window: it sends its last ACK again. The
// window must come again, by the ACK or by the timer of the server. Where that repeats
// one block, the peer acknowledges it, as every client does after a time.
func rewindOfRead(j *judge) {
	p, body := j.readingWindow(4, 8)
	p.wantBlocks(body, 1, 4)
	p.ack(4)
	p.wantBlocks(body, 5, 8)
	time.Sleep(50 * time.Millisecond)
	p.ack(4)
	last := 4
	for end := time.Now().Add(j.Patience); last < 8; {
		switch got := p.receive(time.Second); {
		case got == nil && time.Now().After(end):
			j.failf("of the blocks 5 to 8, only %d came again", last-4)
		case got == nil:
			p.ack(last)
		case got.op() == opDATA && got.number() == last+1:
			last++
		}
	}
	p.ack(8)
}

func lostLastACK(j *judge) {
	body := content(600)
	p := j.peer()
	p.reading(j.file(body))
	p.wantData(1, body[:512])
	p.ack(1)
	p.wantData(2, body[512:])
	if got := p.again(); got.op() != opDATA || got.number() != 2 {
		j.failf("got %v, want DATA 2 again", got)
	}
	p.ack(2)
}
