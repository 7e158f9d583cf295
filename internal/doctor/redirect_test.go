package doctor

import (
	"net/netip"
	"strings"
	"testing"

	"flashwarden/internal/cause"
	"flashwarden/internal/firewall"
	"flashwarden/internal/transfer"
	"flashwarden/tftp"
)

// TestOneRedirect: the rule that the hint of a failed transfer redirects with has the table and
// the chain of the rules for the whole inventory, which then replace it.
func TestOneRedirect(t *testing.T) {
	device, server := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.100")
	rules, err := firewall.Rules("ufw", []firewall.Host{{Name: "sw1", Address: device}}, firewall.Ports{Listen: 6969, Transfers: tftp.PortRange{First: 1056, Last: 1059}})
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(rules, "delete table inet flashwarden\n")
	want, _, _ = strings.Cut(want, "\n}\n")
	want = strings.ReplaceAll(strings.Join(strings.Fields(want), " "), ":6969 }", ":6969; }")
	problem := transfer.Diagnose(transfer.Witness{Name: "sw1", Device: device, Server: server, Ports: "1056:1059", Listen: 6969})
	if hint := cause.Hint(problem); !strings.Contains(hint, "`nft '"+want+"; }'`") {
		t.Errorf("the hint lacks %q:\n%s", want, hint)
	}
}
