package tftp

import "time"

const (
	unprovedRepeats = 2               // repetitions of an unanswered first packet
	unprovedWait    = 8 * time.Second // time for the first answer; IOS repeats a request after 4 to 5 s
	startedBlocks   = 8               // a peer that moved so many blocks gets the patience of its long timeout
)

// clock knows how long a session waits for its peer: until it repeats a packet, and
// until it gives up.
type clock struct {
	rt        retransmit
	retries   int           // of one packet, before the transfer fails
	idle      time.Duration // silence of the peer, after which the transfer fails
	confirmed bool          // the peer has answered: its address is proved
	started   bool          // startedBlocks have moved
	heard     time.Time     // last packet from the peer, or end of our last job
	asking    time.Time     // last request, repetitions included
	deadline  time.Time     // zero: nothing is expected from the peer
}

// begin sets the limits, and the timeout that was negotiated; 0: none.
func (c *clock) begin(l limits, timeout time.Duration) {
	c.rt = newRetransmit(l.timeout, timeout)
	c.retries, c.idle = l.retries, l.idle
}

// await sets the deadline for the answer to a packet that was just sent.
func (c *clock) await(now time.Time) {
	c.rt.sent(now)
	c.setDeadline()
}

// setDeadline sets the time of the next repetition, or of the end if that is earlier.
func (c *clock) setDeadline() {
	end := c.heard.Add(c.patience())
	if !c.confirmed {
		end = c.asking.Add(unprovedWait)
	}
	c.deadline = c.rt.due()
	if end.Before(c.deadline) {
		c.deadline = end
	}
}

// patience returns how long the peer may be silent. A long negotiated timeout
// needs more. But a peer that moved few blocks may be forged: it gets one repetition.
func (c *clock) patience() time.Duration {
	if c.started {
		return max(c.idle, 4*c.rt.agreed)
	}
	return max(c.idle, c.rt.agreed*5/4)
}

// slowDown lets the next repetition come no sooner than before the first sample.
func (c *clock) slowDown() { c.rt.interval = max(c.rt.interval, c.rt.base) }

// isUnproved reports whether the peer has not answered in its time.
func (c *clock) isUnproved(now time.Time) bool {
	return !c.confirmed && (c.rt.tries >= unprovedRepeats || now.Sub(c.asking) >= unprovedWait)
}

// isOver reports whether the peer was silent for too long.
func (c *clock) isOver(now time.Time) bool {
	return c.rt.slow >= c.retries || now.Sub(c.heard) >= c.patience()
}
