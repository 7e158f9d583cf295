package tftp

import (
	"math/rand/v2"
	"time"
)

const (
	// minRTO is the shortest timeout, however fast the peer is. RFC 6298 section
	// 2.4 uses one second because TCP delays acknowledgements; TFTP does not. A
	// peer that pauses, for example to erase flash, gets a few duplicates once; see
	// learn.
	minRTO = 25 * time.Millisecond
	maxRTO = 60 * time.Second
)

// retransmit measures the round-trip time and computes when to repeat a packet
// (RFC 1123 section 4.2.3.2, with the estimator of RFC 6298 section 2). By Karn's
// rule, a repeated packet gives no sample, and the longer interval stays until a
// packet that was sent once is answered.
type retransmit struct {
	base     time.Duration // the interval before the first sample
	interval time.Duration // until the next repetition
	agreed   time.Duration // negotiated (RFC 2349), independent of the round trip; 0: not negotiated
	constant bool          // no backoff
	srtt     time.Duration
	rttvar   time.Duration
	least    time.Duration // the shortest round trip; 0: none was measured
	floor    time.Duration // the peer has paused for so long: the interval is never shorter
	doubtful int           // answers in a row that gave no sample
	first    time.Time     // when the unanswered packet was sent first
	sentAt   time.Time     // when it was sent last; zero: there is none
	tries    int           // repetitions of that packet
	slow     int           // repetitions after base or longer; only these count towards giving up
	unclear  bool          // the packet was repeated for a reason other than the timer
}

// newRetransmit starts with the interval base, or with the negotiated timeout,
// which never changes.
func newRetransmit(base, negotiated time.Duration) retransmit {
	if negotiated > 0 {
		return retransmit{base: negotiated, interval: negotiated, agreed: negotiated}
	}
	return retransmit{base: base, interval: base}
}

// sent records that a new packet was sent.
func (r *retransmit) sent(now time.Time) {
	r.first, r.sentAt, r.tries, r.slow, r.unclear = now, now, 0, 0, false
}

// moved records progress that is no answer to a packet, such as the blocks in the
// middle of a window: the peer is alive, so its patience begins again.
func (r *retransmit) moved() { r.tries, r.slow = 0, 0 }

// answered records that the packet was answered.
func (r *retransmit) answered(now time.Time) {
	switch {
	case r.sentAt.IsZero():
	case r.tries == 0 && !r.unclear:
		r.sample(now.Sub(r.sentAt))
	case r.tries > 0 && r.srtt > 0:
		r.learn(now)
	}
	if r.agreed > 0 {
		r.interval = r.agreed
	}
	r.sentAt = time.Time{}
}

// learn handles the answer to a repeated packet. If it comes sooner after the last
// repetition than the round trip allows, or much later, then the repetition was
// needless: the peer had paused. Later than most of a second it proves nothing,
// because then the peer's own timer may have caused it. Other answers repair a
// loss. By Karn's rule the longer interval stays for the next packet, which then
// gives a sample. If that one is repeated too, the losses have another reason, such
// as a queue that overflows, and the interval returns to the estimate.
func (r *retransmit) learn(now time.Time) {
	took, after := now.Sub(r.first), now.Sub(r.sentAt)
	if after < r.least*3/4 || after > r.estimate() && took < r.base*3/4 {
		r.floor = max(r.floor, min(took+took/4, r.base))
		r.interval = max(r.interval, r.floor)
	}
	if r.doubtful++; r.doubtful > 1 {
		r.doubtful = 0
		r.interval = max(r.estimate(), r.floor)
	}
}

// estimate returns the timeout that the samples give.
func (r *retransmit) estimate() time.Duration {
	return min(max(r.srtt+4*r.rttvar, minRTO), maxRTO)
}

// begin records the first answer of the peer. If there is no sample yet, the
// interval returns to base (RFC 6298 section 5.7). Otherwise, after repetitions
// of the first packet, a few more losses would end the transfer.
func (r *retransmit) begin() {
	if r.srtt == 0 {
		r.interval = r.base
	}
}

func (r *retransmit) sample(rtt time.Duration) {
	if r.srtt == 0 {
		r.srtt, r.rttvar = rtt, rtt/2
	} else {
		r.rttvar += (max(r.srtt-rtt, rtt-r.srtt) - r.rttvar) / 4
		r.srtt += (rtt - r.srtt) / 8
	}
	if r.doubtful = 0; r.least == 0 || rtt < r.least {
		r.least = rtt
	}
	r.interval = max(r.estimate(), r.floor)
}

// repeated records a repetition after the interval. The next interval is twice as
// long plus a random part, so that peers that lost packets at the same time do not
// repeat them at the same time.
func (r *retransmit) repeated(now time.Time) {
	r.tries++
	if r.interval >= r.base {
		r.slow++
	}
	r.sentAt = now
	if r.constant {
		return
	}
	r.interval = min(2*r.interval+rand.N(r.interval/8+1), max(maxRTO, r.agreed))
}

// due returns the time of the next repetition.
func (r *retransmit) due() time.Time { return r.sentAt.Add(r.interval) }
