package restore

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// seen is the view of a device that runs image, boots next, and has files by
// their paths; rows is its show file systems.
func seen(image string, next []string, rows [][]string, paths ...string) view {
	v := view{facts: ios.Facts{Image: image}, boot: ios.Boot{Units: []ios.BootUnit{{Files: next}}}}
	var table []ios.FileSystem
	var listings []ios.Listing
	for i, prefixes := range rows {
		table = append(table, ios.FileSystem{Prefixes: prefixes, Default: i == 0})
	}
	for _, p := range paths {
		at := flash.ParsePath(p)
		listings = append(listings, ios.Listing{FileSystem: at.FS, Path: at.FS + "/", Free: -1, Table: table,
			Entries: []ios.Entry{{Name: at.Rel, Size: 1, Type: ios.TypeFile}}})
	}
	v.table, v.Contents = table, flash.Read(v.facts, listings)
	return v
}

// TestInUse protects what runs and what boots, on every unit, and does not
// take a file of another file system for it. Where the device does not show
// that they are two, the file is protected.
func TestInUse(t *testing.T) {
	disks := [][]string{{"disk0:"}, {"disk1:"}}
	stack := [][]string{{"flash:", "bootflash:", "flash-1:"}, {"flash-2:", "stby-flash:"}, {"usbflash0:"}}
	pair := [][]string{{"bootflash:", "flash:"}, {"bootflash-2:", "stby-bootflash:"}, {"disk0-2:", "stby-disk0:"}}
	for name, c := range map[string]struct {
		view  view
		path  string
		inUse bool
	}{
		"what runs":                      {seen("disk0:x", nil, disks, "disk0:/x", "disk1:/x"), "disk0:/x", true},
		"the same name on another disk":  {seen("disk0:x", nil, disks, "disk0:/x", "disk1:/x"), "disk1:/x", false},
		"what runs is gone":              {seen("disk0:x", nil, disks, "disk1:/x"), "disk1:/x", false},
		"what runs lies nobody knows":    {seen("harddisk:x", nil, disks, "disk0:/x"), "disk0:/x", true},
		"by another name":                {seen("flash:x", nil, stack, "flash:/x"), "bootflash:/x", true},
		"on another member":              {seen("flash:x", nil, stack, "flash:/x", "flash-2:/x"), "flash-2:/x", true},
		"on the other switch of a pair":  {seen("bootflash:x", nil, pair, "bootflash:/x", "bootflash-2:/x"), "bootflash-2:/x", true},
		"on the other one's disk":        {seen("bootflash:x", nil, pair, "bootflash:/x", "disk0-2:/x"), "disk0-2:/x", false},
		"on a stick":                     {seen("flash:x", nil, stack, "flash:/x", "usbflash0:/x"), "usbflash0:/x", false},
		"two names without a table":      {seen("flash:x", nil, nil, "flash:/x", "bootflash:/x"), "bootflash:/x", true},
		"what boots next":                {seen("flash:x", []string{"bootflash:y.bin", "flash:z"}, stack, "flash:/x", "flash:/y.bin", "flash:/z"), "flash:/y.bin", true},
		"what boots only if that fails":  {seen("flash:x", []string{"bootflash:y.bin", "flash:z"}, stack, "flash:/x", "flash:/y.bin", "flash:/z"), "flash:/z", false},
		"what boots, as the first is no": {seen("flash:x", []string{"bootflash:y", "flash:z"}, stack, "flash:/x", "flash:/z"), "flash:/z", true},
		"what runs, in capitals":         {seen("disk0:X.BIN", nil, disks, "disk0:/x.bin", "disk1:/y"), "disk0:/x.bin", true},
		"what boots, in capitals":        {seen("disk0:x", []string{"disk0:Y"}, disks, "disk0:/x", "disk0:/y", "disk1:/z"), "disk0:/y", true},
		"in capitals, on another disk":   {seen("disk0:X", nil, disks, "disk0:/X", "disk1:/x"), "disk1:/x", false},
		"what boots, on another disk":    {seen("disk0:x", []string{"disk0:y"}, disks, "disk0:/x", "disk0:/y", "disk1:/y"), "disk1:/y", false},
	} {
		if why := c.view.inUse(c.path); (why != "") != c.inUse {
			t.Errorf("%s: %q", name, why)
		}
	}
	v := seen("bootflash:packages.conf", nil, stack, "flash:/packages.conf", "flash:/a.pkg", "flash-2:/a.pkg", "usbflash0:/a.pkg")
	v.provisioned = map[flash.Path][]string{flash.ParsePath("flash:/packages.conf"): {"a.pkg"}}
	for p, inUse := range map[string]bool{"flash:/a.pkg": true, "flash-2:/a.pkg": true, "usbflash0:/a.pkg": false, "flash:/b.pkg": false} {
		if why := v.inUse(p); (why != "") != inUse {
			t.Errorf("package %s: %q", p, why)
		}
	}
}

