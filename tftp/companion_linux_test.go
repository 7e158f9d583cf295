package tftp_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"flashwarden/tftp"
)

// manyBlocks is enough of them for a lone transfer to get a socket of its own.
const manyBlocks = 1200

// TestCompanion is about a transfer that is the only one for so long that it
// gets a socket connected to its peer.
func TestCompanion(t *testing.T) {
	body := content(7, 512*2000+100)
	start := func(t *testing.T, local string) (*world, *peer, *memory) {
		m := &memory{}
		m.set("f", body)
		w := onLoopback(t, &tftp.Server{Handler: m})
		if local != "" {
			w.stop()
			w = &world{t: t, events: &eventLog{}, real: true, listen: w.listen}
			w.run(&tftp.Server{Handler: m}, local)
		}
		return w, w.peer(), m
	}
	t.Run("upload", func(t *testing.T) {
		_, p, m := start(t, "")
		p.request(wrq("g", "octet"))
		p.expect(ack(0))
		p.store(body, 512, 1, manyBlocks)
		if !connected(t, p) {
			t.Error("no socket is connected to the peer")
		}
		p.store(body, 512, manyBlocks, blocks(body, 512)+1)
		if got, _ := m.get("g"); !bytes.Equal(got, body) {
			t.Error("the content differs")
		}
	})
	t.Run("download", func(t *testing.T) {
		_, p, _ := start(t, "")
		p.request(rrq("f", "octet"))
		if !bytes.Equal(p.fetch(512), body) {
			t.Error("the content differs")
		}
		if !connected(t, p) {
			t.Error("no socket is connected to the peer")
		}
	})
	t.Run("others on the same port", func(t *testing.T) {
		w, p, _ := start(t, "")
		p.request(wrq("g", "octet"))
		p.expect(ack(0))
		p.store(body, 512, 1, manyBlocks)
		stranger := w.peer()
		stranger.to = p.to
		stranger.send(data(1, nil))
		stranger.expectError(5)
		for range 8 { // two for each port
			second := w.peer()
			second.request(rrq("f", "octet"))
			if !bytes.Equal(second.fetch(512), body) {
				t.Error("the second transfer's content differs")
			}
		}
		p.store(body, 512, manyBlocks, blocks(body, 512)+1)
	})
	t.Run("nobody else gets the port", func(t *testing.T) {
		_, p, _ := start(t, "")
		p.request(wrq("g", "octet"))
		p.expect(ack(0))
		p.store(body, 512, 1, manyBlocks)
		share := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		}}
		c, err := share.ListenPacket(t.Context(), "udp4", p.to.String())
		if err == nil {
			c.Close()
			t.Error("another socket was bound to the transfer's port")
		}
	})
	t.Run("the address that was asked", func(t *testing.T) {
		w, _, _ := start(t, "0.0.0.0:0")
		w.server = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), w.server.Port())
		p := w.peerAt(netip.MustParseAddrPort("127.0.0.1:0"))
		p.request(rrq("f", "octet"))
		p.to = netip.AddrPort{} // any
		p.port = p.to
		if !bytes.Equal(p.fetch(512), body) {
			t.Error("the content differs")
		}
		if p.to.Addr() != w.server.Addr() {
			t.Errorf("answered from %s", p.to)
		}
		if !connected(t, p) {
			t.Error("no socket is connected to the peer")
		}
	})
}

// connected tells whether a UDP socket of this host is connected to the peer
// (proc_net_udp: the remote address, hexadecimal).
func connected(t *testing.T, p *peer) bool {
	t.Helper()
	port := p.c.LocalAddr().(*net.UDPAddr).Port
	for _, name := range []string{"/proc/self/net/udp", "/proc/self/net/udp6"} {
		table, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(table), fmt.Sprintf("0100007F:%04X 01", port)) {
			return true
		}
	}
	return false
}
