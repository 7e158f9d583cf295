package backup

import (
	"hash/fnv"
	"time"
)

// ReverifyDue reports whether a device has to be asked for the digests of its unchanged
// files again. last is when it was asked last. Each device has its own moment in every period;
// the moments of a fleet are spread evenly over the period, and do not change. A period of 0
// means never.
func ReverifyDue(device string, last, now time.Time, period time.Duration) bool {
	if period <= 0 {
		return false
	}
	return periodOf(device, now, period) > periodOf(device, last, period) || now.Sub(last) >= period
}

// periodOf numbers the periods of a device. Each begins at the moment of the device.
func periodOf(device string, at time.Time, period time.Duration) int64 {
	h := fnv.New64a()
	h.Write([]byte(device))
	offset := time.Duration(mixed(h.Sum64()) % uint64(period))
	since := at.Sub(time.Unix(0, 0)) - offset
	n := int64(since / period)
	if since < 0 {
		n--
	}
	return n
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
