package ios

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"flashwarden/tftp"
)

// TestAccessListHeaders reads lists with headers of every kind. An entry never
// joins the list before an unknown header. The texts are written by hand. The
// kinds of lists are those of the Cisco IOS Security Command Reference ("arp
// access-list", "ip access-list fqdn", "access-list compiled").
func TestAccessListHeaders(t *testing.T) {
	const permitAll = "    10 permit ip any any\n"
	const before = "Extended IP access list FROM\n    10 permit ip any any\n"
	tests := []struct{ name, list, want string }{
		{"FQDN", before + "FQDN IP access list WEB\n    10 deny udp any any\n", "extended ip FROM 1, fqdn ip WEB 1"},
		{"extended FQDN", before + "Extended FQDN IP access list WEB\n    10 deny udp any any\n", "extended ip FROM 1, extended fqdn ip WEB 1"},
		{"IPv6 FQDN", before + "IPv6 FQDN access list WEB\n    deny udp any any sequence 10\n", "extended ip FROM 1, ipv6 fqdn WEB 1"},
		{"ARP", before + "ARP access list HOSTS\n    permit ip host 10.0.0.1 mac host 0000.0c00.0001\n", "extended ip FROM 1, arp HOSTS 1"},
		{"compiled", "Extended IP access list 101 (Compiled)\n" + permitAll, "extended ip 101 1"},
		{"two marks", "Extended IP access list 101 (Compiled) (per-user)\n" + permitAll, "extended ip 101 1"},
		{"role based", "Role-based IP access list SGT (downloaded)\n    10 permit ip\n", "role-based ip SGT 1"},
		{"no list at all", before + "Something else X\n    20 deny udp any any\n", "extended ip FROM 1"},
		{"a line that is no entry", "Extended IP access list A\n    10 evaluate BACK\n    20 permit ip any any\n", "extended ip A 2"},
		{"a remark", "Extended IP access list A\n    remark only tftp\n    20 permit ip any any\n", "extended ip A 1"},
	}
	for _, test := range tests {
		lists, err := ParseAccessLists(test.list)
		if got := describeLists(lists); err != nil || got != test.want {
			t.Errorf("%s: %s, %v; want %s", test.name, got, err, test.want)
		}
	}
}

func describeLists(lists []AccessList) string {
	s := ""
	for i, l := range lists {
		if i > 0 {
			s += ", "
		}
		if l.Type != "" {
			s += l.Type + " "
		}
		s += l.Family + " " + l.Name + " " + string(rune('0'+len(l.Entries)))
	}
	return s
}

// TestUnreadableEntry gives no verdict on a list that holds a line which we
// cannot read, unless an entry before it decides.
func TestUnreadableEntry(t *testing.T) {
	d := Datagram{Src: netip.MustParseAddr("10.1.0.2"), Dst: netip.MustParseAddr("10.2.0.2"),
		SrcPort: tftp.PortRange{First: 69, Last: 69}, DstPort: tftp.PortRange{First: 1024, Last: 65535}}
	for _, test := range []struct{ list, action, doubt string }{
		{"Extended IP access list A\n    10 evaluate BACK\n    20 permit ip any any\n", "", "10 evaluate BACK"},
		{"Extended IP access list A\n    10 evaluate BACK\n", "", "10 evaluate BACK"},
		{"Extended IP access list A\n    10 permit ip any any\n    20 evaluate BACK\n", "permit", ""},
	} {
		lists, err := ParseAccessLists(test.list)
		if err != nil || len(lists) != 1 {
			t.Fatal(lists, err)
		}
		v := lists[0].Decide(d)
		if diff := cmp.Diff([]string{test.action, test.doubt}, []string{v.Action, v.Doubt}); diff != "" {
			t.Errorf("%q: %s", test.list, diff)
		}
	}
}
