package e2e

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/internal/iossim"
	"flashwarden/tftp"
)

// The failures of the path between device and server.
// Each test builds the failure, wants its cause and the line that mends it,
// applies that line as it stands in the hint, and wants the next run ok. It
// returns the reported cause.

func noRequest(t *testing.T) string {
	l := newLAN(t)
	l.add("c2960", iossim.Options{})
	// Both directions are closed: one hint opens them, so that the next run does
	// not fail with another cause.
	l.server.NFT(filter("input", "drop", "iif lo accept", "ct state established,related accept"))
	l.server.NFT(filter("output", "drop", "oif lo accept", "tcp dport 22 accept", "ct state established accept"))
	in := "nft 'insert rule inet filter input ip saddr 10.2.0.2 udp dport { 69, 1056-1059 } accept'"
	out := "nft 'insert rule inet filter output ip daddr 10.2.0.2 udp sport 1056-1059 accept'"
	r := l.fails(in, out, "permit udp host 10.2.0.2 host 10.1.0.2 eq tftp", "show ip route 10.1.0.2")
	l.server.Type(in, out)
	l.works()
	return r.Cause
}

// answersLost drops the range from the server to the device.
func answersLost(t *testing.T) string {
	l := newLAN(t)
	l.add("c2960", iossim.Options{})
	l.server.NFT(filter("output", "accept", "udp sport 1056-1059 drop"))
	line := "nft insert rule inet filter output ip daddr 10.2.0.2 udp sport 1056-1059 accept"
	r := l.fails(line, "permit udp host 10.1.0.2 range 1056 1059 host 10.2.0.2")
	l.server.Type(line)
	l.works()
	return r.Cause
}

// transferLost drops the range from the device to the server.
func transferLost(t *testing.T) string {
	l := newLAN(t)
	l.add("c2960", iossim.Options{})
	l.server.NFT(filter("input", "accept", "udp dport 1056-1059 drop"))
	line := "nft insert rule inet filter input ip saddr 10.2.0.2 udp dport 1056-1059 accept"
	r := l.fails(line, "permit udp host 10.2.0.2 host 10.1.0.2 range 1056 1059")
	l.server.Type(line)
	l.works()
	return r.Cause
}

// statefulFirewall lets port 69 through and what belongs to it, and does not
// know that the answer of TFTP comes from another port.
func statefulFirewall(t *testing.T) string {
	l := newLAN(t)
	l.add("c2960", iossim.Options{})
	l.router.NFT(filter("forward", "drop", "ct state established,related accept", "ip daddr 10.2.0.2 tcp dport 22 accept", "ip daddr 10.1.0.2 udp dport 69 accept"))
	line := "nft insert rule inet filter forward ip saddr 10.1.0.2 ip daddr 10.2.0.2 udp sport 1056-1059 accept"
	r := l.fails(line)
	l.router.Type(line)
	l.works()
	return r.Cause
}

// otherServerAddress has NAT give the server's answers another address: the
// device does not take them.
func otherServerAddress(t *testing.T) string {
	l := newLAN(t)
	l.add("c2960", iossim.Options{})
	l.server.NFT("table ip nat {\n chain postrouting {\n type nat hook postrouting priority 100;\n udp sport 1056-1059 snat to " + secondServerAddress + "\n}\n}\n")
	line := "nft insert rule ip nat postrouting ip daddr 10.2.0.2 udp sport 1056-1059 accept"
	r := l.fails(line)
	l.server.Type(line)
	l.works()
	return r.Cause
}

func fragmentsDropped(t *testing.T) string {
	l := newLAN(t)
	l.env = append(l.env, "FLASHWARDEN_TFTP_MAX_BLOCK_SIZE=0")
	sw := l.add("isr4300", iossim.Options{LargestImage: imageSize, Timeout: 3 * time.Second})
	l.works() // large blocks pass
	l.router.NFT(filter("forward", "accept", "ip frag-off & 0x3fff != 0 drop"))
	r, o := l.backup("--recopy", "-v")
	if r.Status != "ok" || r.Attempts != 2 {
		t.Errorf("%s after %d attempts: %s\n%s", r.Status, r.Attempts, r.Message, o.stderr)
	}
	line := "ip tftp blocksize 1468"
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, "`"+line+"`") || !strings.Contains(notes, "8192 bytes") {
		t.Errorf("an attempt was lost, and the notes do not say how to mend that: %s", notes)
	}
	l.configure(sw, line)
	l.works()
	return only(t, attempts(o))
}

