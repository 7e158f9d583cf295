package vaulttest

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"flashwarden/internal/vault"
)

// ErrLocked is the error of a removal from a Locking store that comes too early.
var ErrLocked = errors.New("the content is locked")

// Locking is a vault.Store in memory that keeps contents from being removed for a time. Its
// clock stands still; Pass moves it.
type Locking struct {
	Memory
	For time.Duration

	mu    sync.Mutex
	now   time.Duration
	until map[string]time.Duration
}

// Pass lets time pass.
func (l *Locking) Pass(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now += d
}

// Left returns for how long a content is still kept.
func (l *Locking) Left(key string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until[key] - l.now
}

func (l *Locking) lock(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.until == nil {
		l.until = map[string]time.Duration{}
	}
	l.until[key] = l.now + l.For
}

// Put implements vault.Store.
func (l *Locking) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	err := l.Memory.Put(ctx, key, r, size)
	if err == nil {
		l.lock(key)
	}
	return err
}

// Delete implements vault.Store.
func (l *Locking) Delete(ctx context.Context, key string) error {
	if l.Left(key) > 0 {
		return ErrLocked
	}
	return l.Memory.Delete(ctx, key)
}

// Lock implements vault.Retainer.
func (l *Locking) Lock() time.Duration { return l.For }

// Retain implements vault.Retainer.
func (l *Locking) Retain(ctx context.Context, key string, least time.Duration) error {
	_, err := l.Stat(ctx, key)
	if err == nil && l.Left(key) < least {
		l.lock(key)
	}
	return err
}

var _ vault.Retainer = (*Locking)(nil)
