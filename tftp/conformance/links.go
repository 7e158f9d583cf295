package conformance

import (
	"bytes"
	"fmt"
	"os"
	"time"
)

// linkCases tests transfers over links that are not as good as loopback. They are
// made here, in front of the socket of the client.
func linkCases() []Case {
	return []Case{
		{Number: 137, Name: "read with a window that is larger than a queue on the path", Source: "RFC 7440 section 6", Level: Hardening, Slow: true, run: readOverQueue},
		{Number: 138, Name: "upload with a window that is larger than a queue on the path", Source: "RFC 7440 section 6", Level: Hardening, Slow: true, run: writeOverQueue},
		{Number: 141, Name: "a client that pauses 300 ms every 64 KB gets at most 2 % of the blocks twice", Source: "RFC 1123 section 4.2.3.2", Level: Hardening, Slow: true, run: pausingClient},
	}
}

// The link of the cases with a queue.
const (
	linkRate  = 20_000_000 / 8 // bytes a second
	linkDelay = 30 * time.Millisecond
	linkQueue = 40 // packets
)

// peerOverQueue returns a client behind a slow link with a short queue.
func (j *judge) peerOverQueue() *peer {
	c, err := j.Listen(j.anywhere())
	j.need(err)
	return j.peerOn(newLink(c, linkRate, linkDelay, linkQueue), j.Addr)
}

// largeWindow returns the granted block size and window; a small window ends the case.
func (j *judge) largeWindow(granted map[string]string) (size, window int) {
	size, window = 512, 1
	if v, ok := granted["blksize"]; ok {
		size = number(v)
	}
	if v, ok := granted["windowsize"]; ok {
		window = number(v)
	}
	if window <= linkQueue {
		j.skipf("the server grants a window of %d, the queue takes %d", window, linkQueue)
	}
	return size, window
}

func readOverQueue(j *judge) {
	body := content(1_500_000)
	p := j.peerOverQueue()
	size, window := j.largeWindow(p.negotiate(rrq(j.file(body), "octet", "blksize", "1428", "windowsize", "64")))
	p.ack(0)
	if f := p.fetch(size, window, nil); !bytes.Equal(f.body, body) {
		j.failf("%s", difference(f.body, body))
	}
}

func writeOverQueue(j *judge) {
	body := content(1_500_000)
	p := j.peerOverQueue()
	name := j.target()
	size, window := j.largeWindow(p.negotiate(wrq(name, "octet", "blksize", "1428", "windowsize", "64")))
	if refused := p.store(body, size, window, plain); refused != nil {
		j.failf("got %v", refused)
	}
	j.wantStored(name, body)
}

// pausingClient is a device that erases its flash memory while it receives.
func pausingClient(j *judge) {
	name := j.file(nil)
	j.need(os.Truncate(j.path(name), 2<<20))
	j.attempts(func() string {
		p := j.peer()
		p.reading(name)
		f := p.fetch(512, 1, func(block int) {
			if block%128 == 0 {
				time.Sleep(300 * time.Millisecond)
			}
		})
		if f.again*50 > f.blocks {
			return fmt.Sprintf("%d of %d blocks arrived twice", f.again, f.blocks)
		}
		return ""
	})
}
