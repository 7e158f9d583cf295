package transfer

import (
	"context"
	"errors"
	"time"
)

// ErrStalled is the cause of a context that the stall timeout ended.
var ErrStalled = errors.New("no byte moved")

// beforeRequest is how long a device may keep still before its request came, if
// the stall timeout is not longer: up to IOS 12.0 it computes the checksum of
// the whole file first. A device that cannot reach us says so by itself.
const beforeRequest = 5 * time.Minute

func (t Transfer) stall() time.Duration {
	if t.Stall > 0 {
		return t.Stall
	}
	return time.Minute
}

// watch calls Moved whenever more bytes have moved. It calls stop with
// ErrStalled and returns when nothing has moved for the stall timeout since
// the request came, or for beforeRequest without a request. It also returns
// when ctx ends.
func (t Transfer) watch(ctx context.Context, stop context.CancelCauseFunc) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	last, since, limit := int64(-1), time.Now(), max(t.stall(), beforeRequest)
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
