package terminal_test

import (
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/terminal"
)

// TestAmount shows how much is done and how long the rest takes, and nothing at the end.
func TestAmount(t *testing.T) {
	a := terminal.Amount{Word: "read"}
	for second, want := range []string{"read 0 B of 100.0 MB", "read 10.0 MB of 100.0 MB, 10 MB/s, 9 s left", "read 20.0 MB of 100.0 MB, 10 MB/s, 8 s left"} {
		now := start.Add(time.Duration(second) * time.Second)
		if lines := a.Add(api.Event{Bytes: int64(second) * 10_000_000, Size: 100_000_000}, now); lines != nil {
			t.Errorf("it prints %q", lines)
		}
		if got := strings.Join(a.Lines(terminal.Size{Columns: 80, Rows: 24}, now, terminal.Palette{}), "|"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got := strings.Join(a.Lines(terminal.Size{Columns: 10, Rows: 24}, now, terminal.Palette{}), "|"); terminal.Width(got) > 9 {
			t.Errorf("%q is too wide", got)
		}
	}
	a.Add(api.Event{Bytes: 100_000_000, Size: 100_000_000}, start.Add(time.Minute))
	if lines := a.Lines(terminal.Size{Columns: 80, Rows: 24}, start.Add(time.Minute), terminal.Palette{}); lines != nil {
		t.Errorf("at the end it shows %q", lines)
	}
}
