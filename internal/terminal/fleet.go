package terminal

import (
	"slices"
	"time"

	"flashwarden/api"
)

// Fleet is the state of an operation on devices, as its events report it. It
// has no clock and no output: each method takes the time, and returns lines. The
// zero Fleet is ready.
type Fleet struct {
	Verbose bool // Add returns a line for each step, not only for each device
	Framed  bool // a frame shows what devices wait for: Add returns no lines about that

	began    time.Time
	devices  map[string]*deviceState
	active   []*deviceState // in the order in which they began
	done     int
	statuses map[string]int
	finished int64 // bytes that finished devices moved
	speed    meter
}

// deviceState is the state of one device.
type deviceState struct {
	name    string
	last    api.Event
	said    time.Time // of the last line about it
	waiting bool      // it has not begun
	why     string    // it waits; empty: not known
	earlier int64     // bytes of its files before the current one
	moved   int64     // bytes of the current file
	speed   meter
}

// patience is the time after which a running step gets another line.
const patience = 30 * time.Second

// Add enters an event. It returns the lines that a person should see, once.
func (f *Fleet) Add(e api.Event, now time.Time) []string {
	d := f.device(e.Device, now)
	if e.Step == api.StepQueued {
		return f.queued(d, e)
	}
	if d.waiting {
		d.waiting = false
		f.active = append(f.active, d)
	}
	before, said := d.last, d.said
	d.enter(e, now)
	f.speed.add(now, f.bytes())
	if e.Step == api.StepDone {
		f.finish(d)
	}
	text := Describe(e)
	if text == "" || e.Step != api.StepDone && !f.Verbose {
		return nil
	}
	if e.Step == before.Step && e.File == before.File || e.Step == api.StepVerify {
		// The digest of a small file takes no time; that of an image takes minutes.
		if e.Step != api.StepVerify || e.Marks == 0 || now.Sub(said) < patience {
			return nil
		}
	}
	d.said = now
	return []string{d.name + ": " + OneLine(text)}
}

// queued enters what a device waits for. A line says it if the device is the only one.
func (f *Fleet) queued(d *deviceState, e api.Event) []string {
	if !d.waiting || e.Why == d.why {
		return nil
	}
	d.why = e.Why
	if f.Framed || len(f.devices) > 1 && !f.Verbose {
		return nil
	}
	return []string{d.name + ": " + OneLine(Describe(e))}
}

// device returns the state of a device, and makes it if there is none.
func (f *Fleet) device(name string, now time.Time) *deviceState {
	if f.devices == nil {
		f.devices, f.statuses, f.began = make(map[string]*deviceState), make(map[string]int), now
	}
	d := f.devices[name]
	if d == nil {
		d = &deviceState{name: OneLine(name), waiting: true}
		f.devices[name] = d
	}
	return d
}

// enter keeps an event of the device.
func (d *deviceState) enter(e api.Event, now time.Time) {
	if e.Step != d.last.Step || e.File != d.last.File {
		d.said = now
	}
	if e.Step == api.StepCopy {
		if e.File != d.last.File || e.Bytes < d.moved {
			d.earlier, d.moved, d.speed = d.earlier+d.moved, 0, meter{}
			d.speed.add(now, 0)
		}
		d.moved = e.Bytes
		d.speed.add(now, e.Bytes)
	}
	if e.Step == api.StepDone {
		d.earlier, d.moved = max(d.earlier+d.moved, e.Bytes), 0
	}
	d.last = e
}

// finish counts a device that is done.
func (f *Fleet) finish(d *deviceState) {
	i := slices.Index(f.active, d)
	if i < 0 {
		return // it was done before
	}
	f.active = slices.Delete(f.active, i, i+1)
	f.finished += d.earlier
	f.done++
	f.statuses[endWord(d.last.Status, d.last.Cause)]++
}

// bytes is how many bytes have moved in all.
func (f *Fleet) bytes() int64 {
	n := f.finished
	for _, d := range f.active {
		n += d.earlier + d.moved
	}
	return n
}

// left estimates the time until all devices are done; 0: it is too early.
func (f *Fleet) left(now time.Time) time.Duration {
	elapsed := now.Sub(f.began)
	if f.done+len(f.active) == len(f.devices) {
		return f.lastOnes(now)
	}
	part := float64(f.done)
	for _, d := range f.active {
		part += d.part()
	}
	part /= float64(len(f.devices))
	if elapsed < 5*time.Second || part < 0.01 {
		return 0
	}
	return time.Duration(float64(elapsed) * (1 - part) / part)
}

// lastOnes estimates the time that the slowest active device needs for its
// current file.
func (f *Fleet) lastOnes(now time.Time) time.Duration {
	var longest time.Duration
	for _, d := range f.active {
		longest = max(longest, d.left(now))
	}
	return longest
}

// left estimates the time that the device needs for its current file; 0: it is
// too early.
func (d *deviceState) left(now time.Time) time.Duration {
	rate := d.speed.rate(now)
	if d.last.Step != api.StepCopy || rate <= 0 {
		return 0
	}
	return time.Duration(float64(d.last.Size-d.moved) / rate * float64(time.Second))
}

// part is the share of a device's bytes that have moved, as far as they are
// known. The image is the first file, and by far the largest.
func (d *deviceState) part() float64 {
	if d.last.Step != api.StepCopy || d.last.Size <= 0 {
		if d.earlier > 0 {
			return 0.95
		}
		return 0
	}
	return min(0.95, float64(d.earlier+d.moved)/float64(d.earlier+max(d.last.Size, d.moved)))
}
