package vty

import (
	"bytes"
	"strings"
	"testing"
)

func TestScreen(t *testing.T) {
	tests := []struct{ name, in, text, last string }{
		{"lines", "a\r\nb\nc", "a\nb\n", "c"},
		{"doubled returns", "a\r\r\nb\n\rc", "a\nb\n", "c"},
		{"overwritten", "abcdef\rxyz", "", "xyzdef"},
		{"backspace", "abc\b\bX\r\n\b\bY", "aXc\n", "Y"},
		{"backspace echo of a rubbed out character", "abc\b \bd\r\n", "abd\n", ""},
		{"wiped pager", " --More-- \b\b\b\b\b\b\b\b\b\b          \b\b\b\b\b\b\b\b\b\b!\r\n", "!\n", ""},
		{"trailing blanks are kept", "a  \r\n", "a  \n", ""},
		{"the last line without them", "SW1# ", "", "SW1#"},
		{"bell and NUL", "a\x07b\x00c\x7f", "", "abc"},
		{"colour", "\x1b[1;31ma\x1b[0mb", "", "ab"},
		{"title", "\x1b]0;x y\x07a\x1b]0;x\x1b\\b", "", "ab"},
		{"short escapes", "\x1bcA\x1b(BB\x1b=C", "", "ABC"},
		{"escape broken by a line end", "\x1b[12\nab", "", "ab"},
		{"tab", "a\tb\r\n", "a\tb\n", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var s screen
			s.feed([]byte(test.in))
			if string(s.text) != test.text || s.last() != test.last {
				t.Errorf("text %q, last line %q", s.text, s.last())
			}
			s.reset()
			if len(s.text) > 0 || s.last() != "" || s.taken != 0 {
				t.Errorf("after reset: %+v", s)
			}
		})
	}
}

func TestScreenClear(t *testing.T) {
	for in, want := range map[string]string{
		"one\nSW1# ": "", "one\n*Mar  1 00:21:16.251: %SYS-5-CONFIG_I: Conf": "*Mar  1 00:21:16.251: %SYS-5-CONFIG_I: Conf",
	} {
		var s screen
		s.feed([]byte(in))
		s.clear()
		if len(s.text) > 0 || s.last() != want || s.taken != 0 {
			t.Errorf("%q: text %q, last line %q", in, s.text, s.last())
		}
	}
}

func TestScreenLastIsBounded(t *testing.T) {
	var s screen
	s.feed([]byte(strings.Repeat("!", 1<<20) + "SW1#"))
	if last := s.last(); len(last) != lastLength || !strings.HasSuffix(last, "!SW1#") {
		t.Errorf("%d bytes: %q", len(last), last)
	}
}

// FuzzScreen checks three rules: the text does not depend on how it is cut, it
// is never longer than the input, and it has no control sequences.
func FuzzScreen(f *testing.F) {
	f.Add([]byte("a\r\n --More-- \b\b \b\b\x1b[K\x1b]0;x\x07\r\nSW1#"), uint8(2))
	f.Fuzz(func(t *testing.T, in []byte, size uint8) {
		var whole, cut screen
		whole.feed(in)
		for rest := in; len(rest) > 0; {
			n := min(len(rest), int(size)+1)
			cut.feed(rest[:n])
			rest = rest[n:]
		}
		if !bytes.Equal(whole.text, cut.text) || !bytes.Equal(whole.line, cut.line) || whole.taken != len(in) {
			t.Fatalf("whole %q %q, in pieces %q %q", whole.text, whole.line, cut.text, cut.line)
		}
		if len(whole.text)+len(whole.line) > len(in) || whole.cursor < 0 || whole.cursor > len(whole.line) {
			t.Fatalf("%d bytes became %d and %d, cursor %d", len(in), len(whole.text), len(whole.line), whole.cursor)
		}
		if i := bytes.IndexFunc(append(whole.text, whole.line...), func(r rune) bool { return r < 0x20 && r != '\n' && r != '\t' }); i >= 0 {
			t.Fatalf("control character at %d", i)
		}
	})
}
