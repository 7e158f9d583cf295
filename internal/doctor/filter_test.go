package doctor

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"flashwarden/internal/cause"
	"flashwarden/internal/firewall"
	"flashwarden/internal/netlab"
	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
)

var filterPorts = firewall.Ports{Listen: 69, Transfers: tftp.PortRange{First: 1056, Last: 1059}}

// TestCheckFilterUnread has rules that could not be read.
func TestCheckFilterUnread(t *testing.T) {
	const again = "flashwarden doctor --data /srv/fw"
	for name, c := range map[string]struct {
		err  error
		want want
	}{
		"no right": {firewall.ErrNoRight, want{note: "skipped: Root is needed to read the firewall rules. To check them too, which changes nothing: `sudo " + again + "`"}},
		"no tool":  {fmt.Errorf("%w (nft)", firewall.ErrNoTool), want{cause.Internal, "nft is not installed", "sudo apt-get install nftables", ""}},
		"other":    {errors.New("list the rules with nft: killed"), want{cause.Internal, "killed", "sudo nft list ruleset", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.check(t, CheckFilter(Filter{Err: c.err, Ports: filterPorts, Command: again}, nil))
		})
	}
}

// TestCheckFilterOtherPort: without the right to read the rules, doctor says that one must
// redirect the requests.
func TestCheckFilterOtherPort(t *testing.T) {
	f := Filter{Err: firewall.ErrNoRight, Ports: filterPorts}
	if r := CheckFilter(f, nil); len(r.Remarks) > 0 {
		t.Errorf("on port 69: %q", r.Remarks)
	}
	f.Ports.Listen = 6969
	const want = "devices send to UDP 69, and the TFTP server listens on UDP 6969: a rule must redirect one to the other; `flashwarden firewall nft` prints it"
	if r := CheckFilter(f, nil); len(r.Remarks) != 1 || r.Remarks[0] != want {
		t.Errorf("%q, want %q", r.Remarks, want)
	}
}

// TestCheckFilterWithoutRules also says whether the helper matters.
func TestCheckFilterWithoutRules(t *testing.T) {
	f := Filter{Rules: &firewall.Ruleset{}, Ports: filterPorts}
	want{note: "not loaded, and not needed"}.check(t, CheckFilter(f, nil))
	f.Helper = true
	r := CheckFilter(f, nil)
	want{note: "lets UDP 69 and the ports 1056 to 1059 pass"}.check(t, r)
	if strings.Contains(said(r), "not loaded") {
		t.Error(said(r))
	}
	f.Ports.Listen = 1069
	want{note: "the TFTP server listens on 1069, and no rule on this host redirects"}.check(t, CheckFilter(f, nil))
}

