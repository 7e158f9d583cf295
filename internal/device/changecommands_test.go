package device

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/vty"
)

func TestDo(t *testing.T) {
	d, _ := on(map[string]string{"write memory": "Building configuration...\n[OK]\n", "delete flash:x": "%Error deleting flash:/x (No such file or directory)\n"})
	if err := d.Do(t.Context(), ios.SaveConfig()); err != nil {
		t.Errorf("write memory: %v", err)
	}
	if err := d.Do(t.Context(), ios.Delete("flash:x")); cause.Of(err) != cause.SourceMissing {
		t.Errorf("delete: %v", err)
	}
}

// TestConfigureLeaves checks that Configure leaves configuration mode after a
// refused line, and types no line after it.
func TestConfigureLeaves(t *testing.T) {
	d, f := on(map[string]string{"configure terminal": "", "boot system flash:a": "", "end": ""})
	if err := d.Configure(t.Context(), []string{"boot system flash:a", "boot nonsense", "boot system flash:a"}); cause.Of(err) != cause.CommandRejected {
		t.Errorf("configure: %v", err)
	}
	if want := []string{"configure terminal", "boot system flash:a", "boot nonsense", "end"}; !slices.Equal(f.typed, want) {
		t.Errorf("typed %q", f.typed)
	}
}

// reloading is a terminal that asks questions and then ends, as configured.
type reloading struct {
	*fake
	questions []string
	err       error
}

func (r *reloading) RunLong(_ context.Context, _ string, _ time.Duration, ask vty.Ask) (string, error) {
	for _, q := range r.questions {
		answer, stop := ask(q)
		r.typed = append(r.typed, answer)
		if stop != nil {
			return "", stop
		}
	}
	return "", r.err
}

func TestRestart(t *testing.T) {
	save, proceed := "System configuration has been modified. Save? [yes/no]:", "Proceed with reload? [confirm]"
	for _, c := range []struct {
		name      string
		questions []string
		err       error
		want      cause.Cause
		typed     string
	}{
		{"it goes", []string{save, proceed}, errLost, "", "no y"},
		{"it never asked", nil, nil, cause.CommandRejected, ""},
		{"lost before the yes", []string{save}, errLost, cause.SessionLost, "no"},
		{"something else", []string{"Erase nvram: before reload? [confirm]"}, nil, cause.UnsafePrompt, "n"},
	} {
		r := &reloading{fake: &fake{}, questions: c.questions, err: c.err}
		if err := newDevice(r, nil).Restart(t.Context(), ios.Reload()); cause.Of(err) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := strings.Join(r.typed, " "); got != c.typed {
			t.Errorf("%s: typed %q", c.name, got)
		}
	}
}

func TestUptime(t *testing.T) {
	d, _ := on(map[string]string{"show version": showVersion})
	if up, err := d.Uptime(t.Context()); err != nil || up != 74*time.Hour {
		t.Errorf("up %v, %v", up, err)
	}
}

// TestBootOfTheActiveMember has a stack whose active member is not the first one.
func TestBootOfTheActiveMember(t *testing.T) {
	version := showVersion + "\nSwitch Ports Model              SW Version            SW Image\n------ ----- -----              ----------            ----------\n" +
		"     1 28    WS-C3750G-24TS-1U  12.2(55)SE1           C3750-IPBASE-M\n*    2 28    WS-C3750G-24TS-1U  12.2(55)SE1           C3750-IPBASE-M\n\nConfiguration register is 0xF\n"
	d, line := on(map[string]string{"show version": version, "show switch": invalid,
		"show boot": "-------------------\nSwitch 1\n-------------------\nBOOT path-list      : flash:/one.bin\n-------------------\nSwitch 2\n-------------------\nBOOT path-list      : flash:/two.bin\n"})
	f, err := d.Facts(t.Context())
	if err != nil || f.BootPath != "flash:/two.bin" {
		t.Errorf("BOOT is %q, %v", f.BootPath, err)
	}
	typed := len(line.typed)
	known := d.BootOfFacts()
	if len(line.typed) != typed {
		t.Errorf("typed %q", line.typed[typed:])
	}
	b, err := d.Boot(t.Context())
	if err != nil || len(b.Units) != 2 || b.Units[0].Unit != "switch 2" || !reflect.DeepEqual(b, known) {
		t.Errorf("%+v, %+v, %v", b, known, err)
	}
}

// TestSavedBootConfig reads the boot lines of the startup-config, also on software
// without output filters and where there is no startup-config.
func TestSavedBootConfig(t *testing.T) {
	const whole = "Using 90 out of 32768 bytes\n!\nversion 11.2\nhostname a\nboot system flash:x\nend\n"
	for name, c := range map[string]struct {
		outputs map[string]string
		lines   int // -1: it cannot be read
	}{
		"filtered":    {map[string]string{ios.ShowSavedBootConfig: "hostname a\nboot system flash:x\nboot system flash:y\nend\n"}, 2},
		"no filters":  {map[string]string{"show startup-config": whole}, 1},
		"no lines":    {map[string]string{ios.ShowSavedBootConfig: "hostname a\nend\n"}, 0},
		"none at all": {map[string]string{ios.ShowSavedBootConfig: "startup-config is not present\n"}, 0},
		"cut off":     {map[string]string{ios.ShowSavedBootConfig: "hostname a\nboot system flash:x\n"}, -1},
		"denied":      {map[string]string{ios.ShowSavedBootConfig: "Command authorization failed.\n\n"}, -1},
	} {
		d, _ := on(c.outputs)
		got, err := d.SavedBootConfig(t.Context())
		if (err != nil) != (c.lines < 0) || err == nil && len(got.Lines) != c.lines || got.Absent != (name == "none at all") {
			t.Errorf("%s: %q, %v", name, got.Lines, err)
		}
	}
}
