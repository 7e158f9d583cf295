package tftp_test

import (
	"context"
	"errors"
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
