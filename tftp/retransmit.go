package tftp

import (
	"math/rand/v2"
	"time"
)

const (
	// minRTO is never gone below, however fast the peer is. RFC 6298 section 2.4
	// rounds up to a second for delayed acknowledgements; TFTP has none, and a
	// peer that pauses (to erase flash, say) gets but a few packets twice, which
	// change nothing, because duplicates are never answered.
	minRTO = 25 * time.Millisecond
	maxRTO = 60 * time.Second
)

// retransmit measures the round trip and says when to send again (RFC 1123
// section 4.2.3.2; the estimator of RFC 6298 section 2; Karn's rule: a packet
// that was sent again gives no sample, and the longer interval stays until one
// that was sent once does).
type retransmit struct {
	base     time.Duration // the interval while no round trip is known
	interval time.Duration // until the next repetition
	agreed   time.Duration // negotiated (RFC 2349): the round trip changes nothing; 0 when not
	constant bool          // repetitions do not make it grow
	srtt     time.Duration
	rttvar   time.Duration
	sentAt   time.Time // when the packet that waits for its answer was sent
	tries    int       // repetitions of it
	slow     int       // those of them after base or longer: only they say that the peer is gone
	unclear  bool      // it left twice for another reason than the interval
}

// newRetransmit starts at base. A negotiated timeout stays what was agreed on.
func newRetransmit(base, negotiated time.Duration) retransmit {
	if negotiated > 0 {
		return retransmit{base: negotiated, interval: negotiated, agreed: negotiated}
	}
	return retransmit{base: base, interval: base}
}

// sent notes that a new packet left.
func (r *retransmit) sent(now time.Time) {
	r.sentAt, r.tries, r.slow, r.unclear = now, 0, 0, false
}

// answered notes that the answer to the packet came.
func (r *retransmit) answered(now time.Time) {
	switch {
	case r.agreed > 0:
		r.interval = r.agreed
	case r.tries == 0 && !r.unclear && !r.sentAt.IsZero():
		r.sample(now.Sub(r.sentAt))
	}
	r.sentAt = time.Time{}
}

// begin notes that the peer has answered for the first time. Without a sample
// the interval starts anew, however often the first packet was repeated (as RFC
// 6298 section 5.7 has it): else a few more losses would be the end.
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

// repeated notes that the packet left again after its interval. The next one
// is at least twice as long, by a random part longer, so that peers that lost
// packets together do not repeat together.
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

// due is when to send again.
func (r *retransmit) due() time.Time { return r.sentAt.Add(r.interval) }
