package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"flashwarden/api"
	"flashwarden/internal/terminal"
)

// progress shows the state of running backups and restores.
type progress interface {
	event(api.Event)
	close()
}

// newProgress returns bars on a terminal, plain lines elsewhere, and nothing
// with --quiet. Progress is printed on standard error.
func newProgress(o *output) progress {
	switch {
	case o.quiet:
		return silence{}
	case terminal.SizeOf(o.err) != (terminal.Size{}):
		return newBars(o.err)
	}
	return newLines(o.err)
}

type silence struct{}

func (silence) event(api.Event) {}
func (silence) close()          {}

// lines prints one line for each step that matters to a person.
type lines struct {
	mu    sync.Mutex
	out   io.Writer
	last  map[string]api.Event // by device
	since map[string]time.Time // time of the last line, by device
}

// patience is the time after which a running step gets another line.
const patience = 30 * time.Second

func newLines(out io.Writer) *lines {
	return &lines{out: out, last: make(map[string]api.Event), since: make(map[string]time.Time)}
}

func (l *lines) event(e api.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.last[e.Device]
	l.last[e.Device] = e
	if e.Step == last.Step && e.File == last.File {
		// The digest of a small file takes no time; that of an image takes minutes.
		if e.Step != api.StepVerify || time.Since(l.since[e.Device]) < patience {
			return
		}
	}
	l.since[e.Device] = time.Now()
	if text := describe(e); text != "" && (e.Step != api.StepVerify || e.Marks > 0) {
		fmt.Fprintf(l.out, "%s: %s\n", e.Device, oneLine(text))
	}
}

func (l *lines) close() {}

// describe returns an event in words.
func describe(e api.Event) string {
	switch e.Step {
	case api.StepLogin:
		return "logging in"
	case api.StepLook:
		return "reading facts and listings"
	case api.StepVerify:
		return "the device computes a digest of " + e.File + marks(e.Marks)
	case api.StepWait:
		if e.File == "" {
			return "waiting to try again"
		}
		return "waiting for another device that copies the same content as " + e.File
	case api.StepCopy:
		return fmt.Sprintf("copying %s (%s)", e.File, size(e.Size))
	case api.StepKept:
		return "kept " + e.File
	case api.StepChange:
		return e.File
	case api.StepProved:
		return "proved " + e.File
	case api.StepReload:
		return "waiting until it is up again"
	case api.StepDone:
		if e.Status == "" {
			return ""
		}
		if e.Cause != "" {
			return fmt.Sprintf("%s (%s)", e.Status, e.Cause)
		}
		return fmt.Sprintf("%s, %s copied in %.1f s", e.Status, size(e.Bytes), e.Seconds)
	}
	return ""
}

// marks counts the dots that the device prints while it computes a digest.
func marks(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d dots)", n)
}

// bars draws one bar for each device, from its first event on.
type bars struct {
	container *mpb.Progress
	mu        sync.Mutex
	devices   map[string]*deviceBar
}

type deviceBar struct {
	bar  *mpb.Bar
	mu   sync.Mutex
	text string
}

func newBars(out io.Writer) *bars {
	return &bars{container: mpb.New(mpb.WithOutput(out), mpb.WithWidth(30)), devices: make(map[string]*deviceBar)}
}

// of returns the bar of a device; it makes the bar if there is none.
func (b *bars) of(device string) *deviceBar {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.devices[device]
	if d == nil {
		d = &deviceBar{}
		// A total of 0 means unknown. It is set later, for each file.
		d.bar = b.container.AddBar(0,
			mpb.PrependDecorators(decor.Name(oneLine(device), decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return d.describe() })))
		b.devices[device] = d
	}
	return d
}

func (d *deviceBar) describe() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text
}

func (b *bars) event(e api.Event) {
	d := b.of(e.Device)
	text := describe(e)
	if e.Step == api.StepCopy {
		text = fmt.Sprintf("%s of %s  %s", size(e.Bytes), size(e.Size), lastName(e.File))
	}
	d.mu.Lock()
	d.text = oneLine(text)
	d.mu.Unlock()
	switch e.Step {
	case api.StepCopy, api.StepKept, api.StepProved:
		// A bar that reaches its total is finished, but the device is not: add 1.
		d.bar.SetTotal(max(e.Size, e.Bytes)+1, false)
		d.bar.SetCurrent(e.Bytes)
	case api.StepDone:
		d.bar.SetTotal(-1, true)
	}
}

func (b *bars) close() {
	for _, d := range b.devices {
		if !d.bar.Completed() {
			d.bar.Abort(false)
		}
	}
	b.container.Wait()
}
