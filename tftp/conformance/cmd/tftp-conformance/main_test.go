package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashwarden/tftp/conformance"
)

// command runs the command and returns its output, its errors and its exit code.
func command(t *testing.T, args ...string) (out, errOut string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, &o, &e)
	return o.String(), e.String(), code
}

func TestUsage(t *testing.T) {
	for want, args := range map[string][]string{
		"an address and a directory are needed":         {"127.0.0.1:69"},
		`address "here": `:                              {"here", "."},
		`level "all": the levels are MUST`:              {"-level", "all", "-list"},
		`case "x" is not a number`:                      {"-case", "x", "-list"},
		"there is no case 999; -list prints all":        {"-case", "999", "-list"},
		"-compare needs files":                          {"-compare"},
		"read nothing.json: open nothing.json":          {"-compare", "nothing.json"},
		"flag provided but not defined: -frob\nJudges ": {"-frob"},
		"does not serve a new file in":                  {"-patience", "1ms", "127.0.0.1:9", t.TempDir()},
	} {
		if _, errOut, code := command(t, args...); code != exitError || !strings.Contains(errOut, want) {
			t.Errorf("%v: exit code %d, %q, want %q", args, code, errOut, want)
		}
	}
	if out, _, code := command(t, "-list", "-level", "MUST"); code != exitPassed || strings.Contains(out, "hardening") || !strings.Contains(out, "073  MUST") {
		t.Errorf("exit code %d, %s", code, out)
	}
	if out, _, _ := command(t, "-list", "-case", "73, 99"); strings.Count(out, "\n") != 2 {
		t.Errorf("two cases are listed as\n%s", out)
	}
}

func TestCompare(t *testing.T) {
	dir := t.TempDir()
	for name, r := range map[string]report{
		"good": {Passed: 2, Results: []conformance.Result{{Number: 1, Verdict: conformance.Pass}, {Number: 2, Verdict: conformance.Pass}}},
		"bad":  {Failed: 1, Skipped: 1, Results: []conformance.Result{{Number: 1, Verdict: conformance.Fail, Detail: "got nothing"}, {Number: 2, Verdict: conformance.Skip}}},
	} {
		b, err := json.Marshal(r)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name+".json"), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	out, _, code := command(t, "-compare", filepath.Join(dir, "good.json"), filepath.Join(dir, "bad.json"))
	for _, want := range []string{
		"| case | level | source | good | bad |",
		"| 001 read a small file | MUST | RFC 1350 section 4 | pass | **fail** |",
		"| pass | – |",
		"| passed, failed, skipped |  |  | 2, 0, 0 | 0, 1, 1 |",
		"### bad\n\n- 001: `got nothing`",
	} {
		if code != exitPassed || !strings.Contains(out, want) {
			t.Errorf("exit code %d, no %q in\n%s", code, want, out)
		}
	}
}
