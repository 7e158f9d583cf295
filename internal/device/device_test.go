package device

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/vty"
)

const (
	invalid = "            ^\n% Invalid input detected at '^' marker.\n\n"

	showVersion = `Cisco IOS Software, C3750 Software (C3750-IPSERVICESK9-M), Version 15.0(2)SE8, RELEASE SOFTWARE (fc1)
Technical Support: http://www.cisco.com/techsupport

ROM: Bootstrap program is C3750 boot loader

SW1 uptime is 3 days, 2 hours
System returned to ROM by power-on
System image file is "flash:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin"

cisco WS-C3750G-24TS-1U (PowerPC405) processor (revision H0) with 131072K bytes of memory.
Processor board ID FOC1234X1AB
Model number                    : WS-C3750G-24TS-E1U
System serial number            : FOC1234X1AB
Configuration register is 0xF
`
	showBoot = `BOOT path-list      : flash:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin
Config file         : flash:/config.text
Private Config file : flash:/private-config.text
Manual Boot         : no
`
)

// fake answers commands with texts, and unknown commands with IOS's refusal. A
// text that begins with "ask " is a question; after its answer fake prints the
// output of a copy.
type fake struct {
	says  map[string]string
	fails map[string]error
	typed []string
	idle  time.Duration // of the last command
}

func (f *fake) Hide(string) {}

func (f *fake) Run(ctx context.Context, command string, ask vty.Ask) (string, error) {
	return f.RunLong(ctx, command, time.Minute, ask)
}

func (f *fake) RunLong(_ context.Context, command string, idle time.Duration, ask vty.Ask) (string, error) {
	f.typed, f.idle = append(f.typed, command), idle
	if err := f.fails[command]; err != nil {
		return "", err
	}
	text, known := f.says[command]
	if !known {
		return invalid, nil
	}
	if question, asks := strings.CutPrefix(text, "ask "); asks {
		answer, stop := ask(question)
		f.typed = append(f.typed, answer)
		if stop != nil {
			return "", stop
		}
		return question + answer + "\n!!\n18 bytes copied in 0.5 secs (36 bytes/sec)\n\n", nil
	}
	return text, nil
}

// RunWatched passes the echo of the command with the progress to watch, then
// the rest.
func (f *fake) RunWatched(ctx context.Context, command string, watch vty.Watch, ask vty.Ask) (string, error) {
	text, err := f.RunLong(ctx, command, watch(nil), ask)
	if err == nil {
		progress := max(0, strings.Index(text, "Done!"))
		watch([]byte(command + "\r\n" + text[:progress]))
		watch([]byte(text[progress:]))
	}
	return text, err
}

func (f *fake) Hostname() string      { return "PROMPT" }
func (f *fake) LocalAddr() netip.Addr { return netip.MustParseAddr("192.0.2.9") }
func (f *fake) Exec(context.Context, string) (io.ReadWriteCloser, error) {
	return nil, errors.ErrUnsupported
}
func (f *fake) RemoteAddr() netip.Addr { return netip.MustParseAddr("192.0.2.1") }
func (f *fake) Close() error           { return nil }

func on(says map[string]string) (*Device, *fake) {
	f := &fake{says: says, fails: map[string]error{}}
	return newDevice(f, nil), f
}

var errLost = cause.New(cause.SessionLost, "lost", nil)