// TestCheckFilter judges rules that the kernel has taken.
func TestCheckFilter(t *testing.T) {
	host := netlab.New(t).Host("server")
	device := netip.MustParseAddr("192.0.2.11")
	ways := []Route{{Target: Target{Name: "sw1", Address: device}, Interface: "eth0", Source: netip.MustParseAddr("192.0.2.1"), ToldIs: "eth0"}}
	nft := func(chain, policy, rules string) string {
		return "nft 'table inet f { chain " + chain + " { type filter hook " + chain + " priority 0; policy " + policy + "; " + rules + "; }; }'"
	}
	const (
		in       = "nft 'insert rule inet f input ip saddr { 192.0.2.11 } udp dport { 69, 1056-1059 } accept'"
		out      = "nft 'insert rule inet f output ip daddr { 192.0.2.11 } udp sport { 1056-1059 } accept'"
		redirect = "nft 'table inet n { chain p { type nat hook prerouting priority -100; udp dport 69 redirect to :%d; }; }'"
	)
	for name, c := range map[string]struct {
		rules  string
		routes []Route
		listen uint16
		helper bool
		want   want
	}{
		"port":         {nft("input", "accept", "udp dport 69 drop"), ways, 69, false, want{cause.NoRequest, "drops UDP 69 from sw1: table inet f, chain input, handle 2: udp dport 69 drop", in, ""}},
		"policy":       {nft("input", "drop", "udp dport 1056-1059 accept"), ways, 69, false, want{cause.NoRequest, "table inet f, chain input: policy drop", in, ""}},
		"one of range": {nft("input", "accept", "udp dport 1058 drop"), ways, 69, false, want{cause.TIDBlocked, "drops the transfer ports from sw1: table inet f, chain input, handle 2: udp dport 1058 drop", in, ""}},
		"answers":      {nft("output", "accept", "udp sport 1059 reject"), ways, 69, false, want{cause.TIDBlocked, "drops answers from the transfer ports to sw1: table inet f, chain output, handle 2", out, ""}},
		"answers, and what follows": {nft("output", "accept", "udp sport 1056-1059 drop") + "; " + nft("input", "drop", "ct state established accept; udp dport 69 accept"), ways, 69, false,
			want{cause.TIDBlocked, "drops answers from the transfer ports to sw1: table inet f, chain output, handle 2", out, ""}},
		"no helper":        {nft("output", "drop", "ct state established,related accept"), ways, 69, false, want{cause.TIDBlocked, "drops answers from the transfer ports to sw1: table inet f, chain output: policy drop (related datagrams pass, but nf_conntrack_tftp, the helper that marks these as related, is not loaded)", out, ""}},
		"helper":           {nft("output", "drop", "ct state established,related accept"), ways, 69, true, want{cause.TIDBlocked, "the packet filter of this host may drop answers from the transfer ports to sw1: table inet f, chain output: policy drop (related", out, ""}},
		"helper in vain":   {nft("output", "drop", "ct state established accept"), ways, 69, true, want{cause.TIDBlocked, "drops answers from the transfer ports to sw1: table inet f, chain output: policy drop", out, ""}},
		"state":            {nft("input", "drop", "ct state established accept; udp dport 69 accept"), ways, 69, false, want{note: "lets UDP 69"}},
		"not evaluated":    {nft("input", "accept", "udp dport 69 limit rate 5/second drop"), ways, 69, false, want{cause.NoRequest, "the packet filter of this host may drop UDP 69 from sw1: table inet f, chain input, handle 2: udp dport 69 limit rate 5/second", in, ""}},
		"iptables, opaque": {"iptables-nft -A INPUT -p udp -m recent --set -m multiport --dports 1056:1059 -j DROP", ways, 69, false, want{cause.TIDBlocked, "-m recent", "iptables -t filter -I INPUT -s 192.0.2.11 -p udp -m multiport --dports 69,1056:1059 -j ACCEPT", ""}},
		"iptables":         {"iptables-nft -A INPUT -p udp --dport 69 -j DROP", ways, 69, false, want{cause.NoRequest, "drops UDP 69 from sw1: table ip filter, chain INPUT, handle 2: udp dport 69", "nft 'insert rule ip filter INPUT ip saddr { 192.0.2.11 } udp dport { 69, 1056-1059 } accept'", ""}},
		"nobody":           {nft("input", "accept", "udp dport 69 drop"), nil, 69, false, want{cause.NoRequest, "from a device: table inet f, chain input, handle 2", "flashwarden device add NAME --address HOST --username USER", ""}},
		"redirected":       {fmt.Sprintf(redirect, 1069), ways, 1069, false, want{note: "lets UDP 69"}},
		"wrong way":        {fmt.Sprintf(redirect, 1070), ways, 1069, false, want{cause.NoRequest, "redirects it to port 1070, but the TFTP server listens on 1069", "sudo nft list ruleset", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			if !slices.Contains([]string{"port", "answers", "iptables", "redirected"}, name) {
				testlevel.NeedFull(t, "starts nft six times")
			}
			host.Type("nft flush ruleset; " + c.rules)
			f := Filter{Ports: filterPorts, Helper: c.helper}
			f.Ports.Listen = c.listen
			host.Do(func() { f.Rules, f.Err = firewall.Read(t.Context()) })
			if f.Err != nil {
				t.Fatal(f.Err)
			}
			c.want.check(t, CheckFilter(f, c.routes))
			if !strings.HasPrefix(c.want.fix, "nft '") && !strings.HasPrefix(c.want.fix, "iptables") {
				return
			}
			host.Type(c.want.fix)
			host.Do(func() { f.Rules, f.Err = firewall.Read(t.Context()) })
			want{}.check(t, CheckFilter(f, c.routes))
		})
	}
}

// TestCheckFilterNamesDevicesOnce has two devices against one rule.
func TestCheckFilterNamesDevicesOnce(t *testing.T) {
	host := netlab.New(t).Host("server")
	host.Type("nft 'table inet f { chain input { type filter hook input priority 0; udp dport 69 drop; }; }'")
	f := Filter{Ports: filterPorts}
	host.Do(func() { f.Rules, f.Err = firewall.Read(t.Context()) })
	var ways []Route
	for i, name := range []string{"sw1", "sw2"} {
		ways = append(ways, Route{Target: Target{Name: name, Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(11 + i)})}, Interface: "eth0", ToldIs: "eth0"})
	}
	want{cause.NoRequest, "drops UDP 69 from sw1, sw2: table inet f, chain input, handle 2",
		"nft 'insert rule inet f input ip saddr { 192.0.2.11, 192.0.2.12 } udp dport { 69, 1056-1059 } accept'", ""}.check(t, CheckFilter(f, ways))
}