// TestStrandsInCapitals finds the last image of a device also under a name with other capitals.
func TestStrandsInCapitals(t *testing.T) {
	v := seen("tftp:x", nil, [][]string{{"disk0:"}, {"disk1:"}}, "disk0:/x.bin", "disk1:/y.bin")
	v.boot.Units[0].Unit = "active"
	for gone, last := range map[string]bool{"disk0:/x.bin": true, "disk0:/X.BIN": true, "disk0:/y.bin": false, "disk1:/X.BIN": false} {
		if got := v.strands([]string{gone}); (got != "") != last {
			t.Errorf("without %s: %q", gone, got)
		}
	}
}

// TestUnreadPackages protects every package beside a provisioning file that could
// not be read, and no other file.
func TestUnreadPackages(t *testing.T) {
	stack := [][]string{{"flash:", "flash-1:"}, {"flash-2:"}}
	v := seen("flash:packages.conf", []string{"flash:packages.conf"}, stack, "flash:/packages.conf", "flash:/a.pkg", "flash-2:/a.pkg", "flash:/d/a.pkg", "flash:/a.bin")
	for p, inUse := range map[string]bool{"flash:/a.pkg": true, "flash-2:/a.pkg": true, "flash:/d/a.pkg": false, "flash:/a.bin": false} {
		if why := v.inUse(p); strings.Contains(why, "cannot be read") != inUse {
			t.Errorf("%s: %q", p, why)
		}
	}
}

// TestPatchesInForce protects each patch that is not inactive, on every member.
func TestPatchesInForce(t *testing.T) {
	v := seen("flash:packages.conf", nil, [][]string{{"flash:", "flash-1:"}, {"flash-2:"}}, "flash:/packages.conf", "flash:/c", "flash:/u", "flash:/d", "flash:/i", "flash-2:/c")
	for _, state := range []string{"C", "U", "D", "I"} {
		name := "flash:" + strings.ToLower(state)
		v.facts.Install = append(v.facts.Install, ios.InstallLocation{Packages: []ios.InstallPackage{{Type: "SMU", State: state, FilenameVersion: name}, {Type: "IMG", State: state, FilenameVersion: "17.9.4"}}})
	}
	for p, inUse := range map[string]bool{"flash:/c": true, "flash-2:/c": true, "flash:/u": true, "flash:/d": true, "flash:/i": false} {
		if why := v.inUse(p); (why != "") != inUse {
			t.Errorf("%s: %q", p, why)
		}
	}
}

// TestInUseOnAnotherMember protects what another member started from, also if it
// will start from another file.
func TestInUseOnAnotherMember(t *testing.T) {
	v := seen("flash:/x.bin", nil, [][]string{{"flash:", "flash-1:"}, {"flash-2:"}}, "flash:/x.bin", "flash-2:/y.bin", "flash-2:/z.bin", "flash-2:/w.bin")
	var err error
	v.boot, err = ios.ParseBoot("Switch 1\nCurrent Boot Variables:\nBOOT variable = flash:x.bin;\nBoot Variables on next reload:\nBOOT variable = flash:x.bin;\n" +
		"Switch 2\nCurrent Boot Variables:\nBOOT variable = flash:y.bin;\nBoot Variables on next reload:\nBOOT variable = flash:z.bin;\n")
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]string{"flash-2:/y.bin": "switch 2 runs it", "flash-2:/z.bin": "switch 2 boots it next", "flash-2:/w.bin": ""} {
		if why := v.inUse(p); why != want {
			t.Errorf("%s: %q, want %q", p, why, want)
		}
	}
}

