package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"flashwarden/internal/iossim"
)

// finding is one of doctor --json.
type finding struct{ Cause, Seen, Fix, Where, Changes string }

// doctor runs doctor on the server and returns what it found.
func (l *lan) doctor(args ...string) []finding {
	l.t.Helper()
	o := l.start("", append([]string{"doctor", "--json"}, args...)...).outcome()
	var d struct{ Findings []finding }
	if err := json.Unmarshal([]byte(o.stdout), &d); err != nil || d.Findings == nil {
		l.t.Fatalf("%v\n%s%s", err, o.stdout, o.stderr)
	}
	if want := min(len(d.Findings), 1); o.code != want {
		l.t.Errorf("ended with %d, want %d\n%s", o.code, want, o.stderr)
	}
	for _, f := range d.Findings {
		l.t.Logf("%s: %s\n%s: %s\n%s", f.Cause, f.Seen, f.Where, f.Fix, f.Changes)
	}
	return d.Findings
}

// healthy wants doctor to find nothing.
func (l *lan) healthy(args ...string) {
	l.t.Helper()
	if found := l.doctor(args...); len(found) > 0 {
		l.t.Errorf("found %d things", len(found))
	}
}

// TestDoctorFirewall has the host's own firewall in the way: doctor quotes the
// rule, and with the line that it prints the way is free.
func TestDoctorFirewall(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	l.add("c3750", iossim.Options{LargestImage: imageSize})
	l.healthy()
	for _, c := range []struct{ name, rules, cause, quoted string }{
		{"port", filter("input", "accept", "udp dport 69 drop"), "no_request", "table inet filter, chain input, handle 2: udp dport 69 drop"},
		{"policy", filter("input", "drop", "ct state established,related accept", "tcp dport 22 accept"), "no_request", "policy drop"},
		{"range", filter("input", "accept", "udp dport 1056-1059 drop"), "tid_blocked", "table inet filter, chain input, handle 2: udp dport 1056-1059 drop"},
		{"answers", filter("output", "drop", "tcp dport 22 accept", "ct state established accept"), "tid_blocked", "policy drop"},
		{"related", filter("output", "drop", "tcp dport 22 accept", "ct state established,related accept"), "tid_blocked", "related datagrams pass"},
		{"unknown", filter("input", "drop", "ct state established accept", "udp dport 69 limit rate 5/second accept"), "no_request", "not evaluated: limit"},
	} {
		l.server.NFT("flush ruleset\n" + c.rules)
		l.cured(c.name, c.cause, c.quoted)
	}
}

// TestDoctorIPTables is the same with rules that iptables has loaded.
func TestDoctorIPTables(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	l.add("c3750", iossim.Options{LargestImage: imageSize})
	for _, c := range []struct{ name, rule, cause, quoted string }{
		{"port", "-p udp --dport 69 -j DROP", "no_request", "table ip filter, chain INPUT, handle "},
		{"range", "-p udp -m multiport --dports 1056:1059 -j REJECT", "tid_blocked", "iptables table filter: -A INPUT -p udp -m multiport --dports 1056:1059 -j REJECT"},
		{"not shown by nft", "-p udp -m recent --set -m multiport --dports 1056:1059 -j DROP", "tid_blocked", "-A INPUT -p udp -m recent --set "},
	} {
		l.server.Type("nft flush ruleset", "iptables-nft -A INPUT "+c.rule)
		l.cured(c.name, c.cause, c.quoted)
	}
}

// cured wants doctor to find one thing in the rules, with this cause and quote,
// to change nothing, and to be content after its line was typed.
func (l *lan) cured(name, cause, quoted string) {
	l.t.Helper()
	before := l.server.Type("nft list ruleset")
	found := l.doctor()
	if len(found) != 1 || found[0].Cause != cause || !strings.Contains(found[0].Seen, quoted) ||
		!strings.Contains(found[0].Seen, "sw1") || found[0].Where != "host" || found[0].Changes == "" {
		l.t.Fatalf("%s: %+v", name, found)
	}
	if l.server.Type("nft list ruleset") != before {
		l.t.Errorf("%s: doctor changed rules", name)
	}
	l.server.Type(found[0].Fix)
	l.healthy()
	l.works()
}

// TestDoctorSharesTheStateOfFirewalls has a firewall that names the port alone:
// the host speaks first from a port of the range, so that transfers pass.
func TestDoctorSharesTheStateOfFirewalls(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	l.add("c3750", iossim.Options{LargestImage: imageSize})
	l.server.NFT(filter("input", "drop", "ct state established,related accept", "udp dport 69 accept"))
	l.healthy()
	l.works()
}

// TestDoctorHost has other things wrong with the host.
func TestDoctorHost(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	l.add("c3750", iossim.Options{LargestImage: imageSize})
	var taken net.PacketConn
	l.server.Do(func() {
		var err error
		if taken, err = net.ListenPacket("udp", ":1057"); err != nil {
			t.Fatal(err)
		}
	})
	found := l.doctor()
	if len(found) != 1 || found[0].Cause != "internal" || !strings.Contains(found[0].Seen, fmt.Sprintf("(process %d)", os.Getpid())) ||
		!strings.Contains(found[0].Seen, "UDP :1057") || found[0].Fix == "" {
		t.Errorf("a taken port: %+v", found)
	}
	taken.Close()

	// Two addresses, and the server listens on the other one.
	l.env = append(l.env, "FLASHWARDEN_TFTP_LISTEN="+secondServerAddress+":69")
	found = l.doctor()
	if len(found) != 1 || found[0].Cause != "no_request" || found[0].Fix != "flashwarden device edit sw1 --tftp-address "+secondServerAddress {
		t.Errorf("another address: %+v", found)
	}
	l.ok("device", "edit", "sw1", "--tftp-address", secondServerAddress)
	l.healthy()
	l.works()
	l.env = append(l.env, "FLASHWARDEN_TFTP_LISTEN=:69")

	// An address of another interface, whose filter wants the way back there.
	l.server.Type("ip link add other type veth peer name beyond", "ip addr add 10.77.0.1/24 dev other", "ip link set other up",
		"echo 1 > /proc/sys/net/ipv4/conf/other/rp_filter")
	l.ok("device", "edit", "sw1", "--tftp-address", "10.77.0.1")
	found = l.doctor()
	if len(found) != 1 || found[0].Cause != "no_request" || !strings.Contains(found[0].Seen, "reverse path") || !strings.HasSuffix(found[0].Fix, "--tftp-address "+serverAddress) {
		t.Errorf("reverse path: %+v", found)
	}
	l.ok("device", "edit", "sw1", "--tftp-address", "")
	l.ok("device", "add", "far", "--address", "nowhere.invalid", "--username", "x", "--password-file", l.file("login", password))
	found = l.doctor()
	if len(found) != 1 || found[0].Cause != "connect_timeout" || !strings.Contains(found[0].Seen, "nowhere.invalid") {
		t.Errorf("a name: %+v", found)
	}
}
