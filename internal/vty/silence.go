package vty

import (
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"flashwarden/internal/cause"
)

// ErrSilent says that the peer accepted the TCP connection and then sent
// nothing at all: no SSH version, no login prompt. Errors of Dial wrap it,
// with cause connect_timeout; find it with errors.Is.
var ErrSilent = cause.ErrSilent

// greetTime is the limit for the first byte of a peer. With it the whole wait
// stays under 30 s.
const greetTime = 25 * time.Second

// watchedConn closes itself when nothing arrives for too long while it is
// watched. It uses a timer, because a connection through a jump host has no
// deadlines. It also remembers the first bytes of the peer.
type watchedConn struct {
	net.Conn
	greet time.Duration // limit for the first byte
	idle  time.Duration // limit for each byte after it; 0: none

	mu    sync.Mutex
	timer *time.Timer // nil while the connection is not watched
	late  bool        // the timer has closed the connection
	sent  []byte      // the first bytes of the peer
}

// maxFirst is the number of bytes to remember. The version and the KEXINIT
// message of SSH fit.
const maxFirst = 16 << 10

// Read restarts the timer when data arrives. If the timer has closed the
// connection, the error is ErrSilent for a peer that never sent anything, and
// os.ErrDeadlineExceeded otherwise.
func (w *watchedConn) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	if room := maxFirst - len(w.sent); room > 0 {
		w.sent = append(w.sent, p[:min(n, room)]...)
	}
	if n > 0 {
		w.restart()
	}
	switch {
	case err != nil && w.silent():
		err = ErrSilent
	case err != nil && w.late:
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// Close closes the connection and stops the timer.
func (w *watchedConn) Close() error {
	w.release()
	return w.Conn.Close()
}

// restart gives the peer new time after it has sent something. The caller
// holds w.mu.
func (w *watchedConn) restart() {
	switch {
	case w.timer == nil:
	case w.idle > 0:
		w.timer.Reset(w.idle)
	default:
		w.timer.Stop()
		w.timer = nil
	}
}

// watch starts the timer.
func (w *watchedConn) watch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	limit := w.idle
	if len(w.sent) == 0 {
		limit = w.greet
	}
	w.timer = time.AfterFunc(limit, w.expire)
}

// release stops the timer.
func (w *watchedConn) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
}

func (w *watchedConn) expire() {
	w.mu.Lock()
	w.late = w.timer != nil
	late := w.late
	w.mu.Unlock()
	if late {
		w.Conn.Close()
	}
}

// silent reports whether the connection was closed because the peer never sent
// anything. The caller holds w.mu.
func (w *watchedConn) silent() bool { return w.late && len(w.sent) == 0 }

// first returns the first bytes of the peer, at most maxFirst.
func (w *watchedConn) first() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent
}

// protocol1 reports whether the peer supports only version 1 of SSH. A peer
// that says 1.99 supports both (RFC 4253 section 5.1).
func (w *watchedConn) protocol1() bool {
	hello := string(w.first())
	return strings.HasPrefix(hello, "SSH-1.") && !strings.HasPrefix(hello, "SSH-1.99-")
}
