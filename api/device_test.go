package api_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"flashwarden/api"
)

func sw1() api.Device {
	return api.Device{Name: "sw1", Address: "192.0.2.1", Transport: api.SSH, Username: "backup", Site: "hq", Group: "access",
		TFTPAddress: "192.0.2.9", VRF: "Mgmt-vrf", Files: "rebuild", LegacyCrypto: true,
		Fingerprint: "ssh-rsa SHA256:x", Via: "ops@jump.example.net:2222", ViaFingerprint: "ssh-ed25519 SHA256:y", Credential: "access", Source: "/etc/inventory/switches.csv"}
}

func TestValidate(t *testing.T) {
	long := strings.Repeat("x", 65)
	for _, test := range []struct {
		field  string
		change func(d *api.Device, value string)
		good   []string
		bad    []string
		want   string // in the error
	}{
		{"name", func(d *api.Device, v string) { d.Name = v }, []string{"sw1", "core.example.net", "1", "_x", "A-b_c.9", long[:64]},
			[]string{"", "-x", ".x", "..", "a b", "a/b", "ä", long, "x\n", "x\x00"}, "a name is"},
		{"address", func(d *api.Device, v string) { d.Address, d.Via = v, "" },
			[]string{"192.0.2.1", "192.0.2.1:2222", "sw1", "sw1.example.net", "sw1.example.net.:22", "sw_1:23", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:22", "fe80::1%eth0"},
			[]string{"", ":22", "sw1:", "sw1:0", "sw1:65536", "sw1:x", "sw1:+22", "[sw1]:22", "[192.0.2.1]", "[2001:db8::1", "2001:db8::1]", "192.0.2.300", "1.2.3", "a b",
				"fe80::1%a]:22", "fe80::1%\x1b", "[fe80::1%e\n]:22", "[::1]x", "[::1]:", "[]:22", "-x", "x..y", "sw1\r", "sw1/x", "ssh://sw1", "user@sw1", "sw1:22:33", strings.Repeat("x.", 127)}, "address "},
		{"transport", func(d *api.Device, v string) { d.Transport = v }, []string{"ssh", "telnet"}, []string{"", "SSH", "serial"}, "neither ssh nor telnet"},
		{"username", func(d *api.Device, v string) { d.Username, d.Credential = v, "" }, []string{"", "x", "net admin", "ü@example.net"}, []string{"x\n", "\x1b[2J", " x", "\xff"}, "username"},
		{"credential", func(d *api.Device, v string) { d.Credential = v }, []string{"", "access", "core-1"}, []string{"a b", ".x", "a\nb", long}, "credential"},
		{"source", func(d *api.Device, v string) { d.Source = v }, []string{"", "/srv/list.csv", "https://netbox.example.net/switches.csv?" + strings.Repeat("x", 500)},
			[]string{"a\nb", strings.Repeat("x", 1001)}, "source"},
		{"site", func(d *api.Device, v string) { d.Site = v }, []string{"", "Zürich 2"}, []string{"x\ty", "x ", "\u202e", strings.Repeat("x", 129)}, "site"},
		{"group", func(d *api.Device, v string) { d.Group = v }, []string{"", "access"}, []string{"\x07"}, "group"},
		{"tftp_address", func(d *api.Device, v string) { d.TFTPAddress = v }, []string{"", "192.0.2.9", "2001:db8::9"},
			[]string{"tftp", "0.0.0.0", "::", "224.0.0.1", "192.0.2.9:69", "192.0.2.9\n", "fe80::1%eth0"}, "tftp_address"},
		{"vrf", func(d *api.Device, v string) { d.VRF = v }, []string{"", "Mgmt-vrf", "mgmtVrf_1"}, []string{"a b", "a?", "a|b", `a"`, "x\n", "ä", long}, "vrf"},
		{"via", func(d *api.Device, v string) { d.Via = v }, []string{"", "ops@jump", "net.ops@example.net@192.0.2.7", "ops@[2001:db8::7]:2222"},
			[]string{"jump", "@jump", "ops@", "ops@jump:0", "ops@jump:x", "ops@a b", "ops@jump/x", "o\nps@jump", " ops@jump"}, "via"},
		{"via and name", func(d *api.Device, v string) { d.Address = v }, []string{"192.0.2.1:22", "2001:db8::1"}, []string{"sw1", "sw1.example.net:22"}, "must be an IP address"},
		{"files", func(d *api.Device, v string) { d.Files = v }, []string{"", "image", "rebuild", "all"}, []string{"none", "ALL"}, "files"},
	} {
		for _, value := range test.good {
			d := sw1()
			test.change(&d, value)
			if err := d.Validate(); err != nil {
				t.Errorf("%s %q: %v", test.field, value, err)
			}
		}
		for _, value := range test.bad {
			d := sw1()
			test.change(&d, value)
			err := d.Validate()
			if !errors.Is(err, api.ErrInvalidDevice) || !strings.Contains(err.Error(), test.want) || strings.ContainsAny(err.Error(), "\n\r\x00\x07\x1b") {
				t.Errorf("%s %q: error %v; want an ErrInvalidDevice with %q, without control characters", test.field, value, err, test.want)
			}
		}
	}
	shared := sw1()
	shared.Username = ""
	if err := errors.Join(shared.Validate(), shared.CheckUsername("access")); err != nil {
		t.Errorf("a credential has the username: %v", err)
	}
	if err := shared.CheckUsername(""); !errors.Is(err, api.ErrInvalidDevice) || !strings.Contains(err.Error(), "SSH needs a username") {
		t.Errorf("without a credential: error %v", err)
	}
	telnet := sw1()
	telnet.Transport, telnet.Username = api.Telnet, ""
	if err := errors.Join(telnet.Validate(), telnet.CheckUsername("")); err != nil {
		t.Errorf("telnet without a username: %v", err)
	}
}

func TestHostPort(t *testing.T) {
	for _, test := range []struct{ address, transport, want string }{
		{"192.0.2.1", api.SSH, "192.0.2.1:22"},
		{"192.0.2.1", api.Telnet, "192.0.2.1:23"},
		{"sw1.example.net:2222", api.SSH, "sw1.example.net:2222"},
		{"2001:db8::1", api.SSH, "[2001:db8::1]:22"},
		{"[2001:db8::1]", api.Telnet, "[2001:db8::1]:23"},
		{"[2001:db8::1]:2222", api.SSH, "[2001:db8::1]:2222"},
	} {
		got, err := api.Device{Address: test.address, Transport: test.transport}.HostPort()
		if err != nil || got != test.want {
			t.Errorf("%s %s: %q, error %v; want %q", test.transport, test.address, got, err, test.want)
		}
	}
	if _, err := (api.Device{Address: "a b"}).HostPort(); !errors.Is(err, api.ErrInvalidDevice) {
		t.Errorf("error %v; want ErrInvalidDevice", err)
	}
}

func TestDeviceAsJSON(t *testing.T) {
	got, err := json.Marshal(sw1())
	const want = `{"name":"sw1","address":"192.0.2.1","transport":"ssh","username":"backup","credential":"access","site":"hq","group":"access",` +
		`"tftp_address":"192.0.2.9","vrf":"Mgmt-vrf","files":"rebuild","copy_by":"","legacy_crypto":true,` +
		`"fingerprint":"ssh-rsa SHA256:x","via":"ops@jump.example.net:2222","via_fingerprint":"ssh-ed25519 SHA256:y","source":"/etc/inventory/switches.csv"}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s\nwant %s\nerror %v", got, want, err)
	}
}

func FuzzSplitAddress(f *testing.F) {
	for _, seed := range []string{"192.0.2.1", "[2001:db8::1]:22", "sw1.example.net:22", "a:b:c", "[", "::%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		d := api.Device{Name: "x", Address: address, Transport: api.SSH, Username: "x"}
		first, err := d.HostPort()
		if err != nil {
			return
		}
		d.Address = first
		if again, err := d.HostPort(); err != nil || again != first {
			t.Errorf("%q became %q became %q, error %v", address, first, again, err)
		}
	})
}
