package job

import (
	"log/slog"
	"sync"
)

// fault logs a fault that lasts once, and its end once. The zero fault is ready.
type fault struct {
	mu    sync.Mutex
	lasts bool
}

// report takes the outcome of one try.
func (f *fault) report(log *slog.Logger, err error, begins, ends string) {
	f.mu.Lock()
	lasted := f.lasts
	f.lasts = err != nil
	f.mu.Unlock()
	switch {
	case err != nil && !lasted:
		log.Error(begins, "err", err)
	case err == nil && lasted:
		log.Info(ends)
	}
}
