// Package netlab makes small real networks for tests. Each host is a network
// namespace. Cables (veth pairs) join the hosts; their frames have 1500 bytes, so
// that large datagrams are fragmented. With nftables, a host can act as a firewall
// or a bad line.
//
//	lab := netlab.New(t)
//	server, device := lab.Host("server"), lab.Host("device")
//	lab.Cable(server, "10.1.0.1/24", device, "10.1.0.2/24")
//	server.NFT(`table inet filter {
//		chain input {
//			type filter hook input priority 0; policy accept;
//			udp dport 69 drop
//		}
//	}`)
//	server.Start(exec.Command(binary, "backup", "sw1"))
//	device.Do(func() { listener, err = net.Listen("tcp", "10.1.0.2:22") })
//
// The namespaces have no names; file descriptors of the test process keep them
// alive. When the process ends, even by a signal, the kernel removes them with
// their contents. Any number of tests can run at the same time.
//
// Only tests use this package. It needs root, ip(8) and nft(8).
package netlab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/internal/testlevel"
)

// Lab is the network of one test.
type Lab struct{ t testing.TB }

// Host is a network namespace.
type Host struct {
	Name string
	t    testing.TB
	ns   *os.File
}

// New returns an empty network. Without root, ip or nft it skips the test; in CI
// ($CI is "true") the test fails instead.
func New(t testing.TB) *Lab {
	t.Helper()
	if os.Geteuid() != 0 {
		testlevel.Missing(t, "network namespaces need root")
	}
	for _, tool := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			testlevel.Missing(t, tool+" is not installed")
		}
	}
	return &Lab{t}
}

// Host creates a host whose loopback interface is up. The host is removed when the
// test ends.
func (l *Lab) Host(name string) *Host {
	l.t.Helper()
	ns, err := newNamespace()
	if errors.Is(err, unix.EPERM) {
		testlevel.Missing(l.t, "no right to make a network namespace")
	}
	if err != nil {
		l.t.Fatalf("make host %s: %v", name, err)
	}
	l.t.Cleanup(func() { ns.Close() })
	h := &Host{Name: name, t: l.t, ns: ns}
	h.IP("link set lo up")
	return h
}

// newNamespace creates a namespace. It exists as long as the file is open or it
// contains a socket or process.
func newNamespace() (ns *os.File, err error) {
	var made error
	err = elsewhere(func() error { return unix.Unshare(unix.CLONE_NEWNET) }, func() {
		ns, made = os.Open("/proc/thread-self/ns/net")
	})
	return ns, errors.Join(err, made)
}

// elsewhere moves a thread to another namespace with enter, calls f on it, and
// moves the thread back.
func elsewhere(enter func() error, f func()) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err == nil {
		defer home.Close()
		err = enter()
	}
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() {
		// A thread that cannot be moved back stays locked: the runtime ends it
		// together with its goroutine.
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
	}()
	f()
	return nil
}

// Do calls f on this host. Sockets and processes that f opens and starts in the
// same goroutine belong to the host.
func (h *Host) Do(f func()) {
	h.t.Helper()
	err := elsewhere(func() error { return unix.Setns(int(h.ns.Fd()), unix.CLONE_NEWNET) }, f)
	if err != nil {
		h.t.Errorf("enter host %s: %v", h.Name, err)
	}
}

// Start starts cmd on this host. The kernel kills it when the test process dies.
func (h *Host) Start(cmd *exec.Cmd) error {
	h.t.Helper()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	err := errors.New("not started")
	h.Do(func() { err = cmd.Start() })
	return err
}

// Type runs each line in a shell on this host. A line that fails ends the test.
// Type returns the output of the last line.
func (h *Host) Type(lines ...string) string {
	h.t.Helper()
	out := ""
	for _, line := range lines {
		out = h.run(line, exec.Command("sh", "-c", line))
	}
	return out
}

// IP runs lines of ip(8), all in one process. A line that fails ends the test.
func (h *Host) IP(lines ...string) {
	h.t.Helper()
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	h.run("ip: "+strings.Join(lines, "; "), cmd)
}

// NFT loads rules in the syntax of nft -f.
func (h *Host) NFT(rules string) {
	h.t.Helper()
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	h.run(rules, cmd)
}

func (h *Host) run(what string, cmd *exec.Cmd) string {
	h.t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := h.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		h.t.Fatalf("on %s: %s: %v\n%s", h.Name, what, err, out.Bytes())
	}
	return out.String()
}

// Forward makes the host an IPv4 router.
func (h *Host) Forward() {
	h.t.Helper()
	h.Type("echo 1 > /proc/sys/net/ipv4/ip_forward")
}

// Cable joins two hosts. The addresses have a prefix length: 10.1.0.1/24. Each
// interface has the name of the host at the other end, so a host name may have at
// most 15 characters.
func (l *Lab) Cable(a *Host, addrA string, b *Host, addrB string) {
	l.t.Helper()
	a.IP(fmt.Sprintf("link add name %s mtu 1500 type veth peer name %s mtu 1500 netns /proc/%d/fd/%d", b.Name, a.Name, os.Getpid(), b.ns.Fd()),
		"addr add "+addrA+" dev "+b.Name, "link set dev "+b.Name+" up")
	b.IP("addr add "+addrB+" dev "+a.Name, "link set dev "+a.Name+" up")
	a.awaitCarrier(b.Name)
	b.awaitCarrier(a.Name)
}

// awaitCarrier waits until the kernel sends on an interface: it takes up to a
// second to notice that the other end is up.
func (h *Host) awaitCarrier(dev string) {
	h.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		up, err := h.isUp(dev)
		if err != nil {
			h.t.Fatalf("on %s: %s: %v", h.Name, dev, err)
		}
		if up {
			return
		}
	}
	h.t.Fatalf("on %s: %s never came up", h.Name, dev)
}

// isUp reports whether an interface is operational (RFC 2863, ifOperStatus), as
// "state UP" in ip link: it reads the list of interfaces from the kernel (rtnetlink(7)).
func (h *Host) isUp(dev string) (up bool, err error) {
	h.t.Helper()
	var table []byte
	h.Do(func() { table, err = syscall.NetlinkRIB(syscall.RTM_GETLINK, syscall.AF_UNSPEC) })
	if err != nil {
		return false, err
	}
	messages, err := syscall.ParseNetlinkMessage(table)
	if err != nil {
		return false, err
	}
	for i := range messages {
		if messages[i].Header.Type != syscall.RTM_NEWLINK {
			continue
		}
		attributes, err := syscall.ParseNetlinkRouteAttr(&messages[i])
		if err != nil {
			return false, err
		}
		name, state := "", byte(0)
		for _, a := range attributes {
			switch a.Attr.Type {
			case unix.IFLA_IFNAME:
				name = unix.ByteSliceToString(a.Value)
			case unix.IFLA_OPERSTATE:
				state = a.Value[0]
			}
		}
		if name == dev {
			return state == operUp, nil
		}
	}
	return false, errors.New("no such interface")
}

// operUp is IF_OPER_UP of linux/if.h.
const operUp = 6
