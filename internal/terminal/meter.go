package terminal

import "time"

// meter measures how fast bytes move, over the last ten seconds.
type meter struct{ samples []sample }

type sample struct {
	at    time.Time
	bytes int64
}

const (
	meterWindow = 10 * time.Second
	meterStep   = 250 * time.Millisecond // samples that follow sooner replace the last one
	meterLeast  = time.Second            // no rate is known before
)

// add records that so many bytes had moved by then.
func (m *meter) add(now time.Time, bytes int64) {
	n := len(m.samples)
	if n > 1 && now.Sub(m.samples[n-2].at) < meterStep {
		m.samples[n-1] = sample{now, bytes}
		return
	}
	m.samples = append(m.samples, sample{now, bytes})
	for len(m.samples) > 1 && now.Sub(m.samples[1].at) > meterWindow {
		m.samples = m.samples[1:]
	}
}

// rate returns bytes per second; 0: none moved, or it is too early to say.
func (m *meter) rate(now time.Time) float64 {
	if len(m.samples) == 0 {
		return 0
	}
	base, last := m.samples[0], m.samples[len(m.samples)-1]
	for _, s := range m.samples {
		if now.Sub(s.at) >= meterWindow {
			base = s
		}
	}
	span := min(now.Sub(base.at), meterWindow)
	if span < meterLeast {
		return 0
	}
	return float64(last.bytes-base.bytes) / span.Seconds()
}
