package terminal_test

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"flashwarden/internal/terminal"
)

func TestAmounts(t *testing.T) {
	const day = 24 * time.Hour
	for _, test := range []struct{ got, want string }{
		{terminal.Bytes(-1), "?"},
		{terminal.Bytes(0), "0 B"},
		{terminal.Bytes(999), "999 B"},
		{terminal.Bytes(1000), "1.0 kB"},
		{terminal.Bytes(18_286_080), "18.3 MB"},
		{terminal.Bytes(999_999), "1.0 MB"},
		{terminal.Bytes(2_100_000_000), "2.1 GB"},
		{terminal.Bytes(math.MaxInt64), "9.2 EB"},
		{terminal.ExactBytes(999), "999 B"},
		{terminal.ExactBytes(123_456), "123.5 kB (123,456 bytes)"},
		{terminal.ExactBytes(18_286_080), "18.3 MB (18,286,080 bytes)"},
		{terminal.Thousands(0), "0"},
		{terminal.Thousands(123_456), "123,456"},
		{terminal.Thousands(-1_234), "-1,234"},
		{terminal.Rate(0), "0 B/s"},
		{terminal.Rate(38e6), "38 MB/s"},
		{terminal.Rate(3.84e6), "3.8 MB/s"},
		{terminal.Rate(math.Inf(1)), "?"},
		{terminal.Duration(-time.Second), "0 s"},
		{terminal.Duration(59*time.Second + 499*time.Millisecond), "59 s"},
		{terminal.Duration(59*time.Second + 500*time.Millisecond), "1 min"},
		{terminal.Duration(3*time.Minute + 29*time.Second), "3 min"},
		{terminal.Duration(59*time.Minute + 29*time.Second), "59 min"},
		{terminal.Duration(59*time.Minute + 30*time.Second), "1 h"},
		{terminal.Duration(130 * time.Minute), "2 h 10 min"},
		{terminal.Age(-time.Hour), "now"},
		{terminal.Age(59 * time.Second), "now"},
		{terminal.Age(time.Minute), "1 minute"},
		{terminal.Age(5*time.Hour + 59*time.Minute), "5 hours"},
		{terminal.Age(day), "1 day"},
		{terminal.Age(40 * day), "40 days"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
}

func TestText(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{terminal.Printable("a\x1b[2Jb\nc"), "a\\x1b[2Jb\nc"},
		{terminal.OneLine("a\nb\u202e"), `a\nb\u202e`},
		{terminal.Cut("flash:/x.bin", 12), "flash:/x.bin"},
		{terminal.Cut("flash:/x.bin", 8), "flash:/…"},
		{terminal.Cut("flash:/x.bin", 1), "…"},
		{terminal.Cut("flash:/x.bin", 0), ""},
		{terminal.Pad("ab", 4) + "|", "ab  |"},
		{terminal.Pad("abc", 2) + "|", "abc|"},
		{terminal.Pad("設定", 5) + "|", "設定 |"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
	if w := terminal.Width("設定é…"); w != 6 {
		t.Errorf("width %d, want 6", w)
	}
}

func TestColour(t *testing.T) {
	for _, test := range []struct {
		setting    string
		isTerminal bool
		env        map[string]string
		painted    bool
	}{
		{"auto", true, nil, true},
		{"", true, map[string]string{"TERM": "xterm"}, true},
		{"auto", false, nil, false},
		{"auto", true, map[string]string{"NO_COLOR": "1"}, false},
		{"auto", true, map[string]string{"TERM": "dumb"}, false},
		{"always", false, map[string]string{"NO_COLOR": "1"}, true},
		{"never", true, nil, false},
	} {
		p, err := terminal.NewPalette(test.setting, test.isTerminal, func(name string) string { return test.env[name] })
		if painted := strings.Contains(p.Paint(terminal.Bad, "x"), "\x1b[31m"); err != nil || painted != test.painted {
			t.Errorf("%+v: painted %t, %v", test, painted, err)
		}
		if p.Paint(terminal.Plain, "x") != "x" || p.Paint(terminal.Good, "") != "" {
			t.Errorf("%+v: it paints a plain or an empty text", test)
		}
	}
	if _, err := terminal.NewPalette("green", true, os.Getenv); err == nil || !strings.Contains(err.Error(), "auto, always or never") {
		t.Errorf("error %v", err)
	}
}

// TestNoTerminal: a file and a buffer have no screen.
func TestNoTerminal(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, v := range []any{f, &strings.Builder{}, nil} {
		if terminal.IsTerminal(v) || terminal.SizeOf(v) != (terminal.Size{}) {
			t.Errorf("%T is a terminal of %v", v, terminal.SizeOf(v))
		}
	}
}
