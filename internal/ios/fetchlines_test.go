package ios

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestPlatformOf(t *testing.T) {
	for name, want := range map[string]Platform{
		"c2900-universalk9-mz.SPA.157-3.M8.bin":                  Router,
		"isr4300-universalk9.16.09.04.SPA.bin":                   XERouter,
		"asr1000rp2-advipservicesk9.03.13.09.S.154-3.S9-ext.bin": XERouter,
		"c8000v-universalk9.17.09.04a.SPA.bin":                   XERouter,
		"c800-universalk9-mz.SPA.155-3.M10.bin":                  Router,
		"c7200-js-mz":                                            Router,
		"c2950-i6q4l2-mz.121-22.EA4a.bin":                        Switch,
		"c2900xl-c3h2s-mz.120-5.WC17.bin":                        Switch,
		"c3500xl-c3h2s-mz.120-5.WC10.bin":                        Switch,
		"c3750-ipservicesk9-mz.150-2.SE8.bin":                    Switch,
		"cat9k_iosxe.17.09.04a.SPA.bin":                          XESwitch,
		"cat3k_caa-universalk9.16.06.09.SPA.bin":                 XESwitch,
		"ie2000-universalk9-mz.152-7.E4.bin":                     Switch,
		"ie3x00-universalk9.17.09.05.SPA.bin":                    UnknownPlatform,
		"C3750":                                                  Switch,
		"s72033-adventerprisek9_wan-mz.122-18.SXF7":              UnknownPlatform,
		"tc8.bin": UnknownPlatform,
		"flash:/dir/c3750-ipbasek9-mz.122-55.SE.bin": Switch,
	} {
		if got := PlatformOf(name); got != want {
			t.Errorf("%s: platform %d, want %d", name, got, want)
		}
	}
}

func TestWays(t *testing.T) {
	f := Fetch{Server: netip.MustParseAddr("192.0.2.100"), Name: "img/x.bin", Device: netip.MustParsePrefix("192.0.2.1/24"), MD5: "0123"}
	ways := f.Ways(Router)
	if len(ways) != 2 {
		t.Fatalf("%d ways", len(ways))
	}
	wantRunning := []string{"copy tftp://192.0.2.100/img/x.bin flash:x.bin", "verify /md5 flash:x.bin 0123"}
	wantROMMON := []string{"IP_ADDRESS=192.0.2.1", "IP_SUBNET_MASK=255.255.255.0", "DEFAULT_GATEWAY=192.0.2.100",
		"TFTP_SERVER=192.0.2.100", "TFTP_FILE=img/x.bin", "tftpdnld -r"}
	if !slices.Equal(ways[0].Lines, wantRunning) || !slices.Equal(ways[1].Lines, wantROMMON) {
		t.Errorf("got %q", ways)
	}
	if !strings.Contains(ways[1].Note, "ERASES flash") {
		t.Errorf("no word of what tftpdnld does: %q", ways[1].Note)
	}
	far := Fetch{Server: f.Server, Name: "x.bin", Device: netip.MustParsePrefix("198.51.100.1/32")}
	loader := far.Ways(Switch)[1]
	if !slices.Contains(loader.Lines, "set IP_ADDR 198.51.100.1/MASK") || !strings.Contains(loader.Note, "MASK") ||
		!slices.Contains(loader.Lines, "set DEFAULT_ROUTER GATEWAY") || !strings.Contains(loader.Note, "replace MASK") ||
		!slices.Contains(loader.Lines, "copy tftp://192.0.2.100/x.bin flash:x.bin") {
		t.Errorf("got %q", loader)
	}
	if n := len(far.Ways(UnknownPlatform)); n != 6 {
		t.Errorf("%d ways for an unknown platform, want all 6", n)
	}
	xe := far.Ways(XESwitch)
	if len(xe) != 3 || !slices.Contains(xe[0].Lines, "install add file flash:x.bin") || !slices.Contains(xe[1].Lines, "boot tftp://192.0.2.100/x.bin") ||
		!slices.Contains(xe[2].Lines, "emergency-install tftp://192.0.2.100/x.bin") {
		t.Errorf("got %q", xe)
	}
	if lines := far.Ways(Router)[1].Lines; !slices.Contains(lines, "DEFAULT_GATEWAY=GATEWAY") || !slices.Contains(xe[2].Lines, "set DEFAULT_ROUTER GATEWAY") {
		t.Errorf("on another network: %q, %q", lines, xe[2].Lines)
	}
	router := f.Ways(XERouter)
	if len(router) != 2 || !slices.Contains(router[1].Lines, "boot tftp:") || !slices.Contains(router[1].Lines, "TFTP_FILE=img/x.bin") {
		t.Errorf("got %q", router)
	}
}

// TestNoWayErases checks the fourth promise: no line that flashwarden prints
// erases anything without saying so.
func TestNoWayErases(t *testing.T) {
	f := Fetch{Server: netip.MustParseAddr("192.0.2.100"), Name: "x.bin", Device: netip.MustParsePrefix("192.0.2.1/24")}
	for _, p := range []Platform{UnknownPlatform, Router, XERouter, Switch, XESwitch} {
		for _, w := range f.Ways(p) {
			for _, line := range w.Lines {
				said := strings.Contains(w.Where, "ERASES flash") && strings.Contains(w.Note, "ERASES the whole flash")
				if line == "tftpdnld" || destroys.MatchString(line) || strings.HasPrefix(line, "emergency-install") && !said {
					t.Errorf("%s: %q", w.Where, line)
				}
			}
		}
	}
}
