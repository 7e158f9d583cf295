package iossim

import (
	"net"
	"net/netip"
	"testing"
)

// TestNeverTheServersPort makes the system offer the server's own port, which
// can happen by chance.
func TestNeverTheServersPort(t *testing.T) {
	t.Parallel()
	free, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(free.LocalAddr().(*net.UDPAddr).Port)
	free.Close()
	s := &Switch{o: Options{TFTPPort: port, Inside: func(f func()) { f() }}}
	if c, err := s.listen(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)); err == nil {
		c.Close()
		t.Error("a socket has the port of the server")
	}
	c, err := s.listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// TestDots shows a dot for a packet that had no answer, and none for an answer
// to a packet that the server sent twice. On a busy machine a server does so.
func TestDots(t *testing.T) {
	t.Parallel()
	server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	own, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	j := &job{wake: make(chan struct{}, 1)}
	l := &link{PacketConn: own, sw: &Switch{}, job: j, half: -1}
	heard := func(p string) {
		t.Helper()
		if _, err := server.WriteTo([]byte(p), own.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := l.ReadFrom(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	sends := func(p string, dots int64) {
		t.Helper()
		if _, err := l.WriteTo([]byte(p), server.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		if got := j.repeats.Load(); got != dots {
			t.Errorf("after %q: %d dots, want %d", p, got, dots)
		}
	}
	const dataOp, ackOp = "\x00\x03\x00\x01", "\x00\x04\x00\x01"
	heard(dataOp + "x")
	sends(ackOp, 0)
	heard(dataOp + "x")
	sends(ackOp, 0)
	sends(ackOp, 1)
	sends(dataOp+"x", 1)
	heard(ackOp)
	sends(dataOp+"x", 2) // only a timeout makes a sender repeat its block
}
