package firewall

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
)

var testPorts = Ports{Listen: 69, Transfers: tftp.PortRange{First: 1056, Last: 1059}}

// serve runs our TFTP server in the host's namespace, with one file.
func (n *network) serve() {
	n.t.Helper()
	n.serveOn(testPorts.Listen)
}

// serveOn is serve on another port than that of the devices.
func (n *network) serveOn(port uint16) {
	n.t.Helper()
	dir := n.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), bytes.Repeat([]byte("x"), 3000), 0o644); err != nil {
		n.t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		n.t.Fatal(err)
	}
	server := &tftp.Server{
		Handler: &tftp.Dir{Root: root, ReadOnly: true}, Ports: testPorts.Transfers,
		Listen: func(at netip.AddrPort) (net.PacketConn, error) { return n.socket(n.host, at), nil },
	}
	conn := n.socket(n.host, netip.AddrPortFrom(netip.IPv6Unspecified(), port))
	ctx, cancel := context.WithCancel(n.t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, conn) }()
	n.t.Cleanup(func() { cancel(); <-done; root.Close() })
}

// fetches reports whether a real transfer from an address comes through. If it
// should, it may take a minute, on a busy machine. If not, it is tried three
// times.
func (n *network) fetches(from netip.Addr, should bool) bool {
	n.t.Helper()
	retries := 2
	if should {
		retries = 300
	}
	client := &tftp.Client{
		Local: netip.AddrPortFrom(from, 0), Timeout: 200 * time.Millisecond, Retries: retries,
		Listen: func(at netip.AddrPort) (net.PacketConn, error) { return n.socket(n.devices, at), nil },
	}
	var got bytes.Buffer
	size, err := client.Get(n.t.Context(), netip.AddrPortFrom(hostOf(from), testPorts.Listen), "file", &got)
	return err == nil && size == 3000
}

// wantOnlyDevices checks that the permitted devices pass and strangers do not.
func (n *network) wantOnlyDevices() {
	n.t.Helper()
	n.wantOnly(deviceV4, deviceV6)
}

// wantOnly checks who passes, by transfers and by what Judge says of the rules.
func (n *network) wantOnly(permitted ...netip.Addr) {
	n.t.Helper()
	rules := n.read()
	for _, a := range []netip.Addr{deviceV4, deviceV6, strangerV4, strangerV6} {
		want := slices.Contains(permitted, a)
		if got := n.fetches(a, want); got != want {
			n.t.Errorf("transfer from %s: %v, want %v", a, got, want)
		}
		for _, port := range []uint16{69, 1056, 1059} {
			j := rules.Judge(Packet{V6: a.Is6(), Device: a, Host: hostOf(a), HostPort: port, Interface: uplink, Reachable: true, State: New})
			if (j.Verdict == Accept) != want || j.Verdict == Unknown {
				n.t.Errorf("from %s to port %d: judged %v %+v", a, port, j.Verdict, j.Against)
			}
		}
	}
}

// written writes rules for the two devices into a file.
func written(t *testing.T, format string) (path string) {
	t.Helper()
	return writtenFor(t, format, testPorts)
}

func writtenFor(t *testing.T, format string, ports Ports) (path string) {
	t.Helper()
	text, err := Rules(format, []Host{{Name: "sw1", Address: deviceV4}, {Name: "sw6", Address: deviceV6, Asked: "sw6.example"}}, ports)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# sw1 is 10.77.0.2\n", "# sw6 is fd77::2 (from the host name sw6.example)"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s does not say %q:\n%s", format, want, text)
		}
	}
	path = filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCommentsFitAScreen: no comment of the rules for one device is wider than 80 columns.
func TestCommentsFitAScreen(t *testing.T) {
	for _, format := range Formats() {
		rules, err := Rules(format, []Host{{Name: "sw1", Address: netip.MustParseAddr("192.0.2.1")}}, testPorts)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(rules) {
			if strings.HasPrefix(line, "#") && len(line) > 80 {
				t.Errorf("%s: %d columns: %s", format, len(line)-1, line)
			}
		}
	}
}

// TestRulesNFT loads the rules of nft, twice.
func TestRulesNFT(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.serve()
	file := written(t, "nft")
	n.host.Type("nft -f " + file)
	once := n.host.Type("nft list ruleset")
	n.wantOnlyDevices()
	n.host.Type("nft -f " + file)
	if twice := n.host.Type("nft list ruleset"); twice != once {
		t.Errorf("loaded twice:\n%s\nonce:\n%s", twice, once)
	}
}

