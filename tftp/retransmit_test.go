package tftp

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"flashwarden/tftp/tftptest"
)

func TestRetransmitMeasures(t *testing.T) {
	start := time.Now()
	r := newRetransmit(time.Second, 0)
	r.sent(start)
	if got := r.due().Sub(start); got != time.Second {
		t.Errorf("first interval %v", got)
	}
	r.answered(start.Add(400 * time.Millisecond)) // SRTT 400, RTTVAR 200 (RFC 6298 section 2.2)
	if r.interval != 1200*time.Millisecond {
		t.Errorf("after one sample of 400 ms: %v", r.interval)
	}
	r.sent(start)
	r.answered(start.Add(400 * time.Millisecond)) // RTTVAR 3/4 of 200
	if r.interval != time.Second {
		t.Errorf("after two samples of 400 ms: %v", r.interval)
	}
	for range 100 {
		r.sent(start)
		r.answered(start.Add(time.Microsecond))
	}
	if r.interval != minRTO {
		t.Errorf("on a fast network: %v", r.interval)
	}
}

// TestKarn repeats a packet: its answer is no sample, and the longer interval
// stays until there is one (RFC 6298 section 5).
func TestKarn(t *testing.T) {
	start := time.Now()
	r := newRetransmit(time.Second, 0)
	r.sent(start)
	r.repeated(start.Add(time.Second))
	r.answered(start.Add(time.Second + time.Millisecond))
	if r.srtt != 0 || r.interval < 2*time.Second {
		t.Errorf("a repeated packet was measured: %v, interval %v", r.srtt, r.interval)
	}
	r.sent(start)
	r.unclear = true
	r.answered(start.Add(time.Millisecond))
	if r.srtt != 0 {
		t.Error("a packet that left twice was measured")
	}
	r.sent(start)
	r.answered(start.Add(100 * time.Millisecond))
	if r.interval != 300*time.Millisecond {
		t.Errorf("after a clean sample: %v", r.interval)
	}
}

func TestRetransmitGrows(t *testing.T) {
	for _, agreed := range []time.Duration{0, 5 * time.Second, 255 * time.Second} {
		r := newRetransmit(time.Second, agreed)
		base := max(time.Second, agreed)
		last := time.Duration(0)
		r.sent(time.Now())
		for range 12 {
			if r.interval < last || r.interval > max(maxRTO, agreed) {
				t.Errorf("interval %v after %v", r.interval, last)
			}
			last = r.interval
			r.repeated(time.Now())
		}
		r.answered(time.Now())
		if agreed > 0 && r.interval != base {
			t.Errorf("agreed on %v, and after an answer it is %v", agreed, r.interval)
		}
	}
}

// TestBegin repeats the first packet, whose answer gives no sample: what follows
// waits no longer than the first one did.
func TestBegin(t *testing.T) {
	start := time.Now()
	r := newRetransmit(time.Second, 0)
	r.sent(start)
	r.repeated(start.Add(time.Second))
	r.begin()
	r.answered(start.Add(2 * time.Second))
	if r.interval != time.Second {
		t.Errorf("interval %v after the first answer, want 1s", r.interval)
	}
	r.sent(start)
	r.answered(start.Add(200 * time.Millisecond))
	if r.begin(); r.interval != 600*time.Millisecond {
		t.Errorf("interval %v, want the measured 600ms", r.interval)
	}
}

// TestQuickRepetitions checks that repetitions after a short round trip do not count
// towards giving up.
func TestQuickRepetitions(t *testing.T) {
	start := time.Now()
	r := newRetransmit(time.Second, 0)
	r.sent(start)
	r.answered(start.Add(time.Millisecond))
	r.sent(start)
	waited := time.Duration(0)
	for r.slow < 3 {
		waited += r.interval
		r.repeated(start.Add(waited))
	}
	if r.tries < 8 || waited < 7*time.Second {
		t.Errorf("3 slow repetitions after %d in all and %v", r.tries, waited)
	}
}

// answer has a packet repeated at the given times after it was sent, and answered.
func answer(r *retransmit, repeated []time.Duration, at time.Duration) {
	start := time.Now()
	r.sent(start)
	for _, d := range repeated {
		r.repeated(start.Add(d))
	}
	r.answered(start.Add(at))
}

// TestLearn repeats packets. Only an answer that shows that the repetition was
// needless raises the shortest interval, and for good.
func TestLearn(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		repeated []time.Duration
		at, want time.Duration
	}{
		"sooner than the round trip": {[]time.Duration{25 * ms, 75 * ms, 175 * ms}, 175*ms + 500*time.Microsecond, 219375 * time.Microsecond},
		"much later":                 {[]time.Duration{25 * ms, 75 * ms, 175 * ms}, 300 * ms, 375 * ms},
		"a loss":                     {[]time.Duration{25 * ms}, 27 * ms, 25 * ms},
		"two losses":                 {[]time.Duration{25 * ms, 75 * ms}, 78 * ms, 25 * ms},
		"the peer's own timer":       {[]time.Duration{25 * ms, 75 * ms, 175 * ms, 375 * ms, 775 * ms}, 1000 * ms, 25 * ms},
	} {
		r := newRetransmit(time.Second, 0)
		for range 100 {
			answer(&r, nil, 2*ms)
		}
		answer(&r, c.repeated, c.at)
		for range 100 {
			answer(&r, nil, 2*ms)
		}
		if r.interval != c.want {
			t.Errorf("%s: the interval is %v, want %v", name, r.interval, c.want)
		}
	}
}

// TestLossesInARow has losses that the longer interval does not avoid: it returns to
// the estimate, and does not grow without end.
func TestLossesInARow(t *testing.T) {
	r := newRetransmit(time.Second, 0)
	for range 100 {
		answer(&r, nil, 60*time.Millisecond)
	}
	for range 20 {
		wait := r.interval
		answer(&r, []time.Duration{wait}, wait+60*time.Millisecond)
	}
	if r.interval > 300*time.Millisecond {
		t.Errorf("the interval is %v after 20 losses in a row", r.interval)
	}
}

// TestMonotonic is case 130: every time that a transfer compares with another
// carries the monotonic clock, so that a step of the wall clock changes nothing
// (package time: String shows it as m=±VALUE).
func TestMonotonic(t *testing.T) {
	conn, err := new(tftptest.Network).Listen(netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(t.Context(), (&Server{Handler: &fakeHandler{size: 4096}}).withDefaults(), conn)
	l := newLoop(e, nowhere{})
	e.ports.loops = []*loop{l}
	peer := netip.MustParseAddrPort("192.0.2.1:2000")
	s := &session{peer: peer, req: &Request{Op: Read, Filename: "f", Remote: peer, Size: -1}, limits: e.limits, loop: l}
	if err := e.running.admit(time.Now(), s); err != nil {
		t.Fatal(err)
	}
	l.begin(time.Now(), s)
	e.storage.close() // waits for what begin gave it
	l.handle([]datagram{{b: appendACK(nil, 1), from: peer}})
	for name, at := range map[string]time.Time{"heard": s.clock.heard, "asking": s.clock.asking, "sentAt": s.clock.rt.sentAt, "deadline": s.clock.deadline} {
		if at.IsZero() || !strings.Contains(at.String(), " m=") {
			t.Errorf("%s is %v: no monotonic clock", name, at)
		}
	}
}
