package vault

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRateLimiter: a megabyte at 100,000 bytes per second takes ten seconds, less what may
// pass at once, and ends with its context.
func TestRateLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		limit := NewRateLimiter(100_000)
		n, err := io.Copy(io.Discard, limit.Reader(t.Context(), strings.NewReader(strings.Repeat("x", 1_000_000))))
		if took := time.Since(began); err != nil || n != 1_000_000 || took < 9*time.Second || took > 10*time.Second {
			t.Errorf("%d bytes in %s, error %v", n, took, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := io.Copy(io.Discard, limit.Reader(ctx, strings.NewReader("x"))); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v; want that of the context", err)
		}
		var none *RateLimiter
		if n, err := io.Copy(io.Discard, none.Reader(ctx, strings.NewReader("x"))); n != 1 || err != nil {
			t.Errorf("without a limit: %d bytes, error %v", n, err)
		}
	})
}
