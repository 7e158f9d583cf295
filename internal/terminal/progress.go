package terminal

import (
	"fmt"
	"io"
	"sync"
	"time"

	"flashwarden/api"
)

// Display turns the events of an operation into lines. Fleet and Transfers are
// displays.
type Display interface {
	// Add enters an event, and returns the lines to print once.
	Add(e api.Event, now time.Time) []string
	// Lines returns the lines to draw again and again.
	Lines(size Size, now time.Time, paint Palette) []string
}

// redrawEvery is the time between two frames.
const redrawEvery = 200 * time.Millisecond

// maxWaiting is the number of lines that may wait for a slow output. Further
// ones are dropped and counted.
const maxWaiting = 10_000

// Progress shows a Display while an operation runs. Event returns at once: a
// goroutine prints, so that a slow output never holds up the operation. A nil
// Progress shows nothing.
type Progress struct {
	out   io.Writer
	paint Palette
	wake  chan struct{}
	stop  chan struct{}
	done  chan struct{}

	mu      sync.Mutex
	display Display
	waiting []string // to print once
	dropped int
	held    int // calls of Aside that run: lines wait meanwhile
}

// Show shows a display on out until Close: on a Screen with a terminal as a
// frame, elsewhere as lines.
func Show(out io.Writer, d Display, paint Palette) *Progress {
	p := &Progress{out: out, paint: paint, display: d, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go p.run()
	return p
}

// Event enters an event of the operation. It may be called from several
// goroutines.
func (p *Progress) Event(e api.Event) {
	if p == nil {
		return
	}
	p.mu.Lock()
	for _, line := range p.display.Add(e, time.Now()) {
		if len(p.waiting) < maxWaiting {
			p.waiting = append(p.waiting, line)
		} else {
			p.dropped++
		}
	}
	p.mu.Unlock()
	p.awake()
}

// awake makes the goroutine print the lines that wait.
func (p *Progress) awake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Close prints what still waits, and removes the frame. Call it once, before
// anything else is printed or asked.
func (p *Progress) Close() {
	if p == nil {
		return
	}
	close(p.stop)
	<-p.done
}

// Aside calls write, which prints to another output than the one of Show, or asks a
// question. Neither the frame nor lines of the progress are in its way.
func (p *Progress) Aside(write func()) {
	if p == nil {
		write()
		return
	}
	p.hold(1)
	defer p.hold(-1)
	if screen, ok := p.out.(*Screen); ok {
		screen.Aside(write)
		return
	}
	write()
}

// hold keeps lines waiting while more calls say 1 than -1.
func (p *Progress) hold(n int) {
	p.mu.Lock()
	p.held += n
	p.mu.Unlock()
	p.awake()
}

func (p *Progress) run() {
	defer close(p.done)
	screen, _ := p.out.(*Screen)
	if screen != nil && screen.Size() == (Size{}) {
		screen = nil
	}
	var tick <-chan time.Time
	if screen != nil {
		ticker := time.NewTicker(redrawEvery)
		defer ticker.Stop()
		tick = ticker.C
		defer screen.Draw(nil)
	}
	for {
		select {
		case <-p.wake:
			p.print()
		case <-tick:
			screen.Draw(p.frame(screen.Size()))
		case <-p.stop:
			p.print()
			return
		}
	}
}

// frame is the frame of this moment.
func (p *Progress) frame(size Size) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.display.Lines(size, time.Now(), p.paint)
}

// print prints the lines that wait. An error of the output is ignored: there is no
// other place to report it.
func (p *Progress) print() {
	lines, dropped := p.take()
	for _, line := range lines {
		_, _ = fmt.Fprint(p.out, Layout{Columns: SizeOf(p.out).Columns}.Prose("", line))
	}
	if dropped > 0 {
		_, _ = fmt.Fprintf(p.out, "%d lines were dropped, because the output was too slow\n", dropped)
	}
}

// take takes the lines that wait and may be printed, and the number of those that were
// dropped.
func (p *Progress) take() (lines []string, dropped int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held > 0 {
		return nil, 0
	}
	lines, dropped = p.waiting, p.dropped
	p.waiting, p.dropped = nil, 0
	return lines, dropped
}
