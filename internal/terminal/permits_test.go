package terminal

import (
	"strings"
	"testing"

	"flashwarden/api"
)

// TestOfferNamesTheDevice: a person knows the device by its name. The name on the server is said
// only if it is another one than that of the image.
func TestOfferNamesTheDevice(t *testing.T) {
	p := api.Permit{Device: "sw1", Peer: "192.0.2.11", Name: "x.bin", Port: 6969, Image: &api.Image{Names: []string{"x.bin"}, SHA256: strings.Repeat("3f9a", 16), Size: 18_286_080}}
	got := FormatOffer(p, Layout{})
	if !strings.HasPrefix(got, "sw1 (192.0.2.11) may fetch x.bin (18.3 MB, 3f9a3f9a3f9a) until ") ||
		!strings.HasSuffix(got, "but devices send to port 69: `flashwarden firewall nft` prints a rule that redirects them; or set `tftp.listen: \":69\"` in the configuration (or FLASHWARDEN_TFTP_LISTEN)\n") {
		t.Error(got)
	}
	p.Name, p.Device = "y.bin", ""
	if got := FormatOffer(p, Layout{}); !strings.HasPrefix(got, "192.0.2.11 may fetch x.bin (18.3 MB, 3f9a3f9a3f9a) as y.bin until ") {
		t.Error(got)
	}
	if got := notReceived("192.0.2.11", "no request came from 192.0.2.11 in 15m", "", Layout{}); got != "no request came from 192.0.2.11 in 15m\n" {
		t.Errorf("names the address twice: %s", got)
	}
}
