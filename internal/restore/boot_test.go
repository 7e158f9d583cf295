package restore

import (
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// TestOtherPlatform refuses boot lines for an image that the device, or one switch
// of a stack, may not start from.
func TestOtherPlatform(t *testing.T) {
	const runs = "flash:/c3750-ipservicesk9-mz.150-2.SE8.bin"
	for name, c := range map[string]struct {
		image, ran, runs string // of the snapshot; that its device ran; that this device runs
		serial           string // of the snapshot
		members          string // what the switches of the stack run
		family           string // in the image
		models           string // of the snapshot and of the device
		words            string // of the refusal; empty: it may
	}{
		"another release":                              {"flash:/c3750-ipbasek9-mz.122-55.SE11.bin", "", runs, "B", "", "", "", ""},
		"another platform":                             {"flash:/c3750e-universalk9-mz.150-2.SE8.bin", "", runs, "B", "", "", "", "for the platform c3750e"},
		"another platform, in flash":                   {"flash:/c2960-lanbasek9-mz.150-2.SE11.bin", runs, runs, "A", "", "", "", "for the platform c2960"},
		"it ran it before":                             {"flash:/cat4000-i9s-mz.122-25.EWA.bin", "flash:/cat4000-i9s-mz.122-25.EWA.bin", "flash:/cat4500-ipbase-mz.122-31.SGA.bin", "A", "", "", "", ""},
		"another device ran it":                        {"flash:/cat4000-i9s-mz.122-25.EWA.bin", "flash:/cat4000-i9s-mz.122-25.EWA.bin", "flash:/cat4500-ipbase-mz.122-31.SGA.bin", "B", "", "", "", "for the platform cat4000"},
		"a name that says nothing":                     {"flash:/new.bin", "", runs, "B", "", "", "", ""},
		"a name that says nothing, and another model":  {"flash:/new.bin", "", runs, "B", "", "", "WS-C2960-24TT-L WS-C3750G-24TS-1U", "is of a WS-C2960-24TT-L, but"},
		"and another model of the same series":         {"flash:/new.bin", "", runs, "B", "", "", "WS-C3750-48PS-S WS-C3750G-24TS-1U", ""},
		"and the name in the image is that of another": {"flash:/new.bin", "", runs, "B", "", "C2960", "", "for the platform c2960"},
		"and the name in the image is right":           {"flash:/new.bin", "", runs, "B", "", "C3750", "WS-C2960-24TT-L WS-C3750G-24TS-1U", ""},
		"packages of another series":                   {"flash:/packages.conf", "", "flash:packages.conf", "B", "", "", "C9500-24Y4C C9300-24T", "is of a C9500-24Y4C, but"},
		"packages":                                     {"flash:/cat9k_iosxe.17.09.04a.SPA.bin", "", "flash:packages.conf", "B", "", "", "", ""},
		"two feature sets":                             {"flash:/c3750-ipbasek9-mz.122-55.SE11.bin", "", runs, "B", "C3750-IPSERVICESK9-M C3750-IPBASEK9-M", "", "", ""},
		"a stack of two platforms":                     {runs, runs, runs, "A", "C3750-IPSERVICESK9-M C3750E-UNIVERSALK9-M", "", "", "several platforms (C3750, C3750E)"},
	} {
		p := planning{view: seen(c.runs, nil, nil), selection: Selection{Snapshot: api.Snapshot{Facts: api.Facts{Serial: c.serial, Image: c.ran}}}}
		p.view.facts.Serial = "A"
		if models := strings.Fields(c.models); len(models) > 0 {
			p.selection.Snapshot.Facts.Model, p.view.facts.Model = models[0], models[1]
		}
		for i, image := range strings.Fields(c.members) {
			p.view.facts.Members = append(p.view.facts.Members, ios.Member{Number: i + 1, Image: image})
		}
		why := p.otherPlatform(api.File{Path: c.image, Kind: api.KindImage, Image: &api.Inspection{Family: c.family}})
		switch {
		case c.words == "" && why != nil:
			t.Errorf("%s: %s", name, why.Detail)
		case c.words != "" && (why == nil || !strings.Contains(why.Detail, c.words)):
			t.Errorf("%s: %+v, want %q", name, why, c.words)
		}
	}
}

// TestStartupOfMembers has a startup-config with boot lines of its own for each
// member of a stack: what another member boots does not start this one.
func TestStartupOfMembers(t *testing.T) {
	stack := [][]string{{"flash:", "flash1:"}, {"flash2:"}}
	v := seen("flash:/a.bin", []string{"flash:/a.bin"}, stack, "flash:/a.bin", "flash2:/a.bin")
	v.boot.Units = []ios.BootUnit{{Unit: "switch 1", Files: []string{"flash:/a.bin"}}, {Unit: "switch 2", Files: []string{"flash:/a.bin"}}}
	const config = "nvram:startup-config"
	for name, c := range map[string]struct {
		lines []ios.BootLine
		words string // of the refusal; empty: it may
	}{
		"all":                          {[]ios.BootLine{"boot system switch all flash:/a.bin"}, ""},
		"each its own":                 {[]ios.BootLine{"boot system switch 1 flash:/a.bin", "boot system switch 2 flash:/a.bin"}, ""},
		"one of them has nothing":      {[]ios.BootLine{"boot system switch 1 flash:/a.bin", "boot system switch 2 flash:/b.bin"}, "flash of switch 2"},
		"no line for the other member": {[]ios.BootLine{"boot system switch 1 flash:/a.bin"}, ""},
		"nothing for either":           {[]ios.BootLine{"boot system flash:/b.bin;flash:/c.bin"}, "flash:/b.bin, flash:/c.bin"},
	} {
		a := answers{files: []api.PlannedFile{{Path: config, Kind: api.KindConfig}}, startup: map[string][]ios.BootLine{config: c.lines}}
		why := planning{view: v}.unsafeStartup(a, nil)
		switch {
		case c.words == "" && len(why) > 0:
			t.Errorf("%s: %s", name, why[0].Detail)
		case c.words != "" && (len(why) == 0 || !strings.Contains(why[0].Detail, c.words)):
			t.Errorf("%s: %+v, want %q", name, why, c.words)
		}
	}
}

// TestLineOfOneMember refuses new boot lines beside a line for one member: its place
// among them is not certain.
func TestLineOfOneMember(t *testing.T) {
	v := seen("flash:packages.conf", []string{"flash:packages.conf"}, [][]string{{"flash:", "flash-1:"}, {"flash-2:"}}, "flash:/x.bin", "flash-2:/x.bin")
	image := api.File{Path: "flash:/x.bin"}
	for line, refused := range map[ios.BootLine]bool{"boot system switch all flash:packages.conf": false, "boot system switch 2 flash:packages.conf": true} {
		v.config.Lines = []ios.BootLine{line}
		p := planning{view: v, request: api.Restore{SetBoot: true}}
		if b := p.bootLines(bootChange{image: image, place: p.bootPlace(image)}, nil, nil); (len(b.refused) > 0) != refused {
			t.Errorf("%s: %+v", line, b.refused)
		}
	}
}

// TestReleaseAfterRestart compares versions in one form: a device with IOS-XE may
// print another name of the release than the plan has.
func TestReleaseAfterRestart(t *testing.T) {
	const image = "flash:/x.bin"
	v := seen(image, []string{image}, nil, image)
	v.facts.Version = "03.06.06E"
	for version, same := range map[string]bool{"15.2(2)E6": true, "03.06.06E": true, "15.2(2)E7": false} {
		err := application{view: v}.wanted(api.PlanStep{Image: image, Version: version}, ios.Facts{Image: "flash:x.bin", Version: "03.06.06E"})
		if (err == nil) != same {
			t.Errorf("it returned with %s: %v", version, err)
		}
		p := planning{view: v, request: api.Restore{Reload: true}}
		p.selection.Snapshot.Facts = api.Facts{Image: image, Version: version}
		steps, _ := p.restart(bootChange{image: api.File{Path: image}, place: p.bootPlace(api.File{Path: image})}, false)
		if (len(steps) == 0) != same {
			t.Errorf("it runs 03.06.06E, and should run %s: %d steps", version, len(steps))
		}
	}
}

// TestSpelling writes a file into a boot line as the device prints files.
func TestSpelling(t *testing.T) {
	for name, c := range map[string]struct {
		image, captured string
		next            []string
		list            bool // a Catalyst with classic IOS
		at, want        string
	}{
		"as it is printed":          {image: "flash:/x.bin", next: []string{"flash:y.bin"}, at: "flash:/y.bin", want: "flash:y.bin"},
		"as BOOT is printed":        {image: "bootflash:x.bin", next: []string{"bootflash:x.bin"}, at: "bootflash:/new.bin", want: "bootflash:new.bin"},
		"as it runs":                {image: "flash:/x.bin", at: "flash:/new.bin", want: "flash:/new.bin"},
		"as it ran":                 {image: "tftp://192.0.2.9/x.bin", captured: "flash:x.bin", at: "flash:/new.bin", want: "flash:new.bin"},
		"in a directory":            {image: "flash:x.bin", at: "flash:/d/new.bin", want: "flash:d/new.bin"},
		"nothing printed":           {at: "bootflash:/new.bin", want: "bootflash:new.bin"},
		"nothing printed, Catalyst": {list: true, at: "flash:/new.bin", want: "flash:/new.bin"},
		"a provisioning file":       {image: "flash:/x.bin", at: "flash:/packages.conf", want: "flash:packages.conf"},
	} {
		v := seen(c.image, c.next, nil, "flash:/x.bin")
		v.boot.Units[0].PathList = c.list
		p := planning{view: v, selection: Selection{Snapshot: api.Snapshot{Facts: api.Facts{Image: c.captured}}}}
		if got := p.spelling(flash.ParsePath(c.at)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