// TestBootableCountsOnce has one file under two names be one file: deleting it
// leaves nothing to boot.
func TestBootableCountsOnce(t *testing.T) {
	v := seen("bootflash:x.bin", []string{"bootflash:x.bin", "disk1:y.bin"}, [][]string{{"flash:", "bootflash:"}, {"disk0:"}}, "flash:/x.bin", "disk0:/y")
	if got, want := v.bootable(), []flash.Path{{FS: "flash:", Rel: "x.bin"}}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestBootLinesOfAConfiguration compares a boot line with the file to boot.
func TestBootLinesOfAConfiguration(t *testing.T) {
	v := seen("flash:x", nil, [][]string{{"flash:", "bootflash:"}, {"disk1:"}}, "flash:/x", "disk1:/x")
	for line, want := range map[string]bool{
		"flash:/d/x.bin": true, "bootflash:d/x.bin": true, "flash:/d": true, "d/x.bin": true,
		"disk1:/d/x.bin": false, "flash:/d/x": false, "flash:x.bin": false,
	} {
		if got := v.within(flash.ParsePath("flash:/d/x.bin"), flash.ParsePath(line)); got != want {
			t.Errorf("%s: %t", line, got)
		}
	}
}

// TestBootableOfASelection takes the file that the device ran, and no file of
// that name on another disk.
func TestBootableOfASelection(t *testing.T) {
	image := func(p string) api.File { return api.File{Path: p, Kind: api.KindImage} }
	for name, c := range map[string]struct {
		ran   string
		files []api.File
		want  string // empty: refused
	}{
		"what ran":                   {"disk1:/x", []api.File{image("disk0:/x"), image("disk1:/x")}, "disk1:/x"},
		"the other disk's alone":     {"disk1:/y", []api.File{image("disk0:/x")}, "disk0:/x"},
		"two disks, neither ran":     {"disk1:/y", []api.File{image("disk0:/x"), image("disk1:/x")}, ""},
		"every member's, none ran":   {"tftp://192.0.2.9/x", []api.File{image("flash:/x"), image("flash2:/x")}, "flash:/x"},
		"a member's copy of it":      {"flash:/x", []api.File{image("flash2:/y"), image("flash2:/x")}, "flash2:/x"},
		"the same by another name":   {"bootflash:x", []api.File{image("flash:/y"), image("flash:/x")}, "flash:/x"},
		"nothing that could be boot": {"flash:/x", nil, ""},
	} {
		s := Selection{Snapshot: api.Snapshot{Facts: api.Facts{Image: c.ran}}, Files: c.files}
		f, err := s.Bootable()
		if f.Path != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v", name, f.Path, err)
		}
	}
}

// TestWantedAfterRestart waits for the image in the place that it was restored
// to.
func TestWantedAfterRestart(t *testing.T) {
	p := planning{view: seen("disk0:y", []string{"disk0:y"}, [][]string{{"disk0:"}, {"disk1:"}}, "disk0:/y", "disk1:/x"),
		request: api.Restore{To: "disk1:", SetBoot: true}}
	image := api.File{Path: "disk0:/x"}
	if back, _ := p.wanted(bootChange{image: image, place: p.bootPlace(image)}); back != "disk1:/x" {
		t.Errorf("%q", back)
	}
}

// with is the view with one more file.
func (v view) with(file string) view {
	at := flash.ParsePath(file)
	v.Contents = v.After(nil, []flash.File{{Path: at, Entry: ios.Entry{Name: at.Rel, Size: 1, Type: ios.TypeFile}}})
	return v
}

// catalystXE makes a view that of a Catalyst 9000, which shows no config-register.
func catalystXE(v *view) {
	v.facts.OS, v.facts.Register = "iosxe", ""
	v.boot.Units[0].HasManualBoot = true
}

