//go:build linux

package tftp_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
)

// inNamespace runs the present test once more in a process with a namespace of
// its own (unshare(1)), and reports whether this is that process.
func inNamespace(t *testing.T, kind string) bool {
	t.Helper()
	if os.Getenv("FLASHWARDEN_NAMESPACE") == kind {
		return true
	}
	pattern := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	cmd := exec.Command("unshare", kind, os.Args[0], "-test.run", pattern, "-test.v")
	cmd.Env = append(os.Environ(), "FLASHWARDEN_NAMESPACE="+kind)
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "Operation not permitted") {
		testlevel.Missing(t, "no right to make a namespace")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("the test did not run:\n%s", out)
	}
	return false
}

// TestFragmentsAllowed checks that the packets of server and client may be fragmented
// on their way: a router with a small MTU and filtered ICMP would drop them else.
func TestFragmentsAllowed(t *testing.T) {
	if !inNamespace(t, "--net") {
		return
	}
	ip(t, "link set lo up")
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_UDP)
	if err != nil {
		testlevel.Missing(t, "no right to see raw packets: "+err.Error())
	}
	defer unix.Close(fd)
	m := &memory{}
	m.set("f", content(1, 5000))
	for _, listen := range []string{"127.0.0.1:0", "[::]:0"} {
		c, err := net.ListenPacket("udp", listen)
		if err != nil {
			t.Fatal(err)
		}
		server := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), serveOn(t, &tftp.Server{Handler: m}, c).Port())
		client := tftp.Client{BlockSize: 1468}
		if _, err := client.Get(t.Context(), server, "f", &bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
	}
	packets := 0
	for buf := make([]byte, 2000); ; packets++ {
		n, _, err := unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
		if err != nil {
			break
		}
		if buf[6]&0x40 != 0 { // RFC 791 section 3.1: don't fragment
			t.Errorf("a packet of %d bytes, TFTP opcode %d, must not be fragmented", n, buf[29])
		}
	}
	if packets < 20 {
		t.Errorf("%d packets were seen", packets)
	}
}

// ip runs ip(8).
func ip(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v %s", line, err, out)
		}
	}
}

// testBroadcast asks the broadcast address of a network.
func testBroadcast(t *testing.T) {
	if !inNamespace(t, "--net") {
		return
	}
	ip(t, "link set lo up",
		"link add fw0 type veth peer name fw1",
		"addr add 10.99.0.1/24 brd 10.99.0.255 dev fw0",
		"link set dev fw0 up",
		"link set dev fw1 up")
	for _, listen := range []string{"0.0.0.0:0", "[::]:0"} {
		m := &memory{}
		m.set("f", []byte("x"))
		c, err := net.ListenPacket("udp", listen)
		if err != nil {
			t.Fatal(err)
		}
		at := serveOn(t, &tftp.Server{Handler: m}, c)
		w := &world{t: t, server: netip.AddrPortFrom(netip.MustParseAddr("10.99.0.255"), at.Port()), listen: listenBroadcast}
		p := w.peerAt(netip.MustParseAddrPort("10.99.0.1:0"))
		p.request(rrq("f", "octet"))
		p.silent(50 * time.Millisecond)
		p.port = netip.AddrPortFrom(netip.MustParseAddr("10.99.0.1"), at.Port())
		p.request(rrq("f", "octet"))
		p.expect(data(1, []byte("x")))
		if m.opens() != 1 {
			t.Errorf("%s: the handler was asked %d times", listen, m.opens())
		}
	}
}

func listenBroadcast(a netip.AddrPort) (net.PacketConn, error) {
	return net.ListenPacket("udp4", a.String()) // Go sets SO_BROADCAST
}

// TestOtherPaths moves files over a network with frames of 1500 bytes, where
// large blocks are fragmented and cannot leave as one GSO run, and between
// link-local addresses.
func TestOtherPaths(t *testing.T) {
	testlevel.NeedFull(t, "moves much data over slow or real networks")
	if !inNamespace(t, "--net") {
		return
	}
	ip(t, "link set lo up",
		"link set lo mtu 1500",
		"link add fw0 type veth peer name fw1",
		"link set dev fw0 addrgenmode none", // the address is set by hand: the kernel's own is tentative for a second
		"link set dev fw0 up",
		"link set dev fw1 up",
		"addr add fe80::77/64 dev fw0 nodad")
	for _, c := range []struct{ listen, asked string }{
		{"127.0.0.1:0", "127.0.0.1"},
		{"0.0.0.0:0", "127.0.0.3"},
		{"[::]:0", "::1"},
		{"[::]:0", "127.0.0.3"},
		{"[::]:0", "fe80::77%fw0"},
		{"[fe80::77%fw0]:0", "fe80::77%fw0"},
	} {
		t.Run(c.listen+" asked as "+c.asked, func(t *testing.T) {
			conn, err := net.ListenPacket("udp", c.listen)
			if err != nil {
				t.Fatal(err)
			}
			m := &memory{}
			at := serveOn(t, &tftp.Server{Handler: m}, conn)
			server := netip.AddrPortFrom(netip.MustParseAddr(c.asked), at.Port())
			for _, client := range []tftp.Client{{}, {BlockSize: 1468, Window: 16}, {BlockSize: 8192, Window: 16}, {BlockSize: 65464, Window: 4}} {
				client.Timeout = 2 * time.Second
				name, body := fmt.Sprint(client.BlockSize), content(1, 700_000)
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				if _, err := client.Put(ctx, server, name, bytes.NewReader(body), -1); err != nil {
					t.Fatal(err)
				}
				if got, _ := m.get(name); !bytes.Equal(got, body) {
					t.Errorf("blksize %d: stored %d bytes that differ", client.BlockSize, len(got))
				}
				var back bytes.Buffer
				if _, err := client.Get(ctx, server, name, &back); err != nil || !bytes.Equal(back.Bytes(), body) {
					t.Errorf("blksize %d: %v, got %d bytes", client.BlockSize, err, back.Len())
				}
			}
		})
	}
}

// testServicePorts sends requests from the ports of services.
func testServicePorts(t *testing.T) {
	if !inNamespace(t, "--net") { // tests of other packages use port 69, too
		return
	}
	ip(t, "link set lo up")
	m := &memory{}
	m.set("f", []byte("x"))
	w := onLoopback(t, &tftp.Server{Handler: m})
	for _, port := range []uint16{7, 19, 69} {
		c, err := w.listen(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.7"), port))
		if err != nil {
			testlevel.Missing(t, fmt.Sprintf("cannot send from port %d: %v", port, err))
		}
		p := &peer{t: t, c: c, to: w.server, port: w.server, buf: make([]byte, 600)}
		p.request(rrq("f", "octet"))
		p.silent(20 * time.Millisecond)
		c.Close()
	}
	same := w.peerAt(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.7"), w.server.Port()))
	same.request(rrq("f", "octet"))
	same.silent(20 * time.Millisecond)
	if m.opens() != 0 {
		t.Errorf("the handler was asked %d times", m.opens())
	}
}
