package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"flashwarden/api"
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
DEVICE  STATUS         IMAGE      SIZE     EVIDENCE    COPIED   SECONDS
sw2     ok             c3750.bin  18.3 MB  size-only   18.3 MB  71.2
sw3     ok, 1 warning  c3750.bin  18.3 MB  device-md5  18.3 MB  71.2
sw4     failed         -          0 B      -           0 B      0.0
sw5     failed         -          0 B      -           0 B      0.0
sw10    ok             c3750.bin  18.3 MB  size-only   18.3 MB  71.2
sw17    incomplete     c3750.bin  18.3 MB  device-md5  0 B      0.0

sw3: ok, 1 warning
  switch 2 runs 15.0(2)EX5, the active switch 1 runs 15.2(2)E6

sw4: failed (no_request)
  The switch sent no TFTP request
  next: open UDP 69

sw5: failed (no_request)
  The switch sent no TFTP request
  next: as for sw4

sw17: incomplete (stalled)
  no byte for 60 s
  next: look at the link
  flash:/b, flash:/c are missing (source_missing): it is gone
  next: run it again
  2 files not tried

sw2, sw3: install mode
sw2, sw10: size checked only: this device cannot compute MD5; image checksums OK (structure, sizes)
`
	var out, errs bytes.Buffer
	err := reportBackups(&output{out: &out, err: &errs}, night())
	if !errors.Is(err, errDevicesFailed) || errs.Len() > 0 || out.String() != want {
		t.Errorf("error %v, standard error %q, standard output\n%s\nwant\n%s", err, errs.String(), out.String(), want)
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
		}{{"2 ok, 1 ok with warnings, 1 incomplete, 2 failed", true}, {"sw4: failed (no_request)", true}, {"sw17: incomplete (stalled)", true}, {"DEVICE", false}, {"sw3", false}, {"sw2", false}} {
			if strings.Contains(errs.String(), test.text) != test.want {
				t.Errorf("%q on standard error: want %t\n%s", test.text, test.want, errs.String())
			}
		}
	}
}

// TestDryRunResults has the bytes to copy, exactly.
func TestDryRunResults(t *testing.T) {
	var out bytes.Buffer
	r := api.BackupResult{Device: "sw1", Status: api.StatusOK, Plan: &api.BackupPlan{Commands: []string{"show running-config"}, Bytes: 18_286_080, Free: 75e9}}
	const want = `dry run: 1 ok

sw1: ok
  would copy 18.3 MB (18,286,080 bytes), except files that the vault already has; 75.0 GB free here
    show running-config
`
	if err := reportBackups(&output{out: &out}, []api.BackupResult{r}); err != nil || out.String() != want {
		t.Errorf("error %v\n%s\nwant\n%s", err, out.String(), want)
	}
}

// TestManyResults: a remark on many devices is one line.
func TestManyResults(t *testing.T) {
	var results []api.BackupResult
	for n := range 40 {
		results = append(results, api.BackupResult{Device: fmt.Sprintf("sw%d", 40-n), Status: api.StatusOK, Notes: []string{"install mode"}})
	}
	var out bytes.Buffer
	err := reportBackups(&output{out: &out}, results)
	if text := out.String(); err != nil || !strings.HasPrefix(text, "40 ok; 0 B copied\n") || !strings.HasSuffix(text, "\n\nsw1, sw2, sw3 and 37 more: install mode\n") {
		t.Errorf("error %v\n%s", err, text)
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
  flash: 16,123,456 bytes free now, 16,123,456 after
  note: note
`
	const failure = `
sw1: failed (cancelled)
  flash:/vlan.dat is there with other content
  next: add --replace
`
	for quiet, want := range map[bool][2]string{
		false: {plan + "sw1: failed, 0 B copied in 0.0 s, runs - from -\n" + failure, ""},
		true:  {plan, failure},
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

// TestChecksOfDoctor: a check that was not made is not called ok.
func TestChecksOfDoctor(t *testing.T) {
	var out bytes.Buffer
	report := api.Report{Notes: []string{"a"}, Remarks: []string{"b"}, Skipped: []string{"c"}}
	if err := printReport(&output{out: &out}, report); err != nil || out.String() != "no problems found\nok  a\nnote  b\nnot checked  c\n" {
		t.Errorf("error %v\n%s", err, out.String())
	}
	out.Reset()
	report.Findings = []api.Finding{{Cause: "no_request", Seen: "UDP 69 is dropped"}}
	err := printReport(&output{out: &out, quiet: true}, report)
	if !errors.Is(err, errProblems) || out.String() != "1 problem found\n\nno_request: UDP 69 is dropped\n" {
		t.Errorf("error %v\n%s", err, out.String())
	}
}