func wrongSource(t *testing.T) string {
	l := newLAN(t)
	sw := l.add("c2960", iossim.Options{Listen: loopbackAddress + ":22", Source: netip.MustParseAddr(deviceAddress)})
	line := "ip tftp source-interface Loopback0"
	r := l.fails(line, "flashwarden device edit sw1 --address 10.2.0.2")
	l.configure(sw, line)
	l.works()
	return r.Cause
}

// stalled loses everything after the first blocks.
func stalled(t *testing.T) string {
	l := newLAN(t)
	l.add("c2960", iossim.Options{})
	l.router.NFT(filter("forward", "accept", "udp dport 1056-1059 quota over 20 kbytes drop"))
	run := l.start("attempt failed", "backup", "sw1", "--files", "image", "--json", "-v")
	run.untilSaid()
	l.router.Type("nft flush ruleset")
	o := run.outcome()
	r := single(t, o)
	if r.Status != "ok" || r.Attempts != 2 {
		t.Errorf("%s after %d attempts: %s\n%s", r.Status, r.Attempts, r.Message, o.stderr)
	}
	return only(t, attempts(o))
}

// connectTimeout loses every SYN.
func connectTimeout(t *testing.T) string {
	l := newLAN(t)
	l.add("c2960", iossim.Options{})
	l.device.NFT(filter("input", "accept", "tcp dport 22 drop"))
	o := l.start("", "device", "test", "sw1", "--json").outcome()
	r := single(t, o)
	if o.code != 3 || !strings.Contains(r.Hint, "ping 10.2.0.2") {
		t.Errorf("exit code %d, hint %q", o.code, r.Hint)
	}
	l.device.Type("nft insert rule inet filter input tcp dport 22 accept")
	l.works()
	return r.Cause
}

// rebooted restarts the device in the middle of a copy.
func rebooted(t *testing.T) string {
	l := newLAN(t)
	l.env = append(l.env, "FLASHWARDEN_BACKUP_STALL_TIMEOUT=5s")
	sw := l.add("c2960", iossim.Options{Faults: iossim.Faults{Hangup: iossim.After{Bytes: 30_000, Times: 1}}})
	r, o := l.backup("-v")
	if r.Status != "ok" || r.Attempts != 2 {
		t.Errorf("%s after %d attempts: %s\n%s", r.Status, r.Attempts, r.Message, o.stderr)
	}
	if tr := sw.Transfers(); len(tr) != 2 || tr[0].Err == nil || tr[0].Bytes == 0 {
		t.Errorf("transfers %+v", tr)
	}
	return only(t, attempts(o))
}

// only is the one cause that all attempts had.
func only(t *testing.T, causes []string) string {
	t.Helper()
	causes = slices.Compact(causes)
	if len(causes) != 1 {
		t.Errorf("the attempts failed with %v", causes)
		return ""
	}
	return causes[0]
}

