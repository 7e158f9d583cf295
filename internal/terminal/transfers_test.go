package terminal_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/terminal"
)

// TestTransfers has a transfer that breaks off, one that completes, and
// requests that are refused, with and without a frame.
func TestTransfers(t *testing.T) {
	const peer = "192.0.2.11:50000"
	for framed, want := range map[bool][]string{
		false: {"192.0.2.11 fetches c3750.bin", "192.0.2.11 fetches c3750.bin: 5.0 MB of 18.3 MB",
			"192.0.2.11 fetches c3750.bin: interrupted after 5.0 MB: timeout; the device may try again"},
		true: {"192.0.2.11 fetches c3750.bin: interrupted after 5.0 MB: timeout; the device may try again"},
	} {
		x := terminal.Transfers{Framed: framed}
		var lines []string
		add := func(after time.Duration, e api.Event) {
			e.Remote, e.File = peer, "c3750.bin"
			lines = append(lines, x.Add(e, start.Add(after))...)
		}
		add(0, api.Event{Step: api.StepTransfer, Bytes: 5}) // of no request that is known
		add(0, api.Event{Step: api.StepRequest, Size: 18_286_080})
		add(time.Second, api.Event{Step: api.StepTransfer, Bytes: 1_000_000, Size: 18_286_080})
		add(10*time.Second, api.Event{Step: api.StepTransfer, Bytes: 5_000_000, Size: 18_286_080})
		frame := x.Lines(terminal.Size{Columns: 80, Rows: 24}, start.Add(10*time.Second), terminal.Palette{})
		if wanted := "192.0.2.11 fetches c3750.bin  [===>       ]  5.0 MB of 18.3 MB     444 kB/s"; len(frame) != 1 || frame[0] != wanted {
			t.Errorf("%q, want %q", frame, wanted)
		}
		add(11*time.Second, api.Event{Step: api.StepRefused, Error: "its end reports it"})
		add(12*time.Second, api.Event{Step: api.StepEnded, Bytes: 5_000_000, Error: "timeout"})
		if !slices.Equal(lines, want) {
			t.Errorf("framed %t: %q, want %q", framed, lines, want)
		}
		if frame := x.Lines(terminal.Size{Columns: 80, Rows: 24}, start, terminal.Palette{}); len(frame) != 0 {
			t.Errorf("after its end: %q", frame)
		}
	}
}

// TestTransferWithoutSize: the bar of a file of unknown size would say nothing.
func TestTransferWithoutSize(t *testing.T) {
	var x terminal.Transfers
	e := api.Event{Remote: "[2001:db8::1]:7", File: "up\x1b.bin", Sends: true, Size: -1, Step: api.StepRequest}
	lines := x.Add(e, start)
	e.Step, e.Bytes = api.StepTransfer, 1500
	lines = append(lines, x.Add(e, start.Add(20*time.Second))...)
	lines = append(lines, x.Lines(terminal.Size{Columns: 30, Rows: 2}, start, terminal.Palette{})...)
	e.Step = api.StepEnded
	lines = append(lines, x.Add(e, start.Add(21*time.Second))...)
	want := []string{`2001:db8::1 sends up\x1b.bin`, `2001:db8::1 sends up\x1b.bin: 1.5 kB`, `2001:db8::1 sends up…  1.5 kB`,
		`2001:db8::1 sends up\x1b.bin: complete, 1.5 kB in 21.0 s`}
	if !slices.Equal(lines, want) {
		t.Errorf("%q,\nwant %q", lines, want)
	}
}

// TestRefusals: each is shown once, and a hostile peer cannot fill the screen.
func TestRefusals(t *testing.T) {
	var x terminal.Transfers
	var lines []string
	for n := range 200 {
		e := api.Event{Step: api.StepRefused, Remote: fmt.Sprintf("192.0.2.9:%d", 1000+n), File: fmt.Sprintf("name%d", n/2), Error: "not offered"}
		lines = append(lines, x.Add(e, start)...)
	}
	if len(lines) != 51 || lines[0] != "refused: 192.0.2.9 fetches name0: not offered" || !strings.Contains(lines[50], "-v logs them") {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
}
