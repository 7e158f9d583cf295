package terminal_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/terminal"
)

// noCommon is the cause of these failures.
const noCommon api.Cause = "no_common_algorithm"

// old is the failed test login of a switch that speaks only old SSH algorithms.
func old(name string) api.TestResult {
	return api.TestResult{Device: name, Status: api.StatusFailed, Cause: noCommon, Message: name + " speaks only old SSH algorithms",
		Hint: "`flashwarden device edit " + name + " --legacy-crypto`"}
}

// oldSwitches are the failures of sw1, sw2 and so on.
func oldSwitches(count int) terminal.Tests {
	var tests terminal.Tests
	for i := range count {
		tests = append(tests, old(fmt.Sprintf("sw%d", i+1)))
	}
	return tests
}

// inventory has count devices. Those up to atHQ are at the site hq, those up to core
// in the group core; failed is why the last backups of those up to bad failed.
func inventory(count, atHQ, core, bad int, failed api.Cause) []api.DeviceRow {
	var rows []api.DeviceRow
	for i := range count {
		d := api.DeviceRow{Device: api.Device{Name: fmt.Sprintf("sw%d", i+1)}}
		if i < atHQ {
			d.Site = "hq"
		}
		if i < core {
			d.Group = "core"
		}
		if i < bad {
			d.LastFails, d.LastFailure = true, &api.Run{Cause: failed}
		}
		rows = append(rows, d)
	}
	return rows
}

// TestOneCommandForManySwitches: the next step of a group of devices is one command, with
// the shortest selection that has these devices and no others.
func TestOneCommandForManySwitches(t *testing.T) {
	for name, c := range map[string]struct {
		failed    int
		inventory []api.DeviceRow
		want      string
	}{
		"few":            {2, nil, "`flashwarden device edit sw1 sw2 --legacy-crypto`"},
		"all":            {27, inventory(27, 27, 27, 0, ""), "`flashwarden device edit --all --legacy-crypto`"},
		"a group":        {27, inventory(30, 30, 27, 0, ""), "`flashwarden device edit --in-group core --legacy-crypto`"},
		"a site":         {27, inventory(30, 27, 30, 0, ""), "`flashwarden device edit --in-site hq --legacy-crypto`"},
		"a larger site":  {2, inventory(30, 3, 0, 0, ""), "`flashwarden device edit sw1 sw2 --legacy-crypto`"},
		"all that fail":  {27, inventory(40, 28, 0, 27, noCommon), "`flashwarden device edit --failed no_common_algorithm --legacy-crypto`"},
		"others fail":    {11, inventory(40, 0, 0, 12, noCommon), "`flashwarden device edit sw1 sw2 sw3 sw4 sw5 sw6 sw7 sw8 sw9 sw10 --legacy-crypto`, `flashwarden device edit sw11 --legacy-crypto`"},
		"few that fail":  {2, inventory(40, 0, 0, 2, noCommon), "`flashwarden device edit sw1 sw2 --legacy-crypto`"},
		"not in a place": {2, inventory(2, 0, 0, 0, "")[:1], "`flashwarden device edit sw1 sw2 --legacy-crypto`"},
	} {
		text := oldSwitches(c.failed).Format(terminal.Layout{Inventory: c.inventory})
		if !strings.Contains(text, "\n  next: "+c.want+"\n") {
			t.Errorf("%s: want %s in\n%s", name, c.want, text)
		}
	}
}

// TestCommandOfOneDevice: a step that differs between the devices is not joined.
func TestCommandOfOneDevice(t *testing.T) {
	for _, options := range []string{"--address 192.0.2.1", "--host-key-file -", "--forget-host-key"} {
		tests := oldSwitches(2)
		for i := range tests {
			tests[i].Hint = strings.Replace(tests[i].Hint, "--legacy-crypto", options, 1)
		}
		if text := tests.Format(terminal.Layout{}); !strings.Contains(text, "next, for sw1: `flashwarden device edit sw1 "+options+"`\n") {
			t.Error(text)
		}
	}
	tests := oldSwitches(2)
	tests[1].Hint = strings.Replace(tests[1].Hint, "--legacy-crypto", "--legacy-crypto --vrf 9", 1)
	tests[0].Hint = strings.Replace(tests[0].Hint, "--legacy-crypto", "--legacy-crypto --vrf 8", 1)
	if text := tests.Format(terminal.Layout{}); !strings.Contains(text, "next, for sw1: ") {
		t.Error(text)
	}
}

// TestStatusOfFailedLogins: a brief status has not all names, and has a command for all
// only if one selects them.
func TestStatusOfFailedLogins(t *testing.T) {
	at := func(name string) api.DeviceStatus {
		return api.DeviceStatus{Device: name, Reasons: []api.Reason{{Message: "No backup yet", Hint: old(name).Hint}}}
	}
	last := at("sw2")
	last.More = 38
	s := terminal.Status{Status: api.Status{Devices: []api.DeviceStatus{at("sw1"), last}}, Whole: true}
	for want, rows := range map[string][]api.DeviceRow{
		"next: `flashwarden device edit --failed no_common_algorithm --legacy-crypto`\n": inventory(50, 40, 0, 40, noCommon),
		"next, for sw1: `flashwarden device edit sw1 --legacy-crypto`\n":                 inventory(50, 2, 2, 41, noCommon),
	} {
		if text := s.Format(terminal.Layout{Inventory: rows}, time.Now()); !strings.Contains(text, want) {
			t.Errorf("want %s in\n%s", want, text)
		}
	}
}

// TestNextStepAfterManyCancelled: a long list of names is no command to type.
func TestNextStepAfterManyCancelled(t *testing.T) {
	var results terminal.Results
	for i := range 11 {
		name := fmt.Sprintf("sw%d", i+1)
		results = append(results, api.BackupResult{Device: name, Status: api.StatusFailed, Cause: api.Cancelled, NotTried: true, Message: "cancelled",
			Hint: "run `flashwarden backup " + name + "`"})
	}
	for want, rows := range map[string][]api.DeviceRow{
		"next: run the same command again; what the vault has is not copied again\n": nil,
		"next: run `flashwarden backup --site hq`\n":                                 inventory(12, 11, 0, 0, ""),
	} {
		if text := results.Format(terminal.Layout{Inventory: rows}); !strings.Contains(text, want) {
			t.Errorf("want %s in\n%s", want, text)
		}
	}
}
