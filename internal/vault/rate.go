package vault

import (
	"context"

	"golang.org/x/time/rate"
)

// RateLimiter bounds how many bytes pass in a second. A nil one does not.
type RateLimiter struct{ limiter *rate.Limiter }

// minBurst is how many bytes may pass at once at any rate.
const minBurst = 32 << 10

// NewRateLimiter lets n bytes pass in a second.
func NewRateLimiter(n int64) *RateLimiter {
	return &RateLimiter{rate.NewLimiter(rate.Limit(n), max(minBurst, int(n/10)))}
}

// Part returns the beginning of p that may pass at once.
func (l *RateLimiter) Part(p []byte) []byte {
	if l == nil {
		return p
	}
	return p[:min(len(p), l.limiter.Burst())]
}

// Wait waits until n bytes may pass, at most those of Part. Its error is that of
// ctx.
func (l *RateLimiter) Wait(ctx context.Context, n int) error {
	if l == nil {
		return nil
	}
	return l.limiter.WaitN(ctx, n)
}
