package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrStalled is the cause of a context that the stall timeout ended.
var ErrStalled = errors.New("no byte moved")

// beforeRequest is how long a device may keep still before its request came, if
// the stall timeout is not longer: up to IOS 12.0 it computes the checksum of
// the whole file first. A device that cannot reach us says so by itself.
const beforeRequest = 5 * time.Minute

// A transfer of fewer than crawlBytes in crawlTime would need months for an image: it has stalled
// too. Otherwise a device that sends a byte now and then would keep its place among the
// parallel backups for ever. A larger stall timeout makes the time longer.
const (
	crawlBytes = 10_000
	crawlTime  = 10 * time.Minute
)

// pace is how far a transfer was at some time.
type pace struct {
	bytes int64
	since time.Time
}

// crawls returns the error of a transfer that is too slow; nil: it is not, or nobody can say yet.
func (p *pace) crawls(bytes int64, within time.Duration) error {
	now := time.Now()
	switch moved := bytes - p.bytes; {
	case p.since.IsZero() || moved < 0 || moved >= crawlBytes:
		*p = pace{bytes, now}
	case now.Sub(p.since) >= within:
		return fmt.Errorf("%w but %d in %s", ErrStalled, moved, within)
	}
	return nil
}

func (t Transfer) stall() time.Duration {
	if t.Stall > 0 {
		return t.Stall
	}
	return time.Minute
}

// watch calls Moved whenever more bytes have moved. It calls stop with
// ErrStalled and returns when nothing has moved for the stall timeout since
// the request came, or for beforeRequest without a request. For a transfer that crawls, the error
// wraps ErrStalled. It also returns when ctx ends.
func (t Transfer) watch(ctx context.Context, stop context.CancelCauseFunc) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	last, since, limit := int64(-1), time.Now(), max(t.stall(), beforeRequest)
	var speed pace
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		seen := t.Ticket.Evidence()
		if seen.Requested && limit != t.stall() {
			last, limit = -1, t.stall()
		}
		if seen.Bytes != last {
			last, since = seen.Bytes, time.Now()
			if t.Moved != nil {
				t.Moved(last)
			}
		} else if time.Since(since) >= limit {
			stop(ErrStalled)
			return
		}
		if !seen.Requested {
			continue
		}
		if err := speed.crawls(seen.Bytes, max(crawlTime, 10*t.stall())); err != nil {
			stop(err)
			return
		}
	}
}

// settle waits while a transfer of the ticket is under way. ctx ends when the
// transfer has stalled.
func (t Transfer) settle(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for t.Ticket.Evidence().Running > 0 {
		select {
		case <-ctx.Done():
			return
		case <-t.Ticket.Ended():
			return
		case <-tick.C:
		}
	}
}