// TestFactsOfAStack checks that show switch is asked only if show version has a
// table of members.
func TestFactsOfAStack(t *testing.T) {
	const members = showVersion + `
Switch Ports Model              SW Version            SW Image
------ ----- -----              ----------            ----------
*    1 28    WS-C3750G-24TS-1U  15.0(2)SE8            C3750-IPSERVICESK9-M
     2 28    WS-C3750G-24TS-1U  12.2(55)SE8           C3750-IPSERVICESK9-M
`
	const stack = `Switch/Stack Mac Address : 0200.5e10.2a00
*1       Master 0200.5e10.2a00    15      4       Ready
 2       Member 0200.5e10.2a80     1      4       Version Mismatch
`
	d, f := on(map[string]string{"show version": members, "show boot": showBoot, "show switch": stack})
	got, err := d.Facts(t.Context())
	if err != nil || len(got.Members) != 2 || got.Members[1].Version != "12.2(55)SE8" || len(got.Stack) != 2 || got.Stack[1].State != "Version Mismatch" {
		t.Errorf("facts %+v, %v", got, err)
	}
	delete(f.says, "show switch")
	if got, err = d.Facts(t.Context()); err != nil || got.Stack != nil {
		t.Errorf("without show switch: %+v, %v", got.Stack, err)
	}
	f.fails["show switch"] = errLost
	if _, err = d.Facts(t.Context()); cause.Of(err) != cause.SessionLost {
		t.Errorf("lost at show switch: %v", err)
	}
}

