package terminal_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/terminal"
)

// TestReportOfAFleet has one block for devices with the same problem, and one for
// each other problem.
func TestReportOfAFleet(t *testing.T) {
	refused := func(name, address string) api.Finding {
		return api.Finding{Cause: "connect_refused", Device: name, Where: api.OnHost, Seen: fmt.Sprintf("%s refused the connection to %s", name, address),
			Fix: "x", Hint: fmt.Sprintf("`flashwarden device edit %s --address %s:PORT`", name, address)}
	}
	r := terminal.Report{Findings: []api.Finding{
		{Cause: "spool_full", Where: api.OnHost, Seen: "the disk is full", Hint: "remove files"},
		{Cause: "spool_full", Where: api.OnHost, Seen: "the other disk is full", Hint: "remove files"},
		refused("sw1", "192.0.2.1"), refused("sw2", "192.0.2.2"),
		{Cause: "auth_failed", Device: "sw3", Where: api.OnHost, Seen: "sw3 refused the password", Hint: "type it again"}, refused("sw10", "192.0.2.10")}}
	const want = `6 problems found

spool_full: the disk is full
  next: remove files

spool_full: the other disk is full
  next: remove files

connect_refused on 3 devices: sw1, sw2, sw10
  for example sw1 refused the connection to 192.0.2.1
  next, for sw1: ` + "`flashwarden device edit sw1 --address 192.0.2.1:PORT`" + `

auth_failed: sw3 refused the password
  next: type it again
`
	if got := r.Problems(terminal.Layout{}); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestChecksOfAFleet prints the checks of many devices once.
func TestChecksOfAFleet(t *testing.T) {
	var r terminal.Report
	for i := range 40 {
		r.Notes = append(r.Notes, fmt.Sprintf("sw%d: logged in at 192.0.2.%d, 15.0(2)SE8", i+1, i+1), fmt.Sprintf("sw%d copies to 192.0.2.250", i+1))
	}
	r.Notes = append(r.Notes, "UDP 69 is free")
	const want = "no problems found\nok  sw1: logged in at 192.0.2.1, 15.0(2)SE8; and 39 more like this (-v prints all)\n" +
		"ok  sw1 copies to 192.0.2.250; and 39 more like this (-v prints all)\nok  UDP 69 is free\n"
	if text := r.Format(terminal.Layout{}); text != want {
		t.Errorf("%s\nwant\n%s", text, want)
	}
	if text := r.Format(terminal.Layout{Verbose: true}); strings.Count(text, "\n") != 82 {
		t.Errorf("verbose:\n%s", text)
	}
}

// TestProofsOfPackages has the same proof of all packages once, and without -v no digest
// that the table speaks of already.
func TestProofsOfPackages(t *testing.T) {
	s := api.Snapshot{ID: "s1"}
	for _, name := range []string{"a", "b", "c"} {
		s.Files = append(s.Files, api.File{Path: "flash:/" + name + ".pkg", Kind: api.KindPackage, Proof: []string{"verify /md5: MD5 " + name, "not judged"}})
	}
	brief := terminal.FormatSnapshot(s, time.Now(), terminal.Layout{})
	if !strings.HasSuffix(brief, "\n\n3 files: not judged\n") || strings.Contains(brief, "verify") {
		t.Error(brief)
	}
	text := terminal.FormatSnapshot(s, time.Now(), terminal.Layout{Verbose: true})
	if !strings.HasSuffix(text, "\nflash:/c.pkg\n  verify /md5: MD5 c\n\n3 files: not judged\n") || strings.Count(text, "not judged") != 1 {
		t.Error(text)
	}
}

// TestSnapshotInWords has the software under the name that Cisco gives it, times in the local
// zone, and no word of the documents of the vault.
func TestSnapshotInWords(t *testing.T) {
	at := time.Date(2026, 11, 22, 14, 15, 3, 0, time.UTC)
	file := api.File{Path: "flash:/a.pkg", Kind: api.KindPackage,
		Proof: []string{"the vault holds this content, read and proved at " + at.Format(time.RFC3339), "the file itself: not judged: no rule is known"}}
	s := api.Snapshot{ID: "s1", Facts: api.Facts{OS: "iosxe", Version: "17.09.04a"}, Files: []api.File{file}}
	text := terminal.FormatSnapshot(s, at, terminal.Layout{})
	for _, want := range []string{"software  IOS-XE 17.09.04a\n", "  the vault holds this content, read and proved at " + terminal.LocalTime(at) + "\n", "\n  integrity unknown: no rule is known\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	s.Facts.OS = "ios"
	if text := terminal.FormatSnapshot(s, at, terminal.Layout{}); !strings.Contains(text, "software  IOS 17.09.04a\n") {
		t.Error(text)
	}
}

// TestAuditOnANarrowScreen leaves out the numbers of the lines, not what an operation was on.
func TestAuditOnANarrowScreen(t *testing.T) {
	line := api.AuditLine{Number: 10_000, Time: time.Date(2026, 11, 22, 14, 15, 3, 0, time.UTC), User: "root", From: "terminal", Operation: "import devices", On: []string{"all devices"}, Result: "allowed"}
	table := terminal.Audit([]api.AuditLine{line})
	if text := table.Format(terminal.Layout{Columns: 80}); !strings.Contains(text, "  all devices  allowed\n") || strings.Contains(text, "10000") {
		t.Error(text)
	}
	if text := table.Format(terminal.Layout{Columns: 100}); !strings.Contains(text, "10000") {
		t.Error(text)
	}
}

// TestNextAfterImport: after new devices, the next step is a test login; after a dry run, and
// without new ones, there is none.
func TestNextAfterImport(t *testing.T) {
	d := terminal.Inventory{Changes: []api.InventoryChange{{Device: "sw1", Change: api.InventoryAdded}}}
	const next = "1 added, 0 changed, 0 removed; 0 unchanged\nnext: `flashwarden device test --all` logs in to each device and reads facts only\n"
	if text := d.Format(terminal.Layout{}); !strings.HasSuffix(text, next) {
		t.Error(text)
	}
	d.DryRun = true
	if text := d.Format(terminal.Layout{}); strings.Contains(text, "next") {
		t.Error(text)
	}
	if text := (terminal.Inventory{Unchanged: 1}).Format(terminal.Layout{}); strings.Contains(text, "next") {
		t.Error(text)
	}
}
