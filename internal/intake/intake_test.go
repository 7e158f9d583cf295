package intake

import (
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
)

// late is a listener that still returns a connection when it is being closed, as the kernel may.
type late chan net.Conn

func (l late) Accept() (net.Conn, error) {
	if c, ok := <-l; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l late) Close() error   { return nil }
func (l late) Addr() net.Addr { return &net.TCPAddr{} }

// TestWaitForTake waits for connections that are still being taken: a WaitGroup must not grow from zero
// while somebody waits for it, or the program ends with a panic.
func TestWaitForTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := Gate{Expects: func(netip.Addr) (bool, bool) { return true, true }, Log: slog.New(slog.DiscardHandler)}
		l, taken, waited := make(late), make(chan error, 1), false
		go func() { taken <- g.Take(l, func(c net.Conn) { c.Close() }) }()
		synctest.Wait()
		go func() {
			g.Wait()
			waited = true
		}()
		synctest.Wait()
		if waited {
			t.Error("Wait returned while connections were taken")
		}
		near, far := net.Pipe()
		defer near.Close()
		l <- far
		close(l)
		<-taken
		synctest.Wait()
		if !waited {
			t.Error("Wait did not return")
		}
	})
}
