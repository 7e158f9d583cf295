package terminal_test

import (
	"slices"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/terminal"
)

// TestFleetSaysWhatItWaitsFor: before the first device begins, a screen shows what it waits
// for. Without a screen, a device alone has one line for each reason.
func TestFleetSaysWhatItWaitsFor(t *testing.T) {
	now, size := time.Now(), terminal.Size{Columns: 80, Rows: 24}
	const why = "all slots are taken (8 at once)"
	waits := func(device string) api.Event { return api.Event{Device: device, Step: api.StepQueued, Why: why} }

	one := terminal.Fleet{}
	one.Add(api.Event{Device: "sw1", Step: api.StepQueued}, now)
	if lines := one.Lines(size, now, terminal.Palette{}); len(lines) != 0 {
		t.Errorf("at first: %q", lines)
	}
	if lines, want := one.Add(waits("sw1"), now), []string{"sw1: waiting for its turn: " + why}; !slices.Equal(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}
	if lines := one.Add(waits("sw1"), now); lines != nil {
		t.Errorf("again: %q", lines)
	}
	if lines, want := one.Lines(size, now, terminal.Palette{}), []string{"sw1  waiting for its turn: " + why}; !slices.Equal(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}

	two := terminal.Fleet{Framed: true}
	two.Add(waits("sw10"), now)
	two.Add(waits("sw2"), now)
	if lines, want := two.Lines(size, now, terminal.Palette{}), []string{"0/2 done; sw2 is waiting for its turn: " + why}; !slices.Equal(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}
	if lines := two.Add(api.Event{Device: "sw2", Step: api.StepLogin}, now); lines != nil {
		t.Errorf("%q", lines)
	}
	if lines := two.Lines(size, now, terminal.Palette{}); len(lines) != 2 || lines[0] != "sw2  logging in" {
		t.Errorf("a device is active: %q", lines)
	}
}
