package vault

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"time"
)

// Share is a part of a vault: Part of Of. The zero Share is all of it.
type Share struct{ Part, Of int }

// ParseShare reads a share as 1/30. Its parts are whole numbers; the first is not
// greater than the second.
func ParseShare(text string) (Share, error) {
	var s Share
	if _, err := fmt.Sscanf(text, "%d/%d", &s.Part, &s.Of); err != nil || s.Part < 1 || s.Part > s.Of || text != s.String() {
		return Share{}, fmt.Errorf("%q is not a share such as 1/30", text)
	}
	return s, nil
}

// String returns the share as ParseShare reads it.
func (s Share) String() string { return fmt.Sprintf("%d/%d", s.Part, s.Of) }

// of returns the share of a number of bytes, rounded up.
func (s Share) of(n int64) int64 {
	high, low := bits.Mul64(uint64(n), uint64(s.Part)) // the product may need 128 bits
	share, rest := bits.Div64(high, low, uint64(s.Of))
	if rest > 0 {
		share++
	}
	return int64(share)
}

// toRead selects the blobs to read: the greatest first, so that no processor
// works on a last one alone.
func (c *checker) toRead(ctx context.Context) ([]digest, error) {
	if err := c.loadProofs(ctx); err != nil {
		return nil, err
	}
	outdated := c.opt.Now.Add(-c.opt.OutdatedAfter).Unix()
	var sums []digest
	for sum, known := range c.contents {
		if known.size != absent && (c.opt.OutdatedAfter == 0 || known.damaged || known.read <= outdated) {
			sums = append(sums, sum)
		}
	}
	sums = c.share(sums)
	slices.SortFunc(sums, func(a, b digest) int {
		return cmp.Or(cmp.Compare(c.contents[b].size, c.contents[a].size), bytes.Compare(a[:], b[:]))
	})
	return sums, nil
}

// loadProofs enters when each blob was last read, if that matters.
func (c *checker) loadProofs(ctx context.Context) error {
	if c.opt.Proofs == nil || c.opt.OutdatedAfter == 0 && c.opt.Share == (Share{}) {
		return nil
	}
	return c.opt.Proofs(ctx, func(sha256 string, at time.Time, whole bool) {
		if !validSHA256(sha256) || at.After(c.opt.Now) { // a clock was wrong: not known
			return
		}
		if known, ok := c.contents[digestOf(sha256)]; ok {
			known.read, known.damaged = at.Unix(), !whole
			c.contents[digestOf(sha256)] = known
		}
	})
}

// share returns the blobs of the share: those that were read the longest time
// ago, and at least as many bytes as the share of all. A damaged blob takes its
// turn like the others, or each share would consist of the damaged ones.
func (c *checker) share(sums []digest) []digest {
	s := c.opt.Share
	if s == (Share{}) {
		return sums
	}
	// Blobs of one age, as those that were never read, take turns by their digest:
	// each day begins at another place.
	begin := uint32(uint64(c.opt.Now.Unix()/86400%int64(s.Of)) << 32 / uint64(s.Of))
	turn := func(d digest) uint32 { return binary.BigEndian.Uint32(d[:]) - begin }
	slices.SortFunc(sums, func(a, b digest) int {
		return cmp.Or(cmp.Compare(c.contents[a].read, c.contents[b].read), cmp.Compare(turn(a), turn(b)), bytes.Compare(a[:], b[:]))
	})
	left := s.of(c.counts.Bytes)
	for i, sum := range sums {
		if left <= 0 {
			return sums[:i]
		}
		left -= c.contents[sum].size
	}
	return sums
}
