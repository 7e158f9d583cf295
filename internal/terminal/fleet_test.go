package terminal_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/terminal"
)

var update = flag.Bool("update", false, "write the screens in testdata")

// run is an imagined backup of some devices, eight at once. Its clock is a
// value.
type run struct {
	devices []*imagined
	now     time.Time
	add     func(e api.Event, now time.Time)
}

// imagined is a device of which the sixth fails, and the ninth loses a file.
type imagined struct {
	name  string
	ticks int // since it began
	ended bool
}

const (
	tick      = 200 * time.Millisecond
	imageSize = 18_286_080
	imagePath = "flash:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin"
	perTick   = imageSize / 60 // twelve seconds
)

func newRun(n int, add func(e api.Event, now time.Time)) *run {
	r := &run{now: time.Date(2026, 11, 28, 2, 0, 0, 0, time.UTC), add: add}
	for i := range n {
		d := &imagined{name: fmt.Sprintf("sw%d", i+1)}
		r.devices = append(r.devices, d)
		add(api.Event{Device: d.name, Step: api.StepQueued}, r.now)
	}
	return r
}

// step moves the clock by one tick, and each of the first eight devices that
// have not ended with it. It reports whether any is left.
func (r *run) step() bool {
	r.now = r.now.Add(tick)
	running := 0
	for i, d := range r.devices {
		if d.ended || running == 8 {
			continue
		}
		running++
		d.ticks++
		for _, e := range d.events(i) {
			e.Device = d.name
			d.ended = d.ended || e.Step == api.StepDone
			r.add(e, r.now)
		}
	}
	return running > 0
}

// events are those of one tick.
func (d *imagined) events(i int) []api.Event {
	begin := 25 + i%5*3 // ticks until the copy
	copied := int64(d.ticks-begin) * perTick
	switch {
	case d.ticks == 1:
		return []api.Event{{Step: api.StepLogin}}
	case d.ticks == 5:
		return []api.Event{{Step: api.StepLook}}
	case i == 5 && d.ticks == begin:
		return []api.Event{{Step: api.StepDone, Status: api.StatusFailed, Cause: "no_request"}}
	case d.ticks > 10 && copied < 0:
		return []api.Event{{Step: api.StepVerify, File: imagePath, Marks: d.ticks - 11}}
	case copied >= 0 && copied < imageSize:
		return []api.Event{{Step: api.StepCopy, File: imagePath, Bytes: copied, Size: imageSize}}
	case i == 8 && copied >= imageSize:
		return []api.Event{{Step: api.StepDone, Status: api.StatusIncomplete, Cause: "source_missing", Bytes: imageSize}}
	case copied >= imageSize:
		return []api.Event{{Step: api.StepKept, File: imagePath, Size: imageSize}, {Step: api.StepDone, Status: api.StatusOK, Bytes: imageSize, Seconds: 71.2}}
	}
	return nil
}

// TestFleetOnScreens draws fleets on terminals of different sizes. A terminal
// emulator judges: the frame fits, nothing of it scrolls away, and nothing is
// left of it at the end.
func TestFleetOnScreens(t *testing.T) {
	for _, size := range []terminal.Size{{Columns: 80, Rows: 24}, {Columns: 100, Rows: 30}, {Columns: 160, Rows: 50}, {Columns: 40, Rows: 6}} {
		for _, n := range []int{0, 1, 3, 40} {
			name := fmt.Sprintf("%dx%d-%d", size.Columns, size.Rows, n)
			t.Run(name, func(t *testing.T) { drawFleet(t, name, size, n) })
		}
	}
}

func drawFleet(t *testing.T, name string, size terminal.Size, n int) {
	e, s := newEmulator(t, size.Columns, size.Rows)
	var fleet terminal.Fleet
	r := newRun(n, func(e api.Event, now time.Time) {
		for _, line := range fleet.Add(e, now) {
			fmt.Fprintln(s, line)
		}
	})
	var finished []string
	for ticks := 1; r.step(); ticks++ {
		lines := fleet.Lines(size, r.now, terminal.Palette{})
		s.Draw(lines)
		wantFrame(t, size, lines, e.screen())
		finished = onlyFinished(t, e.scrolled())
		if ticks == 50 || ticks == 150 {
			wantGolden(t, fmt.Sprintf("%s-%ds", name, ticks/5), e.screen())
		}
	}
	s.Draw(fleet.Lines(size, r.now, terminal.Palette{}))
	finished = append(finished, onlyFinished(t, e.screen())...)
	if len(finished) != n || len(slices.Compact(slices.Sorted(slices.Values(finished)))) != n {
		t.Errorf("%d lines of finished devices, want %d:\n%s", len(finished), n, strings.Join(finished, "\n"))
	}
}

// wantFrame: the frame fits, and stands at the end of the screen.
func wantFrame(t *testing.T, size terminal.Size, lines, screen []string) {
	t.Helper()
	if len(lines) >= size.Rows {
		t.Fatalf("%d lines on %d rows", len(lines), size.Rows)
	}
	for i, line := range lines {
		at := len(screen) - len(lines) + i
		if at < 0 || strings.TrimRight(line, " ") != screen[at] {
			t.Fatalf("%q is not on the screen:\n%s", line, strings.Join(screen, "\n"))
		}
	}
}

// onlyFinished: the lines are results of devices, nothing of a frame.
func onlyFinished(t *testing.T, lines []string) []string {
	t.Helper()
	for _, line := range lines {
		if _, result, ok := strings.Cut(line, ": "); !ok || !strings.HasPrefix(result, "ok, 18.3 MB") && result != "failed: no TFTP request arrived" && result != "incomplete: file not found" {
			t.Fatalf("%q is not the result of a device:\n%s", line, strings.Join(lines, "\n"))
		}
	}
	return lines
}

// wantGolden compares a screen with the one in testdata.
func wantGolden(t *testing.T, name string, screen []string) {
	t.Helper()
	file := filepath.Join("testdata", "screens", name+".txt")
	got := strings.Join(screen, "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || got != string(want) {
		t.Errorf("the screen is\n%s\nwant\n%s(%v)", got, want, err)
	}
}
