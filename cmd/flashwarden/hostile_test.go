package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/dir"
)

// evil is what a hostile device may print: it clears the screen, renames the
// window, goes back in the line, turns the direction of writing, is no UTF-8.
const evil = "\x1b[2J\x1b]0;owned\x07\r\x08\x7f\u009b31m\u202e\u2028\xff"

// hostileNames are file names that lead elsewhere, collide, or are no names.
var hostileNames = []string{
	"flash:/../../../../tmp/escaped", "flash:/..", "flash:/.", "flash:/", "flash://etc/passwd", "../up:/x", "/etc:/passwd", "..:/..",
	"flash:/a\nb", "flash:/a\rb", "flash:/a_b", "flash:/x", "flash:/x.part", "flash:/" + strings.Repeat("long", 100), "no-colon",
	"flash:/" + evil, "flash:/nul\x00byte", "flash:/dir/./../../x",
}

// hostileVault is a data directory with one snapshot of files with hostile
// names, each with a content of its own.
func hostileVault(t *testing.T) (data, id string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	store, err := dir.Open(filepath.Join(data, "vault"))
	if err != nil {
		t.Fatal(err)
	}
	v := vault.New(store)
	if _, err := v.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	started := time.Date(2026, 11, 22, 14, 15, 3, 0, time.UTC)
	s := api.Snapshot{Format: vault.Format, ID: vault.NewID("sw1", started), Device: "sw1", Status: api.StatusIncomplete, Started: started,
		Facts: api.Facts{Hostname: evil, Version: evil, Model: evil, Serial: evil, Image: "flash:/" + evil}, Notes: []string{evil, "a\nb"}}
	for i, name := range hostileNames {
		content := []byte{byte(i)}
		sum, md5, err := v.Put(t.Context(), content)
		if err != nil {
			t.Fatal(err)
		}
		s.Files = append(s.Files, api.File{Path: name, Kind: api.KindImage, Size: 1, MD5: md5, SHA256: sum, Evidence: api.EvidenceSize})
	}
	s.Files = append(s.Files, api.File{Path: "flash:/gone" + evil, Kind: api.KindOther, Cause: "source_missing", Message: evil, Hint: evil})
	if _, err := v.PutSnapshot(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	run(t, 0, "rebuild", "--data", data)
	return data, s.ID
}

// run runs the program and returns what it printed; it must end with want.
func run(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := &program{in: strings.NewReader(""), output: output{out: &out, err: &errs}, environment: environment{env: []string{"HOME=" + t.TempDir()}}}
	if code := p.main(args); code != want {
		t.Fatalf("%q ended with %d, want %d\n%s%s", args, code, want, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

func wantPrintable(t *testing.T, what, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("%s is no UTF-8", what)
	}
	for _, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%s has %q", what, r)
			return
		}
	}
}

// TestHostileNamesStayInTheExport writes such a snapshot out: every file is
// there, with its content, below the directory.
func TestHostileNamesStayInTheExport(t *testing.T) {
	data, id := hostileVault(t)
	box := t.TempDir()
	out := filepath.Join(box, "a", "b", "out")
	run(t, 3, "--data", data, "export", id, "-o", out)
	seen := make(map[byte]bool)
	err := filepath.WalkDir(box, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !strings.HasPrefix(p, out+"/sw1/") {
			t.Errorf("%q is outside", p)
		}
		content, err := os.ReadFile(p)
		if err == nil {
			seen[content[0]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range hostileNames {
		if !seen[byte(i)] {
			t.Errorf("%q was not written", name)
		}
	}
	run(t, 3, "--data", data, "export", id, "-o", out) // all equal: left alone
	one := filepath.Join(box, "one")
	for i, name := range hostileNames {
		dir := filepath.Join(one, string(rune('a'+i)))
		run(t, 0, "--data", data, "export", id+":"+strings.ToValidUTF8(name, "\ufffd"), "-o", dir) // as the vault keeps it
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("%q: %v %v", name, entries, err)
		}
	}
}

// TestNothingRawReachesTheTerminal prints hostile texts in every way.
func TestNothingRawReachesTheTerminal(t *testing.T) {
	data, id := hostileVault(t)
	for _, args := range [][]string{
		{"snapshots"}, {"show", id}, {"images"}, {"check"}, {"export", id, "-o", filepath.Join(t.TempDir(), "out")},
		{"export", id + ":flash:/gone" + evil, "-o", t.TempDir()}, {"show", evil}, {"device", "show", evil}, {evil}, {"backup", "--" + evil},
	} {
		for _, flag := range []string{"--json", "--verbose"} {
			var out, errs bytes.Buffer
			p := &program{in: strings.NewReader(""), output: output{out: &out, err: &errs}, environment: environment{env: []string{"HOME=" + t.TempDir()}}}
			p.main(append([]string{flag, "--data", data}, args...))
			wantPrintable(t, strings.Join(args, " ")+" "+flag, out.String())
			wantPrintable(t, "standard error of "+strings.Join(args, " "), errs.String())
			if flag == "--json" && !json.Valid(out.Bytes()) {
				t.Errorf("%q prints no document: %s", args, out.String())
			}
		}
	}
}

// TestJSONStaysTheSame escapes in the text and changes no value.
func TestJSONStaysTheSame(t *testing.T) {
	var out bytes.Buffer
	p := &program{output: output{out: &out}}
	want := "a\u009b\u202e\x7f\U000e0001<&>é\n"
	if err := writeJSON(&p.output, map[string]string{"x": want}); err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got["x"] != want {
		t.Errorf("%q came back as %q, %v", want, got["x"], err)
	}
	wantPrintable(t, "the document", out.String())
}

// TestNothingRawFromABackup prints the progress and the results of a hostile
// device.
func TestNothingRawFromABackup(t *testing.T) {
	result := api.BackupResult{Device: "sw1", Status: api.StatusFailed, Cause: "internal", Message: evil, Hint: evil, Notes: []string{evil},
		Facts: api.Facts{Image: evil}, Files: []api.File{{Path: evil, Kind: api.KindImage, Size: 1 << 62, Cause: "stalled", Message: "x" + evil}},
		Plan: &api.BackupPlan{Commands: []string{"copy " + evil}, Bytes: 1 << 62}}
	for _, asJSON := range []bool{false, true} {
		var out, errs, frames bytes.Buffer
		var fleet terminal.Fleet
		p := &program{output: output{out: &out, err: &errs, json: asJSON, verbose: true}}
		show := p.showFleet()
		for _, step := range []api.Step{api.StepLogin, api.StepLook, api.StepVerify, api.StepWait, api.StepCopy, api.StepKept, api.StepDone} {
			e := api.Event{Device: "sw1" + evil, Step: step, File: "flash:/" + evil, Size: -1, Status: result.Status, Cause: result.Cause}
			show.Event(e)
			fleet.Add(e, time.Now())
			frames.WriteString(strings.Join(fleet.Lines(terminal.Size{Columns: 500, Rows: 24}, time.Now(), terminal.Palette{}), "\n"))
		}
		show.Close()
		if err := reportBackups(&p.output, []api.BackupResult{result}); !errors.Is(err, errDevicesFailed) {
			t.Errorf("error %v", err)
		}
		wantPrintable(t, "standard output", out.String())
		wantPrintable(t, "the progress", errs.String())
		wantPrintable(t, "the frames", frames.String())
	}
}
