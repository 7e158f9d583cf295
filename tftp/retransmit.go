package tftp

import (
	"math/rand/v2"
	"time"
)

const (
	// minRTO is the shortest timeout, however fast the peer is. RFC 6298 section
	// 2.4 uses one second because TCP delays acknowledgements; TFTP does not. A
	// peer that pauses, for example to erase flash, gets a few duplicates. They do
	// no harm, because duplicates are never answered.
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
	sentAt   time.Time // of the unanswered packet; zero: none
	tries    int       // repetitions of that packet
	slow     int       // repetitions after base or longer; only these count towards giving up
	unclear  bool      // the packet was repeated for a reason other than the timer
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
	r.sentAt, r.tries, r.slow, r.unclear = now, 0, 0, false
}

// answered records that the packet was answered.
func (r *retransmit) answered(now time.Time) {
	switch {
	case r.agreed > 0:
		r.interval = r.agreed
	case r.tries == 0 && !r.unclear && !r.sentAt.IsZero():
		r.sample(now.Sub(r.sentAt))
	}
	r.sentAt = time.Time{}
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
	r.interval = min(max(r.srtt+4*r.rttvar, minRTO), maxRTO)
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
