package netlab_test

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"flashwarden/internal/netlab"
)

// send sends n bytes by UDP from one host to another and reports whether they
// arrived. An empty datagram follows them. When it arrives, they have arrived
// or are lost.
func send(t *testing.T, from, to *netlab.Host, addr string, n int) bool {
	t.Helper()
	var in net.PacketConn
	var out net.Conn
	var err error
	to.Do(func() { in, err = net.ListenPacket("udp", addr) })
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	from.Do(func() { out, err = net.Dial("udp", addr) })
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	for _, size := range []int{n, 0} {
		if _, err := out.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := in.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	got, _, err := in.ReadFrom(make([]byte, n))
	if err != nil {
		t.Fatal(err)
	}
	return got == n
}

// TestRouted sends through a router, and lets nftables drop it there.
func TestRouted(t *testing.T) {
	lab := netlab.New(t)
	a, router, b := lab.Host("a"), lab.Host("router"), lab.Host("b")
	lab.Cable(a, "10.1.0.2/24", router, "10.1.0.1/24")
	lab.Cable(b, "10.2.0.2/24", router, "10.2.0.1/24")
	router.Forward()
	a.Type("ip route add default via 10.1.0.1")
	b.Type("ip route add default via 10.2.0.1")
	for _, n := range []int{1, 1472, 8196} {
		if !send(t, a, b, "10.2.0.2:69", n) {
			t.Errorf("%d bytes did not arrive", n)
		}
	}
	router.NFT(`table inet filter { chain forward {
		type filter hook forward priority 0; policy accept;
		ip frag-off & 0x3fff != 0 drop
	}
	}`)
	if !send(t, a, b, "10.2.0.2:69", 1472) || send(t, a, b, "10.2.0.2:69", 8196) {
		t.Error("fragments pass, or whole datagrams do not")
	}
	if n := strings.TrimSpace(a.Type("ip -o link show router | wc -l")); n != "1" {
		t.Errorf("the interface is not called like the other end: %q", n)
	}
}

// TestOwnNetworks uses the same addresses in two networks at once.
func TestOwnNetworks(t *testing.T) {
	for _, name := range []string{"one", "two"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lab := netlab.New(t)
			a, b := lab.Host("a"), lab.Host("b")
			lab.Cable(a, "10.1.0.1/24", b, "10.1.0.2/24")
			if !send(t, a, b, "10.1.0.2:69", 10) {
				t.Error("nothing arrives")
			}
		})
	}
}

// TestNothingIsLeft kills a process that has a network in the middle of its
// work: the cable that it had drawn goes with it.
func TestNothingIsLeft(t *testing.T) {
	if os.Getenv("FLASHWARDEN_NETLAB_CHILD") != "" {
		lab := netlab.New(t)
		a, b := lab.Host("a"), lab.Host("b")
		lab.Cable(a, "10.1.0.1/24", b, "10.1.0.2/24")
		lab.Draw(a)
		os.Stdout.WriteString("drawn\n")
		select {}
	}
	outside := netlab.New(t).Host("outside")
	child := exec.Command(os.Args[0], "-test.run", "^TestNothingIsLeft$")
	child.Env = append(os.Environ(), "FLASHWARDEN_NETLAB_CHILD=yes")
	printed, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := outside.Start(child); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(printed).ReadString('\n'); line != "drawn\n" {
		t.Fatal(line, err)
	}
	count := func() string { return strings.TrimSpace(outside.Type("ip -o link | grep -c veth; true")) }
	if n := count(); n != "1" {
		t.Fatalf("the child drew %s cables to its own namespace, want 1", n)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // killed
	for range 100 {
		if count() == "0" {
			return
		}
		time.Sleep(50 * time.Millisecond) // the kernel clears a namespace in its own time
	}
	t.Errorf("left behind:\n%s", outside.Type("ip link"))
}