// TestUnsafeReload has each setting with which a unit would not return from a
// reload.
func TestUnsafeReload(t *testing.T) {
	stack := [][]string{{"flash:"}, {"flash2:"}}
	both := func() view {
		v := seen("flash:/x.bin", []string{"flash:/x.bin"}, stack, "flash:/x.bin", "flash2:/x.bin")
		v.facts.Register = "0xF"
		v.boot.Units = append(v.boot.Units, ios.BootUnit{Unit: "switch 2", Files: []string{"flash:/x.bin"}})
		v.boot.Units[0].Unit = "active"
		return v
	}
	yes := true
	for name, c := range map[string]struct {
		change func(v *view)
		words  string // of the refusal; empty: it is safe
	}{
		"all is well":                  {func(*view) {}, ""},
		"it ignores the configuration": {func(v *view) { v.facts.Register = "0x2142" }, "ignores its startup-config"},
		"it will ignore it":            {func(v *view) { v.facts.NextRegister = "0x2142" }, "ignores its startup-config"},
		"the diagnostic bit":           {func(v *view) { v.facts.Register = "0x9922" }, "ignores its startup-config"},
		"ROMMON":                       {func(v *view) { v.facts.Register = "0x2100" }, "boot field is 0"},
		"the first image":              {func(v *view) { v.facts.Register = "0x2101" }, "boot field is 1"},
		"it was ROMMON":                {func(v *view) { v.facts.Register, v.facts.NextRegister = "0x2100", "0x2102" }, ""},
		"no register":                  {func(v *view) { v.facts.Register = "" }, "prints no config-register"},
		"no register, a Catalyst XE":   {func(v *view) { catalystXE(v) }, ""},
		"and it ignores its startup":   {func(v *view) { catalystXE(v); v.config.IgnoresStartup = true }, "system ignore startupconfig"},
		"a variable of its loader":     {func(v *view) { catalystXE(v); v.romVariables = ios.ROMVariables{"SWITCH_IGNORE_STARTUP_CFG": "1"} }, "system ignore startupconfig"},
		"the standby's register":       {func(v *view) { v.boot.Units[1].ConfigRegister = "0x2100" }, "switch 2 is 0x2100"},
		"manual boot":                  {func(v *view) { v.boot.Units[0].ManualBoot = &yes }, "active has Manual Boot on"},
		"manual boot of a member":      {func(v *view) { v.boot.Units[1].ManualBoot = &yes }, "switch 2 has Manual Boot on"},
		"nothing there":                {func(v *view) { v.boot.Units[0].Files = []string{"flash:/y.bin"} }, "active is not started again"},
		"no image":                     {func(v *view) { v.boot.Units[0].Files = []string{"flash:/config.text"} }, "active is not started again"},
		"a patch":                      {func(v *view) { v.boot.Units[0].Files = []string{"flash:/x.smu.bin"}; *v = v.with("flash:/x.smu.bin") }, "active is not started again"},
		"nothing there on a member":    {func(v *view) { v.boot.Units[1].Files = []string{"flash:/y.bin"} }, "switch 2 is not started again"},
		"BOOT is empty, with an image": {func(v *view) { v.boot.Units[0].Files = nil }, ""},
		"BOOT is empty, it runs from another disk": {func(v *view) {
			*v = seen("disk1:/x.bin", nil, [][]string{{"disk0:"}, {"disk1:"}}, "disk1:/x.bin", "disk0:/config")
			v.facts.Register, v.boot.Units[0].Unit = "0x2102", "active"
		}, "there is no image in its flash"},
		"the flash of a member": {func(v *view) { v.boot.Units[0].Files = []string{"flash2:/x.bin"} }, "active is not started again"},
		"a member's own flash":  {func(v *view) { v.boot.Units[1].Files = []string{"flash2:/x.bin"} }, ""},
		"a member, the flash of another": {func(v *view) {
			v.boot.Units[1].Unit = "switch 3"
			*v = v.with("flash3:/y.bin")
			v.boot.Units[1].Files = []string{"flash2:/x.bin"}
		}, "switch 3 is not started again"},
		"a member that is not listed": {func(v *view) { v.boot.Units[1].Unit = "switch 3" }, "switch 3 is not started again"},
		"a member that shows nothing": {func(v *view) { v.facts.Members = make([]ios.Member, 3) }, "lists 3 members"},
		"a member that has not joined": {func(v *view) {
			v.facts.Stack = []ios.StackSwitch{{Number: 1, State: "Ready"}, {Number: 2, State: "V-Mismatch"}}
		}, `switch 2 is not started again: ` + "`show switch`" + ` shows the state "V-Mismatch"`},
		"a third one, loading": {func(v *view) { v.facts.Stack = []ios.StackSwitch{{Number: 3, State: "Progressing"}} }, "switch 3 is not started again"},
		"members that are not there": {func(v *view) {
			v.facts.Stack = []ios.StackSwitch{{Number: 3, State: "Provisioned"}, {Number: 4, State: "Removed"}}
		}, ""},
		"its startup-config boots the same": {func(v *view) { v.saved = &ios.BootConfig{Lines: []ios.BootLine{"boot system flash:x.bin"}} }, ""},
		"its startup-config boots nothing":  {func(v *view) { v.saved = &ios.BootConfig{Lines: []ios.BootLine{"boot system flash:y.bin"}} }, "its startup-config boots flash:y.bin"},
		"the startup-config alone boots it": {func(v *view) {
			v.saved, v.boot.Units[0].Files = &ios.BootConfig{Lines: []ios.BootLine{"boot system flash:x.bin"}}, []string{"flash:/y.bin"}
		}, "active is not started again"},
		"its startup-config, of a member": {func(v *view) { v.saved = &ios.BootConfig{Lines: []ios.BootLine{"boot system switch 2 flash:y.bin"}} }, "active is not started again: its startup-config boots flash:y.bin"},
		"of a member, and for all": {func(v *view) {
			v.boot.Units[0].PathList = true
			v.saved = &ios.BootConfig{Lines: []ios.BootLine{"boot system switch all flash:x.bin", "boot system switch 2 flash:y.bin"}}
		}, "switch 2 is not started again: its startup-config boots flash:y.bin"},
		"no startup-config":                    {func(v *view) { v.saved = &ios.BootConfig{Absent: true} }, "active is not started again: it has no startup-config"},
		"its startup-config has no line":       {func(v *view) { v.saved = new(ios.BootConfig) }, ""},
		"and it runs from another disk":        {func(v *view) { *v = onOtherDisk(); v.saved = new(ios.BootConfig) }, "has no boot line, and its default flash has no image"},
		"of a Catalyst, and from another disk": {func(v *view) { *v = onOtherDisk(); v.saved = new(ios.BootConfig); v.boot.Units[0].PathList = true }, ""},
		"over the network":                     {func(v *view) { v.boot.Units[0].Files = []string{"tftp://192.0.2.9/x.bin"} }, "active is not started again"},
		"no boot settings":                     {func(v *view) { v.boot.Units = nil }, "shows no boot settings"},
	} {
		v := both()
		c.change(&v)
		why := v.unsafe(v.loaders())
		switch {
		case c.words == "" && why != nil:
			t.Errorf("%s: %s", name, why.Detail)
		case c.words != "" && (why == nil || !strings.Contains(why.Detail, c.words) || why.Fix.String() == ""):
			t.Errorf("%s: %+v", name, why)
		}
	}
	v := both()
	v.saved = &ios.BootConfig{Absent: true}
	for _, kind := range []string{api.PlanReload, api.PlanInstall} {
		if why := (planning{view: v}).unsafeReload(bootChange{}, answers{}, []api.PlanStep{{Kind: kind}}); len(why) != 1 {
			t.Errorf("%s without a startup-config: %+v", kind, why)
		}
	}
}

