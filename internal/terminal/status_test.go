package terminal_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/terminal"
)

var statusNow = time.Date(2026, 11, 28, 7, 30, 0, 0, time.UTC)

// never is a device without a backup.
func never(name string) api.DeviceStatus {
	return api.DeviceStatus{Device: name, Reasons: []api.Reason{{Reason: api.RiskNever, Message: "No backup yet", Hint: "`flashwarden backup " + name + "`"}}}
}

// fleetOf is a status of these devices.
func fleetOf(devices ...api.DeviceStatus) terminal.Status {
	s := terminal.Status{Status: api.Status{Devices: devices, Summary: api.StatusSummary{Devices: len(devices)}}}
	for _, d := range devices {
		if d.Protected {
			s.Summary.Protected++
		} else {
			s.Summary.AtRisk++
		}
		if next := s.Summary.NextRun; d.NextRun != nil && (next == nil || d.NextRun.Before(*next)) {
			s.Summary.NextRun, s.Summary.NextDevice = d.NextRun, d.Device
		}
	}
	return s
}

func TestStatus(t *testing.T) {
	saved := statusNow.Add(-26 * time.Hour)
	known := api.Known{Version: "15.0(2)SE8", Image: "flash:/x.bin", LastBackup: &saved}
	good := api.DeviceStatus{Device: "sw2", Protected: true, Known: known}
	stack := api.DeviceStatus{Device: "sw3", Protected: true, Known: known, Warnings: []string{"switch 2 runs another image"}}
	failing := api.DeviceStatus{Device: "sw10", Protected: true, LastFails: true, Known: known}
	failing.LastFailure = &api.Run{Status: api.StatusFailed, Started: statusNow.Add(-3 * time.Hour), Message: "sw10 refused the connection", Hint: "`flashwarden doctor sw10`"}
	again := failing
	again.Device, again.LastFailure = "sw4", &api.Run{Status: api.StatusFailed, Started: statusNow.Add(-2 * time.Hour), Message: "sw4 refused the connection", Hint: "`flashwarden doctor sw4`"}

	s := fleetOf(good, failing, never("sw21"), stack, again, never("sw1"))
	const want = `2 devices are at risk: sw1, sw21
  No backup yet
  next: ` + "`flashwarden backup sw1 sw21`" + `

2 devices are protected, but the last backup failed: sw4, sw10
  for example, 2 hours ago: sw4 refused the connection
  next, for sw4: ` + "`flashwarden doctor sw4`" + `

sw3 is protected, with 1 warning
  switch 2 runs another image

6 devices: 4 protected, 2 at risk
`
	if got := s.Format(terminal.Layout{}, statusNow); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	one := fleetOf(good)
	one.Named = true
	if got := one.Format(terminal.Layout{}, statusNow); got != "sw2 is protected\n  Last complete backup 1 day ago; version 15.0(2)SE8, image flash:/x.bin\n" {
		t.Error(got)
	}
}

