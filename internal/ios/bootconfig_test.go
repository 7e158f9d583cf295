package ios

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"flashwarden/internal/cause"
)

func TestParseBootConfig(t *testing.T) {
	c, err := ParseBootConfig("hostname sw1\nboot system switch all flash:packages.conf\nboot system flash bootflash:x.bin\nfile prompt quiet\nend\n")
	if err != nil || !slices.Equal(c.Lines, []BootLine{"boot system switch all flash:packages.conf", "boot system flash bootflash:x.bin"}) || c.FilePrompt != "quiet" {
		t.Errorf("%+v, %v", c, err)
	}
	for line, want := range map[string]bool{"system ignore startupconfig switch all": true, "no system ignore startupconfig switch all": false} {
		if c, err := ParseBootConfig("hostname sw1\n" + line + "\nend\n"); err != nil || c.IgnoresStartup != want {
			t.Errorf("%s: %+v, %v", line, c, err)
		}
	}
	if _, err := ParseBootConfig("end\n"); cause.Of(err) != cause.NotPermittedOnDevice {
		t.Errorf("a part of a configuration: %v", err)
	}
	if _, err := ParseBootConfig("                         ^\n% Invalid input detected at '^' marker.\n"); cause.Of(err) != cause.CommandRejected {
		t.Errorf("no filter: %v", err)
	}
}

