package vault

import (
	"context"
	"io"

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

// Reader returns r, read at most as fast as the limit.
func (l *RateLimiter) Reader(ctx context.Context, r io.Reader) io.Reader {
	if l == nil {
		return r
	}
	return limitedReader{ctx, l, r}
}

type limitedReader struct {
	ctx   context.Context
	limit *RateLimiter
	r     io.Reader
}

// Read implements io.Reader.
func (l limitedReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(l.limit.Part(p))
	if limited := l.limit.Wait(l.ctx, n); limited != nil {
		return n, limited
	}
	return n, err
}

// Wait waits until n bytes may pass, at most those of Part. Its error is that of
// ctx.
func (l *RateLimiter) Wait(ctx context.Context, n int) error {
	if l == nil {
		return nil
	}
	return l.limiter.WaitN(ctx, n)
}
