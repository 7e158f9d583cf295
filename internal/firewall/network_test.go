package firewall

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/internal/testlevel"
)

// network is two namespaces: this host's, with the rules, and one of devices.
type network struct {
	t             *testing.T
	host, devices string
}

// The addresses of the network.
var (
	hostV4, deviceV4, strangerV4 = netip.MustParseAddr("10.77.0.1"), netip.MustParseAddr("10.77.0.2"), netip.MustParseAddr("10.77.0.130")
	hostV6, deviceV6, strangerV6 = netip.MustParseAddr("fd77::1"), netip.MustParseAddr("fd77::2"), netip.MustParseAddr("fd77::130")
)

var nextNetwork atomic.Int32

func need(t *testing.T, programs ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		testlevel.Missing(t, "needs root")
	}
	for _, p := range programs {
		if _, err := find(p); err != nil {
			testlevel.Missing(t, "needs "+p)
		}
	}
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	need(t, "ip", "nft")
	id := fmt.Sprintf("fw%d-%d", os.Getpid(), nextNetwork.Add(1))
	n := &network{t: t, host: id + "h", devices: id + "d"}
	for _, ns := range []string{n.host, n.devices} {
		n.command("ip", "netns", "add", ns)
		t.Cleanup(func() { n.command("ip", "netns", "del", ns) })
	}
	n.command("ip", "-n", n.host, "link", "add", "fh0", "type", "veth", "peer", "name", "fd0", "netns", n.devices)
	for _, end := range []struct{ ns, dev, addrs string }{
		{n.host, "fh0", "10.77.0.1/24 fd77::1/64"},
		{n.devices, "fd0", "10.77.0.2/24 10.77.0.130/24 fd77::2/64 fd77::130/64"},
	} {
		n.command("ip", "-n", end.ns, "link", "set", "lo", "up")
		n.command("ip", "-n", end.ns, "link", "set", end.dev, "up")
		for _, a := range strings.Fields(end.addrs) {
			args := []string{"-n", end.ns, "addr", "add", a, "dev", end.dev}
			if strings.Contains(a, ":") {
				args = append(args, "nodad")
			}
			n.command("ip", args...)
		}
	}
	// Rules that drop everything drop the search for neighbours, too.
	n.neighbour(n.host, "fh0", n.devices, "fd0", deviceV4, strangerV4, deviceV6, strangerV6)
	n.neighbour(n.devices, "fd0", n.host, "fh0", hostV4, hostV6)
	n.carrier(n.host, "fh0")
	n.carrier(n.devices, "fd0")
	return n
}

// carrier waits until dev sends: the end of a pair may take a second to notice
// that the other one is there, and loses the datagrams sent before.
func (n *network) carrier(ns, dev string) {
	n.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if strings.TrimSpace(n.command("ip", "netns", "exec", ns, "cat", "/sys/class/net/"+dev+"/operstate")) == "up" {
			return
		}
	}
	n.t.Fatalf("%s has no carrier", dev)
}

// neighbour adds the link addresses of the other end to dev in ns.
func (n *network) neighbour(ns, dev, otherNS, otherDev string, addresses ...netip.Addr) {
	n.t.Helper()
	mac := strings.TrimSpace(n.command("ip", "netns", "exec", otherNS, "cat", "/sys/class/net/"+otherDev+"/address"))
	for _, a := range addresses {
		n.command("ip", "-n", ns, "neigh", "replace", a.String(), "lladdr", mac, "dev", dev, "nud", "permanent")
	}
}

func (n *network) command(name string, args ...string) string {
	n.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		n.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// inHost runs a shell command in the host's namespace.
func (n *network) inHost(line string) string {
	n.t.Helper()
	return n.command("ip", "netns", "exec", n.host, "sh", "-c", line)
}

// load replaces all rules of nft.
func (n *network) load(rules string) {
	n.t.Helper()
	if err := n.tryLoad(rules); err != nil {
		n.t.Fatal(err)
	}
}

func (n *network) tryLoad(rules string) error {
	cmd := exec.Command("ip", "netns", "exec", n.host, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader("flush ruleset\n" + rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w\n%s\n%s", err, out, rules)
	}
	return nil
}

// within calls do on a thread that is in the namespace: what it starts and the
// sockets that it opens belong there.
func (n *network) within(ns string, do func()) {
	n.t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	here, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	if err != nil {
		n.t.Fatal(err)
	}
	defer here.Close()
	there, err := os.Open("/run/netns/" + ns)
	if err != nil {
		n.t.Fatal(err)
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		n.t.Fatal(err)
	}
	do()
	if err := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); err != nil {
		panic(err) // the thread is of no use to anybody
	}
}

// read reads the rules of the host's namespace.
func (n *network) read() *Ruleset {
	n.t.Helper()
	var r *Ruleset
	n.within(n.host, func() {
		var err error
		if r, err = Read(n.t.Context()); err != nil {
			n.t.Fatal(err)
		}
	})
	return r
}

// socket opens a UDP socket in a namespace.
func (n *network) socket(ns string, at netip.AddrPort) *net.UDPConn {
	n.t.Helper()
	var c *net.UDPConn
	n.within(ns, func() {
		var err error
		if c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at)); err != nil {
			n.t.Fatal(err)
		}
	})
	n.t.Cleanup(func() { c.Close() })
	return c
}
