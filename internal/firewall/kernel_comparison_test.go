package firewall

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/internal/testlevel"
)

// TestKernelAgrees loads random rulesets with nft, sends real datagrams through
// them in both directions, and compares the result with Judge.
func TestKernelAgrees(t *testing.T) {
	t.Parallel()
	rulesets := testlevel.Of(8, 40, 2_000) // how many the kernel judges
	n := newNetwork(t)
	k := newKernel(n)
	first := testlevel.Seed(t)
	counts := map[Verdict]int{}
	last := first + uint64(rulesets) - 1
	for seed := first; seed <= last; seed++ {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
		rules := g.ruleset()
		n.host.NFT("flush ruleset\n" + rules)
		for v, c := range k.compare(n.read()) {
			counts[v] += c
		}
		if t.Failed() {
			t.Fatalf("seed %d:\n%s", seed, rules)
		}
	}
	t.Logf("seeds %d to %d: %d accepted, %d dropped, %d cannot tell", first, last, counts[Accept], counts[Drop], counts[Unknown])
	if counts[Unknown] > 0 || counts[Accept] < rulesets || counts[Drop] < rulesets {
		t.Errorf("the rulesets prove too little: %v", counts)
	}
}

// kernel sends datagrams and sees which arrive.
type kernel struct {
	n       *network
	host    map[uint16]*net.UDPConn
	devices map[netip.Addr]*net.UDPConn
	fence   *net.UDPConn // of the host
	back    *net.UDPConn // of the devices
	used    uint16       // ports of devices
	fences  int          // that were sent
}

const fencePort = 9

func newKernel(n *network) *kernel {
	k := &kernel{n: n, host: map[uint16]*net.UDPConn{}, devices: map[netip.Addr]*net.UDPConn{}}
	for _, p := range []uint16{69, 1056, 1057, 1059, 2000} {
		k.host[p] = n.socket(n.host, netip.AddrPortFrom(netip.IPv6Unspecified(), p))
	}
	k.fence = n.socket(n.host, netip.AddrPortFrom(netip.IPv6Unspecified(), fencePort))
	k.back = n.socket(n.devices, netip.AddrPortFrom(netip.IPv6Unspecified(), fencePort))
	return k
}

// compare sends every kind of datagram from the devices, and answers of this host
// with the replies to them.
func (k *kernel) compare(rules *Ruleset) map[Verdict]int {
	counts := map[Verdict]int{}
	for _, a := range []netip.Addr{deviceV4, strangerV4, deviceV6, strangerV6} {
		dev := k.n.socket(k.n.devices, netip.AddrPortFrom(a, k.nextPort()))
		at := dev.LocalAddr().(*net.UDPAddr).AddrPort()
		for _, p := range []uint16{69, 1056, 1059, 2000} {
			counts[k.incoming(rules, dev, at, p, New)]++
		}
		// This host speaks first from the port of a transfer.
		if k.outgoing(rules, dev, at, 1057, counts) {
			counts[k.incoming(rules, dev, at, 1057, Established)]++
		}
		dev.Close()
	}
	return counts
}

// nextPort is a port that connection tracking has not seen, on one or the other
// side of 40000, for which rules ask.
func (k *kernel) nextPort() uint16 {
	k.used++
	return 25000 + k.used%2*20000 + k.used
}

func hostOf(a netip.Addr) netip.Addr {
	if a.Is4() {
		return hostV4
	}
	return hostV6
}

// incoming compares one datagram from a device.
func (k *kernel) incoming(rules *Ruleset, dev *net.UDPConn, from netip.AddrPort, to uint16, state string) Verdict {
	a := from.Addr().Unmap()
	j := rules.Judge(Packet{
		V6: a.Is6(), Device: a, Host: hostOf(a), Port: from.Port(), HostPort: to, Interface: uplink, Reachable: true, State: state,
	})
	arrived := k.send(dev, netip.AddrPortFrom(hostOf(a), to), k.fence, k.host)
	want := map[Verdict]uint16{Accept: j.HostPort, Drop: 0}[j.Verdict]
	if j.Verdict != Unknown && arrived != want {
		k.n.t.Errorf("%s from %v to port %d (%s): judged %v, to arrive at %d; it arrived at %d\n%+v", state, from, to, a, j.Verdict, want, arrived, j.Against)
	}
	return j.Verdict
}

// outgoing compares one answer of this host, and reports whether it arrived.
func (k *kernel) outgoing(rules *Ruleset, dev *net.UDPConn, to netip.AddrPort, from uint16, counts map[Verdict]int) bool {
	a := to.Addr().Unmap()
	j := rules.Judge(Packet{
		Outgoing: true, V6: a.Is6(), Device: a, Host: hostOf(a), Port: to.Port(), HostPort: from, Interface: uplink, State: New,
	})
	arrived := k.send(k.host[from], to, k.back, map[uint16]*net.UDPConn{to.Port(): dev}) != 0
	counts[j.Verdict]++
	if j.Verdict != Unknown && arrived != (j.Verdict == Accept) {
		k.n.t.Errorf("answer to %v: judged %v, arrived: %v\n%+v", to, j.Verdict, arrived, j.Against)
	}
	return arrived
}

