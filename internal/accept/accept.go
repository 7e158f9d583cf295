// Package accept waits out the errors of accept(2) that pass, with a limit. net/http goes on for ever
// after some of them, and gives up at once after others.
package accept

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"time"
)

// Listener is a listener whose Accept waits while no connection can be taken, because the process
// has no file descriptor left, or because of the network. It returns an error if this lasts for
// Patience, or if the listener itself is broken. One goroutine calls Accept.
type Listener struct {
	net.Listener
	Log *slog.Logger

	failed time.Time // the last error that was waited out
}

const (
	// Patience is how long no connection may be taken.
	Patience = time.Minute
	pause    = 50 * time.Millisecond // until another try
)

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	var begun time.Time // of the errors
	for {
		c, err := l.Listener.Accept()
		switch {
		case err == nil, errors.Is(err, net.ErrClosed):
			return c, err
		case broken(err):
			return nil, fmt.Errorf("no connection can be taken any more: %w", err)
		}
		now := time.Now()
		if begun.IsZero() {
			begun = now
		}
		if now.Sub(l.failed) > Patience { // the log has one line, also if some connections are taken meanwhile
			l.Log.Warn("no connection can be taken now", "address", l.Addr().String(), "err", err)
		}
		l.failed = now
		if now.Sub(begun) >= Patience {
			return nil, fmt.Errorf("no connection could be taken for %s: %w", Patience, err)
		}
		time.Sleep(pause)
	}
}

// broken reports whether an error of accept(2) is about the listener itself. All others are about
// one connection, the network, or what the system has run out of.
func broken(err error) bool {
	var number syscall.Errno
	if !errors.As(err, &number) {
		return true
	}
	switch number {
	case syscall.EBADF, syscall.EFAULT, syscall.EINVAL, syscall.ENOTSOCK:
		return true
	}
	return false
}
