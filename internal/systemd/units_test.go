package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"flashwarden/internal/testlevel"
)

// TestUnits has systemd judge the unit files of docs.
func TestUnits(t *testing.T) {
	testlevel.NeedFull(t, "starts systemd-analyze")
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		testlevel.Missing(t, "no systemd-analyze: Debian has it in the package systemd")
	}
	units, err := filepath.Glob("../../docs/*.service")
	if err != nil || len(units) != 2 {
		t.Fatalf("%v, %v: want two units", units, err)
	}
	dir := t.TempDir()
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(dir, filepath.Base(unit)) // with a program that is there
		if err := os.WriteFile(copied, []byte(strings.ReplaceAll(string(text), "/usr/local/bin/flashwarden", "/bin/true")), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, verb := range [][]string{{"verify"}, {"security", "--offline=true", "--threshold=30", "--no-pager"}} {
			if out, err := exec.Command("systemd-analyze", append(verb, copied)...).CombinedOutput(); err != nil || verb[0] == "verify" && len(out) > 0 {
				t.Errorf("%s: systemd-analyze %s: %v\n%s", unit, verb[0], err, out)
			}
		}
	}
}