// TestROMVariables reads show romvar in the forms of a Catalyst 9300 and of an
// Industrial Ethernet switch; both are written by hand.
func TestROMVariables(t *testing.T) {
	for text, want := range map[string]bool{
		"ROMMON variables:\n PS1=\"switch: \"\n SWITCH_IGNORE_STARTUP_CFG=\"1\"\n": true, "SWITCH_IGNORE_STARTUP_CFG=1": true,
		" SWITCH_IGNORE_STARTUP_CFG=\"0\"\n MANUAL_BOOT=\"no\"": false, "MANUAL_BOOT = yes\nConfigReg = 0x142\nBSI = 0": true,
		"MANUAL_BOOT = yes\nConfigReg = 0x102": false, "% Invalid input detected at '^' marker.": false,
	} {
		if got := ParseROMVariables(text).IgnoresStartup(); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

// TestManualBootThatIsNotSet distinguishes a Catalyst whose Manual Boot was never set
// from a router, which has none.
func TestManualBootThatIsNotSet(t *testing.T) {
	for text, want := range map[string]bool{"BOOT variable = bootflash:packages.conf;\nMANUAL_BOOT variable does not exist\n": true, "BOOT variable = bootflash:x,1;\n": false} {
		b, err := ParseBoot(text)
		if err != nil || b.Units[0].HasManualBoot != want || b.Units[0].ManualBoot != nil {
			t.Errorf("%q: %+v, %v", text, b, err)
		}
	}
}

func TestBootLineFile(t *testing.T) {
	for line, want := range map[BootLine]string{
		"boot system flash:/x.bin": "flash:/x.bin", "boot system flash x.bin": "x.bin", "boot system switch all flash:a;flash:b": "flash:a;flash:b",
		"boot system switch 2 flash:/x": "flash:/x", "boot system flash bootflash:x": "bootflash:x", "boot system rom": "", "boot system flash": "",
		"boot system tftp x 192.0.2.9": "", "boot system": "", "boot system bootflash:x": "bootflash:x",
	} {
		if got := line.File(); got != want {
			t.Errorf("%s: %q", line, got)
		}
	}
}

func TestBootLineUnit(t *testing.T) {
	for line, want := range map[BootLine]string{
		"boot system switch 2 flash:/x": "switch 2", "boot system switch all flash:/x": "", "boot system flash:/x": "", "boot system": "", "boot system flash x": "",
	} {
		if got := line.Unit(); got != want {
			t.Errorf("%s: %q", line, got)
		}
	}
}

func equalText(a, b string) bool { return a == b }

// TestAddBootLines wants the new line first behind the others, and each of these
// removed by itself.
func TestAddBootLines(t *testing.T) {
	if got := SetBootList(true, []string{"flash:/a", "flash:/b"}).Lines; !slices.Equal(got, []string{"boot system switch all flash:/a;flash:/b"}) {
		t.Errorf("one setting: %q", got)
	}
	for name, c := range map[string]struct {
		now    []BootLine
		images []string
		want   [][]string
	}{
		"none before": {nil, []string{"flash:n", "flash:o"}, [][]string{{"boot system flash:n", "boot system flash:o"}}},
		"one before": {[]BootLine{"boot system flash bootflash:o"}, []string{"bootflash:n", "bootflash:o"},
			[][]string{{"boot system flash bootflash:n"}, {"no boot system flash bootflash:o", "boot system flash bootflash:o"}}},
		"two before": {[]BootLine{"boot system flash:o", "boot system flash:p"}, []string{"flash:n"},
			[][]string{{"boot system flash:n"}, {"no boot system flash:o", "no boot system flash:p"}}},
		"it is there, second": {[]BootLine{"boot system flash:o", "boot system flash:n"}, []string{"flash:n", "flash:o"},
			[][]string{{"no boot system flash:o", "boot system flash:o"}}},
		"it is there, and not in force": {[]BootLine{"boot system switch all flash:n"}, []string{"flash:n"}, [][]string{{"boot system switch all flash:n"}}},
		"all are there":                 {[]BootLine{"boot system flash:n", "boot system flash:o"}, []string{"flash:n", "flash:o"}, [][]string{{"boot system flash:n"}}},
		"it is there, alone":            {[]BootLine{"boot system flash:n"}, []string{"flash:n", "flash:o"}, [][]string{{"boot system flash:o"}}},
	} {
		var got [][]string
		for _, stage := range AddBootLines(c.now, false, c.images, equalText) {
			got = append(got, stage.Lines)
		}
		if !slices.EqualFunc(got, c.want, slices.Equal) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// typed is a configuration's boot lines after these were typed. If it had some,
// there must be one at every moment.
func typed(t *testing.T, had bool, now []BootLine, lines []string) []BootLine {
	t.Helper()
	for _, line := range lines {
		if old, removes := strings.CutPrefix(line, "no "); removes {
			now = slices.DeleteFunc(slices.Clone(now), func(l BootLine) bool { return string(l) == old })
		} else if !slices.Contains(now, BootLine(line)) {
			now = append(slices.Clone(now), BootLine(line))
		}
		if had && len(now) == 0 {
			t.Errorf("after %q there is no boot line", line)
		}
	}
	return now
}

// TestBootLinesWithoutGap changes random boot lines into others, and back from
// every moment on the way. There is a boot line at every moment.
func TestBootLinesWithoutGap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"flash:a", "flash:b", "flash:c", "flash:d"}
	pick := func(least int) []string {
		r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		return slices.Clone(names[:least+r.IntN(3)])
	}
	for range 2000 {
		var before []BootLine
		for _, file := range pick(0) {
			before = append(before, BootLine("boot system "+file))
		}
		images := pick(1)
		images = images[:min(len(images), 2)]
		now, had := before, len(before) > 0
		for _, stage := range AddBootLines(before, false, images, equalText) {
			for i := range stage.Lines {
				broken := typed(t, had, now, stage.Lines[:i])
				if back := typed(t, had, broken, RestoreBootLines(broken, before)); !slices.Equal(back, before) {
					t.Fatalf("back from %q to %q: %q", broken, before, back)
				}
			}
			now = typed(t, had, now, stage.Lines)
			if got := filesOf(now); !slices.Equal(got, stage.Boot) {
				t.Fatalf("from %q to %q: stage %q leaves %q", before, images, stage, got)
			}
		}
		if got := filesOf(now); !slices.Equal(got, images) {
			t.Fatalf("from %q to %q: %q", before, images, got)
		}
	}
}
