package flash

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"flashwarden/internal/ios"
)

func TestRunning(t *testing.T) {
	two := table(t, "disk0:", "disk1:")
	for name, c := range map[string]struct {
		image, boot string
		listings    []ios.Listing
		want        string // empty: not found
		how         How
	}{
		"as show version names it":  {"flash:/a.bin", "", []ios.Listing{dir("flash:/", "b.bin", "a.bin")}, "flash:/a.bin", Runs},
		"by another name":           {"bootflash:a.bin", "", with(table(t, "flash: bootflash:"), dir("flash:/", "a.bin")), "flash:/a.bin", Runs},
		"by an absolute path":       {"/bootflash/a.bin", "", []ios.Listing{dir("bootflash:/", "a.bin")}, "bootflash:/a.bin", Runs},
		"without a file system":     {"a.bin", "", []ios.Listing{dir("flash:/", "a.bin")}, "flash:/a.bin", Runs},
		"on the other disk too":     {"disk0:a.bin", "", with(two, dir("disk1:/", "a.bin"), dir("disk0:/", "a.bin")), "disk0:/a.bin", Runs},
		"on the other disk only":    {"disk0:a.bin", "", with(two, dir("disk0:/", "b.bin"), dir("disk1:/", "a.bin")), "", NotFound},
		"the other disk, no table":  {"disk0:a.bin", "", []ios.Listing{dir("disk0:/", "b.bin"), dir("disk1:/", "a.bin")}, "", NotFound},
		"the other disk alone":      {"disk0:a.bin", "", []ios.Listing{dir("disk1:/", "a.bin")}, "", NotFound},
		"BOOT names the other disk": {"disk0:a.bin", "disk0:a.bin,12;disk1:a.bin,12;", with(two, dir("disk0:/"), dir("disk1:/", "a.bin")), "disk1:/a.bin", Boots},
		"BOOT names a missing file": {"disk0:a.bin", "disk0:a.bin,12;", with(two, dir("disk0:/"), dir("disk1:/", "a.bin")), "", NotFound},
		"on another member only":    {"flash:a.bin", "flash:a.bin", []ios.Listing{dir("flash:/", "b.bin"), dir("flash2:/", "a.bin")}, "", NotFound},
		"on the standby only":       {"bootflash:a.bin", "", []ios.Listing{dir("bootflash:/"), dir("slavebootflash:/", "a.bin")}, "", NotFound},
		"on a stick only":           {"flash:a.bin", "", []ios.Listing{dir("flash:/"), dir("usbflash0:/", "a.bin")}, "", NotFound},
		"from the network":          {"tftp://192.0.2.9/a.bin", "flash:gone.bin,12;flash:/b.bin;", []ios.Listing{dir("flash:/", "a.bin", "b.bin")}, "flash:/b.bin", Boots},
		"nothing is known":          {"", "", []ios.Listing{dir("flash:/", "a.bin")}, "", NotFound},
	} {
		f, how := Running(ios.Facts{Image: c.image, BootPath: c.boot}, Read(ios.Facts{}, c.listings))
		if how != c.how || f.Found() != (c.want != "") || f.Found() && f.String() != c.want {
			t.Errorf("%s: %v, %d", name, f.Path, how)
		}
	}
}

func TestBootPaths(t *testing.T) {
	for list, want := range map[string][]Path{
		"": nil, " ; ;": nil,
		"flash:a,12;flash:/d//b.bin,12;":      {{"flash:", "a"}, {"flash:", "d/b.bin"}},
		"flash:a;flash:b ":                    {{"flash:", "a"}, {"flash:", "b"}},
		"flash:a,b.bin,1;":                    {{"flash:", "a,b.bin"}},
		"tftp:/a/x 192.0.2.9,12; bootflash:x": {{"tftp:", "/a/x 192.0.2.9"}, {"bootflash:", "x"}},
	} {
		if d := cmp.Diff(want, BootPaths(list)); d != "" {
			t.Errorf("%q: %s", list, d)
		}
	}
}

