package ios

import "testing"

func TestSameMoment(t *testing.T) {
	for _, same := range [][2]string{
		{"Mar 1 1993 00:05:16 +00:00", "Mar  1 1993 00:05:16 +00:00"},
		{"Mar 29 2026 01:30:00 +01:00", "Mar 29 2026 02:30:00 +02:00"},
		{"Jul 02 2015 22:03:42.0000000000 +00:00", "Jul 2 2015 22:03:42 +00:00"},
		{"Mar  1 1993 00:05:16", "Mar 1 1993 00:05:16"},
	} {
		if a, b := SameMoment(same[0]), SameMoment(same[1]); a != b {
			t.Errorf("%q is %q, %q is %q", same[0], a, same[1], b)
		}
	}
	for _, other := range [][2]string{
		{"Mar 1 1993 00:05:16 +00:00", "Mar 1 1993 00:05:16 +01:00"},
		{"Mar 1 1993 00:05:16 +00:00", "Mar 1 1993 00:05:16"},
		{"Jul 02 2015 22:03:42.5 +00:00", "Jul 2 2015 22:03:42 +00:00"},
		{"", "Mar 1 1993 00:05:16 +00:00"},
	} {
		if a, b := SameMoment(other[0]), SameMoment(other[1]); a == b {
			t.Errorf("%q and %q are both %q", other[0], other[1], a)
		}
	}
}

func TestWrittenByItself(t *testing.T) {
	own := WrittenByItself("hostname r1\nip dhcp database flash:leases.db\nlogging persistent protected url flash0:/syslog size 100000\nevent manager policy watch.tcl\nend\n")
	for path, want := range map[string]bool{
		"flash0:/leases.db": true, "flash0:/syslog/log_1": true, "bootflash:/tracelogs/IOSRP_R0-0.bin.gz": true, "crashinfo:/tracelogs/x": true,
		"flash:/.prst_sync/x": true, "bootflash:/license_evlog/x": true, "flash:/bootloader_evt_handle.log": true,
		"flash:/tracelogs": false, "flash:/x.bin": false, "flash:/syslog.bin": false, "flash:/config.text": false, "flash:/watch.tcl": false, "flash:/log": false, "flash:/syslogs/x.htm": false,
		"flash:/my-tracelogs/x": false, "nvram:startup-config": false,
	} {
		if own(path) != want {
			t.Errorf("%s: %t", path, !want)
		}
	}
}

// TestWrittenByItselfAsConfigured: the files that lines of the configuration name.
func TestWrittenByItselfAsConfigured(t *testing.T) {
	for config, files := range map[string]map[string]bool{
		"logging file flash:syslog.txt 65536 32768 informational": {"flash:/syslog.txt": true, "flash0:/syslog.txt.old": true, "flash:/syslog.txt.bin": false},
		"logging persistent":                                                  {"flash:/syslog/log_1": true, "disk0:/syslog/log_1": true, "flash:/syslog": false},
		"logging persistent size 1048576":                                     {"bootflash:/syslog/log_1": true},
		"logging persistent url flash0:/a":                                    {"flash0:/a/log_1": true, "flash0:/syslog/log_1": false},
		"hostname sw1\r\narchive\r\n path flash:cfg/$h-\r\n time-period 1440": {"flash:/cfg/sw1--Nov-28-02-00-00.000-3": true, "flash:/cfg/sw1--4": true, "flash:/cfg/sw2--4": false, "flash:/cfg": false},
		"hostname sw1\narchive\n path flash:$h-$t":                            {"flash:/sw1-Nov-28-1": true, "flash:/sw1.bin": false, "flash:/config.text": false},
		"archive\n path flash:$t":                                             {"flash:/c2960-1": false},
		"archive\n path tftp://192.0.2.1/$h":                                  {"flash:/c2960-1": false},
		"event manager applet x\n action 1 cli command \"show clock | append flash:clock.txt\"": {"flash:/clock.txt": true},
		"kron policy-list x\n cli show tech | redirect bootflash:/tech/now.txt":                 {"bootflash:/tech/now.txt": true, "bootflash:/tech/other.txt": false},
		"banner motd ^C\nlogging file flash:vlan.dat\n^C":                                       {"flash:/vlan.dat": false},
		"hostname sw1": {"flash:/crashinfo": true, "flash:/crashinfo_20261128-020000-UTC": true, "flash:/crashinfo_ext/crashinfo_ext_1": true, "crashinfo-2:/koops.dat": true,
			"flash:/dc_profile_dir/dc_default_profiles.txt": true, "flash:/boot.log.old": true, "flash:/x.log.1": true, "flash:/core/sw1_core.gz": true,
			"flash:/dc_profile_dir": false, "flash:/core": false, "flash:/html/crashinfo": false, "flash:/x.logo": false, "flash:/crashinfo.d/x": false},
	} {
		own := WrittenByItself(config)
		for path, want := range files {
			if own(path) != want {
				t.Errorf("%q: %s: %t", config, path, !want)
			}
		}
	}
}

func TestStartupWritten(t *testing.T) {
	const config = "!\n! Last configuration change at 10:00\n! NVRAM config last updated at 10:01:00 UTC Mon Jan 5 2026 by admin\r\n!\nhostname r1\nend\n"
	if got := StartupWritten(config); got != "! NVRAM config last updated at 10:01:00 UTC Mon Jan 5 2026 by admin" {
		t.Errorf("%q", got)
	}
	if got := StartupWritten("hostname r1\nend\n"); got != "" {
		t.Errorf("%q", got)
	}
}