// onOtherDisk is a device that runs and boots an image that is not in its default flash.
func onOtherDisk() view {
	v := seen("disk1:/x.bin", []string{"disk1:/x.bin"}, [][]string{{"disk0:"}, {"disk1:"}}, "disk1:/x.bin", "disk0:/config")
	v.facts.Register, v.boot.Units[0].Unit = "0x2102", "active"
	return v
}

// TestUntypableFiles refuses a file whose name cannot be typed on the device, in the plan.
func TestUntypableFiles(t *testing.T) {
	p := planning{view: seen("flash:/x.bin", nil, nil, "flash:/x.bin"), via: way{server: netip.MustParseAddr("192.0.2.9")}}
	for file, typable := range map[string]bool{"flash:/a.bin": true, "flash:/a b.bin": false, "flash:/a?.bin": false} {
		if _, why := p.found(api.PlannedFile{Path: file}); (len(why) == 0) != typable {
			t.Errorf("%s: %+v", file, why)
		}
	}
}

// TestShortStart refuses a restart from a file that has fewer bytes than it should.
func TestShortStart(t *testing.T) {
	v := seen("flash:/x.bin", []string{"flash:/x.bin"}, [][]string{{"flash:"}, {"flash2:"}}, "flash:/x.bin", "flash2:/x.bin")
	v.boot.Units = append(v.boot.Units, ios.BootUnit{Unit: "switch 2", Files: []string{"flash:/x.bin"}})
	sized := func(size int64) flash.File {
		return flash.File{Path: flash.ParsePath("flash2:/x.bin"), Entry: ios.Entry{Name: "x.bin", Size: size, Type: ios.TypeFile}}
	}
	one := []api.File{{Path: "flash:/x.bin", Size: 1}}
	for name, c := range map[string]struct {
		captured []api.File
		compared []api.PlannedFile
		member   int64 // bytes of the image of switch 2
		kind     string
		words    string
	}{
		"all is well":       {one, nil, 1, api.PlanReload, ""},
		"no snapshot of it": {nil, nil, 1, api.PlanReload, ""},
		"the snapshot's is longer": {[]api.File{{Path: "flash:/x.bin", Size: 2}}, nil, 2, api.PlanReload,
			"would start from flash:/x.bin, which has 1 bytes, and that of the snapshot has 2"},
		"that of a member is longer": {one, nil, 2, api.PlanReload, "would start from flash:/x.bin, which has 1 bytes, and flash2:/x.bin has 2"},
		"it was compared":            {one, []api.PlannedFile{{Path: "flash:/x.bin"}}, 2, api.PlanReload, ""},
		"nothing is started again":   {one, nil, 2, api.PlanBoot, ""},
	} {
		p := planning{view: v, selection: Selection{Snapshot: api.Snapshot{Files: c.captured}}}
		p.view.Contents = v.After(nil, []flash.File{sized(c.member)})
		why := p.shortStart(bootChange{}, answers{files: c.compared}, []api.PlanStep{{Kind: c.kind}})
		if len(why) > 1 || (len(why) == 0) != (c.words == "") || len(why) == 1 && !strings.Contains(why[0].Detail, c.words) {
			t.Errorf("%s: %+v", name, why)
		}
	}
}

