package terminal_test

import (
	"strings"
	"testing"

	"flashwarden/internal/terminal"
)

// TestPager: an empty PAGER, and cat, mean none.
func TestPager(t *testing.T) {
	for _, test := range []struct {
		value string
		set   bool
		want  string
	}{{"", true, ""}, {"cat", true, ""}, {"more -s", true, "more -s"}} {
		if got := terminal.Pager(func(string) (string, bool) { return test.value, test.set }); got != test.want {
			t.Errorf("PAGER=%q: %q, want %q", test.value, got, test.want)
		}
	}
}

// TestPageWithoutTerminal writes the text and starts nothing.
func TestPageWithoutTerminal(t *testing.T) {
	var out strings.Builder
	text := strings.Repeat("a line\n", 1000)
	if err := terminal.Page(&out, text, "false"); err != nil || out.String() != text {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
}