func TestOnEveryUnit(t *testing.T) {
	c := Read(ios.Facts{}, with(table(t, "flash: bootflash: flash-1:", "flash-2: stby-flash:", "flash-3:", "usbflash0:"),
		dir("flash:/", "a.bin"), dir("flash-2:/", "a.bin"), dir("flash-3:/", "a.bin/"), dir("usbflash0:/", "a.bin")))
	image, _ := c.Image(ParsePath("bootflash:a.bin"))
	if got, want := printed(c.OnEveryUnit(image)), "flash:/a.bin flash-2:/a.bin"; got != want {
		t.Errorf("%s", got)
	}
	c = Read(ios.Facts{}, []ios.Listing{dir("disk0:/", "x"), dir("disk1:/", "x"), dir("slavedisk0:/", "x"), dir("slavedisk1:/", "x")})
	image, _ = c.Image(ParsePath("disk1:x"))
	if got, want := printed(c.OnEveryUnit(image)), "disk1:/x slavedisk1:/x"; got != want {
		t.Errorf("%s", got)
	}
}

// TestOtherUnits has what the other units of a stack or a pair hold and boot.
func TestOtherUnits(t *testing.T) {
	type unit struct{ Name, FS, Same, Boots, Start string }
	for name, c := range map[string]struct {
		starts   []ios.Start
		listings []ios.Listing
		image    string
		want     []unit
	}{
		"flash: in a member's BOOT is its own": {
			[]ios.Start{{Unit: "switch 2", Path: "flash:/b.bin"}},
			[]ios.Listing{dir("flash:/", "a.bin", "b.bin"), dir("flash2:/", "b.bin"), dir("flash3:/", "a.bin")}, "flash:a.bin",
			[]unit{{"switch 2", "flash2:", "", "flash2:/b.bin", "flash:/b.bin"}, {"switch 3", "flash3:", "flash3:/a.bin", "", ""}},
		},
		"what only this unit holds does not boot another": {
			[]ios.Start{{Unit: "switch 2", Path: "flash:/a.bin"}},
			[]ios.Listing{dir("flash:/", "a.bin"), dir("flash2:/", "c.bin")}, "flash:a.bin",
			[]unit{{"switch 2", "flash2:", "", "", "flash:/a.bin"}},
		},
		"the standby of a stack": {
			[]ios.Start{{Unit: "standby", Path: "bootflash:gone;bootflash:packages.conf;"}},
			with(table(t, "flash: bootflash: flash-1:", "flash-2: stby-flash:"), dir("flash:/", "packages.conf"), dir("flash-2:/", "packages.conf")), "bootflash:packages.conf",
			[]unit{{"switch 2", "flash-2:", "flash-2:/packages.conf", "flash-2:/packages.conf", "bootflash:gone;bootflash:packages.conf;"}},
		},
		"the standby boots from its other disk": {
			[]ios.Start{{Unit: "standby", Path: "disk0:y,12;"}},
			[]ios.Listing{dir("sup-bootdisk:/", "x"), dir("disk0:/", "y"), dir("slavesup-bootdisk:/", "x", "y"), dir("slavedisk0:/", "y")}, "sup-bootdisk:x",
			[]unit{{"standby", "slavesup-bootdisk:", "slavesup-bootdisk:/x", "slavedisk0:/y", "disk0:y,12;"}},
		},
		"the listings of the active member go by its number": {
			nil, []ios.Listing{dir("flash:/", "b.bin"), dir("flash2:/", "a.bin")}, "flash2:a.bin",
			[]unit{{"flash:", "flash:", "", "", ""}},
		},
		"one device": {nil, []ios.Listing{dir("flash:/", "a.bin"), dir("usbflash0:/", "a.bin")}, "flash:a.bin", nil},
	} {
		f := ios.Facts{Starts: c.starts}
		contents := Read(f, c.listings)
		image, ok := contents.Image(ParsePath(c.image))
		if !ok {
			t.Fatalf("%s: no image", name)
		}
		var got []unit
		for _, u := range contents.OtherUnits(f, image) {
			got = append(got, unit{u.Name, u.FS, u.Same.String(), u.Boots.String(), u.Start})
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
