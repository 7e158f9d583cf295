//go:build linux

package conformance_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
	"flashwarden/tftp/conformance"
)

func udp(a netip.AddrPort) (net.PacketConn, error) {
	return net.ListenUDP("udp4", net.UDPAddrFromAddrPort(a))
}

// serve runs a Server for a new directory until the test ends.
func serve(t *testing.T, s *tftp.Server, d *tftp.Dir) conformance.Target {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	d.Root, s.Handler = root, d
	return serveHandler(t, s, dir)
}

// clients counts the servers. The clients of each have an address of their own: the
// port of a client that has ended may be given to a client of another server, while
// the first server still sends to it.
var clients atomic.Int32

// serveHandler runs a Server on all addresses until the test ends.
func serveHandler(t *testing.T, s *tftp.Server, dir string) conformance.Target {
	t.Helper()
	c, err := udp(netip.MustParseAddrPort("0.0.0.0:0"))
	if err != nil {
		t.Fatal(err)
	}
	ready, done := make(chan struct{}), make(chan error, 1)
	s.Ready = func() { close(ready) }
	ctx, cancel := context.WithCancel(context.Background())
	go func() { done <- s.Serve(ctx, c) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		c.Close()
	})
	<-ready
	client := netip.AddrFrom4([4]byte{127, 77, 0, byte(clients.Add(1))})
	return conformance.Target{
		Addr:      netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), c.LocalAddr().(*net.UDPAddr).AddrPort().Port()),
		Dir:       dir,
		Patience:  time.Minute,
		Quick:     testlevel.Current() == testlevel.Quick,
		Also:      []netip.Addr{netip.MustParseAddr("127.0.0.2")},
		Broadcast: netip.MustParseAddr("127.255.255.255"),
		Listen: func(a netip.AddrPort) (net.PacketConn, error) {
			if a.Addr().IsUnspecified() {
				a = netip.AddrPortFrom(client, a.Port())
			}
			return udp(a)
		},
	}
}

// TestServer judges a Server with a Dir.
func TestServer(t *testing.T) {
	t.Parallel()
	conformance.Run(t, serve(t, &tftp.Server{}, &tftp.Dir{Create: true, Public: true}))
}

// TestSharedPorts judges a Server whose transfers share four ports. Below the level
// soak, it leaves out the cases with hundreds of thousands of packets.
func TestSharedPorts(t *testing.T) {
	testlevel.NeedFull(t, "the cases once more")
	t.Parallel()
	ports := tftp.PortRange{First: 31056, Last: 31059}
	target := serve(t, &tftp.Server{Ports: ports}, &tftp.Dir{Create: true, Public: true})
	without := testlevel.Of(nil, []int{81, 109, 110}, nil)
	cases := slices.DeleteFunc(conformance.Cases(), func(c conformance.Case) bool { return slices.Contains(without, c.Number) })
	results, err := conformance.Judge(t.Context(), target, cases, func(conformance.Result) {})
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != len(cases) {
		t.Errorf("%d results for %d cases", len(results), len(cases))
	}
	for _, r := range results {
		if r.Verdict == conformance.Fail {
			t.Errorf("case %03d %s: %s", r.Number, r.Name, r.Detail)
		}
	}
}

// TestReadOnly judges a Server that takes no uploads.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	target := serve(t, &tftp.Server{}, &tftp.Dir{ReadOnly: true, Public: true})
	target.Quick = true
	conformance.Run(t, target)
}

// TestNoServer checks the error for an address where nobody answers.
func TestNoServer(t *testing.T) {
	t.Parallel()
	c, err := udp(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	target := conformance.Target{Addr: c.LocalAddr().(*net.UDPAddr).AddrPort(), Dir: t.TempDir(), Patience: 10 * time.Millisecond}
	if _, err := conformance.Judge(t.Context(), target, conformance.Cases(), nil); err == nil {
		t.Error("a server that does not answer was judged")
	}
}

// TestNumbersAreUnique: a case is known by its number.
func TestNumbersAreUnique(t *testing.T) {
	seen := map[int]string{}
	for _, c := range conformance.Cases() {
		if seen[c.Number] != "" || c.Name == "" || c.Source == "" || c.Level == "" {
			t.Errorf("%v and %s", c, seen[c.Number])
		}
		seen[c.Number] = c.Name
	}
}
