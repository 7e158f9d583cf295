package ios

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// versionText returns a show version that has only the lines that matter here.
func versionText(image string, more ...string) string {
	return `Cisco IOS Software, X Software (X-M), Version 15.2(2)E6, RELEASE SOFTWARE (fc1)
sw1 uptime is 1 week
System image file is "` + image + `"
` + strings.Join(more, "\n") + "\n"
}

// TestFactsOfShapes reads show version and show boot of different kinds of
// devices: the running image and the next one, on every unit.
func TestFactsOfShapes(t *testing.T) {
	const members = `
Switch Ports Model              SW Version            SW Image
------ ----- -----              ----------            ----------
*    1 28    WS-C2960X-24TS-L   15.2(2)E6             C2960X-UNIVERSALK9-M
     2 28    WS-C2960X-24TS-L   15.0(2)EX5            C2960X-UNIVERSALK9-M
`
	const xeMembers = `
Switch Ports Model              SW Version        SW Image              Mode
------ ----- -----              ----------        ----------            ----
*    1 41    C9300-24T          17.09.04a         CAT9K_IOSXE           INSTALL
     2 41    C9300-24T          17.09.04a         CAT9K_IOSXE           BUNDLE
`
	unit := func(n, next string) string {
		return "---------------------------\nSwitch " + n + "\n---------------------------\nCurrent Boot Variables:\nBOOT variable = flash:packages.conf;\n\n" +
			"Boot Variables on next reload:\nBOOT variable " + next + "\nManual Boot = no\n"
	}
	for name, c := range map[string]struct {
		version, boot string
		want          Facts // Image, Mode, BootPath, Members, Starts
	}{
		"classic, in a directory that ends in .bin": {versionText("flash:c2960.bin/c2960.bin"), "BOOT path-list      : flash:c2960.bin\nConfig file         : flash:/config.text\n",
			Facts{Image: "flash:c2960.bin/c2960.bin", Mode: "bundle", BootPath: "flash:c2960.bin", ConfigFile: "flash:/config.text"}},
		"a stack whose second member has another image": {versionText("flash:/new.bin", members),
			"BOOT path-list      : flash:/new.bin\n-------------------\nSwitch 2\n-------------------\nBOOT path-list      : flash:/old.bin\n",
			Facts{Image: "flash:/new.bin", Mode: "bundle", BootPath: "flash:/new.bin", Starts: []Start{{Unit: "switch 2", Path: "flash:/old.bin"}}, Members: []Member{
				{Number: 1, Model: "WS-C2960X-24TS-L", Version: "15.2(2)E6", Image: "C2960X-UNIVERSALK9-M", Active: true},
				{Number: 2, Model: "WS-C2960X-24TS-L", Version: "15.0(2)EX5", Image: "C2960X-UNIVERSALK9-M"}}}},
		"an IOS-XE stack of mixed modes": {versionText("flash:packages.conf", xeMembers), unit("1", "= flash:packages.conf;") + unit("2", "does not exist"),
			Facts{Image: "flash:packages.conf", Mode: "install", BootPath: "flash:packages.conf;", ManualBoot: "no", Starts: []Start{{Unit: "switch 2", ManualBoot: "no"}}, Members: []Member{
				{Number: 1, Model: "C9300-24T", Version: "17.09.04a", Image: "CAT9K_IOSXE", Mode: "INSTALL", Active: true},
				{Number: 2, Model: "C9300-24T", Version: "17.09.04a", Image: "CAT9K_IOSXE", Mode: "BUNDLE"}}}},
		"two chassis as one, no .bin, a list with options": {versionText("sup-bootdisk:s72033-x-mz.122-33.SXJ10"),
			"BOOT variable = sup-bootdisk:s72033-x-mz.122-33.SXJ10,12;disk0:old,12;\nCONFIG_FILE variable = \n\nStandby BOOT variable = sup-bootdisk:old-1,12;\nStandby CONFIG_FILE variable = \n",
			Facts{Image: "sup-bootdisk:s72033-x-mz.122-33.SXJ10", Mode: "bundle", BootPath: "sup-bootdisk:s72033-x-mz.122-33.SXJ10,12;disk0:old,12;",
				Starts: []Start{{Unit: "standby", Path: "sup-bootdisk:old-1,12;"}}}},
		"two supervisors in install mode": {versionText("bootflash:packages.conf"), "BOOT variable = bootflash:packages.conf;\nMANUAL_BOOT variable = no\n\nStandby BOOT variable = bootflash:packages.conf;\n",
			Facts{Image: "bootflash:packages.conf", Mode: "install", BootPath: "bootflash:packages.conf;", ManualBoot: "no", Starts: []Start{{Unit: "standby", Path: "bootflash:packages.conf;"}}}},
		"the second supervisor is not ready": {versionText("disk0:x"), "BOOT variable = disk0:x,12;\nConfiguration register is 0x2102\n\nStandby not ready to show bootvar\n",
			Facts{Image: "disk0:x", Mode: "bundle", BootPath: "disk0:x,12;"}},
		"booted over the network": {versionText("tftp://192.0.2.9//images/a.bin"), "BOOT variable = \nCONFIG_FILE variable = \n",
			Facts{Image: "tftp://192.0.2.9//images/a.bin", Mode: "bundle"}},
		"flash0":             {versionText("flash0:c2900.bin"), "BOOT variable = flash:c2900.bin,12;\n", Facts{Image: "flash0:c2900.bin", Mode: "bundle", BootPath: "flash:c2900.bin,12;"}},
		"sdflash":            {versionText("sdflash:c800m.bin"), "BOOT variable = sdflash:c800m.bin,12;\n", Facts{Image: "sdflash:c800m.bin", Mode: "bundle", BootPath: "sdflash:c800m.bin,12;"}},
		"an absolute path":   {versionText("/bootflash/auto-s"), "BOOT variable = bootflash:auto-s,12;\n", Facts{Image: "/bootflash/auto-s", Mode: "bundle", BootPath: "bootflash:auto-s,12;"}},
		"packages elsewhere": {versionText("harddisk:/packages.conf"), "BOOT variable does not exist\n", Facts{Image: "harddisk:/packages.conf", Mode: "install"}},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := ParseVersion(c.version)
			if err != nil {
				t.Fatal(err)
			}
			b, err := ParseBoot(c.boot)
			if err != nil {
				t.Fatal(err)
			}
			got := NewFacts(v, b)
			if d := cmp.Diff(c.want, got, cmpopts.IgnoreFields(Facts{}, "Hostname", "OS", "Version", "Model", "Serial")); d != "" {
				t.Error(d)
			}
		})
	}
}