// TestDoubts doubts a start only if every image of BOOT is doubtful.
func TestDoubts(t *testing.T) {
	v := seen("flash:/x.bin", nil, [][]string{{"flash:"}}, "flash:/x.bin", "flash:/y.bin", "flash:/packages.conf", "flash:/a.pkg")
	v.provisioned = map[flash.Path][]string{flash.ParsePath("flash:/packages.conf"): {"a.pkg"}}
	p := planning{view: v, selection: Selection{Snapshot: api.Snapshot{Files: []api.File{{Path: "flash:/x.bin", Size: 2}, {Path: "flash:/a.pkg", Size: 2}}}}}
	for boot, words := range map[string]string{
		"flash:/x.bin": "flash:/x.bin, which has 1 bytes", "flash:/x.bin;flash:/y.bin": "", "flash:/gone.bin;flash:/x.bin": "flash:/x.bin, which has 1 bytes",
		"flash:packages.conf": "flash:/a.pkg, which has 1 bytes", "flash:/gone.bin": "", "flash:/y.bin": "",
	} {
		why := p.doubts(v, answers{}, loader{own: true, next: strings.Split(boot, ";")})
		if (why == "") != (words == "") || !strings.HasPrefix(why, words) {
			t.Errorf("%s: %q", boot, why)
		}
	}
}