// TestPathsThatWork are paths that are bad or odd, and good enough.
func TestPathsThatWork(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T, l *lan){
		"loss of 20 percent": func(t *testing.T, l *lan) {
			l.add("c9300-stack", iossim.Options{LargestImage: imageSize, Timeout: 3 * time.Second})
			l.router.NFT(filter("forward", "accept", "meta l4proto udp numgen random mod 100 < 20 drop"))
			if r, o := l.backup(); r.Status != "ok" {
				t.Errorf("%s after %d attempts: %s\n%s", r.Status, r.Attempts, r.Message, o.stderr)
			}
		},
		"link cut for 10 s": func(t *testing.T, l *lan) {
			sw := l.add("c2960", iossim.Options{Pace: 8_000, Timeout: 38 * time.Second})
			l.router.NFT(filter("forward", "accept", "udp dport 1056-1059 counter"))
			run := l.start("copying", "backup", "sw1", "--files", "image", "--json", "-v")
			run.untilSaid()
			for l.passed() < 10 {
				time.Sleep(20 * time.Millisecond)
			}
			l.router.Type("ip link set dev device down")
			time.Sleep(10 * time.Second) // the cut itself
			if tr := sw.Transfers(); len(tr) != 0 {
				t.Errorf("the copy ended before the link was back: %+v", tr)
			}
			l.router.Type("ip link set dev device up", "ip route replace "+loopbackAddress+" via "+deviceAddress)
			o := run.outcome()
			if r := single(t, o); r.Status != "ok" || r.Attempts != 1 {
				t.Errorf("%s after %d attempts: %s\n%s", r.Status, r.Attempts, r.Message, o.stderr)
			}
		},
		"terminal closed by its idle timeout": func(t *testing.T, l *lan) {
			sw := l.add("c2960", iossim.Options{Pace: 4_000, ExecTimeout: 10 * time.Second})
			l.works()
			for end := time.Now().Add(time.Minute); len(sw.Transfers()) == 0 && time.Now().Before(end); { // the server may be done before the switch is
				time.Sleep(20 * time.Millisecond)
			}
			if n := strings.Count(strings.Join(sw.Commands(), "\n"), "terminal length 0"); n < 1 || len(sw.Transfers()) != 1 {
				t.Fatalf("%d logins, transfers %+v", n, sw.Transfers())
			}
			if took := sw.Transfers()[0].Elapsed; took < 10*time.Second {
				t.Errorf("the copy took %s: the terminal was not closed in its middle", took)
			}
		},
		"stranger": strangerAsks,
		"second address of the server": func(t *testing.T, l *lan) {
			sw := l.add("c2960", iossim.Options{})
			l.ok("device", "edit", "sw1", "--tftp-address", secondServerAddress)
			l.works()
			if tr := sw.Transfers(); len(tr) != 1 || !strings.HasPrefix(tr[0].Server, secondServerAddress+":") {
				t.Errorf("transfers %+v", tr)
			}
		},
		"firewall with the helper for TFTP": func(t *testing.T, l *lan) {
			l.add("c2960", iossim.Options{})
			l.router.NFT("table inet filter {\n ct helper tftp {\n type \"tftp\" protocol udp\n }\n" +
				" chain prerouting {\n type filter hook prerouting priority 0;\n udp dport 69 ct helper set \"tftp\"\n }\n" +
				" chain forward {\n type filter hook forward priority 0; policy drop;\n ct state established,related accept\n" +
				" ip daddr 10.2.0.2 tcp dport 22 accept\n udp dport 69 accept\n }\n}\n")
			l.works()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newLAN(t))
		})
	}
}

// strangerAsks has a third host try to get in while a copy runs: for the
// ticket's own name, seen on the wire, and for others, in both directions. It
// gets nothing but ERROR, and the copy goes on.
func strangerAsks(t *testing.T, l *lan) {
	sw := l.add("c2960", iossim.Options{Pace: 8_000})
	// The device asks this when it has read the copy command.
	run := l.start("Destination filename", "backup", "sw1", "--files", "image", "--json", "-v")
	run.untilSaid()
	ticket := ""
	for _, typed := range sw.Commands() {
		if _, name, ok := strings.Cut(typed, " tftp://"+serverAddress+"/"); ok {
			ticket = name
		}
	}
	if ticket == "" {
		t.Fatalf("no copy command among %q", sw.Commands())
	}
	client := tftp.Client{Timeout: time.Second, Listen: func(netip.AddrPort) (c net.PacketConn, err error) {
		l.stranger.Do(func() { c, err = net.ListenPacket("udp", strangerAddress+":0") })
		return c, err
	}}
	at := netip.MustParseAddrPort(serverAddress + ":69")
	for _, name := range []string{ticket, "../key", "x"} {
		_, putErr := client.Put(t.Context(), at, name, strings.NewReader("rubbish"), 7)
		_, getErr := client.Get(t.Context(), at, name, io.Discard)
		for _, err := range []error{putErr, getErr} {
			var refused *tftp.Error
			if !errors.As(err, &refused) || refused.Code != tftp.CodeAccess {
				t.Errorf("%s: %v, want ERROR 2", name, err)
			}
		}
	}
	o := run.outcome()
	if r := single(t, o); r.Status != "ok" || r.Attempts != 1 {
		t.Errorf("%s after %d attempts: %s", r.Status, r.Attempts, r.Message)
	}
	l.wantClean()
}
