package ios

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBootOfTheActiveMember takes BOOT of the member that answers, wherever its
// block stands in show boot.
func TestBootOfTheActiveMember(t *testing.T) {
	const show = "---------------------------\nSwitch 1\n---------------------------\nCurrent Boot Variables:\nBOOT variable = flash:one.conf;\n\nBoot Variables on next reload:\nBOOT variable = flash:one.conf;\n" +
		"---------------------------\nSwitch 2\n---------------------------\nCurrent Boot Variables:\nBOOT variable = flash:two.conf;\n\nBoot Variables on next reload:\nBOOT variable = flash:two.conf;\n"
	members := func(active int) (all []Member) {
		for n := 1; n <= 2; n++ {
			all = append(all, Member{Number: n, Active: n == active})
		}
		return all
	}
	for _, test := range []struct {
		active int
		show   string
		path   string
		starts []Start
	}{
		{1, show, "flash:one.conf;", []Start{{Unit: "switch 2", Path: "flash:two.conf;"}}},
		{2, show, "flash:two.conf;", []Start{{Unit: "switch 1", Path: "flash:one.conf;"}}},
		{2, "BOOT path-list      : flash:/two.bin\nConfig file         : flash:/config.text\n-------------------\nSwitch 1\n-------------------\nBOOT path-list      : flash:/one.bin\n",
			"flash:/two.bin", []Start{{Unit: "switch 1", Path: "flash:/one.bin"}}},
	} {
		b, err := ParseBoot(test.show)
		if err != nil {
			t.Fatal(err)
		}
		f := NewFacts(Version{Members: members(test.active)}, b)
		if d := cmp.Diff(test.starts, f.Starts); f.BootPath != test.path || d != "" {
			t.Errorf("active %d: BOOT %q; %s", test.active, f.BootPath, d)
		}
	}
}

// TestBootedViaTFTP reads the image line of IOS up to 11.2, which names the
// server behind the file (Cisco, "Router Products Configuration Guide", show
// version).
func TestBootedViaTFTP(t *testing.T) {
	for line, want := range map[string]string{
		`System image file is "c2900XL-h-mz-112.8-SA3.bin", booted via flash`:           "c2900XL-h-mz-112.8-SA3.bin",
		`System image file is "flash:c2500-i-l.112-9", booted via flash`:                "flash:c2500-i-l.112-9",
		`System image file is "images/c2500-i-l.112-9", booted via tftp from 192.0.2.9`: "tftp://192.0.2.9/images/c2500-i-l.112-9",
		`System image file is "c2500-i-l.112-9", booted via tftp`:                       "tftp:c2500-i-l.112-9",
		`System image file is unknown, booted via tftp from 192.0.2.9`:                  "tftp://192.0.2.9/",
		`System image file is "tftp://192.0.2.9/c2900-universalk9-mz.SPA.157-3.M8.bin"`: "tftp://192.0.2.9/c2900-universalk9-mz.SPA.157-3.M8.bin",
		`System image file is "xxmy6-p-mz.112-8", booted via rcp from 192.0.2.9`:        "rcp://192.0.2.9/xxmy6-p-mz.112-8",
		`Host configuration file is "sw-confg", booted via tftp from 192.0.2.9`:         "",
	} {
		v, err := ParseVersion("IOS (tm) 2500 Software (C2500-I-L), Version 11.2(9), RELEASE SOFTWARE (fc1)\nsw uptime is 1 week\n" + line + "\n")
		if err != nil || v.ImageFile != want {
			t.Errorf("%s: %q, %v", line, v.ImageFile, err)
		}
	}
}
