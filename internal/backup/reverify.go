package backup

import (
	"hash/fnv"
	"time"
)

// ReverifyDue reports whether a device has to be asked for the digests of its unchanged
// files again. last is when it was asked last. A period of 0 means never.
func ReverifyDue(device string, last, now time.Time, period time.Duration) bool {
	return period > 0 && !now.Before(ReverifyAt(device, last, period))
}

// ReverifyAt returns when a device must be asked for its digests again. last is when it was last
// asked. Each device has its own moment in every period; the moments of a fleet are spread evenly
// over the period, and do not change. The period is more than 0.
func ReverifyAt(device string, last time.Time, period time.Duration) time.Time {
	h := fnv.New64a()
	h.Write([]byte(device))
	begin := time.Unix(0, int64(mixed(h.Sum64())%uint64(period)))
	n := last.Sub(begin) / period
	if last.Before(begin) {
		n--
	}
	return begin.Add((n + 1) * period)
}

// mixed spreads the bits of a hash over all bits (the last step of MurmurHash3): the hashes of
// names that differ in the last digit are near to each other.
func mixed(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// Turns limits how many devices compute digests of unchanged files at once. A nil Turns sets
// no limit.
type Turns chan struct{}

// NewTurns returns turns for n devices at once.
func NewTurns(n int) Turns { return make(Turns, n) }

// Take takes a turn, if one is free. The caller must call release at the end.
func (t Turns) Take() (release func(), ok bool) {
	if t == nil {
		return func() {}, true
	}
	select {
	case t <- struct{}{}:
		return func() { <-t }, true
	default:
		return nil, false
	}
}
