// Package packaging has the tests of the files from which packages are made. Package e2e
// installs them.
package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"flashwarden/internal/config"
	"flashwarden/internal/testlevel"
)

// TestDefaultConfiguration: the configuration of the package changes nothing, and neither do
// the settings that it shows as comments.
func TestDefaultConfiguration(t *testing.T) {
	text, err := os.ReadFile("../internal/config/starter.yaml")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile(`(?m)^#([a-z ])`).ReplaceAllString(strings.SplitAfterN(string(text), "\n\n", 2)[1], "$1")
	if !strings.Contains(shown, "\nschedule:\n") {
		t.Fatalf("the configuration shows no schedule:\n%s", shown)
	}
	for _, text := range []string{string(text), shown} {
		file := filepath.Join(t.TempDir(), "flashwarden.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := config.Load(file, nil)
		if err != nil || !reflect.DeepEqual(got, config.Default()) {
			t.Errorf("%v: %+v\n%s", err, got, text)
		}
	}
}

// needAnalyze returns the program of systemd that judges units.
func needAnalyze(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		testlevel.Missing(t, "no systemd-analyze: Debian has it in the package systemd")
	}
	return program
}

// TestUnitsAreHardened has systemd judge the units that run flashwarden: 0 is the best, 10 the
// worst. They keep one capability, for port 69; the TFTP server alone, which begins as root, has more.
func TestUnitsAreHardened(t *testing.T) {
	program := needAnalyze(t)
	for unit, most := range map[string]string{"systemd/flashwarden.service": "20", "systemd/flashwarden-backup.service": "20", "systemd/flashwarden-tftpd.service": "30"} {
		out, err := exec.Command(program, "security", "--no-pager", "--offline=yes", "--threshold="+most, unit).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", unit, err, out)
		}
		text, err := os.ReadFile(unit)
		if err != nil || most == "20" && strings.Count(string(text), "=CAP_NET_BIND_SERVICE\n") != 2 {
			t.Errorf("%s: error %v; want CAP_NET_BIND_SERVICE alone", unit, err)
		}
	}
}

// TestUnits has systemd read all units.
func TestUnits(t *testing.T) {
	program := needAnalyze(t)
	units, err := filepath.Glob("systemd/*")
	if err != nil || len(units) != 6 {
		t.Fatalf("%v, %v: want six units", units, err)
	}
	dir := t.TempDir()
	var copies []string
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(dir, filepath.Base(unit))
		there := strings.NewReplacer("/usr/bin/flashwarden", "/bin/true", "/usr/lib/flashwarden/mail-failure", "/bin/true") // programs that are on this host
		if err := os.WriteFile(copied, []byte(there.Replace(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
		copies = append(copies, copied)
	}
	if out, err := exec.Command(program, append([]string{"verify", "--man=no"}, copies...)...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// TestCompose reads the configuration of the service in compose.yaml.
func TestCompose(t *testing.T) {
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var compose struct {
		Services map[string]struct{ Environment map[string]string }
	}
	if err := yaml.Unmarshal(text, &compose); err != nil {
		t.Fatal(err)
	}
	var env []string
	for name, value := range compose.Services["flashwarden"].Environment {
		env = append(env, name+"="+strings.ReplaceAll(value, "${ADDRESS:?}", "192.0.2.5"))
	}
	got, err := config.Load("", env)
	if err != nil || got.Catalog == "" || !got.TFTP.Advertise.IsValid() {
		t.Errorf("%v: %+v", err, got)
	}
}

// TestMailOfFailure: the mail has the headers and the state of the unit.
func TestMailOfFailure(t *testing.T) {
	dir := t.TempDir()
	for name, script := range map[string]string{
		"systemctl": "#!/bin/sh\necho \"state of $5\"\nexit 3\n",
		"sendmail":  "#!/bin/sh\necho \"$*\" > " + dir + "/arguments\ncat > " + dir + "/mail\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("./mail-failure", "flashwarden-backup.service")
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "MAILTO=noc@example.net", "SENDMAIL="+dir+"/sendmail")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	mail, _ := os.ReadFile(filepath.Join(dir, "mail"))
	for _, want := range []string{"To: noc@example.net\nSubject: [", "] flashwarden-backup.service failed\n", "\n\nstate of flashwarden-backup.service\n"} {
		if !strings.Contains(string(mail), want) {
			t.Errorf("the mail lacks %q:\n%s", want, mail)
		}
	}
}
