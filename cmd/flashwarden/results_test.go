package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/terminal"
)

// night is the results of a night: some devices are ok, some are not.
func night() []api.BackupResult {
	return []api.BackupResult{
		{Device: "sw17", Status: api.StatusIncomplete, Cause: "stalled", Message: "no byte for 60 s", Hint: "look at the link"},
		{Device: "sw4", Status: api.StatusFailed, Cause: "no_request", Message: "no TFTP request", Hint: "open UDP 69"},
		{Device: "sw10", Status: api.StatusOK},
		{Device: "sw2", Status: api.StatusOK},
		{Device: "sw3", Status: api.StatusOK, Warnings: []string{"switch 2 runs another image"}},
	}
}

// TestQuietResults: cron mails what a command prints. With --quiet that is
// nothing after a good night, and only the failures after a bad one.
func TestQuietResults(t *testing.T) {
	results := night()
	for _, asJSON := range []bool{false, true} {
		var out, errs bytes.Buffer
		o := &output{out: &out, err: &errs, quiet: true, json: asJSON}
		if err := reportBackups(o, results[2:4]); err != nil || errs.Len() > 0 || !asJSON && out.Len() > 0 {
			t.Errorf("a good night: %v\n%s%s", err, out.String(), errs.String())
		}
		out.Reset()
		err := reportBackups(o, results)
		if !errors.Is(err, errDevicesFailed) || out.Len() > 0 != asJSON {
			t.Errorf("a bad night: %v\n%s", err, out.String())
		}
		for _, test := range []struct {
			text string
			want bool
		}{{"2 ok, 1 ok with warnings, 1 incomplete, 1 failed", true}, {"sw4: failed (no_request)", true}, {"sw17: incomplete (stalled)", true}, {"DEVICE", false}, {"sw3", false}, {"sw2", false}} {
			if strings.Contains(errs.String(), test.text) != test.want {
				t.Errorf("%q on standard error: want %t\n%s", test.text, test.want, errs.String())
			}
		}
	}
}

// TestRefusedRestore prints the plan of a restore that is refused, and does not
// say that there is nothing to do.
func TestRefusedRestore(t *testing.T) {
	r := api.RestoreResult{Device: "sw1", Status: api.StatusFailed, Refused: true, Cause: "cancelled", Message: "flash:/vlan.dat is there with other content",
		Hint: "add --replace", Notes: []string{"note"}, Plan: &api.Plan{
			Files:    []api.PlannedFile{{Path: "flash:/vlan.dat", Size: 1024, State: api.Differs}, {Path: "flash:/x.bin", Size: 10, State: api.Equal}},
			Space:    []api.Space{{FileSystem: "flash:", Before: 16_123_456, After: 16_123_456}},
			Notes:    []string{"note"},
			Refusals: []api.Problem{{Detail: "flash:/vlan.dat is there with other content"}},
		}}
	const plan = `sw1: plan
  flash:/vlan.dat (1.0 kB): differs from the snapshot
  flash:/x.bin (10 B): unchanged
  flash: 16.1 MB free now, 16.1 MB after
  note: note
`
	const failure = `
sw1: refused
  flash:/vlan.dat is there with other content
  next: add --replace
`
	for quiet, want := range map[bool][2]string{
		false: {plan + failure, ""},
		true:  {plan, strings.TrimPrefix(failure, "\n")}, // alone in a mail of cron
	} {
		var out, errs bytes.Buffer
		err := reportRestore(&output{out: &out, err: &errs, quiet: quiet}, r, true)
		if !errors.Is(err, errRefused) || out.String() != want[0] || errs.String() != want[1] {
			t.Errorf("quiet %t: error %v\n%s\n%s", quiet, err, out.String(), errs.String())
		}
	}
}

// TestQuietRestore prints nothing after a success.
func TestQuietRestore(t *testing.T) {
	var out, errs bytes.Buffer
	r := api.RestoreResult{Device: "sw1", Status: api.StatusOK, Plan: &api.Plan{}, Files: []api.File{{Path: "flash:/x.bin", Copied: true}}}
	if err := reportRestore(&output{out: &out, err: &errs, quiet: true}, r, false); err != nil || out.Len()+errs.Len() > 0 {
		t.Errorf("error %v\n%s%s", err, out.String(), errs.String())
	}
}

