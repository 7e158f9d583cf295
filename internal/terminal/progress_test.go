package terminal_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/api"
	"flashwarden/internal/terminal"
)

// start is the time at which the imagined operations begin.
var start = time.Date(2026, 11, 28, 2, 0, 0, 0, time.UTC)

// TestLinesOfLongDigests has digests that take seconds, which are not worth a
// line, and one that takes minutes.
func TestLinesOfLongDigests(t *testing.T) {
	f, now := terminal.Fleet{Verbose: true}, start
	var lines []string
	digest := func(file string, dots int) {
		for n := range dots + 1 {
			lines = append(lines, f.Add(api.Event{Device: "sw1", Step: api.StepVerify, File: file, Marks: n}, now)...)
			now = now.Add(time.Second)
		}
	}
	digest("flash:/a", 5)
	digest("flash:/b", 70)
	want := "sw1: verifying MD5 of flash:/b (30 dots)\nsw1: verifying MD5 of flash:/b (60 dots)"
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestOneLineForEachDevice: files and steps are not worth a line unless a person
// asks for them.
func TestOneLineForEachDevice(t *testing.T) {
	for verbose, want := range map[bool]string{
		false: "sw1: ok, 1.0 kB copied in 1.5 s",
		true: "sw1: logging in\nsw1: reading facts and listings\nsw1: copying flash:/a (1.0 kB)\nsw1: kept flash:/a\n" +
			"sw1: waiting for another device that copies the same flash:/b\nsw1: ok, 1.0 kB copied in 1.5 s",
	} {
		f := terminal.Fleet{Verbose: verbose}
		var lines []string
		for _, e := range []api.Event{
			{Step: api.StepQueued}, {Step: api.StepLogin}, {Step: api.StepLook}, {Step: api.StepVerify, File: "flash:/a"},
			{Step: api.StepCopy, File: "flash:/a", Size: 1000}, {Step: api.StepCopy, File: "flash:/a", Bytes: 500, Size: 1000}, {Step: api.StepKept, File: "flash:/a"},
			{Step: api.StepWait, File: "flash:/b"}, {Step: api.StepDone, Status: api.StatusOK, Bytes: 1000, Seconds: 1.5},
		} {
			e.Device = "sw1"
			lines = append(lines, f.Add(e, start)...)
		}
		if got := strings.Join(lines, "\n"); got != want {
			t.Errorf("verbose %t:\n%s\nwant\n%s", verbose, got, want)
		}
	}
}

// TestBar: a bar is full only when all bytes have arrived, and the end of a
// device removes it.
func TestBar(t *testing.T) {
	var f terminal.Fleet
	size := terminal.Size{Columns: 50, Rows: 5}
	line := func(e api.Event) string {
		e.Device, e.File = "sw1", "flash:/x"
		f.Add(e, start)
		return strings.TrimRight(strings.Join(f.Lines(size, start, terminal.Palette{}), "|"), " ")
	}
	for bytes, want := range map[int64]string{
		0:   "sw1  [>        ]  0 B of 1.0 kB",
		500: "sw1  [====>    ]  500 B of 1.0 kB",
		999: "sw1  [========>]  999 B of 1.0 kB", 1000: "sw1  [=========]  1.0 kB of 1.0 kB"} {
		f = terminal.Fleet{}
		if got := line(api.Event{Step: api.StepCopy, Bytes: bytes, Size: 1000}); got != want {
			t.Errorf("%d bytes: %q, want %q", bytes, got, want)
		}
	}
	if got := line(api.Event{Step: api.StepCopy, Bytes: 10, Size: -1}); got != "sw1  10 B  x" {
		t.Errorf("a file of unknown size: %q", got)
	}
	if got := line(api.Event{Step: api.StepDone, Status: api.StatusFailed, Cause: "cancelled"}); got != "" {
		t.Errorf("a cancelled device: %q", got)
	}
}

// TestFooter has a rate over the last seconds, the bytes of a second attempt,
// and a transfer that stalls.
func TestFooter(t *testing.T) {
	var f terminal.Fleet
	now := start
	footer := func() string {
		lines := f.Lines(terminal.Size{Columns: 100, Rows: 24}, now, terminal.Palette{})
		return lines[len(lines)-1]
	}
	add := func(device string, e api.Event) {
		e.Device = device
		f.Add(e, now)
	}
	for _, device := range []string{"sw1", "sw2", "sw3"} {
		add(device, api.Event{Step: api.StepQueued})
	}
	if got := footer(); got != "0/3 done" {
		t.Errorf("at the beginning: %q", got)
	}
	copied := func(device string, n int64) {
		add(device, api.Event{Step: api.StepCopy, File: "flash:/x", Bytes: n, Size: 10_000_000})
	}
	copied("sw1", 0)
	for second := range int64(6) {
		now = now.Add(time.Second)
		copied("sw1", (second+1)*1_000_000)
	}
	if got := footer(); got != "0/3 done, 6.0 MB, 1.0 MB/s, 24 s left" {
		t.Errorf("during the first copy: %q", got)
	}
	copied("sw1", 1_000_000) // again, from the beginning
	if got := footer(); !strings.HasPrefix(got, "0/3 done, 7.0 MB, ") {
		t.Errorf("during its second attempt: %q", got)
	}
	add("sw1", api.Event{Step: api.StepDone, Status: api.StatusOK, Bytes: 10_000_000})
	now = now.Add(time.Minute)
	add("sw2", api.Event{Step: api.StepLogin})
	if got := footer(); got != "1/3 done, 10.0 MB, 2 min left" {
		t.Errorf("when nothing moves: %q", got)
	}
	add("sw2", api.Event{Step: api.StepDone, Status: api.StatusFailed, Cause: "stalled"})
	copied("sw3", 0)
	now = now.Add(2 * time.Second)
	copied("sw3", 5_000_000)
	if got := footer(); got != "2/3 done, 1 failed, 15.0 MB, 500 kB/s, 2 s left" {
		t.Errorf("during the last copy: %q", got)
	}
}

// TestProgressOnATerminal draws a frame in time, shows a line of a log above it,
// prints nothing within Aside, and leaves only the results.
func TestProgressOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := newEmulator(t, 80, 24)
		p := terminal.Show(s, &terminal.Fleet{}, terminal.Palette{})
		for _, device := range []string{"sw1", "sw2"} {
			p.Event(api.Event{Device: device, Step: api.StepQueued})
			p.Event(api.Event{Device: device, Step: api.StepLogin})
		}
		time.Sleep(time.Second)
		synctest.Wait()
		e.want("with a frame", "sw1  logging in", "sw2  logging in", "0/2 done")
		fmt.Fprintln(s, "level=WARN")
		p.Event(api.Event{Device: "sw2", Step: api.StepDone, Status: api.StatusFailed, Cause: "stalled"})
		synctest.Wait() // the line of the event is out
		p.Aside(func() {
			p.Event(api.Event{Device: "sw3", Step: api.StepDone, Status: api.StatusOK})
			time.Sleep(time.Second)
			synctest.Wait()
			io.WriteString(crlf{e.Emulator}, "sw9: kept\n")
		})
		time.Sleep(time.Second)
		synctest.Wait()
		e.want("with lines above", "level=WARN", "sw2: failed: transfer stalled", "sw9: kept", "sw3: ok in 0.0 s", "sw1  logging in", "2/3 done, 1 failed")
		p.Event(api.Event{Device: "sw1", Step: api.StepDone, Status: api.StatusFailed, Cause: "cancelled"})
		p.Close()
		e.want("at the end", "level=WARN", "sw2: failed: transfer stalled", "sw9: kept", "sw3: ok in 0.0 s", "sw1: cancelled")
	})
}

// TestSlowOutput: an output that nobody reads holds up no operation.
func TestSlowOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, in := io.Pipe()
		p := terminal.Show(in, &terminal.Fleet{}, terminal.Palette{})
		for n := range 30_000 { // the goroutine that prints takes up to 10,000 at any moment, and as many wait
			p.Event(api.Event{Device: fmt.Sprint(n), Step: api.StepDone, Status: api.StatusOK})
		}
		read := make(chan int)
		go func() {
			text, _ := io.ReadAll(out)
			if !strings.Contains(string(text), " lines were dropped, because the output was too slow\n") {
				t.Error("it does not say that lines were dropped")
			}
			read <- strings.Count(string(text), "\n")
		}()
		p.Close()
		in.Close()
		if n := <-read; n < 10_000 || n > 20_002 {
			t.Errorf("%d lines", n)
		}
	})
}

// TestNoProgress: with --quiet there is none.
func TestNoProgress(t *testing.T) {
	var p *terminal.Progress
	p.Event(api.Event{Device: "sw1", Step: api.StepLogin})
	called := false
	p.Aside(func() { called = true })
	p.Close()
	if !called {
		t.Error("Aside did not call its function")
	}
}
