package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestManualPages wants a page for each command that the help lists, with its flags and
// examples, and no text that roff would take for a request.
func TestManualPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	var out bytes.Buffer
	p := &program{output: output{out: &out, err: &out}}
	if code := p.main([]string{"man", dir}); code != 0 || out.Len() > 0 {
		t.Fatalf("man ended with %d, and printed\n%s", code, &out)
	}
	requests := regexp.MustCompile(`(?m)^\.(TH|SH|PP|TP|IP|BR?|I|br|nf|fi)( .*)?$`)
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		page := filepath.Join(dir, manualName(cmd)+".1")
		text, err := os.ReadFile(page)
		if err != nil && !cmd.Hidden {
			t.Error(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && !requests.MatchString(line) {
				t.Errorf("%s: roff would not print the line %q", page, line)
			}
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit((&program{}).command())
	text, _ := os.ReadFile(filepath.Join(dir, "flashwarden-restore.1"))
	for _, want := range []string{".SH NAME\nflashwarden\\-restore \\- ", "\\fB\\-\\-set\\-boot\\fR", ".SH EXAMPLES\n.nf\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page of restore lacks %q:\n%s", want, text)
		}
	}
	formatted(t, filepath.Join(dir, "flashwarden.1"))
}

// formatted has man format a page, and wants no warning.
func formatted(t *testing.T, page string) {
	t.Helper()
	if _, err := exec.LookPath("groff"); err != nil {
		return // lintian judges all pages of the package
	}
	out, err := exec.Command("groff", "-man", "-Tutf8", "-ww", "-z", page).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("groff: %v\n%s", err, out)
	}
}
