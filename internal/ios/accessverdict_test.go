package ios

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"flashwarden/tftp"
)

// TestDecide walks lists for a request to our server, or for our data.
func TestDecide(t *testing.T) {
	device, ours := netip.MustParseAddr("10.2.0.2"), netip.MustParseAddr("10.1.0.2")
	request := Datagram{Src: device, Dst: ours, SrcPort: tftp.PortRange{First: 1024, Last: 65535}, DstPort: tftp.PortRange{First: 69, Last: 69}}
	data := Datagram{Src: ours, Dst: device, SrcPort: tftp.PortRange{First: 1056, Last: 1059}, DstPort: tftp.PortRange{First: 1024, Last: 65535}}
	tests := []struct {
		name, list string
		d          Datagram
		want       string // action, and the sequence of the entry
	}{
		{"deny by name", "Extended IP access list A\n 10 deny udp any any eq tftp (3 matches)\n 20 permit ip any any", request, "deny 10"},
		{"another port", "Extended IP access list A\n 10 deny udp any any eq tftp\n 20 permit ip any any", data, "permit 20"},
		{"implicit end", "Extended IP access list A\n 10 permit tcp any any", request, "deny"},
		{"range", "Extended IP access list A\n 10 permit udp host 10.1.0.2 range 1056 1059 any", data, "permit 10"},
		{"half of the range", "Extended IP access list A\n 10 permit udp host 10.1.0.2 range 1056 1057 any", data, ""},
		{"wildcard", "Extended IP access list A\n 10 deny ip 10.2.0.0 0.0.255.255 any\n 20 permit ip any any", request, "deny 10"},
		{"wildcard passes by", "Extended IP access list A\n 10 deny ip 10.3.0.0 0.0.255.255 any\n 20 permit ip any any", request, "permit 20"},
		{"high ports", "Extended IP access list A\n 10 permit udp any gt 1023 any eq 53 tftp log", request, "permit 10"},
		{"not", "Extended IP access list A\n 10 permit udp any any neq tftp\n", request, "deny"},
		{"less", "Extended IP access list A\n 10 deny udp any any lt bootps\n 20 permit ip any any", request, "permit 20"},
		{"object group", "Extended IP access list A\n 10 permit ip object-group X any\n 20 deny ip any any", request, ""},
		{"object group, same end", "Extended IP access list A\n 10 deny ip object-group X any\n", request, "deny"},
		{"time range", "Extended IP access list A\n 10 permit ip any any time-range NIGHT (inactive)\n", request, ""},
		{"fragments", "Extended IP access list A\n 10 deny ip any any fragments\n 20 permit ip any any", request, "permit 20"},
		{"standard", "Standard IP access list 1\n 10 deny   10.2.0.0, wildcard bits 0.0.0.255 (4 matches)\n 20 permit any", request, "deny 10"},
		{"standard host", "Standard IP access list 1\n permit 10.2.0.2", request, "permit -1"},
		{"no entries", "Extended IP access list A", request, "permit"},
	}
	for _, test := range tests {
		lists, err := ParseAccessLists(test.list)
		if err != nil || len(lists) != 1 {
			t.Fatalf("%s: %v", test.name, err)
		}
		v := lists[0].Decide(test.d)
		got := v.Action
		if v.Entry != nil {
			got += " " + strconv.Itoa(v.Entry.Sequence)
		}
		if got != test.want || (got == "") != (v.Doubt != "") {
			t.Errorf("%s: %q (doubt %q), want %q", test.name, got, v.Doubt, test.want)
		}
	}
}

func TestParseInterfaceConfig(t *testing.T) {
	got, err := ParseInterfaceConfig("interface Vlan1\n no ip address\ninterface Vlan10\n ip address 10.2.0.2 255.255.255.0\n" +
		" ip address 10.3.0.2 255.255.0.0 secondary\n ip access-group FROM in\n ip access-group 101 out\ninterface Gi0/0\n vrf forwarding Mgmt-vrf\n")
	if err != nil || len(got) != 3 || len(got[0].Addresses) != 0 || got[1].In != "FROM" || got[1].Out != "101" || got[2].VRF != "Mgmt-vrf" ||
		len(got[1].Addresses) != 2 || got[1].Addresses[1] != netip.MustParsePrefix("10.3.0.2/16") {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := ParseInterfaceConfig("% Invalid input detected at '^' marker.\n"); err == nil {
		t.Error("a refusal is no configuration")
	}
}

func TestParsePolicers(t *testing.T) {
	got := ParsePolicers(` Control Plane
  Service-policy input: system-cpp-policy
    Class-map: system-cpp-police-forus (match-any)
      police:
          rate 1000 pps, burst 244 packets
        conformed 120 packets, 9000 bytes; actions:
          transmit
        exceeded 17 packets, 900 bytes; actions:
          drop
    Class-map: class-default (match-any)
      police:
        conformed 0 packets, 0 bytes; actions: transmit
        exceeded 4 packets, 400 bytes; actions: drop
`)
	want := []Policer{{"system-cpp-policy", "system-cpp-police-forus", 17}, {"system-cpp-policy", "class-default", 4}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%+v", got)
	}
}

func TestParseRoute(t *testing.T) {
	for text, want := range map[string]string{
		"Routing entry for 10.1.0.0/24\n  Routing Descriptor Blocks:\n  * directly connected, via Vlan10\n":             "Vlan10 invalid IP",
		"  Routing Descriptor Blocks:\n  * 10.2.0.1, from 10.9.9.9, 00:00:12 ago, via GigabitEthernet0/0\n      metric": "GigabitEthernet0/0 10.2.0.1",
		"  * 10.2.0.1\n":         "  10.2.0.1",
		"% Network not in table": " invalid IP",
	} {
		name, hop := ParseRoute(text)
		if got := name + " " + hop.String(); strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%q: %q", text, got)
		}
	}
}