// TestRulesRedirect: a server on another port gets the requests that the devices send to
// UDP 69, and no others.
func TestRulesRedirect(t *testing.T) {
	t.Parallel()
	need(t, "iptables-nft-save", "ufw")
	other := testPorts
	other.Listen = 6969
	for format, load := range map[string]string{"nft": "nft -f ", "iptables": "sh -e ", "ufw": "grep -v ^ufw "} {
		t.Run(format, func(t *testing.T) {
			if format != "nft" {
				testlevel.NeedFull(t, "one more network")
			}
			t.Parallel()
			n := newNetwork(t)
			n.serveOn(other.Listen)
			file := writtenFor(t, format, other)
			if format == "ufw" { // its commands have a test of their own
				file += " | sh -e"
			}
			n.host.Type(load+file, load+file)
			for _, a := range []netip.Addr{deviceV4, deviceV6, strangerV4, strangerV6} {
				want := a == deviceV4 || a == deviceV6
				if got := n.fetches(a, want); got != want {
					t.Errorf("transfer from %s: %v, want %v", a, got, want)
				}
			}
		})
	}
}

// TestRulesHTTPS opens the TCP port of the HTTPS server for the devices alone, where there is one.
func TestRulesHTTPS(t *testing.T) {
	t.Parallel()
	with := testPorts
	with.HTTPS = 8443
	for format, want := range map[string][]string{
		"nft":      {"ip saddr @devices4 tcp dport 8443 accept\n", "ip6 saddr @devices6 tcp dport 8443 accept\n", "\t\ttcp dport 8443 drop\n"},
		"iptables": {"-A FLASHWARDEN -s " + deviceV4.String() + " -p tcp --dport 8443 -j ACCEPT\n", "-p tcp --dport 8443 -j DROP\n", "iptables -I INPUT -p tcp -j FLASHWARDEN\n"},
		"ufw":      {"ufw deny proto tcp to any port 8443 ", "ufw prepend allow proto tcp from " + deviceV4.String() + " to any port 8443 "},
	} {
		for _, ports := range []Ports{testPorts, with} {
			text, err := os.ReadFile(writtenFor(t, format, ports))
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range append(want, "#   permit tcp host DEVICE host SERVER eq 8443\n") {
				if strings.Contains(string(text), line) != (ports.HTTPS != 0) {
					t.Errorf("%s: the line %q with port %d:\n%s", format, line, ports.HTTPS, text)
				}
			}
		}
	}
}

// TestRulesSCP brings TCP 22 of the devices to the SCP server, and closes port 22 for nobody: it may
// be that of the SSH server for people.
func TestRulesSCP(t *testing.T) {
	with, direct := testPorts, testPorts
	with.SCP, direct.SCP = 2022, SCPPort
	for format, want := range map[string][]string{
		"nft":      {"ip saddr @devices4 tcp dport 2022 accept\n", "\t\ttcp dport 2022 drop\n", "\t\tip saddr @devices4 tcp dport 22 redirect to :2022\n"},
		"iptables": {"-A FLASHWARDEN -p tcp --dport 2022 -j DROP\n", "-s " + deviceV4.String() + " -p tcp --dport 22 -j REDIRECT --to-ports 2022\n", "iptables -t nat -I PREROUTING -p tcp -j FLASHWARDEN\n"},
		"ufw":      {"ufw prepend allow proto tcp from " + deviceV4.String() + " to any port 2022 ", "\t\tip saddr " + deviceV4.String() + " tcp dport 22 redirect to :2022\n"},
	} {
		text := func(ports Ports) string {
			got, err := os.ReadFile(writtenFor(t, format, ports))
			if err != nil {
				t.Fatal(err)
			}
			return string(got)
		}
		redirected, on22 := text(with), text(direct)
		for _, line := range append(want, "#   permit tcp host SERVER eq 22 host DEVICE established\n", "# TFTP and SCP for flashwarden") {
			if !strings.Contains(redirected, line) {
				t.Errorf("%s lacks %q:\n%s", format, line, redirected)
			}
		}
		for _, line := range []string{"tcp dport 22 drop", "--dport 22 -j DROP", "deny proto tcp to any port 22 ", "edirect"} {
			if strings.Contains(on22, line) {
				t.Errorf("%s with port 22 has %q:\n%s", format, line, on22)
			}
		}
	}
}

// TestLoadRulesTCP loads these rules.
func TestLoadRulesTCP(t *testing.T) {
	t.Parallel()
	testlevel.NeedFull(t, "TestRulesHTTPS has the lines")
	need(t, "iptables-nft-save")
	with := testPorts
	with.HTTPS, with.SCP = 8443, 2022
	for format, load := range map[string]string{"nft": "nft -f ", "iptables": "sh -e "} {
		n := newNetwork(t)
		n.serve()
		file := writtenFor(t, format, with)
		n.host.Type(load+file, load+file)
		n.wantOnlyDevices()
	}
}

