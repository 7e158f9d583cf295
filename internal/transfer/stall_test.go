package transfer

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/internal/spool"
	"flashwarden/tftp"
)

// TestWatch has a device keep still before its request, as up to IOS 12.0
// while it computes a checksum, and then after it.
func TestWatch(t *testing.T) {
	device := netip.MustParseAddr("192.0.2.1")
	for name, c := range map[string]struct {
		request time.Duration // until it comes; 0: never
		want    time.Duration // until the copy counts as stalled
	}{
		"no request":                 {0, beforeRequest},
		"a request and nothing more": {2 * time.Minute, 3 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := spool.Open(t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				ticket := s.Expect(device, 1000, time.Now().Add(time.Hour))
				defer ticket.Close()
				start := time.Now()
				ctx, cancel := context.WithCancelCause(t.Context())
				if c.request > 0 {
					time.AfterFunc(c.request, func() {
						w, err := s.OpenWrite(ctx, &tftp.Request{Op: tftp.Write, Filename: ticket.Name, Remote: netip.AddrPortFrom(device, 2000), Size: -1})
						if err != nil {
							t.Error(err)
							return
						}
						context.AfterFunc(t.Context(), func() { w.Abort(nil) })
					})
				}
				Transfer{Ticket: ticket, Stall: time.Minute}.watch(ctx, cancel)
				if got := time.Since(start); context.Cause(ctx) != ErrStalled || got < c.want || got > c.want+time.Second {
					t.Errorf("%v after %v, want %v after %v", context.Cause(ctx), got, ErrStalled, c.want)
				}
			})
		})
	}
}
