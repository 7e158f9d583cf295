package restore

import (
	"slices"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// TestRoomForPackages wants room for the packages of an image beside the image, on
// every unit: install add writes them.
func TestRoomForPackages(t *testing.T) {
	steps := []api.PlanStep{{Kind: api.PlanCopy, Path: "flash:/x.bin", Size: 100}, {Kind: api.PlanInstall, Path: "flash:x.bin", Size: 100}}
	for name, c := range map[string]struct {
		first, second int64  // bytes free
		short         string // the path of the step for which there is no room
	}{
		"enough":                {200, 100, ""},
		"only for the image":    {199, 100, "flash:/x.bin"},
		"not for the image":     {99, 100, "flash:/x.bin"},
		"not on another member": {200, 99, "flash-2:/x.bin"},
		"not known":             {-1, -1, ""},
	} {
		v := view{Contents: flash.Read(ios.Facts{OS: "iosxe"}, []ios.Listing{
			{FileSystem: "flash:", Path: "flash:/", Free: c.first, Table: []ios.FileSystem{{Prefixes: []string{"flash:"}}, {Prefixes: []string{"flash-2:"}}}},
			{FileSystem: "flash-2:", Path: "flash-2:/", Free: c.second},
		})}
		var got string
		if _, short := room(v, steps); short != nil {
			got = short.Path
		}
		if got != c.short {
			t.Errorf("%s: no room for %q, want %q", name, got, c.short)
		}
	}
}

// TestNotes has notes about files that do not do by themselves what somebody may
// expect of them.
func TestNotes(t *testing.T) {
	p := planning{selection: Selection{Snapshot: api.Snapshot{Device: "sw9", Facts: api.Facts{Serial: "B"}}}, view: view{facts: ios.Facts{Serial: "A"}}}
	if got := strings.Join(p.keyOf("nvram:startup-config"), " "); !strings.Contains(got, "key of sw9") {
		t.Errorf("another device: %q", got)
	}
	if got := p.keyOf(""); got != nil {
		t.Errorf("no passwords of type 6: %q", got)
	}
	p.view.facts.Serial = "B"
	if got := p.keyOf("nvram:startup-config"); got != nil {
		t.Errorf("the same device: %q", got)
	}
	vlans := api.PlannedFile{Path: "flash:/vlan.dat", Kind: api.KindVLAN, State: api.Absent}
	if got := strings.Join(p.vlans([]api.PlannedFile{vlans}), " "); !strings.Contains(got, "show vtp status") {
		t.Errorf("a VLAN database: %q", got)
	}
	vlans.State = api.Equal
	if got := p.vlans([]api.PlannedFile{vlans}); got != nil {
		t.Errorf("an equal one: %q", got)
	}
}

// TestNotesOfPatches has notes about each package that the device does not run after
// its restart.
func TestNotesOfPatches(t *testing.T) {
	var p planning
	for _, state := range []string{"C", "U", "D", "I"} {
		p.view.facts.Install = append(p.view.facts.Install, ios.InstallLocation{Packages: []ios.InstallPackage{{Type: "SMU", State: state, FilenameVersion: state + ".smu.bin"}}})
	}
	if got := strings.Join(p.patches(false), " "); !strings.Contains(got, "U.smu.bin is activated") || !strings.Contains(got, "D.smu.bin is deactivated") || strings.Contains(got, "C.smu.bin") || strings.Contains(got, "I.smu.bin") {
		t.Errorf("%q", got)
	}
	p.view.facts.Install = nil
	p.selection.Snapshot.Facts.Install = []api.Installed{{Type: "IMG", State: api.StateCommitted, Name: "17.9.4"}, {Type: "SMU", State: api.StateCommitted, Name: "a"}, {Type: "SMU", State: api.StateInactive, Name: "b"}}
	if got := p.patches(true); len(got) != 1 || !strings.Contains(got[0], "SMU a is not part of the image") {
		t.Errorf("%q", got)
	}
	if got := p.patches(false); got != nil {
		t.Errorf("nothing is installed: %q", got)
	}
}

// TestNotShown notes that boot lines were not compared with those of a startup-config that the
// device does not show.
func TestNotShown(t *testing.T) {
	for name, c := range map[string]struct {
		saved *ios.BootConfig
		asked api.Restore
		noted bool
	}{
		"it is not shown":          {nil, api.Restore{SetBoot: true}, true},
		"it is not, for a restart": {nil, api.Restore{Reload: true}, true},
		"nothing boots":            {nil, api.Restore{}, false},
		"it is shown":              {new(ios.BootConfig), api.Restore{SetBoot: true, Reload: true}, false},
	} {
		p := planning{request: c.asked, view: view{saved: c.saved}}
		if got := p.decide(answers{}, nil).Notes; slices.ContainsFunc(got, func(n string) bool { return strings.Contains(n, "cannot read the startup-config") }) != c.noted {
			t.Errorf("%s: %q", name, got)
		}
	}
}
