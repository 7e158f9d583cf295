package doctor

import (
	"net/netip"
	"strings"
	"testing"

	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/tftp"
)

func testPath() Path {
	return Path{
		Name: "sw1", Device: netip.MustParseAddr("192.0.2.1"), Server: netip.MustParseAddr("198.51.100.9"),
		Ports: tftp.PortRange{First: 1056, Last: 1059},
		Brief: []ios.Interface{{Name: "Vlan1", Address: "192.0.2.1"}, {Name: "Vlan5", Address: "203.0.113.1"}},
		Interfaces: []ios.InterfaceConfig{
			{Name: "Vlan1", Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}, In: "FROM"},
			{Name: "Vlan5", Addresses: []netip.Prefix{netip.MustParsePrefix("203.0.113.1/24")}, In: "OTHER"},
		},
		Uplink: "Vlan1",
	}
}

func extended(entries ...string) []ios.AccessList {
	l := ios.AccessList{Name: "FROM", Type: "extended", Family: "ip"}
	for i, e := range entries {
		action, text, _ := strings.Cut(e, " ")
		l.Entries = append(l.Entries, ios.AccessListEntry{Sequence: 10 * (i + 1), Action: action, Text: text, Matches: -1})
	}
	return []ios.AccessList{l}
}

// TestCheckPath has the outputs of a device, and the expected finding: a cause with
// the first line to type after "configure terminal", or a note.
func TestCheckPath(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Path)
		cause  cause.Cause
		fix    string
		note   string
	}{
		"nothing wrong":   {func(p *Path) { p.Interfaces[0].In = "" }, "", "", "sw1 has no incoming access list"},
		"a permit":        {func(p *Path) { p.Lists = extended("permit udp any any range 1024 65535") }, "", "", "lets the server's answers through"},
		"a deny":          {func(p *Path) { p.Lists = extended("permit tcp any any", "deny udp any any") }, cause.TIDBlocked, "ip access-list extended FROM\n 15 permit udp host 198.51.100.9 range 1056 1059 host 192.0.2.1 gt 1023", ""},
		"the end":         {func(p *Path) { p.Lists = extended("permit tcp any any") }, cause.TIDBlocked, "ip access-list extended FROM\n permit udp host", ""},
		"not understood":  {func(p *Path) { p.Lists = extended("deny udp object-group NETS any", "permit ip any any") }, "", "", "skipped: access list FROM"},
		"a list not made": {func(p *Path) {}, "", "", "a list that does not exist permits everything"},
		"a list of an unknown kind": {func(p *Path) {
			p.Lists = extended("deny ip any any")
			p.Lists[0].Family = "fqdn ip"
		}, "", "", "its effect on the server's answers is unknown, because it is a list of the kind \"fqdn ip\""},
		"an IPv6 list of the same name": {func(p *Path) {
			p.Lists = append(extended("deny ip any any"), extended("permit udp any any range 1024 65535")...)
			p.Lists[0].Family = "ipv6"
		}, "", "", "lets the server's answers through"},
		"a list on another interface": {func(p *Path) {
			p.Interfaces[0].In, p.Lists = "", extended("deny ip any any")
			p.Lists[0].Name = "OTHER"
		}, "", "", "sw1 has no incoming access list"},
		"a standard list": {func(p *Path) {
			p.Lists = extended("deny any")
			p.Lists[0].Type = "standard"
		}, cause.TIDBlocked, "ip access-list standard FROM\n 5 permit host 198.51.100.9", ""},
		"the way out leads elsewhere": {func(p *Path) { p.Uplink, p.Interfaces[0].In = "Vlan5", "" }, cause.WrongSource, "ip tftp source-interface Vlan1", ""},
		"another source interface":    {func(p *Path) { p.TFTP.SourceInterface = "vlan 5" }, cause.WrongSource, "ip tftp source-interface Vlan1", ""},
		"a source without an address": {func(p *Path) { p.TFTP.SourceInterface = "Loopback9" }, cause.NoRequest, "no ip tftp source-interface", ""},
		"no route, but a network":     {func(p *Path) { p.Uplink, p.Server = "", netip.MustParseAddr("192.0.2.9") }, "", "", "will send from 192.0.2.1 (Vlan1), its address in the inventory"},
		"only the next hop": {func(p *Path) {
			p.Uplink, p.NextHop, p.Interfaces[1].In = "", netip.MustParseAddr("203.0.113.254"), ""
		}, cause.WrongSource, "ip tftp source-interface Vlan1", ""},
		"no way to tell":    {func(p *Path) { p.Uplink = "" }, "", "", "skipped: sw1 does not show which address"},
		"translated":        {func(p *Path) { p.Device = netip.MustParseAddr("100.64.0.1") }, cause.WrongSource, "flashwarden device edit sw1 --address 192.0.2.1", ""},
		"large blocks":      {func(p *Path) { p.TFTP.BlockSize = 8192 }, "", "", "blocks of 8192 bytes"},
		"a refused command": {func(p *Path) { p.Unread = []string{"show access-lists"} }, "", "", "skipped: sw1 shows no output, or none that can be read, for: show access-lists"},
		"the list of another way": {func(p *Path) {
			p.Interfaces[1].Out, p.Lists = "FROM", extended("deny udp any any eq tftp", "permit ip any any")
		}, "", "", "would drop TFTP of devices behind this one"},
	} {
		t.Run(name, func(t *testing.T) {
			p := testPath()
			c.change(&p)
			r := CheckPath(p)
			if c.cause == "" {
				if len(r.Findings) > 0 || !strings.Contains(said(r), c.note) {
					t.Errorf("found %+v, noted %q, want the note %q", r.Findings, said(r), c.note)
				}
				return
			}
			if len(r.Findings) != 1 || r.Findings[0].Cause != c.cause {
				t.Fatalf("found %+v, want %s alone", r.Findings, c.cause)
			}
			if f := r.Findings[0].Rendered(); !strings.HasPrefix(strings.TrimPrefix(f.Fix, "configure terminal\n"), c.fix) || f.Seen == "" || f.Changes == "" || f.Where == "" {
				t.Errorf("%+v, want the fix %q", f, c.fix)
			}
		})
	}
}

