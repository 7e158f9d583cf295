package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"flashwarden/internal/config"
)

// TestEveryCommandHasAnExample goes through all commands, those that cobra
// makes too, and prints the help of each. The list of them fits a screen of 80 columns. Each file of help
// belongs to one of them.
func TestEveryCommandHasAnExample(t *testing.T) {
	files, err := fs.Glob(helpTexts, "help/*")
	if err != nil {
		t.Fatal(err)
	}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if !strings.Contains(cmd.Example, "flashwarden ") || cmd.Short == "" {
			t.Errorf("the help of %q has no example, or nothing that says what it does", cmd.CommandPath())
		}
		if n := len("  completion  " + cmd.Short); n > 80 {
			t.Errorf("%q takes %d columns in the list of commands", cmd.Short, n)
		}
		var out bytes.Buffer
		p := &program{output: output{out: &out, err: &out}}
		if code := p.main(append(strings.Fields(cmd.CommandPath())[1:], "--help")); code != 0 || !strings.Contains(out.String(), "\nExamples:\n") {
			t.Errorf("%s --help ended with %d, and printed\n%s", cmd.CommandPath(), code, &out)
		}
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			if len(line) > 80 {
				t.Errorf("%s: an example is wider than a terminal: %s", cmd.CommandPath(), line)
			}
		}
		files = slices.DeleteFunc(files, func(file string) bool { return file == "help/"+helpFile(cmd) })
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit((&program{}).command())
	if len(files) > 0 {
		t.Errorf("no command has the help in %v", files)
	}
}

// TestUntold: an error that was printed hides no other error.
func TestUntold(t *testing.T) {
	server := errors.New("the TFTP server stopped")
	for _, c := range []struct{ err, want error }{
		{errDevicesFailed, nil},
		{errors.Join(errDevicesFailed), nil},
		{errors.Join(errProblems, errors.Join(errDevicesFailed)), nil},
		{server, server},
		{errors.Join(errors.Join(errDevicesFailed), server), server},
	} {
		got := unprinted(c.err)
		if (got == nil) != (c.want == nil) || got != nil && got.Error() != c.want.Error() {
			t.Errorf("of %v is left %v, want %v", c.err, got, c.want)
		}
	}
}

// TestDefaultConfiguration has a default configuration file that is not there,
// one that is read, and one that exists and cannot be read: it may forbid
// things, so that nothing is done without it.
func TestDefaultConfiguration(t *testing.T) {
	dir := t.TempDir()
	good, loop := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "loop.yaml")
	if err := os.WriteFile(good, []byte("ssh: {unknown-hosts: refuse}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(loop, loop); err != nil { // root too cannot read it
		t.Fatal(err)
	}
	for _, c := range []struct{ etc, want string }{{filepath.Join(dir, "none.yaml"), "accept-new"}, {good, "refuse"}} {
		cfg, err := environment{etc: c.etc}.config()
		if err != nil || cfg.SSH.UnknownHosts != c.want {
			t.Errorf("%s: unknown-hosts %q, error %v; want %q", c.etc, cfg.SSH.UnknownHosts, err, c.want)
		}
	}
	var wrong *config.Error
	if _, err := (environment{etc: loop}).config(); !errors.As(err, &wrong) || exitCode(err, nil) != 2 {
		t.Errorf("a file that cannot be read: error %v, exit code %d", err, exitCode(err, nil))
	}
}
