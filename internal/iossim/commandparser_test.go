package iossim

import (
	"strings"
	"testing"
)

// offline returns a session without a terminal, for tests of the parser.
func offline(t *testing.T, profile string, privileged bool) *session {
	t.Helper()
	s, err := New(profile, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &session{dialogue: dialogue{sw: s}, privileged: privileged}
}

func TestParse(t *testing.T) {
	t.Parallel()
	s := offline(t, "c9300", true)
	for line, want := range map[string]string{
		"show version":                      "show version",
		"sh ver":                            "show version",
		"SHOW Version":                      "show version",
		"  sh   ver  ":                      "show version",
		"sh fl":                             "show flash:",
		"sh flash":                          "show flash:",
		"sh file sys":                       "show file systems",
		"sh ip int br":                      "show ip interface brief",
		"ter len 0":                         "terminal length <0-512>",
		"terminal width 511":                "terminal width <0-512>",
		"ter no mon":                        "terminal no monitor",
		"dir":                               "dir",
		"dir flash:/html":                   "dir Path",
		"dir all-filesystems":               "dir all-filesystems",
		"dir /rec flash:":                   "dir /recursive Path",
		"dir /recursive all":                "dir /recursive all-filesystems",
		"verify /md5 flash:/x":              "verify /md5 File",
		"verify /md5 flash:/x 0123":         "verify /md5 File Digest",
		"verify /sha flash:/x":              "verify /sha512 File",
		"verify /x.bin":                     "verify File",
		"copy flash: tftp:":                 "copy From To",
		"cop flash:x tftp: vrf Mgmt-vrf":    "copy From To vrf Name",
		"copy flash:/a tftp://192.0.2.1//b": "copy From To",
	} {
		m, bad := parse(s.commands(), line)
		if bad != nil || m.command.words != want {
			t.Errorf("%q is %q (%v), want %q", line, m.command.words, bad, want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	const invalid = "% Invalid input detected at '^' marker."
	for _, c := range []struct {
		profile    string
		privileged bool
		line       string
		want       string
		at         int
	}{
		{"c3750", true, "nonsense", invalid, 0},
		{"c3750", true, "show nonsense", invalid, 5},
		{"c3750", true, "show vexsion", invalid, 7},
		{"c3750", true, "show version now", invalid, 13},
		{"c3750", true, "terminal length 513", invalid, 16},
		{"c3750", true, "terminal length x", invalid, 16},
		{"c3750", true, "verify /sha512 flash:x", invalid, 8},
		{"c3750", true, "copy flash:x tftp: vrf Mgmt", invalid, 19},
		{"c3500xl", true, "verify /md5 flash:x", invalid, 7},
		{"c3500xl", true, "dir /recursive", invalid, 5},
		{"c3500xl", true, "show switch", invalid, 6},
		{"c3500xl", false, "copy flash: tftp:", invalid, 0},
		{"c3500xl", false, "show boot", invalid, 5},
		{"c3750", true, "copy", "% Incomplete command.", -1},
		{"c3750", true, "copy flash:", "% Incomplete command.", -1},
		{"c3750", true, "show", "% Incomplete command.", -1},
		{"c3750", true, "terminal length", "% Incomplete command.", -1},
		{"c3750", true, "d", `% Ambiguous command:  "d"`, -1},
		{"c3750", true, "show f", `% Ambiguous command:  "show f"`, -1},
	} {
		_, bad := parse(offline(t, c.profile, c.privileged).commands(), c.line)
		if bad == nil || bad.text != c.want || bad.at != c.at {
			t.Errorf("%s: %q: %+v, want %q at %d", c.profile, c.line, bad, c.want, c.at)
		}
	}
}

// The caret is under the first wrong character.
func TestCaretPosition(t *testing.T) {
	t.Parallel()
	s := launch(t, "c3750", Options{})
	l := atPrompt(t, s)
	out := l.run("show vexsion", "#")
	at := strings.Index(s.Hostname()+"#show vexsion", "xsion")
	if want := strings.Repeat(" ", at) + "^\r\n% Invalid input"; !strings.HasPrefix(out, want) {
		t.Errorf("it said\n%s\nwant\n%s", out, want)
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	commands := offline(t, "c3500xl", true).commands()
	for line, want := range map[string]string{
		"sh":              "show\n",
		"d":               "delete  dir  disable\n",
		"verify /":        "% Unrecognized command\n",
		"no such command": "% Unrecognized command\n",
		"terminal ":       "  length             Set number of lines on a screen\n  monitor            Copy log messages to this terminal\n  no                 Negate a command\n  width              Set width of the display terminal\n",
		"show version ":   "  <cr>               \n",
	} {
		if got := help(commands, line); got != want {
			t.Errorf("%q?\n%s\nwant\n%s", line, got, want)
		}
	}
	for _, c := range commands {
		for _, w := range strings.Fields(c.words) {
			if explain(w) == "" {
				t.Errorf("no help for %q", w)
			}
		}
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	commands := offline(t, "c3750", true).commands()
	for line, want := range map[string]string{
		"sh": "show ", "sh ver": "sh version ", "d": "d", "": "", "sh ": "sh ", "more fla": "more fla", "xx": "xx", "show version x y": "show version x y",
	} {
		if got := completion(commands, line); got != want {
			t.Errorf("%q completes to %q, want %q", line, got, want)
		}
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	text := "interface A\n ip address\n shut\ninterface B\n mtu\nline vty\n"
	for filter, want := range map[string]string{
		" include ip":           " ip address\n",
		"i ^line":               "line vty\n",
		"exclude ^ ":            "interface A\ninterface B\nline vty\n",
		"begin interface B":     "interface B\n mtu\nline vty\n",
		"section interface A":   "interface A\n ip address\n shut\n",
		"include nothing of it": "",
	} {
		if got, ok := filterLines(text, filter); !ok || got != want {
			t.Errorf("| %s gave %q (%v), want %q", filter, got, ok, want)
		}
	}
	for _, bad := range []string{"", "frobnicate x", "include ("} {
		if _, ok := filterLines(text, bad); ok {
			t.Errorf("| %s was taken", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("show version | include x")
	f.Add("terminal length 99999999999999999999")
	s, err := New("c9300", Options{})
	if err != nil {
		f.Fatal(err)
	}
	commands := (&session{dialogue: dialogue{sw: s}, privileged: true}).commands()
	f.Fuzz(func(t *testing.T, line string) {
		if _, bad := parse(commands, line); bad != nil && bad.at > len(line) {
			t.Errorf("caret at %d behind the line", bad.at)
		}
		help(commands, line)
		completion(commands, line)
		s.dirText(line, false)
		parseTFTP(line)
		if place(line) == "" && line != "" {
			t.Errorf("%q stands for nothing", line)
		}
	})
}
