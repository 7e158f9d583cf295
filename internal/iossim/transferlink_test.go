package iossim

import (
	"net"
	"net/netip"
	"testing"
)

// TestNeverTheServersPort makes the system offer the server's own port, which
// can happen by chance.
func TestNeverTheServersPort(t *testing.T) {
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