// send sends a datagram and then a fence, which every ruleset accepts. Both are sent
// on one processor, so a datagram that did not arrive before the fence is lost. It returns the port where the datagram arrived, or 0.
func (k *kernel) send(from *net.UDPConn, to netip.AddrPort, fence *net.UDPConn, at map[uint16]*net.UDPConn) uint16 {
	t := k.n.t
	for begun := time.Now(); !k.sendOnce(from, to, fence); {
		if time.Since(begun) > time.Minute {
			t.Fatal("the fence did not arrive")
		}
		t.Log("the fence was lost, as a busy kernel may: both are sent again")
	}
	arrived := uint16(0)
	for port, c := range at {
		if pending(t, c) {
			arrived = port
		}
	}
	return arrived
}

// sendOnce sends a datagram and a fence, and reports whether the fence arrived.
func (k *kernel) sendOnce(from *net.UDPConn, to netip.AddrPort, fence *net.UDPConn) bool {
	t := k.n.t
	k.fences++
	mark := fmt.Sprintf("fence %d", k.fences)
	unpin := pin(t)
	if _, err := from.WriteToUDPAddrPort([]byte("datagram"), to); err != nil && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ECONNREFUSED) {
		t.Fatal(err)
	}
	if _, err := from.WriteToUDPAddrPort([]byte(mark), netip.AddrPortFrom(to.Addr(), fencePort)); err != nil {
		if _, err = from.WriteToUDPAddrPort([]byte(mark), netip.AddrPortFrom(to.Addr(), fencePort)); err != nil {
			t.Fatal(err) // the first error may belong to an earlier reject, the second may not
		}
	}
	unpin()
	if err := fence.SetReadDeadline(time.Now().Add(3 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	for {
		n, _, err := fence.ReadFromUDPAddrPort(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		if string(buf[:n]) == mark { // else it is a late one
			return true
		}
	}
}

// pending takes the packets that have arrived at a socket, without waiting for more.
func pending(t *testing.T, c *net.UDPConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	got := false
	err = raw.Control(func(fd uintptr) {
		buf := make([]byte, 64)
		for {
			n, _, err := unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT)
			if errors.Is(err, unix.ECONNREFUSED) {
				continue
			}
			if err != nil {
				return
			}
			got = got || strings.HasPrefix(string(buf[:n]), "datagram")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// pin keeps the calling thread on one processor until unpin.
func pin(t *testing.T) (unpin func()) {
	runtime.LockOSThread()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	for cpu := range 1024 {
		if all.IsSet(cpu) {
			one.Set(cpu)
			break
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.SchedSetaffinity(0, &all); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		runtime.UnlockOSThread()
	}
}

// generator makes rulesets of what Judge evaluates. Every base chain lets the
// fence pass first.
type generator struct {
	*rand.Rand
	family string
}

func pick[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

func (g *generator) ruleset() string {
	var b strings.Builder
	for i := range 1 + g.IntN(2) {
		g.family = pick(g, "inet", "inet", "ip", "ip6")
		fmt.Fprintf(&b, "table %s t%d {\n", g.family, i)
		v4 := g.family != "ip6"
		if v4 {
			b.WriteString(" set devs { type ipv4_addr; flags interval; elements = { 10.77.0.128/25, 10.77.0.7-10.77.0.9 }\n }\n")
			b.WriteString(" set pairs { type ipv4_addr . inet_service; elements = { 10.77.0.2 . 69, 10.77.0.130 . 1056 }\n }\n")
		}
		b.WriteString(" set ports { type inet_service; flags interval; elements = { 69, 1056-1058 }\n }\n")
		b.WriteString(" map verdicts { type inet_service : verdict; elements = { 69 : drop, 1057 : accept }\n }\n")
		for c := range 3 {
			fmt.Fprintf(&b, " chain c%d {\n%s }\n", c, g.rules(c, ""))
		}
		for c := range 1 + g.IntN(3) {
			hook := pick(g, "input", "input", "prerouting", "output", "postrouting")
			fmt.Fprintf(&b, " chain b%d {\n  type filter hook %s priority %d; policy %s;\n  udp dport %d accept\n%s }\n",
				c, hook, pick(g, -350, -140, -5, 0, 10), pick(g, "accept", "accept", "drop"), fencePort, g.rules(3, hook))
		}
		if g.IntN(3) == 0 {
			match := g.match("prerouting")
			if _, proto := protocols(match); proto == "" {
				match += " meta l4proto udp" // nft wants to know whose port it redirects
			}
			fmt.Fprintf(&b, " chain nat {\n  type nat hook prerouting priority -100;\n  udp dport %d accept\n  %s redirect to :%d\n }\n",
				fencePort, match, pick(g, 69, 1056, 2000))
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// rules writes some rules that jump to chains below the given number.
func (g *generator) rules(below int, hook string) string {
	var b strings.Builder
	if g.IntN(6) == 0 && hook == "input" {
		b.WriteString("  ct state vmap { established : accept, related : accept, invalid : drop }\n")
	}
	for range g.IntN(6) {
		verdict, matches := g.verdict(below, hook), g.IntN(3)
		if strings.HasPrefix(verdict, "reject with") {
			matches = 0 // nft 1.0.6 lists a rule that contradicts itself, such as for IPv6 with icmp, as another one
		}
		b.WriteString("  ")
		rule := []string{verdict}
		for range matches {
			m := g.match(hook)
			if !slices.ContainsFunc(rule, func(part string) bool { return contradict(part, m) }) {
				b.WriteString(m + " ")
				rule = append(rule, m)
			}
		}
		if g.IntN(5) == 0 {
			b.WriteString(pick(g, "counter ", "meta mark set 5 "))
		}
		b.WriteString(verdict + "\n")
	}
	return b.String()
}

// contradict reports whether nft refuses a rule with both matches, or lists it as
// another rule: nft 1.0.6 does so with sport < 1024 and sport > 40000.
func contradict(a, b string) bool {
	ip, proto := protocols(a)
	otherIP, otherProto := protocols(b)
	return ip != "" && otherIP != "" && ip != otherIP || proto != "" && otherProto != "" && proto != otherProto ||
		strings.HasPrefix(a, "udp sport") && strings.HasPrefix(b, "udp sport")
}

// protocols returns the version of IP and the transport protocol that a match is
// about; empty: any.
func protocols(match string) (ip, proto string) {
	switch {
	case strings.Contains(match, "ip6"):
		ip = "ip6"
	case strings.HasPrefix(match, "ip "), strings.Contains(match, "ipv4"):
		ip = "ip"
	}
	switch {
	case strings.Contains(match, "tcp"): // { tcp, udp } too
		proto = "tcp"
	case strings.Contains(match, "udp"):
		proto = "udp"
	}
	return ip, proto
}

func (g *generator) match(hook string) string {
	options := []string{
		"udp dport 69", "udp dport != 69", "udp dport { 69, 1056-1059 }", "udp dport != { 69, 2000 }", "udp dport 1000-1057", "udp dport @ports",
		"udp sport > 40000", "udp sport < 1024", "th dport 1056", "tcp dport 69", "meta l4proto udp", "meta l4proto { tcp, udp }", "meta mark 5",
		"ct state new", "ct state established,related", "ct state != established", "ct direction original", "meta mark & 0x4 == 4",
	}
	if g.family != "ip6" {
		options = append(options, "ip saddr 10.77.0.2", "ip saddr 10.77.0.0/25", "ip saddr != 10.77.0.2", "ip saddr { 10.77.0.2, 10.77.0.9 }", "ip saddr @devs",
			"ip saddr . udp dport @pairs", "ip saddr . udp dport { 10.77.0.2 . 69, 10.77.0.130 . 2000 }", "ip daddr 10.77.0.1", "ip protocol udp",
			"ip frag-off & 0x1fff == 0", "ip saddr 10.77.0.100-10.77.0.200")
	}
	if g.family != "ip" {
		options = append(options, "ip6 saddr fd77::2", "ip6 saddr fd77::/120", "ip6 saddr != fd77::2", "ip6 nexthdr udp")
	}
	if g.family == "inet" {
		options = append(options, "meta nfproto ipv4", "meta protocol ip6")
	}
	switch hook {
	case "input", "prerouting":
		options = append(options, `iifname "dev*"`, `iifname != "lo"`, `iifname { "lo", "x" }`, "iif lo", "meta pkttype unicast", `oifname "devices"`,
			"fib daddr type local", "fib saddr . iif oif missing")
	case "output", "postrouting":
		options = append(options, `oifname "devices"`, `oifname "lo"`, `iifname "devices"`)
	}
	return g.at(options)
}

func (g *generator) at(options []string) string { return options[g.IntN(len(options))] }

func (g *generator) verdict(below int, hook string) string {
	options := []string{"accept", "accept", "drop", "return", "counter", "continue", "udp dport vmap @verdicts",
		"udp dport vmap { 69 : accept, 1056-1057 : drop, 2000 : return }"}
	if below > 0 {
		c := g.IntN(below)
		options = append(options, fmt.Sprintf("jump c%d", c), fmt.Sprintf("goto c%d", c), fmt.Sprintf("udp dport vmap { 69 : jump c%d, 1056 : goto c%d }", c, c))
	}
	if hook == "input" {
		options = append(options, "reject")
		if g.family == "inet" {
			options = append(options, "reject with icmp port-unreachable", "reject with icmpv6 no-route")
		}
	}
	return g.at(options)
}