// TestMayBoot wants boot lines only for a file that an earlier step proved, and
// packages.conf alone where a later step installs it.
func TestMayBoot(t *testing.T) {
	v := seen("flash:packages.conf", []string{"flash:old.bin"}, nil, "flash:/old.bin", "flash:/packages.conf")
	proved := outcome{files: []api.File{{Path: "flash:/new.bin", Kind: api.KindImage}}}
	for name, c := range map[string]struct {
		done    outcome
		boot    []string
		install bool
		may     bool
	}{
		"it is proved":               {proved, []string{"flash:/new.bin", "flash:old.bin"}, false, true},
		"it is not":                  {outcome{}, []string{"flash:/new.bin", "flash:old.bin"}, false, false},
		"it is only there":           {outcome{}, []string{"flash:old.bin"}, false, false},
		"the second is nowhere":      {proved, []string{"flash:/new.bin", "flash:gone.bin"}, false, false},
		"none":                       {proved, nil, false, false},
		"it is installed later":      {proved, []string{"flash:packages.conf", "flash:old.bin"}, true, true},
		"it is not the installed":    {outcome{}, []string{"flash:bad.bin"}, true, false},
		"the installed, and another": {proved, []string{"flash:packages.conf", "flash:gone.bin"}, true, false},
	} {
		a := application{view: v, plan: api.Plan{Steps: []api.PlanStep{{Kind: api.PlanBoot, Boot: c.boot}}}}
		if len(c.boot) > 0 {
			stages := v.bootStages(c.boot)
			a.plan.Steps[0].Lines = stages[len(stages)-1].Lines
		}
		if c.install {
			a.plan.Steps = append(a.plan.Steps, api.PlanStep{Kind: api.PlanInstall})
		}
		if err := a.mayBoot(0, c.done); (err == nil) != c.may {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFits wants a copy to begin only if the device has room for it after the
// last deletion.
func TestFits(t *testing.T) {
	a := application{view: seen("flash:x", nil, [][]string{{"flash:", "bootflash:"}, {"disk1:"}}, "flash:/x", "disk1:/x")}
	done := outcome{free: map[string]int64{"flash:": 100}}
	for _, c := range []struct {
		path string
		size int64
		fits bool
	}{{"bootflash:/y", 100, true}, {"bootflash:/y", 101, false}, {"disk1:/y", 101, true}} {
		if err := a.fits(api.PlanStep{Path: c.path, Size: c.size}, done); (err == nil) != c.fits {
			t.Errorf("%s, %d bytes: %v", c.path, c.size, err)
		}
	}
}

// TestSystemsOfARequest looks for no files on a network.
func TestSystemsOfARequest(t *testing.T) {
	sel := Selection{Files: []api.File{{Path: "tftp:/x.bin"}, {Path: "usbflash0:/y.bin"}}}
	if got := systems(api.Restore{Delete: []string{"flash:/z.bin"}}, sel); !slices.Equal(got, []string{"flash:", "usbflash0:"}) {
		t.Errorf("%q", got)
	}
}

// TestTo takes file systems and partitions, and nothing else, as the place of a
// restore. Nothing asks the device.
func TestTo(t *testing.T) {
	for to, wrong := range map[string]bool{"": false, "usbflash0:": false, "flash:2:": false, "flash-2:": false, "flash": true, ":": true, "flash:/": true, "flash:/dir": true, "flash:2:x": true} {
		if err := check(api.Restore{To: to}, Selection{}); (err != nil) != wrong {
			t.Errorf("%q: %v", to, err)
		}
	}
}

// TestMissingPackage has a provisioning file of which a package is gone:
// no loader starts from it.
func TestMissingPackage(t *testing.T) {
	rows := [][]string{{"flash:", "bootflash:"}}
	for name, c := range map[string]struct {
		packages []string
		starts   bool
	}{"all there": {[]string{"a.pkg", "b.pkg"}, true}, "one is gone": {[]string{"a.pkg", "c.pkg"}, false}, "it cannot be read": {nil, false}} {
		v := seen("flash:packages.conf", []string{"flash:packages.conf"}, rows, "flash:/packages.conf", "flash:/a.pkg", "flash:/b.pkg")
		if c.packages != nil {
			v.provisioned = map[flash.Path][]string{flash.ParsePath("flash:/packages.conf"): c.packages}
		}
		if why := v.unsafeFiles(v.loaders()[0]); (why == nil) != c.starts {
			t.Errorf("%s: %+v", name, why)
		}
	}
}

// TestReadOnlySystems refuses to write, replace or delete on a read-only file system,
// and leaves equal files there alone.
func TestReadOnlySystems(t *testing.T) {
	v := seen("flash:x", nil, [][]string{{"flash:", "bootflash:"}, {"disk0:"}}, "flash:/x", "disk0:/x")
	v.table[0].Flags, v.table[1].Flags = "ro", "rw"
	absent := func(p string) []api.PlannedFile { return []api.PlannedFile{{Path: p, State: api.Absent}} }
	for name, c := range map[string]struct {
		files   []api.PlannedFile
		delete  []string
		refused int
	}{
		"a copy":                 {absent("flash:/y"), nil, 1},
		"by its other name":      {absent("bootflash:/y"), nil, 1},
		"another file system":    {absent("disk0:/y"), nil, 0},
		"it is there":            {[]api.PlannedFile{{Path: "flash:/x", State: api.Equal}}, nil, 0},
		"a deletion":             {nil, []string{"flash:/x"}, 1},
		"two of them, told once": {append(absent("flash:/y"), absent("flash:/z")...), []string{"flash:/x"}, 1},
	} {
		p := planning{view: v, request: api.Restore{Delete: c.delete}}
		if why := p.readOnly(c.files); len(why) != c.refused {
			t.Errorf("%s: %+v", name, why)
		}
	}
}

// TestSavedBoots compares the startup-config with the image that boot lines are asked for.
// Without a line, or without a startup-config, a Catalyst boots by the BOOT of its loader, and
// another device the first image in its flash.
func TestSavedBoots(t *testing.T) {
	for name, c := range map[string]struct {
		saved    *ios.BootConfig
		router   bool // as the flash of a Catalyst with classic IOS has them otherwise
		boots    bool
		protects bool // flash:/y.bin
	}{
		"it is not shown":        {nil, true, true, false},
		"it boots it":            {&ios.BootConfig{Lines: []ios.BootLine{"boot system flash:x.bin", "boot system flash:y.bin"}}, true, true, false},
		"it boots another first": {&ios.BootConfig{Lines: []ios.BootLine{"boot system flash:y.bin", "boot system flash:x.bin"}}, true, false, true},
		"a list":                 {&ios.BootConfig{Lines: []ios.BootLine{"boot system flash:/gone.bin;flash:/y.bin"}}, false, false, true},
		"a member boots another": {&ios.BootConfig{Lines: []ios.BootLine{"boot system flash:x.bin", "boot system switch 2 flash:y.bin"}}, false, false, true},
		"no line":                {new(ios.BootConfig), true, false, false},
		"no line, a Catalyst":    {new(ios.BootConfig), false, true, false},
		"no startup-config":      {&ios.BootConfig{Absent: true}, true, false, false},
	} {
		v := seen("flash:/x.bin", []string{"flash:/x.bin"}, [][]string{{"flash:"}, {"flash2:"}}, "flash:/x.bin", "flash2:/x.bin", "flash:/y.bin", "flash2:/y.bin")
		v.boot.Units = append(v.boot.Units, ios.BootUnit{Unit: "switch 2", Files: []string{"flash:/x.bin"}})
		v.saved, v.boot.Units[0].PathList = c.saved, !c.router
		if got := v.savedBoots("flash:/x.bin"); got != c.boots {
			t.Errorf("%s: %t", name, got)
		}
		if why := v.inUse("flash2:/y.bin"); (why != "") != c.protects {
			t.Errorf("%s: %q", name, why)
		}
	}
}

// TestSavingStrands has boot lines of the running-config that a saved configuration
// would make count for every unit.
func TestSavingStrands(t *testing.T) {
	pair := [][]string{{"bootflash:"}, {"slavebootflash:"}}
	for name, c := range map[string]struct {
		own, other string // that boots next
		line       string // of the running-config
		list       bool   // a Catalyst with classic IOS
		words      string // of the refusal; empty: it may be saved
		saved      string // that the startup-config boots
	}{
		"all alike":                {"bootflash:x.bin", "bootflash:x.bin", "bootflash:x.bin", false, "", ""},
		"another one, both there":  {"bootflash:x.bin", "bootflash:y.bin", "bootflash:x.bin", false, "", ""},
		"not there on the other":   {"bootflash:z.bin", "bootflash:y.bin", "bootflash:z.bin", false, "standby boots bootflash:y.bin next", ""},
		"a line that is not saved": {"bootflash:x.bin", "bootflash:x.bin", "bootflash:gone.bin", false, "active boots bootflash:x.bin next", ""},
		"it boots nothing anyway":  {"bootflash:gone.bin", "bootflash:gone.bin", "bootflash:gone.bin", false, "", ""},
		"a setting of each loader": {"bootflash:z.bin", "bootflash:y.bin", "bootflash:z.bin", true, "", ""},
		"by the saved lines":       {"bootflash:gone.bin", "bootflash:gone.bin", "bootflash:gone.bin", false, "active boots bootflash:z.bin next", "bootflash:z.bin"},
		"nor by the saved lines":   {"bootflash:gone.bin", "bootflash:gone.bin", "bootflash:gone.bin", false, "", "bootflash:gone.bin"},
	} {
		v := seen("bootflash:x.bin", []string{c.own}, pair, "bootflash:/x.bin", "bootflash:/z.bin", "slavebootflash:/x.bin", "slavebootflash:/y.bin")
		v.boot.Units[0].Unit, v.boot.Units[0].PathList = "active", c.list
		v.boot.Units = append(v.boot.Units, ios.BootUnit{Unit: "standby", Files: []string{c.other}})
		v.config.Lines = []ios.BootLine{ios.BootLine("boot system flash " + c.line)}
		if c.saved != "" {
			v.saved = &ios.BootConfig{Lines: []ios.BootLine{ios.BootLine("boot system flash " + c.saved)}}
		}
		why := v.savingStrands()
		if c.words == "" && why != nil || c.words != "" && (why == nil || !strings.Contains(why.Detail, c.words)) {
			t.Errorf("%s: %+v", name, why)
		}
	}
}

// TestReadAtStart takes only the file that a device reads when it starts for its startup-config.
func TestReadAtStart(t *testing.T) {
	stack := [][]string{{"flash:", "flash1:"}, {"flash2:"}, {"usbflash0:"}, {"nvram:"}}
	for _, c := range []struct {
		file, named    string
		router, stored bool
	}{
		{"nvram:startup-config", "", true, true}, {"flash:/startup-config", "", true, false}, {"flash:/config.text", "", true, false},
		{"flash:/config.text", "", false, true}, {"flash2:/config.text", "", false, true}, {"usbflash0:/config.text", "", false, false},
		{"flash:/old/config.text", "", false, false}, {"flash:/startup-config", "", false, false},
		{"flash:/site.cfg", "flash:/site.cfg", false, true}, {"flash:/config.text", "flash:/site.cfg", false, false},
	} {
		v := seen("flash:/x.bin", nil, stack, "flash:/x.bin", "flash2:/x.bin", "usbflash0:/y", "nvram:/startup-config")
		v.boot.Units[0].PathList, v.facts.ConfigFile = !c.router, c.named
		if got := v.readsAtStart(c.file); got != c.stored {
			t.Errorf("%+v: %t", c, got)
		}
	}
}