func TestFacts(t *testing.T) {
	d, f := on(map[string]string{"show version": showVersion, "show boot": showBoot})
	got, err := d.Facts(t.Context())
	want := ios.Facts{
		Hostname: "SW1", OS: "ios", Version: "15.0(2)SE8", Model: "WS-C3750G-24TS-E1U", Serial: "FOC1234X1AB", Mode: "bundle",
		Image:      "flash:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin",
		BootPath:   "flash:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin",
		ConfigFile: "flash:/config.text", PrivateFile: "flash:/private-config.text", ManualBoot: "no", Register: "0xF",
		Serials: []string{"FOC1234X1AB"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("facts %+v, %v", got, err)
	}
	if !slices.Equal(f.typed, []string{"show version", "show boot"}) { // no stack to ask for
		t.Errorf("typed %q", f.typed)
	}
	if d.LocalAddr() != f.LocalAddr() || d.RemoteAddr() != f.RemoteAddr() {
		t.Errorf("addresses %s, %s", d.LocalAddr(), d.RemoteAddr())
	}
}

// TestBrief asks a switch for show boot first and a router for show bootvar, and nothing
// else.
func TestBrief(t *testing.T) {
	const members = "\nSwitch Ports Model SW Version SW Image Mode\n------ ----- ----- ---------- ---------- ----\n" +
		"*    1 28    WS-C3750G-24TS-1U  15.0(2)SE8  C3750-IPSERVICESK9-M INSTALL\n"
	router := strings.ReplaceAll(showVersion, "Model number", "Motherboard number")
	const bootvar = "BOOT variable = flash:/x.bin,12;\nConfiguration register is 0x2102\n"
	for name, c := range map[string]struct {
		says  map[string]string
		typed []string
	}{
		"switch":  {map[string]string{"show version": showVersion + members, "show boot": showBoot}, []string{"show version", "show boot"}},
		"router":  {map[string]string{"show version": router, "show bootvar": bootvar}, []string{"show version", "show bootvar"}},
		"chassis": {map[string]string{"show version": router, "show boot": bootvar}, []string{"show version", "show bootvar", "show boot"}},
	} {
		d, f := on(c.says)
		got, err := d.Brief(t.Context())
		if err != nil || got.BootPath == "" || got.Serial == "" || !slices.Equal(f.typed, c.typed) {
			t.Errorf("%s: typed %q, %+v, %v", name, f.typed, got, err)
		}
		whole, err := d.Facts(t.Context())
		if whole.Stack, whole.Install = nil, nil; err != nil || !reflect.DeepEqual(got, whole) {
			t.Errorf("%s: %+v, but Facts returns %+v, %v", name, got, whole, err)
		}
	}
}

func TestFactsWithoutBoot(t *testing.T) {
	d, f := on(map[string]string{"show version": strings.Replace(showVersion, "SW1 uptime is", "uptime is", 1)})
	got, err := d.Facts(t.Context())
	if err != nil || got.BootPath != "" || got.Hostname != "PROMPT" {
		t.Errorf("facts %+v, %v", got, err)
	}
	if !slices.Equal(f.typed, []string{"show version", "show boot", "show bootvar"}) {
		t.Errorf("typed %q", f.typed)
	}
	d, _ = on(map[string]string{"show version": showVersion, "show bootvar": "BOOT variable = flash:/x.bin,12;\nConfiguration register is 0x2102\n"})
	if got, err := d.Facts(t.Context()); err != nil || !strings.HasPrefix(got.BootPath, "flash:/x.bin") {
		t.Errorf("with show bootvar: %+v, %v", got, err)
	}
}

func TestFactsFail(t *testing.T) {
	for _, command := range []string{"show version", "show boot", "show bootvar"} {
		d, f := on(map[string]string{"show version": showVersion})
		f.fails[command] = errLost
		if _, err := d.Facts(t.Context()); err != errLost {
			t.Errorf("%s: %v", command, err)
		}
	}
	d, _ := on(map[string]string{"show version": "Cisco Nexus Operating System (NX-OS) Software\n"})
	if _, err := d.Facts(t.Context()); cause.Of(err) != cause.UnsupportedDevice {
		t.Errorf("NX-OS: %v", err)
	}
}

func TestUntypablePaths(t *testing.T) {
	d, f := on(nil)
	for _, path := range []string{"flash:/a b", "flash:/a?", "flash:/a|b", `flash:/"a`, "flash:/a\rreload", "flash:/ä", "flash:/a;b"} {
		if _, err := d.Digest(t.Context(), path, 1, nil); cause.Of(err) != cause.CommandRejected {
			t.Errorf("digest of %q: %v", path, err)
		}
		if _, err := d.Text(t.Context(), path); cause.Of(err) != cause.CommandRejected {
			t.Errorf("text of %q: %v", path, err)
		}
		if _, err := d.Copy(t.Context(), ios.Copy{Source: path, Server: "192.0.2.9", Name: "x"}); cause.Of(err) != cause.CommandRejected {
			t.Errorf("copy of %q: %v", path, err)
		}
	}
	if len(f.typed) > 0 {
		t.Errorf("typed %q", f.typed)
	}
}

// TestInstallSummary distinguishes committed packages from activated ones. Software without
// the command has no rows.
func TestInstallSummary(t *testing.T) {
	version := strings.Replace(showVersion, "flash:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin", "flash:x.SPA.conf", 1)
	const summary = "[ Switch 1 2 ] Installed Package(s) Information:\nState (St): I - Inactive, U - Activated & Uncommitted,\n" +
		"            C - Activated & Committed, D - Deactivated & Uncommitted\nType  St   Filename/Version\nIMG   C    17.9.4.0.6\nSMU   U    flash:a.smu.bin\n"
	for says, want := range map[string][]api.Installed{
		summary: {{Where: "Switch 1 2", Type: "IMG", State: "committed", Name: "17.9.4.0.6"}, {Where: "Switch 1 2", Type: "SMU", State: "activated", Name: "flash:a.smu.bin"}},
		invalid: nil,
	} {
		d, _ := on(map[string]string{"show version": version, "show install summary": says})
		f, err := d.Facts(t.Context())
		if err != nil || f.Mode != "install" || !reflect.DeepEqual(f.API().Install, want) {
			t.Errorf("%+v, %v", f.API(), err)
		}
	}
}

func TestRunningConfig(t *testing.T) {
	const config = "!\nversion 15.0\nhostname SW1\n!\nbanner motd ^C\n% Invalid input\nend of it #\n^C\nend\n"
	const message = "*Apr  1 15:26:17.047: %LINEPROTO-5-UPDOWN: Line protocol on Interface Vlan1, changed state to up\n"
	tests := []struct{ name, says, want string }{
		{"classic", "Building configuration...\n\nCurrent configuration : 1580 bytes\n" + config + "\n", config},
		{"no header", config, config},
		{"XE", "Building configuration...\n\n\nCurrent configuration : 9 bytes\n!\n! Last configuration change at 14:15:03 UTC Sun Nov 22 2026 by admin\n!\nversion 17.9\nhostname SW1\nend\n\n\n",
			"!\n! Last configuration change at 14:15:03 UTC Sun Nov 22 2026 by admin\n!\nversion 17.9\nhostname SW1\nend\n"},
		{"without a comment", "Current configuration:\nversion 12.0\nhostname SW1\nend\n", "version 12.0\nhostname SW1\nend\n"},
		{"messages", "Building configuration...\n" + message + "!\nversion 15.0\nhostname SW1\n" + message + "end\n" + message, "!\nversion 15.0\nhostname SW1\nend\n"},
		{"messages of other kinds", "!\nversion 15.0\nhostname SW1\n%SYS-5-CONFIG_I: x\n00:20:16: %SYS-5-X: y\n000012: *Mar  1 00:20:16.1 UTC: %SYS-5-X: y\n3d02h: %LINK-3-UPDOWN: z\n" +
			"%Error opening tftp://255.255.255.255/network-confg (Timed out)\nend\n", "!\nversion 15.0\nhostname SW1\nend\n"},
		{"security warnings", "!\nSECURITY WARNING - Module: SSH, Command: x, Reason: y, Remediation: z\nversion 17.18\nhostname SW1\n" +
			"*Mar  1 00:20:16.1 UTC: %SYS-4-INSECURE_CONFIG: Module: AAA, Command: x, Reason: y\n%SYS-4-INSECURE _WARNING: Module: SSH\nend\n",
			"!\nversion 17.18\nhostname SW1\nend\n"},
		{"a message in the configuration", "!\nversion 15.0\nhostname SW1\n event syslog pattern \"%SYS-5-RESTART: x\"\nend\n", "!\nversion 15.0\nhostname SW1\n event syslog pattern \"%SYS-5-RESTART: x\"\nend\n"},
		{"after the load and the time", "Load for five secs: 1%/0%; one minute: 1%; five minutes: 1%\nNo time source, *00:20:16.242 UTC Mon Mar 1 1993\n\n" + config, config},
	}
	for _, test := range tests {
		d, _ := on(map[string]string{"show running-config": test.says})
		if got, err := d.RunningConfig(t.Context()); err != nil || string(got) != test.want {
			t.Errorf("%s: %q, %v", test.name, got, err)
		}
	}
}

func TestRunningConfigFails(t *testing.T) {
	tests := []struct {
		says string
		want cause.Cause
	}{
		{invalid, cause.CommandRejected},
		{"% Authorization failed.\n", cause.NotPermittedOnDevice},
		{"Building configuration...\n\nCurrent configuration : 1580 bytes\n!\nversion 15.0\nhostname SW1\n", cause.CommandRejected},
		{"", cause.CommandRejected},
		{"end\n", cause.CommandRejected},
		// An account under privilege level 15 sees only the lines that it may
		// configure (Cisco, "Configure View of the Running Configuration with
		// Lower Privilege Level User Accounts").
		{"Building configuration...\n\nCurrent configuration : 57 bytes\n!\n!\nend\n", cause.NotPermittedOnDevice},
		{"!\nboot-start-marker\nboot-end-marker\n!\ninterface Vlan1\n!\nend\n", cause.NotPermittedOnDevice},
		{"!\nversion 15.0\n!\ninterface Vlan1\n!\nend\n", cause.NotPermittedOnDevice},
		{"!\nhostname SW1\n!\ninterface Vlan1\n!\nend\n", cause.NotPermittedOnDevice},
		{"!\nbanner motd ^C\n version 1\n hostname x\n^C\nend\n", cause.NotPermittedOnDevice},
	}
	for _, test := range tests {
		d, _ := on(map[string]string{"show running-config": test.says})
		if got, err := d.RunningConfig(t.Context()); cause.Of(err) != test.want || got != nil {
			t.Errorf("%q: %q, %v", test.says, got, err)
		}
	}
	d, f := on(map[string]string{"show running-config": "!\nversion 15.0\nhostname SW1\nend\n"})
	if _, err := d.RunningConfig(t.Context()); err != nil || f.idle <= 5*time.Minute {
		t.Errorf("%v; the device may be silent for %s, want more than 5m", err, f.idle)
	}
	d, f = on(nil)
	f.fails["show running-config"] = errLost
	if _, err := d.RunningConfig(t.Context()); err != errLost {
		t.Errorf("error %v", err)
	}
}

func TestText(t *testing.T) {
	const text = "#! /usr/binos/bin/packages_conf.sh\nboot  rp 0 0   rp_boot x.pkg\n%Error opening flash:/y (No such file or directory)\n"
	d, _ := on(map[string]string{
		"more flash:/packages.conf": "#\n#\n#\n" + text,
		"more flash:/x":             "%Error opening flash:/x (No such file or directory)\n\n",
	})
	if got, err := d.Text(t.Context(), "flash:/packages.conf"); err != nil || got != "#\n#\n#\n"+text {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := d.Text(t.Context(), "flash:/x"); cause.Of(err) != cause.SourceMissing {
		t.Errorf("missing: %v", err)
	}
	if _, err := d.Text(t.Context(), "nvram:/y"); cause.Of(err) != cause.CommandRejected {
		t.Errorf("no more: %v", err)
	}
}

func TestInterfaces(t *testing.T) {
	d, _ := on(map[string]string{"show ip interface brief": "Interface  IP-Address  OK? Method Status  Protocol\n" +
		"Loopback0  192.0.2.1   YES NVRAM  up      up\n"})
	got, err := d.Interfaces(t.Context())
	if err != nil || len(got) != 1 || got[0].Name != "Loopback0" || got[0].Address != "192.0.2.1" {
		t.Errorf("%+v, %v", got, err)
	}
	d, _ = on(map[string]string{"show ip interface brief": "Command authorization failed.\n"})
	if _, err := d.Interfaces(t.Context()); cause.Of(err) != cause.NotPermittedOnDevice {
		t.Errorf("denied: %v", err)
	}
}

func TestCopy(t *testing.T) {
	c := ios.Copy{Source: "flash:/d/x.bin", Server: "192.0.2.9", Name: "ticket-1"}
	d, f := on(map[string]string{c.Command(): "ask Destination filename [x.bin]?"})
	got, err := d.Copy(t.Context(), c)
	if err != nil || !got.OK || got.Bytes != 18 || f.idle > 0 {
		t.Errorf("%+v, %v, idle %s", got, err, f.idle)
	}
	if want := []string{"copy flash:/d/x.bin tftp://192.0.2.9/ticket-1", "ticket-1"}; !slices.Equal(f.typed, want) {
		t.Errorf("typed %q", f.typed)
	}
	d, f = on(map[string]string{c.Command(): "ask Erase flash: before copying? [confirm]"})
	if _, err := d.Copy(t.Context(), c); cause.Of(err) != cause.UnsafePrompt || f.typed[1] != "n" {
		t.Errorf("erase: %v, typed %q", err, f.typed)
	}
	d, _ = on(map[string]string{c.Command(): "%Error opening tftp://192.0.2.9/ticket-1 (Timed out)\n"})
	if got, err := d.Copy(t.Context(), c); err != nil || got.OK || !strings.Contains(got.Error, "Timed out") {
		t.Errorf("timed out: %+v, %v", got, err)
	}
}

// TestShow runs show commands and no others.
func TestShow(t *testing.T) {
	d, _ := on(map[string]string{"show access-lists": "Standard IP access list 1\n"})
	if out, err := d.Show(t.Context(), "show access-lists"); err != nil || out != "Standard IP access list 1\n" {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := d.Show(t.Context(), "configure terminal"); err == nil {
		t.Error("a command that shows nothing was typed")
	}
}