// TestNoImageMissing: before the first backup nobody knows whether an image is missing.
func TestNoImageMissing(t *testing.T) {
	for want, images := range map[string][]api.Image{"No images yet. ": nil, "No image is missing: ": {{InVault: true}}} {
		var errs bytes.Buffer
		if err := printImages(&output{err: &errs}, images, true, nil, false); err != nil || !strings.HasPrefix(errs.String(), want) {
			t.Errorf("error %v, %q, want %q", err, errs.String(), want)
		}
	}
}

// TestSnapshotsOfOneSecond: the backups of a fleet begin together, and are listed in natural order.
func TestSnapshotsOfOneSecond(t *testing.T) {
	var out bytes.Buffer
	list := []api.SnapshotRow{{ID: "20261122T141502Z-sw9-k3f9"}, {ID: "20261122T141503Z-sw10-a7b2"}, {ID: "20261122T141503Z-sw2-m4c1"}}
	if err := printSnapshots(&output{out: &out}, "", list); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Index(text, "sw2-") > strings.Index(text, "sw10-") || strings.Index(text, "sw9-") > strings.Index(text, "sw2-") {
		t.Errorf("not in natural order:\n%s", text)
	}
}

// TestHintsOfStatus: the next step of a failed backup of a protected device counts too. Many
// devices with it get one command.
func TestHintsOfStatus(t *testing.T) {
	failed := api.DeviceStatus{Protected: true, LastFails: true}
	failed.LastFailure = &api.Run{Hint: "b"}
	later := failed
	later.LastFails = false
	s := api.Status{Devices: []api.DeviceStatus{{Reasons: []api.Reason{{Hint: "a"}}}, failed, later}}
	if got := strings.Join(hintsOf(s), " "); got != "a b" {
		t.Error(got)
	}
}

// TestChecksOfDoctor: a check that was not made is not called ok. Notes are counted in the first
// line, and stand before the checks that passed.
func TestChecksOfDoctor(t *testing.T) {
	var out bytes.Buffer
	report := api.Report{Notes: []string{"a"}, Remarks: []string{"b"}, Skipped: []string{"c"}}
	if err := printReport(&output{out: &out}, report); err != nil || out.String() != "no problems found, and 1 note to read\nnote  b\nnot checked  c\nok  a\n" {
		t.Errorf("error %v\n%s", err, out.String())
	}
	out.Reset()
	report.Findings = []api.Finding{{Cause: "no_request", Seen: "UDP 69 is dropped"}}
	err := printReport(&output{out: &out, quiet: true}, report)
	if !errors.Is(err, errProblems) || out.String() != "1 problem found\n\nno_request: UDP 69 is dropped\n" {
		t.Errorf("error %v\n%s", err, out.String())
	}
	out.Reset()
	report.Findings = []api.Finding{{Cause: "internal", Seen: "nft is not installed"}}
	if err := printReport(&output{out: &out, quiet: true}, report); !errors.Is(err, errProblems) || out.String() != "1 problem found\n\nproblem: nft is not installed\n" {
		t.Errorf("error %v\n%s", err, out.String())
	}
}

// TestLookAgain: the line for sudo checks what the user asked for, with the ports of the user.
func TestLookAgain(t *testing.T) {
	for setting, want := range map[string]string{"HOME=/h": "net_raw ", "FLASHWARDEN_TFTP_LISTEN=:6969": "net_raw env FLASHWARDEN_TFTP_LISTEN=:6969 "} {
		got := lookAgain(&program{environment: environment{env: []string{setting}}}, "/d", []string{"--all"})
		if i := strings.LastIndex(got, "net_raw "); !strings.HasPrefix(got[i:], want) || setting == "HOME=/h" && strings.Contains(got, " env ") || !strings.HasSuffix(got, " doctor --data /d --all") {
			t.Errorf("%s: %s", setting, got)
		}
	}
}

// TestCausesInPlainWords: each cause has words for a text.
func TestCausesInPlainWords(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range cause.All() {
		words := terminal.CauseWords(c)
		if strings.Contains(words, "_") || words == strings.ReplaceAll(string(c), "_", " ") && strings.Contains(string(c), "_") && !obvious[c] || seen[words] {
			t.Errorf("%s: %q", c, words)
		}
		seen[words] = true
	}
	if got := terminal.CauseWords("of_tomorrow"); got != "of tomorrow" {
		t.Errorf("a cause of a newer daemon: %q", got)
	}
}

// obvious are the causes that are plain words already.
var obvious = map[api.Cause]bool{"session_lost": true, "command_rejected": true, "unsupported_device": true, "image_not_found": true, "vault_error": true}
