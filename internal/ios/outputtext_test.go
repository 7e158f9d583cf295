package ios

import (
	"strings"
	"testing"

	"flashwarden/internal/cause"
)

func TestStripSyslog(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"own line", "a\n*Apr  1 15:26:17.047: %LINK-3-UPDOWN: Interface Gi0/1, changed state to up\nb\n", "a\nb\n"},
		{"no timestamp", "%SYS-5-CONFIG_I: Configured from console by vty0\nb", "b"},
		{"time since start", "00:01:13: %SYS-5-RESTART: System restarted --\nb", "b"},
		{"sequence number, year and zone", "000042: Dec  7 2021 20:42:33.703 UTC: %SEC_LOGIN-5-LOGIN_SUCCESS: Login Success\nb", "b"},
		{"with a slot in the facility", "*Apr  1 15:26:17: %IOSXE-SP-4-PLATFORM: R0/0: x\nb", "b"},
		{"after progress", "!!!!*Apr  1 15:26:17.047: %LINK-3-UPDOWN: up!!!!\n!!", "!!!!\n!!"},
		{"AutoInstall trying", "a\nAutoinstall trying DHCPv4 on Vlan1\nb", "a\nb"},
		{"AutoInstall", "!!%Error opening tftp://255.255.255.255/cisconet.cfg (Timed out)!!\nb", "!!!!\nb"},
		{"debug", "Dec  7 20:42:33.704: UDP: sent src=10.12.254.1(51337), dst=10.9.0.32(69)\nb", "b"},
		{"bell, escape and carriage return", "a\a\r\nb\x1b[24;1H\r\n", "a\nb\n"},
		{"errors stay", "%Error opening tftp://10.0.0.1/x (Timed out)\n% Invalid input", "%Error opening tftp://10.0.0.1/x (Timed out)\n% Invalid input"},
		{"listings stay", "    1  -rw-  10   Mar 1 1993 00:01:38 +00:00  x", "    1  -rw-  10   Mar 1 1993 00:01:38 +00:00  x"},
	} {
		if got := StripSyslog(test.text); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestRejected(t *testing.T) {
	for output, want := range map[string]cause.Cause{
		"show boot\n     ^\n% Invalid input detected at '^' marker.\n\nsw1#": cause.CommandRejected,
		"% Incomplete command.\n":        cause.CommandRejected,
		"% Ambiguous command:  \"sh\"\n": cause.CommandRejected,
		"% Unknown command or computer name, or unable to find computer address\n": cause.CommandRejected,
		"% Authorization failed.\n":                                                      cause.NotPermittedOnDevice,
		"Command authorization failed.\n":                                                cause.NotPermittedOnDevice,
		"%Error opening flash:/x (No such file or directory)\n":                          cause.SourceMissing,
		"%Error opening usb0:/ (No such device)\n":                                       cause.SourceMissing,
		"%Error opening flash:/x (Permission denied)\n":                                  cause.NotPermittedOnDevice,
		"%Error copying flash:/x (Not enough space on device)\n":                         cause.DeviceNoSpace,
		"%Error parsing filename (Invalid IP address or hostname)\n":                     cause.CommandRejected,
		"ERR: Device in READ-ONLY state\n":                                               cause.CommandRejected,
		"x.bin: No such file or directory\n":                                             cause.SourceMissing,
		"":                                                                               "",
		"%Error\n[OK - 5 bytes]\n":                                                       "",
		"%Warning:There is a file already existing with this name\n":                     "",
		"%Error opening tftp://255.255.255.255/network-confg (Timed out)\n":              "",
		"*Apr  1 15:26:17.047: %LINEPROTO-5-UPDOWN: Line protocol on Interface Vlan1\n":  "",
		"%Filesystem does not support verify operations\n":                               "",
		"*Mar  1 00:00:01: %PARSER-4-BADCFG: Unexpected end\n% Invalid input detected\n": cause.CommandRejected,
	} {
		err := Rejected(output)
		if cause.Of(err) != want {
			t.Errorf("%q: %v", output, err)
		}
	}
	err := Rejected("sw1#reload\x1b[2Jx\n%Error opening flash:/\x07\x1b]0;x (No such file)\n")
	if err == nil || strings.ContainsAny(err.Error(), "\x07\x1b\n") {
		t.Errorf("the error shows control characters: %q", err)
	}
	long := Rejected("%Error opening flash:/" + strings.Repeat("x", 10000))
	if long == nil || len(long.Error()) > 300 {
		t.Error("the error is as long as the device wants")
	}
}

// TestSecurityWarnings removes the warnings of IOS-XE 17.18 and later (Cisco,
// "Resilient Infrastructure Security Warnings Reference").
func TestSecurityWarnings(t *testing.T) {
	for text, want := range map[string]string{
		"a\nSECURITY WARNING - Module: SSH, Command: ip ssh *, Reason: Weak, Remediation: Use another\nb\n": "a\nb\n",
		"!!!SECURITY WARNING - Module: SSH, Command: x, Reason: y\n!!\n":                                    "!!!\n!!\n",
		"a\n*Mar  1 00:01:39.123: %SYS-4-INSECURE_CONFIG: Module: AAA, Command: x, Reason: y\nb\n":          "a\nb\n",
		"a\n%SYS-4-INSECURE_WARNING: Module: MACSEC - Command: key-string * - Reason: y\nb\n":               "a\nb\n",
		"a\n%SYS-4-INSECURE_DYNAMIC_WARNING: Module: SSH, Reason: y\nb\n":                                   "a\nb\n",
		"a\n%SYS-4-INSECURE _WARNING: Module: SSH, Reason: y\nb\n":                                          "a\nb\n",
		"SECURITY WARNING: authorised users only\n":                                                         "SECURITY WARNING: authorised users only\n",
	} {
		if got := StripSyslog(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestExecTimestamps reads outputs under "exec prompt timestamp" (Cisco IOS
// Configuration Fundamentals Command Reference), with and without a clock.
func TestExecTimestamps(t *testing.T) {
	for _, source := range []string{
		"Time source is NTP, 11:47:38.313 UTC Mon Apr 19 2004", "Time source is hardware calendar, *11:47:38.313 UTC Mon Apr 19 2004",
		"No time source, *00:20:16.242 UTC Mon Mar 1 1993",
	} {
		for name, p := range parsers {
			text := "Load for five secs: 1%/0%; one minute: 1%; five minutes: 2%\n" + source + "\n\n" + p.output
			if err := p.parse(text); err != nil {
				t.Errorf("%s, %s: %v", name, source, err)
			}
		}
	}
}

func TestUnsupported(t *testing.T) {
	for text, name := range map[string]string{
		"Cisco Nexus Operating System (NX-OS) Software\n":               "Cisco NX-OS",
		"\nCisco Adaptive Security Appliance Software Version 9.8(3)\n": "Cisco ASA",
		"WS-C5500 Software, Version McpSW: 4.5(11) NmpSW: 4.5(11)\n":    "Cisco CatOS",
		"Cisco IOS XR Software, Version 6.1.2\n":                        "Cisco IOS XR",
		"Junos: 18.4R1.8\n":                                             `"Junos: 18.4R1.8"`,
	} {
		_, err := ParseVersion(text)
		if cause.Of(err) != cause.UnsupportedDevice || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := ParseVersion("% Authorization failed.\n"); cause.Of(err) != cause.NotPermittedOnDevice {
		t.Errorf("refused: %v", err)
	}
	for _, text := range []string{"NXOS variable = bootflash:/nxos.bin\n", "Current BOOT variable = disk0:/asa.bin\n"} {
		if _, err := ParseBoot(text); cause.Of(err) != cause.UnsupportedDevice {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestParseBootErrors(t *testing.T) {
	if _, err := ParseBoot("      ^\n% Invalid input detected at '^' marker.\n"); cause.Of(err) != cause.CommandRejected {
		t.Errorf("refused: %v", err)
	}
	if _, err := ParseBoot("hello\n"); err == nil || !strings.Contains(err.Error(), `"hello"`) {
		t.Errorf("something else: %v", err)
	}
}

func TestNextStart(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"classic", "BOOT path-list      : flash:/a.bin\n", "flash:/a.bin"},
		{"next differs", "Switch 1\nCurrent Boot Variables:\nBOOT variable = flash:a;\nBoot Variables on next reload:\nBOOT variable = flash:b;\n", "flash:b;"},
		{"next is gone", "Switch 1\nCurrent Boot Variables:\nBOOT variable = flash:a;\nBoot Variables on next reload:\nBOOT variable does not exist\n", ""},
		{"standby does not count", "BOOT variable = disk0:a,12;\nStandby BOOT variable = disk0:b,12;\n", "disk0:a,12;"},
	} {
		boot, err := ParseBoot(test.text)
		if err != nil || boot.Units[0].NextStart() != test.want {
			t.Errorf("%s: %+v, %v", test.name, boot, err)
		}
	}
}

func TestModeAndRegister(t *testing.T) {
	text := "Cisco IOS Software, IOS-XE Software, Catalyst L3 Switch Software (CAT3K_CAA-UNIVERSALK9-M), Version 03.06.07E RELEASE SOFTWARE (fc3)\n" +
		"sw uptime is 1 day\nConfiguration register is 0x102 (will be 0x2102 at next reload)\n\n" +
		"Switch Ports Model              SW Version        SW Image              Mode   \n" +
		"------ ----- -----              ----------        ----------            ----   \n" +
		"     1 52    WS-C3650-48PD      03.06.07E         cat3k_caa-universalk9 BUNDLE\n" +
		"*    2 52    WS-C3650-48PD      03.06.07E         cat3k_caa-universalk9 INSTALL\n"
	v, err := ParseVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	if v.OS != "iosxe" || v.Mode != "INSTALL" || v.ConfigRegisterNext != "0x2102" {
		t.Errorf("%+v", v)
	}
	if f := NewFacts(Version{ImageFile: "flash:cat3k_caa-universalk9.16.12.05.SPA.conf"}, Boot{}); f.Mode != "install" {
		t.Errorf("a provisioning file of another name: %+v", f)
	}
	if f := NewFacts(v, Boot{}); f.Mode != "install" || f.Version != "03.06.07E" {
		t.Errorf("%+v", f)
	}
}
