package restore

import (
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/ios"
)

// TestWholeDeviceRestarts types the command that starts every unit again. With a
// second supervisor or chassis, reload may start only one.
func TestWholeDeviceRestarts(t *testing.T) {
	units := func(names ...string) api.Seen {
		var s api.Seen
		for _, n := range names {
			s.Boot = append(s.Boot, api.BootUnit{Unit: n})
		}
		return s
	}
	listed := func(paths ...string) api.Seen {
		s := units("active")
		for _, p := range paths {
			s.Listings = append(s.Listings, api.Listing{Path: p})
		}
		return s
	}
	for name, c := range map[string]struct {
		seen api.Seen
		kind string
		want string
	}{
		"alone":                              {units("active"), api.PlanReload, "reload"},
		"members of a stack":                 {units("switch 1", "switch 2"), api.PlanReload, "reload"},
		"the flash of members":               {listed("flash:/", "flash-2:/"), api.PlanReload, "reload"},
		"a second supervisor":                {units("active", "standby"), api.PlanReload, "redundancy reload shelf"},
		"one that shows no boot settings":    {listed("bootflash:/", "slavebootflash:/"), api.PlanReload, "redundancy reload shelf"},
		"and IOS-XE":                         {listed("bootflash:/", "stby-bootflash:/"), api.PlanReload, "redundancy reload shelf"},
		"install add restarts all by itself": {units("active", "standby"), api.PlanInstall, "install add file bootflash:x.bin activate commit"},
	} {
		if got := startAgain(api.Plan{Seen: c.seen}, api.PlanStep{Kind: c.kind, Path: "bootflash:x.bin"}); got.Line != c.want {
			t.Errorf("%s: %s, want %s", name, got.Line, c.want)
		}
	}
}

// TestOtherUnitsAreNoted says where to look for the units that do not answer after
// a restart.
func TestOtherUnitsAreNoted(t *testing.T) {
	for unit, want := range map[string]string{"": "", "standby": "show redundancy", "switch 2": "show switch"} {
		v := seen("flash:/x.bin", []string{"flash:/x.bin"}, nil, "flash:/x.bin")
		if unit != "" {
			v.boot.Units = append(v.boot.Units, ios.BootUnit{Unit: unit})
		}
		_, notes := planning{view: v, request: api.Restore{Reload: true}}.restart(bootChange{}, true)
		noted := strings.Join(notes, "\n")
		if want == "" && strings.Contains(noted, "answers") || !strings.Contains(noted, want) {
			t.Errorf("%q: %q", unit, noted)
		}
	}
}
