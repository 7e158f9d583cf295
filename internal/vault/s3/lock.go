package s3

import (
	"context"
	"time"

	"github.com/minio/minio-go/v7"

	"flashwarden/internal/vault"
)

// lockReserve is how much longer than promised an object is locked when it is put or its
// lock is extended: the document that names it follows within this time, and then its
// contents need no second extension.
const lockReserve = 24 * time.Hour

// lockedUntil is the header of an object with the time at which its lock ends, lockedMode
// that with its mode.
const (
	lockedUntil = "X-Amz-Object-Lock-Retain-Until-Date"
	lockedMode  = "X-Amz-Object-Lock-Mode"
)

// Lock implements vault.Retainer.
func (s *Store) Lock() time.Duration { return s.lock }

// until is when the lock of an object ends that begins now.
func (s *Store) until() time.Time { return time.Now().Add(s.lock + lockReserve) }

// Retain implements vault.Retainer.
func (s *Store) Retain(ctx context.Context, key string, least time.Duration) error {
	info, err := s.stat(ctx, key)
	if err != nil {
		return err
	}
	// A user who may not read the lock gets no header: then it is extended each time.
	if until, err := time.Parse(time.RFC3339, info.Metadata.Get(lockedUntil)); err == nil && time.Until(until) >= least {
		return nil
	}
	mode, until := s.mode, s.until()
	if info.Metadata.Get(lockedMode) == string(minio.Compliance) {
		mode = minio.Compliance // it cannot be weakened
	}
	return absent(s.client.PutObjectRetention(ctx, s.bucket, s.prefix+key, minio.PutObjectRetentionOptions{Mode: &mode, RetainUntilDate: &until}))
}

var _ vault.Retainer = (*Store)(nil)
