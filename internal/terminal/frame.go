package terminal

import (
	"fmt"
	"strings"
	"time"

	"flashwarden/api"
)

// Lines returns the frame for a screen: a line for each active device, as many
// as there is room for, and a footer for all. A single device needs no footer. Before the first device
// begins, it says what the first of them waits for, if that is known. It is empty when all are done.
func (f *Fleet) Lines(size Size, now time.Time, paint Palette) []string {
	room := size.Rows - 2 // one row for the footer, one that stays free
	if len(f.active) == 0 && f.done == len(f.devices) || size.Columns < 2 || room < 0 {
		return nil
	}
	alone := len(f.devices) == 1
	if alone {
		room++
	}
	shown := f.active[:min(room, len(f.active))]
	width := size.Columns - 1 // many terminals begin a new row behind the last cell
	names := nameWidth(shown, width)
	lines := make([]string, 0, len(shown)+1)
	if w := f.firstWaiting(); len(shown) == 0 && w != nil {
		return []string{paint.Paint(Strong, Cut(f.waitingLine(w, now), width))}
	}
	for _, d := range shown {
		lines = append(lines, Cut(Pad(Cut(d.name, names), names)+"  "+d.line(width-names-2, now, alone), width))
	}
	if alone {
		return lines
	}
	return append(lines, paint.Paint(Strong, Cut(f.footer(now, len(f.active)-len(shown)), width)))
}

// firstWaiting is the first device, in natural order, that waits for a known reason;
// nil: there is none.
func (f *Fleet) firstWaiting() *deviceState {
	var first *deviceState
	for _, d := range f.devices {
		if d.waiting && d.why != "" && (first == nil || api.CompareNames(d.name, first.name) < 0) {
			first = d
		}
	}
	return first
}

// waitingLine is the frame while no device is active.
func (f *Fleet) waitingLine(w *deviceState, now time.Time) string {
	text := Describe(api.Event{Step: api.StepQueued, Why: w.why})
	if len(f.devices) == 1 {
		return w.name + "  " + OneLine(text)
	}
	return f.footer(now, 0) + "; " + w.name + " is " + OneLine(text)
}

// nameWidth is the width of the column of names.
func nameWidth(shown []*deviceState, width int) int {
	n := 0
	for _, d := range shown {
		n = max(n, Width(d.name))
	}
	return min(n, max(8, width/4))
}

// footer sums all devices up. hidden is the number of active devices that have
// no line of their own.
func (f *Fleet) footer(now time.Time, hidden int) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	add("%d/%d done", f.done, len(f.devices))
	for _, status := range []string{api.StatusIncomplete, api.StatusFailed, string(api.Cancelled)} {
		if n := f.statuses[status]; n > 0 {
			add("%d %s", n, status)
		}
	}
	if n := f.bytes(); n > 0 { // a test login moves none
		add("%s", Bytes(n))
	}
	if rate := f.speed.rate(now); rate > 0 {
		add("%s", Rate(rate))
	}
	if left := f.left(now); left > 0 {
		add("%s left", Duration(left))
	}
	if hidden > 0 {
		add("%d more running", hidden)
	}
	return strings.Join(parts, ", ")
}

// line is the state of one device in so many cells, with the time that is left
// for its file if it is alone.
func (d *deviceState) line(width int, now time.Time, alone bool) string {
	e := d.last
	if e.Step != api.StepCopy {
		if e.Step != api.StepChange { // which is a command
			e.File = lastName(e.File)
		}
		return OneLine(Describe(e))
	}
	text := copied(e.Bytes, e.Size, min(30, width/4))
	if rate := d.speed.rate(now); rate > 0 {
		text += "  " + Pad(Rate(rate), len("999 MB/s"))
	}
	if left := d.left(now); alone && left > 0 {
		text += "  " + Duration(left) + " left"
	}
	if room := width - Width(text) - 2; room >= 10 {
		text += "  " + Cut(OneLine(lastName(e.File)), room)
	}
	return text
}

// copied shows how many bytes of a size have arrived, with a bar in so many
// cells if the size is known.
func copied(bytes, size int64, width int) string {
	if size <= 0 {
		return Bytes(bytes)
	}
	return bar(bytes, size, width) + "  " + Pad(Bytes(bytes)+" of "+Bytes(size), len("999.9 MB of 999.9 MB"))
}

// bar is a bar in so many cells. It is full only when all bytes have arrived.
func bar(bytes, size int64, width int) string {
	width = max(width-2, 3)
	if bytes >= size {
		return "[" + strings.Repeat("=", width) + "]"
	}
	n := int(float64(max(bytes, 0)) / float64(size) * float64(width))
	n = min(n, width-1)
	return "[" + strings.Repeat("=", n) + ">" + strings.Repeat(" ", width-n-1) + "]"
}

// lastName is the last part of a device's path.
func lastName(path string) string { return path[strings.LastIndexAny(path, "/:")+1:] }