func TestCheckPolicers(t *testing.T) {
	at := func(n int64) []ios.Policer {
		return []ios.Policer{{Policy: "copp", Class: "tftp", Dropped: n}}
	}
	for name, c := range map[string]struct {
		before, after []ios.Policer
		findings      int
		notes         int
	}{
		"no policy":    {nil, nil, 0, 0},
		"never":        {at(0), at(0), 0, 0},
		"before":       {at(7), at(7), 0, 1},
		"meanwhile":    {at(7), at(9), 1, 0},
		"another list": {nil, at(9), 0, 1},
	} {
		r := CheckPolicers("sw1", c.before, c.after)
		if len(r.Findings) != c.findings || len(r.Remarks) != c.notes {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestPick takes the smallest file that fits, and no directory nor what cannot
// be typed.
func TestPick(t *testing.T) {
	listings := []ios.Listing{{Path: "flash:/", Entries: []ios.Entry{
		{Name: "big.bin", Size: 9 << 20, Type: ios.TypeFile}, {Name: "html", Size: 20, Type: ios.TypeDirectory},
		{Name: "what?", Size: 10, Type: ios.TypeFile}, {Name: "gone", Size: 15, Deleted: true}, {Name: "info", Size: 110, Type: ios.TypeFile}, {Name: "env_vars", Size: 50},
	}}, {Path: "flash:/dir", Entries: []ios.Entry{{Name: "mid", Size: 20_000, Type: ios.TypeFile}}}}
	if p, size := pick(listings, 1, 511); p != "flash:/env_vars" || size != 50 {
		t.Errorf("tiny: %s, %d bytes", p, size)
	}
	if p, _ := pick(listings, smallest, largest); p != "flash:/dir/mid" {
		t.Errorf("large: %s", p)
	}
	if p, _ := pick(listings, 1, 9); p != "" {
		t.Errorf("none fits, and %s was picked", p)
	}
}