// TestRulesIPTables runs the commands of iptables, twice.
func TestRulesIPTables(t *testing.T) {
	t.Parallel()
	need(t, "iptables-nft-save")
	n := newNetwork(t)
	n.serve()
	file := written(t, "iptables")
	n.host.Type("sh -e " + file)
	once := n.host.Type("iptables -S; ip6tables -S")
	n.wantOnlyDevices()
	n.host.Type("sh -e " + file)
	if twice := n.host.Type("iptables -S; ip6tables -S"); twice != once {
		t.Errorf("loaded twice:\n%s\nonce:\n%s", twice, once)
	}
}

// TestRulesWayBack: each format has the way back to the devices, and the lines for an access
// list between them and this host.
func TestRulesWayBack(t *testing.T) {
	list := []string{"#   permit udp host DEVICE host SERVER eq tftp\n", "#   permit udp host DEVICE host SERVER range 1056 1059\n", "#   permit udp host SERVER range 1056 1059 host DEVICE\n"}
	for format, lines := range map[string][]string{
		"nft":      {"#   ip daddr { 10.77.0.2 } udp sport 1056-1059 accept\n", "#   ip6 daddr { fd77::2 } udp sport 1056-1059 accept\n"},
		"iptables": {"-A FLASHWARDEN-OUT -d 10.77.0.2 -p udp -m multiport --sports 1056:1059 -j ACCEPT\n"},
		"ufw":      {"ufw prepend allow out proto udp from any port 1056:1059 to fd77::2 comment 'flashwarden: answers to sw6'\n"},
	} {
		text, err := Rules(format, []Host{{Name: "sw1", Address: deviceV4}, {Name: "sw6", Address: deviceV6}}, testPorts)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range slices.Concat(list, lines) {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q:\n%s", format, want, text)
			}
		}
	}
}

// TestRulesAnswers loads the rules on a host that drops what it sends.
func TestRulesAnswers(t *testing.T) {
	t.Parallel()
	need(t, "iptables-nft-save")
	n := newNetwork(t)
	n.serve()
	n.host.Type("iptables -P OUTPUT DROP")
	if n.fetches(deviceV4, false) {
		t.Fatal("nothing is dropped")
	}
	n.host.Type("sh -e " + written(t, "iptables"))
	if !n.fetches(deviceV4, true) || n.fetches(strangerV4, false) {
		t.Error("the device does not pass, or a stranger does")
	}
}

// TestRulesUFW enables ufw in the namespace, on a copy of its files: strangers
// stay out also where ufw lets everything in by default.
func TestRulesUFW(t *testing.T) {
	testlevel.NeedFull(t, "ufw loads its rules one by one")
	t.Parallel()
	need(t, "ufw", "iptables-nft-save")
	n := newNetwork(t)
	n.serve()
	file := written(t, "ufw")
	n.ufw("ufw --force enable; ufw default allow incoming; sh -e " + file)
	once := n.host.Type("iptables-save | grep '^-A ufw-user'; ip6tables-save | grep '^-A ufw6-user'")
	n.wantOnlyDevices()
	n.ufw("ufw --dry-run deny 99/udp && sh -e " + file)
	if twice := n.host.Type("iptables-save | grep '^-A ufw-user'; ip6tables-save | grep '^-A ufw6-user'"); twice != once {
		t.Errorf("loaded twice:\n%s\nonce:\n%s", twice, once)
	}
}

// ufw runs commands on the host where /etc/ufw is a copy, which stays for the next
// ones.
func (n *network) ufw(commands string) {
	n.t.Helper()
	if n.ufwFiles == "" {
		n.ufwFiles = n.t.TempDir()
		n.host.Type("cp -a /etc/ufw/. "+n.ufwFiles, "cp /etc/default/ufw "+n.ufwFiles+"/default")
	}
	n.host.Type("unshare -m sh -c '" + strings.ReplaceAll(
		"mount --bind "+n.ufwFiles+" /etc/ufw && mount --bind "+n.ufwFiles+"/default /etc/default/ufw && { "+commands+"; }", "'", `'\''`) + "'")
}

