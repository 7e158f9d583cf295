package tftptest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// pair opens two sockets.
func pair(t *testing.T, n *Network) (a, b net.PacketConn) {
	t.Helper()
	for _, c := range []*net.PacketConn{&a, &b} {
		var err error
		if *c, err = n.Listen(netip.AddrPort{}); err != nil {
			t.Fatal(err)
		}
	}
	return a, b
}

// exchange sends n numbered packets and gives those that arrive, in order.
func exchange(t *testing.T, network *Network, n int) []string {
	t.Helper()
	var got []string
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, network)
		for i := range n {
			if _, err := a.WriteTo(fmt.Append(nil, i), b.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		b.SetReadDeadline(time.Now().Add(time.Minute))
		for buf := make([]byte, 100); ; {
			n, from, err := b.ReadFrom(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
			if err != nil || from.String() != a.LocalAddr().String() {
				t.Fatalf("from %v, %v", from, err)
			}
			got = append(got, string(buf[:n]))
		}
	})
	return got
}

func numbers(n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprint(i))
	}
	return list
}

func TestNetwork(t *testing.T) {
	if got := exchange(t, &Network{}, 100); !slices.Equal(got, numbers(100)) {
		t.Errorf("a perfect network: %v", got)
	}
	if got := exchange(t, &Network{Delay: 10 * time.Millisecond}, 100); !slices.Equal(got, numbers(100)) {
		t.Errorf("a slow network: %v", got)
	}
	if got := exchange(t, &Network{Loss: 0.2}, 1000); len(got) < 700 || len(got) > 900 {
		t.Errorf("of 1000 packets at 20%% loss %d arrived", len(got))
	}
	if got := exchange(t, &Network{Duplicate: 0.2}, 1000); len(got) < 1100 || len(got) > 1300 {
		t.Errorf("of 1000 packets at 20%% duplication %d arrived", len(got))
	}
	if got := exchange(t, &Network{Rate: 1000, Queue: 3}, 100); len(got) < 55 || len(got) > 75 {
		t.Errorf("190 bytes in 100 ms through a link of 1000 bytes a second with a queue of 3: %d packets arrived", len(got))
	}
	got := exchange(t, &Network{Reorder: 0.2}, 100)
	if slices.Equal(got, numbers(100)) || len(got) != 100 {
		t.Errorf("nothing was reordered, or lost: %v", got)
	}
	if again := exchange(t, &Network{Reorder: 0.2}, 100); !slices.Equal(got, again) {
		t.Error("the same seed gives another order")
	}
	if other := exchange(t, &Network{Reorder: 0.2, Seed: 1}, 100); slices.Equal(got, other) {
		t.Error("another seed gives the same order")
	}
	if got := exchange(t, &Network{Filter: func(p Packet) Verdict { return Verdict(p.Data[0]-'0') % 3 }}, 9); !slices.Equal(got,
		[]string{"0", "2", "2", "3", "5", "5", "6", "8", "8"}) {
		t.Errorf("the filter gave %v", got)
	}
}

func TestConn(t *testing.T) {
	n := &Network{}
	a, b := pair(t, n)
	if _, err := n.Listen(addrOf(a)); err == nil {
		t.Error("a port was given twice")
	}
	b.SetReadDeadline(time.Unix(1, 0))
	if _, _, err := b.ReadFrom(nil); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read after the deadline: %v", err)
	}
	b.SetReadDeadline(time.Time{})
	read := make(chan error)
	go func() { _, _, err := b.ReadFrom(nil); read <- err }()
	b.Close()
	if err := <-read; !errors.Is(err, net.ErrClosed) {
		t.Errorf("read from a closed socket: %v", err)
	}
	if _, err := b.WriteTo(nil, a.LocalAddr()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write to a closed socket: %v", err)
	}
	if _, err := n.Listen(addrOf(b)); err != nil {
		t.Errorf("the port of a closed socket: %v", err)
	}
}

func addrOf(c net.PacketConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }
