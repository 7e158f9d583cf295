package backup

import (
	"context"
	"fmt"
	"sync"
	"time"

	"flashwarden/internal/cause"
)

// Contents lets one backup at a time take the content of one digest. So of several
// devices with the same content one copies it, and the others find it in the vault.
// The zero value is ready.
type Contents struct {
	// Hold takes a content for this process, if others may fill the same vault. ok is false if
	// one of them has it. Nil: no other process copies.
	Hold func(ctx context.Context, content string) (release func(), ok bool)

	mu   sync.Mutex
	held map[string]chan struct{} // closed when the lock is released
}

// lock waits for the lock of a content; waiting is called once if another
// backup has it. The error is that of a context that ended.
func (l *Contents) lock(ctx context.Context, md5 string, size int64, waiting func()) (unlock func(), err error) {
	key := fmt.Sprintf("%s:%d", md5, size)
	unlock, busy := l.try(key)
	if busy != nil {
		waiting()
	}
	for busy != nil {
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, cause.Ended(ctx)
		}
		unlock, busy = l.try(key)
	}
	if l.Hold == nil {
		return unlock, nil
	}
	here := unlock
	release, err := l.hold(ctx, key, waiting)
	if err != nil {
		here()
		return nil, err
	}
	return func() { release(); here() }, nil
}

// askAgain is how often a process that waits for another one asks whether it has the content.
const askAgain = 2 * time.Second

// hold takes a content that other processes may have.
func (l *Contents) hold(ctx context.Context, key string, waiting func()) (release func(), err error) {
	release, ok := l.Hold(ctx, key)
	if ok {
		return release, nil
	}
	waiting()
	again := time.NewTicker(askAgain)
	defer again.Stop()
	for !ok {
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, cause.Ended(ctx)
		}
		release, ok = l.Hold(ctx, key)
	}
	return release, nil
}

// try takes the lock of a content. If another backup has it, busy is closed when
// that one has released it.
func (l *Contents) try(key string) (unlock func(), busy <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if held, ok := l.held[key]; ok {
		return nil, held
	}
	if l.held == nil {
		l.held = make(map[string]chan struct{})
	}
	released := make(chan struct{})
	l.held[key] = released
	return func() {
		l.mu.Lock()
		delete(l.held, key)
		l.mu.Unlock()
		close(released)
	}, nil
}

// contents are those of all Runners that share them.
func (r *Runner) contents() *Contents {
	if r.Contents != nil {
		return r.Contents
	}
	return &r.own
}
