package tftp_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

// TestAlive asks a Server whether it works: while it is idle, while a call of Observe
// hangs, and when it has ended. It does so with sockets of the system and of memory.
func TestAlive(t *testing.T) {
	system, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer system.Close()
	n := &tftptest.Network{}
	inMemory, err := n.Listen(netip.MustParseAddrPort("127.0.0.1:69"))
	if err != nil {
		t.Fatal(err)
	}
	peer, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	memoryPeer, err := n.Listen(netip.MustParseAddrPort("127.0.0.2:1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		conn, peer net.PacketConn
		listen     func(netip.AddrPort) (net.PacketConn, error)
	}{{system, peer, nil}, {inMemory, memoryPeer, n.Listen}} {
		hangs, free := make(chan struct{}, 9), make(chan struct{})
		s := &tftp.Server{Handler: &memory{}, Listen: c.listen, Observe: func(tftp.Event) { hangs <- struct{}{}; <-free }}
		done := serving(t, s, c.conn)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		for range 3 {
			if err := s.Alive(ctx); err != nil {
				t.Fatalf("an idle server: %v", err)
			}
		}
		if _, err := c.peer.WriteTo(rrq("missing", "octet"), c.conn.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		<-hangs
		soon, cancelSoon := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if err := s.Alive(soon); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%T: a server that hangs: %v", c.conn, err)
		}
		close(free)
		if err := s.Alive(ctx); err != nil {
			t.Errorf("%T: a server that goes on: %v", c.conn, err)
		}
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := errors.Join(<-done, s.Alive(ctx)); err != nil {
			t.Errorf("%T: a server that has ended: %v", c.conn, err)
		}
		cancel()
		cancelSoon()
	}
}

// stuck is a slog.Handler that hangs at the line about a dropped request.
type stuck struct {
	slog.Handler
	hangs chan<- struct{}
	free  <-chan struct{}
}

// Enabled implements slog.Handler.
func (h stuck) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (h stuck) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "request dropped" {
		h.hangs <- struct{}{}
		<-h.free
	}
	return nil
}

// TestAliveOfStuckReader lets the goroutine that reads the listening socket hang where it
// holds no lock: in the log, about a request that it drops.
func TestAliveOfStuckReader(t *testing.T) {
	hangs, free := make(chan struct{}, 1), make(chan struct{})
	log := slog.New(stuck{Handler: slog.DiscardHandler, hangs: hangs, free: free})
	s := &tftp.Server{Handler: &memory{}, Log: log, Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	w := &world{t: t, real: true, listen: func(a netip.AddrPort) (net.PacketConn, error) {
		return net.ListenUDP("udp", net.UDPAddrFromAddrPort(a))
	}}
	w.run(s, "127.0.0.1:0")
	w.peer().request(rrq("f", "octet"))
	<-hangs
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := s.Alive(soon)
	close(free)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a server that reads no request: %v", err)
	}
}
