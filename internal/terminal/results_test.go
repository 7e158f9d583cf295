package terminal_test

import (
	"fmt"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/terminal"
)

// night is the results of a night: devices of each kind, in no order.
func night() []api.BackupResult {
	image := func(evidence string, inspected *api.Inspection) []api.File {
		return []api.File{{Path: "flash:/c3750.bin", Kind: api.KindImage, Size: 18_286_080, Evidence: evidence, Copied: true, Image: inspected}}
	}
	good := &api.Inspection{Verdict: api.ImageGood, Checks: []string{"structure", "sizes"}}
	ok := func(name, evidence string, notes ...string) api.BackupResult {
		return api.BackupResult{Device: name, Status: api.StatusOK, BytesCopied: 18_286_080, Seconds: 71.2, Notes: notes, Files: image(evidence, good)}
	}
	stack := ok("sw3", api.EvidenceMD5, "switch 2 runs 15.0(2)EX5, the active switch 1 runs 15.2(2)E6", "install mode")
	stack.Warnings = stack.Notes[:1]
	lost := api.BackupResult{Device: "sw17", Status: api.StatusIncomplete, Cause: "stalled", Message: "no byte for 60 s", Hint: "look at the link",
		Files: append(image(api.EvidenceMD5, good),
			api.File{Path: "flash:/a", Cause: "stalled", Message: "no byte for 60 s", Hint: "look at the link"},
			api.File{Path: "flash:/b", Cause: "source_missing", Message: "it is gone", Hint: "run it again"},
			api.File{Path: "flash:/c", Cause: "source_missing", Message: "it is gone", Hint: "run it again"},
			api.File{Path: "flash:/d", Cause: "stalled", Message: "not tried: no byte for 60 s", NotTried: true},
			api.File{Path: "flash:/e", Cause: "stalled", Message: "not tried: no byte for 60 s", NotTried: true})}
	down := api.BackupResult{Device: "sw4", Status: api.StatusFailed, Cause: "no_request", Message: "The switch sent no TFTP request", Hint: "open UDP 69"}
	alsoDown := down
	alsoDown.Device = "sw5"
	return []api.BackupResult{lost, down, ok("sw10", api.EvidenceSize), ok("sw2", api.EvidenceSize, "install mode"), alsoDown, stack}
}

