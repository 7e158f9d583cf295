package vty

import (
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// watchedConn is closed when nothing arrives for idle while it is watched. A
// timer does it: a connection through a jump host has no deadlines. Until it
// is released it also remembers what the peer sent first.
type watchedConn struct {
	net.Conn
	idle time.Duration

	mu    sync.Mutex
	timer *time.Timer // nil while it is not watched
	late  bool        // it was closed for its silence
	sent  []byte      // the first bytes
}

// maxFirst is how much is remembered, in bytes: a version and a KEXINIT fit.
const maxFirst = 16 << 10

// Read puts the end off by what arrives. Its error is os.ErrDeadlineExceeded
// where the silence was too long.
func (w *watchedConn) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Reset(w.idle)
	}
	if room := maxFirst - len(w.sent); room > 0 {
		w.sent = append(w.sent, p[:min(n, room)]...)
	}
	if err != nil && w.late {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// watch begins to count.
func (w *watchedConn) watch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(w.idle, w.expire)
}

// release stops to count.
func (w *watchedConn) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
	w.timer = nil
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

// first is what the peer sent first.
func (w *watchedConn) first() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent
}

// protocol1 reports whether the peer knows only version 1 of SSH; 1.99 is both
// (RFC 4253 section 5.1).
func (w *watchedConn) protocol1() bool {
	hello := string(w.first())
	return strings.HasPrefix(hello, "SSH-1.") && !strings.HasPrefix(hello, "SSH-1.99-")
}