// TestStatusOfTheVault has a block for a task that failed, and a line for the others.
func TestStatusOfTheVault(t *testing.T) {
	at := func(hours int) *time.Time { t := statusNow.Add(time.Duration(hours) * time.Hour); return &t }
	s := fleetOf(api.DeviceStatus{Device: "sw1", Protected: true})
	s.Care = []api.Care{
		{Task: "check", LastRun: at(-3), LastSuccess: at(-27), NextRun: at(21), Failed: true, Message: "blobs/ab: missing", Hint: "`flashwarden check`"},
		{Task: "mirror", Name: "usb", LastRun: at(-1), LastSuccess: at(-1), NextRun: at(23)},
		{Task: "mirror", Name: "new"}, {Task: "prune", NextRun: at(2)},
		{Task: "mirror", Name: "tape", LateSince: at(-50), Hint: "`flashwarden serve`"},
	}
	const want = `The last check failed, 3 hours ago
  blobs/ab: missing
  next: ` + "`flashwarden check`" + `
  last good check 1 day ago, next in 21 hours

The mirror tape is late: it was due 2 days ago
  next: ` + "`flashwarden serve`" + `

Vault: last mirror usb 1 hour ago, next in 23 hours; prune next in 2 hours
1 device: 1 protected, 0 at risk
`
	if got := s.Format(terminal.Layout{}, statusNow); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestStatusAfterALook says that the backup is still that of the device.
func TestStatusAfterALook(t *testing.T) {
	backup, look := statusNow.Add(-24*time.Hour), statusNow.Add(-3*time.Hour)
	d := api.DeviceStatus{Device: "sw1", Protected: true, Known: api.Known{LastBackup: &backup, LastLook: &look}}
	s := fleetOf(d)
	s.Named = true
	if got := s.Format(terminal.Layout{}, statusNow); !strings.Contains(got, "Last complete backup 1 day ago, unchanged since, looked 3 hours ago\n") {
		t.Error(got)
	}
}

// TestStatusNamesTheNextBackup says when it begins, and for one device why then.
func TestStatusNamesTheNextBackup(t *testing.T) {
	soon, later := statusNow.Add(3*time.Hour), statusNow.Add(20*time.Hour)
	devices := []api.DeviceStatus{{Device: "sw1", Protected: true, NextRun: &later, NextWhy: "daily 02:00"}, {Device: "sw2", Protected: true, NextRun: &soon, NextWhy: "every 6h"}}
	if got := fleetOf(devices...).Format(terminal.Layout{}, statusNow); got != "2 devices: 2 protected, 0 at risk; next backup in 3 hours: sw2\n" {
		t.Error(got)
	}
	one := fleetOf(devices[:1]...)
	one.Named = true
	if got := one.Format(terminal.Layout{}, statusNow); !strings.HasSuffix(got, "\n  Next backup in 20 hours: daily 02:00\n") {
		t.Error(got)
	}
}

// TestStatusBeforeTheFirstBackup is short, however many devices there are.
func TestStatusBeforeTheFirstBackup(t *testing.T) {
	for _, n := range []int{3, 40} {
		var devices []api.DeviceStatus
		for i := range n {
			devices = append(devices, never(fmt.Sprintf("hq-access-%d", i+1)))
		}
		for _, whole := range []bool{true, false} {
			s := fleetOf(devices...)
			s.Whole = whole
			text := s.Format(terminal.Layout{Columns: 80}, statusNow)
			want := "\n  next: `flashwarden backup --all`\n"
			switch {
			case !whole && n == 3:
				want = "\n  next: `flashwarden backup hq-access-1 hq-access-2 hq-access-3`\n"
			case !whole:
				want = "\n  next, for hq-access-1: `flashwarden backup hq-access-1`\n"
			}
			if !strings.Contains(text, want) || strings.Count(text, "\n") > 16 {
				t.Errorf("%d devices, whole %t:\n%s", n, whole, text)
			}
		}
	}
}

// TestStatusAfterAPartOfTheFleet names one command for too many devices to name.
func TestStatusAfterAPartOfTheFleet(t *testing.T) {
	devices := []api.DeviceStatus{{Device: "sw1", Protected: true}}
	for i := range 40 {
		devices = append(devices, never(fmt.Sprintf("hq-access-%d", i+1)))
	}
	s := fleetOf(devices...)
	s.Whole = true
	if text := s.Format(terminal.Layout{Columns: 80}, statusNow); !strings.Contains(text, "\n  next: `flashwarden backup --all`\n") {
		t.Error(text)
	}
}

// TestStatusOfAVeryLargeFleet names some of the devices, and says how to see all.
func TestStatusOfAVeryLargeFleet(t *testing.T) {
	var devices []api.DeviceStatus
	for i := range 10_000 {
		devices = append(devices, never(fmt.Sprintf("sw%d", i)))
	}
	s := fleetOf(devices...)
	s.Whole = true
	text := s.Format(terminal.Layout{Columns: 80}, statusNow)
	if words := strings.Join(strings.Fields(text), " "); !strings.Contains(words, "sw48, sw49 and 9950 more (`flashwarden status --json` lists all)") {
		t.Error(text)
	}
	if lines := strings.Count(text, "\n"); lines > 12 || !strings.HasPrefix(text, "10000 devices are at risk: sw0, sw1, ") {
		t.Errorf("%d lines:\n%s", lines, text)
	}
}

// TestProse breaks words and commands never, and only for a screen.
func TestProse(t *testing.T) {
	const text = "permit UDP 69 from 192.0.2.1 with `nft insert rule inet filter input accept` and run it again"
	for columns, want := range map[int]string{
		0:  "  " + text + "\n",
		40: "  permit UDP 69 from 192.0.2.1 with\n    `nft insert rule inet filter input accept`\n    and run it again\n",
		60: "  permit UDP 69 from 192.0.2.1 with\n    `nft insert rule inet filter input accept` and run it\n    again\n",
	} {
		if got := (terminal.Layout{Columns: columns}).Prose("  ", text); got != want {
			t.Errorf("%d columns:\n%swant\n%s", columns, got, want)
		}
	}
	if got := (terminal.Layout{Columns: 24}).Prose("", "would copy to here 9 kB, 24.6 GB free"); got != "would copy to here\n  9 kB, 24.6 GB free\n" {
		t.Errorf("a number without its unit: %q", got)
	}
	if got := (terminal.Layout{Columns: 20}).Prose("  ", "as wide as screens"); got != "  as wide as screens\n" {
		t.Errorf("%q", got) // the columns of a table in a help text stay
	}
	if got := (terminal.Layout{Columns: 30}).Prose("", "first line\nan unbalanced ` of a device is no command"); got != "first line\nan unbalanced ` of a device\n  is no command\n" {
		t.Error(got)
	}
}

// TestParagraphs breaks sentences anew, and keeps lists.
func TestParagraphs(t *testing.T) {
	const text = "one two three\nfour five six.\n\n  - a list with a long line\n  - b"
	if got := (terminal.Layout{}).Paragraphs(text); got != text {
		t.Error(got)
	}
	const want = "one two three four\nfive six.\n\n  - a list with a long\n    line\n  - b"
	if got := (terminal.Layout{Columns: 22}).Paragraphs(text); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestStatusOfOldBackups has two reasons. One command backs up all devices, and the other next
// step is the same for each of them.
func TestStatusOfOldBackups(t *testing.T) {
	old := func(name string) api.DeviceStatus {
		return api.DeviceStatus{Device: name, Reasons: []api.Reason{{Message: "Last complete backup 9 days ago", Hint: "`flashwarden backup " + name + "`"},
			{Message: "Its copy was last read 40 days ago", Hint: "`flashwarden check --read-data`"}}}
	}
	s := fleetOf(old("sw1"), old("sw2"))
	s.Whole = true
	const want = "2 devices are at risk: sw1, sw2\n  Last complete backup 9 days ago\n  next: `flashwarden backup --all`\n" +
		"  Its copy was last read 40 days ago\n  next: `flashwarden check --read-data`\n"
	if text := s.Format(terminal.Layout{}, statusNow); !strings.HasPrefix(text, want) {
		t.Errorf("%s\nwant\n%s", text, want)
	}
}

// TestStatusInBrief counts the devices that a brief answer leaves out.
func TestStatusInBrief(t *testing.T) {
	first, last := never("sw1"), never("sw2")
	last.More = 38
	s := fleetOf(first, last)
	s.Whole, s.Summary.Devices, s.Summary.AtRisk = true, 41, 40
	const want = "40 devices are at risk: sw1, sw2 and 38 more (`flashwarden status --json` lists all)\n" +
		"  for example sw1: No backup yet\n  next: `flashwarden backup --all`\n"
	if text := s.Format(terminal.Layout{}, statusNow); !strings.HasPrefix(text, want) {
		t.Errorf("%s\nwant\n%s", text, want)
	}
}