// TestPermit drops the devices in every way. The printed line must permit them, and
// no other host.
func TestPermit(t *testing.T) {
	testlevel.NeedFull(t, "waits for packets that are dropped")
	t.Parallel()
	need(t, "iptables-nft-save")
	for name, drop := range map[string]string{
		"policy of nft":   `nft 'add table inet f; add chain inet f in { type filter hook input priority 0; policy drop; }; add rule inet f in icmpv6 type != 0 accept'`,
		"rule of nft":     `nft 'add table ip f; add chain ip f sub; add chain ip f in { type filter hook prerouting priority -150; }; add rule ip f in jump sub; add rule ip f sub udp dport 69 drop'`,
		"answers of nft":  `nft 'add table inet f; add chain inet f out { type filter hook output priority 0; }; add rule inet f out udp sport 1056-1059 drop'`,
		"iptables":        `iptables -A INPUT -p udp -m multiport --dports 69,1056:1059 -j DROP`,
		"iptables answer": `iptables -A OUTPUT -p udp -m conntrack --ctstate NEW -m multiport --sports 1000:1059 -j REJECT`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.serve()
			n.host.Type(drop)
			if n.fetches(deviceV4, false) {
				t.Fatal("nothing is dropped")
			}
			fixed := 0
			for _, outgoing := range []bool{false, true} {
				port := map[bool]uint16{false: 69, true: 1056}[outgoing]
				p := Packet{Outgoing: outgoing, Device: deviceV4, Host: hostV4, HostPort: port, Interface: uplink, Reachable: true, State: New}
				for _, d := range n.read().Judge(p).Against {
					if d.Verdict != Drop || d.Rule == "" {
						t.Fatalf("%+v", d)
					}
					n.host.Type(d.Place.Permit([]netip.Addr{deviceV4}, testPorts))
					fixed++
				}
				if j := n.read().Judge(p); j.Verdict != Accept {
					t.Errorf("after the fix: %+v", j)
				}
			}
			if fixed == 0 || !n.fetches(deviceV4, true) {
				t.Errorf("%d lines, and the device does not pass\n%s", fixed, n.host.Type("nft list ruleset"))
			}
			if name != "answers of nft" && name != "iptables answer" && n.fetches(strangerV4, false) {
				t.Error("a stranger passes too")
			}
		})
	}
}

// TestCannotTell has rules that cannot be evaluated; the answer must name them.
func TestCannotTell(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.host.NFT("flush ruleset\n" + `table inet f {
	chain in {
		type filter hook input priority 0; policy drop;
		udp dport 69 limit rate 5/second accept
	}
}`)
	j := n.read().Judge(Packet{Device: deviceV4, Host: hostV4, HostPort: 69, Interface: uplink, State: New})
	if j.Verdict != Unknown || len(j.Against) != 1 || !strings.Contains(strings.Join(j.Against[0].Doubts, "\n"), "limit rate 5/second accept (not evaluated: limit)") {
		t.Errorf("%+v", j)
	}
	// Without a device: what holds for everybody is known, the rest is not.
	n.host.NFT("flush ruleset\n" + `table ip f {
	chain in {
		type filter hook input priority 0; policy drop;
		udp dport 69 accept
		ip saddr 10.77.0.2 udp dport 1056 accept
	}
}`)
	for port, want := range map[uint16]Verdict{69: Accept, 1056: Unknown, 1057: Drop} {
		if j := n.read().Judge(Packet{HostPort: port, State: New}); j.Verdict != want {
			t.Errorf("port %d from anybody: %v, want %v", port, j.Verdict, want)
		}
	}
	// A dormant table drops nothing.
	n.host.NFT("flush ruleset\n" + `table ip f {
	flags dormant
	chain in {
		type filter hook input priority 0; policy drop;
	}
}`)
	if j := n.read().Judge(Packet{HostPort: 69, State: New}); j.Verdict != Accept {
		t.Errorf("a dormant table: %+v", j)
	}
}

// TestRulesOneFamily has devices of one address family only; the other family must
// be dropped.
func TestRulesOneFamily(t *testing.T) {
	testlevel.NeedFull(t, "two more families of devices in each format")
	t.Parallel()
	need(t, "iptables-nft-save")
	n := newNetwork(t)
	n.serve()
	for _, device := range []netip.Addr{deviceV4, deviceV6} {
		for format, load := range map[string]string{"nft": "nft -f ", "iptables": "sh -e "} {
			text, err := Rules(format, []Host{{Name: "sw1", Address: device}}, testPorts)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "rules")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			n.host.Type("nft flush ruleset; " + load + file)
			n.wantOnly(device)
		}
	}
}

func TestRulesForNobody(t *testing.T) {
	for _, format := range Formats() {
		if text, err := Rules(format, nil, testPorts); !errors.Is(err, ErrNobody) || text != "" {
			t.Errorf("%s: %q, %v", format, text, err)
		}
	}
}