func TestResults(t *testing.T) {
	const want = `2 ok, 1 ok with warnings, 1 incomplete, 2 failed; 54.9 MB copied

sw3: ok, 1 warning
  switch 2 runs 15.0(2)EX5, the active switch 1 runs 15.2(2)E6

2 devices failed (no_request): sw4, sw5
  The switch sent no TFTP request
  next: open UDP 69

sw17: incomplete (stalled)
  no byte for 60 s
  next: look at the link
  flash:/b, flash:/c are missing: it is gone
  next: run it again
  2 files not tried

DEVICE  STATUS         IMAGE         SIZE  EVIDENCE     COPIED  SECONDS
sw2     ok             c3750.bin  18.3 MB  size-only   18.3 MB     71.2
sw3     ok, 1 warning  c3750.bin  18.3 MB  device-md5  18.3 MB     71.2
sw4     failed         -                -  -               0 B      0.0
sw5     failed         -                -  -               0 B      0.0
sw10    ok             c3750.bin  18.3 MB  size-only   18.3 MB     71.2
sw17    incomplete     c3750.bin  18.3 MB  device-md5      0 B      0.0

sw2, sw3: install mode
sw2, sw10: size checked only: this device cannot compute MD5; image checksums OK
`
	if got := terminal.Results(night()).Format(terminal.Layout{}); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestResultsOnAScreen fits a table of long names into 80 columns, and colours
// what a person should see.
func TestResultsOnAScreen(t *testing.T) {
	results := night()
	for i := range results {
		if len(results[i].Files) > 0 {
			results[i].Files[0].Path = "flash:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin"
		}
	}
	text := terminal.Results(results).Format(terminal.Layout{Columns: 80})
	for line := range strings.Lines(text) {
		if terminal.Width(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("%q is wider than 80 columns", line)
		}
	}
	paint, err := terminal.NewPalette("always", false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if short := terminal.Results(results).Format(terminal.Layout{Columns: 80, Rows: 24}); strings.Contains(short, "DEVICE") || !strings.HasPrefix(text, short[:400]) || !strings.Contains(short, "install mode") {
		t.Errorf("24 rows have room for the reasons alone:\n%s", short)
	}
	if whole := terminal.Results(results).Format(terminal.Layout{Columns: 80, Rows: 50}); whole != text {
		t.Errorf("50 rows have room for all:\n%s", whole)
	}
	text = terminal.Results(results).Format(terminal.Layout{Palette: paint})
	for _, want := range []string{"\x1b[31mfailed\x1b[0m", "\x1b[33mok, 1 warning\x1b[0m", "\x1b[32mok\x1b[0m"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestKnownContent: an image that the vault has is saved without a copy. The summary and the
// wide table say so. An image that is missing does not count, and no configuration does.
func TestKnownContent(t *testing.T) {
	r := api.BackupResult{Device: "sw1", Status: api.StatusOK, BytesCopied: 3_500, Seconds: 3.6, Snapshot: "20261122T141503Z-sw1-k3f9", Facts: api.Facts{Version: "15.0(2)SE8"}, Files: []api.File{
		{Path: "flash:/c3750.bin", Kind: api.KindImage, Size: 18_286_080, Evidence: api.EvidenceMD5},
		{Path: "flash:/config.text", Kind: api.KindConfig, Size: 3_500, Evidence: api.EvidenceMD5, Copied: true},
		{Path: "flash:/old.bin", Kind: api.KindImage, Size: 1_000_000, Cause: "stalled"},
		{Path: "nvram:startup-config", Kind: api.KindConfig, Size: 3_500, Evidence: api.EvidenceMD5},
		{Path: "system:running-config", Kind: api.KindConfig, Size: 3_500, Evidence: api.EvidenceSize}}}
	const want = `1 ok; 3.5 kB copied, 18.3 MB already in the vault
DEVICE  STATUS  IMAGE         SIZE  EVIDENCE    COPIED  SECONDS   REUSED  VERSION     SNAPSHOT
sw1     ok      c3750.bin  19.3 MB  device-md5  3.5 kB      3.6  18.3 MB  15.0(2)SE8  20261122T141503Z-sw1-k3f9
`
	if got := (terminal.Results{r}).Format(terminal.Layout{Columns: 80, Rows: 3, All: true}); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestFailures is empty when all is well.
func TestFailures(t *testing.T) {
	if got := terminal.Results(night()[2:4]).Failures(terminal.Layout{}); got != "" {
		t.Errorf("%q", got)
	}
	got := terminal.Results(night()).Failures(terminal.Layout{})
	if !strings.HasPrefix(got, "2 ok, 1 ok with warnings, 1 incomplete, 2 failed; 54.9 MB copied\n\n2 devices failed (no_request): sw4, sw5\n") || strings.Contains(got, "sw3") {
		t.Error(got)
	}
}

// TestWeakestEvidence has one package of many that is proved by its size alone.
func TestWeakestEvidence(t *testing.T) {
	strong := api.File{Kind: api.KindPackage, Evidence: api.EvidenceMD5}
	weak := api.File{Kind: api.KindPackage, Evidence: api.EvidenceSize}
	config := api.File{Kind: api.KindConfig, Evidence: api.EvidenceSize}
	for _, c := range []struct {
		files []api.File
		want  string
	}{
		{[]api.File{strong, weak, strong}, api.EvidenceSize},
		{[]api.File{weak, strong}, api.EvidenceSize},
		{[]api.File{strong, strong, config}, api.EvidenceMD5},
		{[]api.File{config}, ""},
	} {
		text := terminal.Results{{Device: "sw1", Status: api.StatusOK, Files: c.files}}.Format(terminal.Layout{})
		for _, evidence := range []string{api.EvidenceMD5, api.EvidenceSize} {
			if strings.Contains(text, evidence) != (evidence == c.want) {
				t.Errorf("%+v: want only %q in\n%s", c.files, c.want, text)
			}
		}
	}
}

// TestDryRunResults has the bytes to copy, exactly, and how many it probably are.
func TestDryRunResults(t *testing.T) {
	const head = "dry run: 1 ok\n\nsw1: plan\n  would copy "
	p := &api.BackupPlan{Commands: []string{"show running-config"}, Bytes: 18_286_080, Free: 75e9,
		Copies: []api.PlannedCopy{{Path: "flash:/a.bin", Size: 18_280_000, Shared: true}, {Path: "flash:/config.text", Size: 6_080}}}
	r := api.BackupResult{Device: "sw1", Status: api.StatusOK, Plan: p}
	const want = head + "18.3 MB (18,286,080 bytes); 75.0 GB free here\n    show running-config\n"
	if got := (terminal.Results{r}).Format(terminal.Layout{}); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	known := *p
	known.Known = 300_000
	const most = head + "at most 18.3 MB (18,286,080 bytes); 300.0 kB unchanged since the last backup; "
	if got := (terminal.Results{{Device: "sw1", Status: api.StatusOK, Plan: &known}}).Format(terminal.Layout{}); !strings.HasPrefix(got, most) {
		t.Errorf("a file that looks changed may be the same:\n%s", got)
	}
	held := *p
	held.Copies = []api.PlannedCopy{{Path: "flash:/a.bin", Size: 18_280_000, Shared: true, Held: true}, p.Copies[1]}
	if got := (terminal.Results{{Device: "sw1", Status: api.StatusOK, Plan: &held}}).Format(terminal.Layout{}); !strings.HasPrefix(got,
		head+"at most 18.3 MB (18,286,080 bytes), probably 6.1 kB: the vault has an image of the same size; 75.0 GB free here\n") {
		t.Error(got)
	}
}

// TestDryRunOfMany: many devices have a line each, and the commands only with -v. An image that
// they share counts once.
func TestDryRunOfMany(t *testing.T) {
	var r terminal.Results
	for n := range 40 {
		r = append(r, api.BackupResult{Device: fmt.Sprintf("sw%d", n+1), Status: api.StatusOK, Plan: &api.BackupPlan{Commands: []string{"show running-config"},
			Bytes: 18_286_080, Free: 75e9, Copies: []api.PlannedCopy{{Path: "flash:/a.bin", Size: 18_280_000, Shared: true}, {Path: "flash:/config.text", Size: 6_080}}}})
	}
	text := r.Format(terminal.Layout{Columns: 80, Rows: 24})
	const summary = "dry run: 40 ok; would copy at most 731.4 MB, probably 18.5 MB: an image that the vault or another device has is not copied again\n"
	if !strings.HasPrefix(text, summary) || strings.Count(text, "\n") > 48 || strings.Contains(text, "show running-config") ||
		!strings.HasSuffix(text, "\n75.0 GB free here. To see the commands, add -v, or name one device.\n") {
		t.Errorf("%d lines:\n%s", strings.Count(text, "\n"), text)
	}
	if strings.Contains(text, "PROBABLY") {
		t.Errorf("a column that repeats another one:\n%s", text)
	}
	r[3].Plan.Copies[0].Held = true
	if text := r.Format(terminal.Layout{}); !strings.Contains(text, "PROBABLY") {
		t.Error(text)
	}
	if text := r.Format(terminal.Layout{Verbose: true}); strings.Count(text, "    show running-config\n") != 40 {
		t.Error(text)
	}
}

// TestManyResults: a remark on many devices is one line.
func TestManyResults(t *testing.T) {
	var results terminal.Results
	for n := range 40 {
		results = append(results, api.BackupResult{Device: fmt.Sprintf("sw%d", 40-n), Status: api.StatusOK, Notes: []string{"install mode"}})
	}
	if text := results.Format(terminal.Layout{}); !strings.HasPrefix(text, "40 ok; 0 B copied\n") || !strings.HasSuffix(text, "\n\nsw1, sw2, sw3 and 37 more: install mode\n") {
		t.Error(text)
	}
}

// TestBadNight: 40 failures with three causes fit one screen, and no line is wider
// than it. Each device is named.
func TestBadNight(t *testing.T) {
	var results terminal.Results
	for n := range 40 {
		name, address := fmt.Sprintf("access-%d", n+1), fmt.Sprintf("192.0.2.%d", n+1)
		r := api.BackupResult{Device: name, Status: api.StatusFailed, Cause: "no_request", Message: name + " at " + address + " sent no TFTP request to 192.0.2.250",
			Hint: "permit UDP 69 from " + address + " in every firewall on the way, for example with `nft insert rule inet filter input ip saddr " + address + " udp dport 69 accept`"}
		switch {
		case n%10 == 3:
			r.Cause, r.Message, r.Hint = "connect_timeout", address+":22 did not answer within 30 s", "`flashwarden doctor "+name+"`"
		case n == 20:
			r.Cause, r.Message, r.Hint = "auth_failed", name+" refused user backup", "`flashwarden device edit "+name+" --username NAME --password-file FILE`"
		}
		results = append(results, r)
	}
	text := results.Failures(terminal.Layout{Columns: 80})
	if lines := strings.Count(text, "\n"); lines > 23 {
		t.Errorf("%d lines:\n%s", lines, text)
	}
	for line := range strings.Lines(text) {
		if terminal.Width(strings.TrimSuffix(line, "\n")) > 80 && !strings.HasPrefix(strings.TrimSpace(line), "`") {
			t.Errorf("wider than the screen, and no command: %q", line)
		}
	}
	for _, want := range []string{"40 failed; 0 B copied\n\n35 devices failed (no_request): access-1, access-2, access-3, ", "\n4 devices failed (connect_timeout): ",
		"\naccess-21: failed (auth_failed)\n", "\n  for example, access-1 at 192.0.2.1 sent no TFTP request ", "access-40\n", "\n    `nft insert rule inet filter input ip saddr 192.0.2.1 udp dport 69 accept`\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestNothingReached: if no device of several could be reached, the first line after the summary
// says to look at this host. Two devices may well be off, and a refused password needs the device.
func TestNothingReached(t *testing.T) {
	const look = "failed; 0 B copied\nNo device could be backed up over the network: check this host first, with `flashwarden doctor`\n\n"
	failed := func(causes ...api.Cause) (results terminal.Results) {
		for i, c := range causes {
			results = append(results, api.BackupResult{Device: fmt.Sprintf("sw%d", i+1), Status: api.StatusFailed, Cause: c, Message: "no", Hint: "look"})
		}
		return results
	}
	for _, c := range []struct {
		results terminal.Results
		want    bool
	}{
		{failed("connect_refused", "connect_timeout", "no_request", "tid_blocked"), true},
		{failed("connect_refused", "connect_timeout"), false},
		{failed("connect_refused", "connect_timeout", "auth_failed"), false},
		{append(failed("no_request", "no_request", "no_request"), api.BackupResult{Device: "sw9", Status: api.StatusOK}), false},
	} {
		for _, text := range []string{c.results.Failures(terminal.Layout{}), c.results.Format(terminal.Layout{})} {
			if strings.Contains(text, look) != c.want {
				t.Errorf("want the hint: %t\n%s", c.want, text)
			}
		}
	}
}

// TestCancelled: a device that was stopped has not failed, the devices that were not
// tried are one line, and one command goes on with all of them.
func TestCancelled(t *testing.T) {
	result := func(n int, message string) api.BackupResult {
		name := fmt.Sprintf("sw%d", n)
		return api.BackupResult{Device: name, Status: api.StatusFailed, Cause: api.Cancelled, Message: message, Hint: "`flashwarden backup " + name + " --recopy` copies every file again"}
	}
	results := terminal.Results{{Device: "sw1", Status: api.StatusFailed, Cause: "stalled", Message: "no byte for 60 s", Hint: "look"}, result(2, "cancelled"), result(3, "cancelled")}
	for n := range 4 {
		r := result(n+4, "not tried: cancelled")
		r.NotTried = true
		results = append(results, r)
	}
	const want = `1 failed, 2 cancelled, 4 not tried; 0 B copied

sw1: failed (stalled)
  no byte for 60 s
  next: look

2 devices cancelled: sw2, sw3

4 devices not tried: sw4, sw5, sw6, sw7

next: ` + "`flashwarden backup sw2 sw3 sw4 sw5 sw6 sw7 --recopy`" + ` copies every file again
`
	if got := results.Failures(terminal.Layout{}); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got, want := terminal.Failure(results[1], terminal.Layout{}), "\nsw2: cancelled\n  cancelled\n  next: `flashwarden backup sw2 --recopy` copies every file again\n"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestMissingFiles: the next step stands once for all files that are missing for
// one cause.
func TestMissingFiles(t *testing.T) {
	r := api.BackupResult{Device: "sw1", Status: api.StatusIncomplete, Cause: "digest_mismatch", Message: "flash:/a: digest mismatch: device 1f, received 2e (10 bytes)", Hint: "copy flash:/a again"}
	for n, name := range []string{"a", "b", "c", "d", "e", "f"} {
		path := "flash:/" + name
		r.Files = append(r.Files, api.File{Path: path, Cause: "digest_mismatch", Hint: "copy " + path + " again",
			Message: fmt.Sprintf("%s: digest mismatch: device 1f, received 2e (%d bytes)", path, n+10)})
	}
	const want = `sw1: incomplete (digest_mismatch)
  flash:/a: digest mismatch: device 1f, received 2e (10 bytes)
  flash:/b is missing: flash:/b: digest mismatch: device 1f, received 2e (11 bytes)
  flash:/c is missing: flash:/c: digest mismatch: device 1f, received 2e (12 bytes)
  flash:/d is missing: flash:/d: digest mismatch: device 1f, received 2e (13 bytes)
  and 2 more files: wrong digest
  next: copy flash:/a again
`
	if got := terminal.Failure(r, terminal.Layout{}); got != "\n"+want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestTestsOfAFleet has the failures first, and a table of the others.
func TestTestsOfAFleet(t *testing.T) {
	tests := terminal.Tests{{Device: "sw10", Status: api.StatusOK, Facts: api.Facts{Model: "C9300-24T", Version: "17.09.04a", Image: "flash:packages.conf"}},
		{Device: "sw2", Status: api.StatusFailed, Cause: "auth_failed", Message: "The device refused the login", Hint: "check the password"}}
	const want = "1 ok, 1 failed\n\nsw2: failed (auth_failed)\n  The device refused the login\n  next: check the password\n\n" +
		"DEVICE  STATUS  MODEL      VERSION    IMAGE\nsw10    ok      C9300-24T  17.09.04a  packages.conf\n"
	if text := tests.Format(terminal.Layout{}); text != want {
		t.Errorf("%s\nwant\n%s", text, want)
	}
	if text := tests[1:].Format(terminal.Layout{}); !strings.HasPrefix(text, "sw2: failed") || strings.Contains(text, "DEVICE") {
		t.Errorf("one device:\n%s", text)
	}
}

// TestResultsWithoutAnyBackup has no table: the blocks say all.
func TestResultsWithoutAnyBackup(t *testing.T) {
	r := terminal.Results{{Device: "sw1", Status: api.StatusFailed, Cause: "no_request", Message: "The switch sent no TFTP request", Hint: "open UDP 69"}}
	if text := r.Format(terminal.Layout{}); strings.Contains(text, "SECONDS") || !strings.Contains(text, "no_request") {
		t.Error(text)
	}
}

// TestDiffOfTheSameLines shows them once: three files have the configuration.
func TestDiffOfTheSameLines(t *testing.T) {
	change := func(path, lines string) api.FileChange {
		return api.FileChange{Path: path, Change: "changed", OldSize: 9, NewSize: 9, Diff: "--- " + path + "\n+++ " + path + "\n@@ -1 +1 @@\n" + lines}
	}
	text := terminal.FormatDiff(api.DiffResult{Changed: true, Files: []api.FileChange{change("flash:/config.text", "-a\n+b\n"),
		change("nvram:startup-config", "-a\n+b\n"), change("system:running-config", "-a\n+c\n")}}, terminal.Layout{})
	if strings.Count(text, "+b\n") != 1 || !strings.Contains(text, "the same lines changed as in flash:/config.text\n") || !strings.Contains(text, "+c\n") {
		t.Error(text)
	}
}

// TestPinned: few host keys of first logins are printed, many only on request.
func TestPinned(t *testing.T) {
	var results terminal.Results
	for n := range 4 {
		name := fmt.Sprintf("sw%d", n+1)
		results = append(results, api.BackupResult{Device: name, Status: api.StatusOK, Pinned: []api.HostKey{{Device: name, Host: "192.0.2.1", Fingerprint: "SHA256:k"}}})
	}
	const each = "sw1: first login to 192.0.2.1: its host key SHA256:k is trusted from now on\n"
	const all = "4 new SSH host keys are trusted from now on; to compare one: `flashwarden device show sw1`\n"
	for name, c := range map[string]struct {
		results    terminal.Results
		layout     terminal.Layout
		want, miss string
	}{
		"few":           {results[:3], terminal.Layout{}, each, "new SSH"},
		"many":          {results, terminal.Layout{}, all, "first login"},
		"many, verbose": {results, terminal.Layout{Verbose: true}, each, "new SSH"},
		"none":          {results[:0], terminal.Layout{}, "", "trusted"},
	} {
		if text := c.results.Format(c.layout); !strings.Contains(text, c.want) || strings.Contains(text, c.miss) {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}
