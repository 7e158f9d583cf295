package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"flashwarden/tftp"
)

// maxRefusals is how many refused requests are shown: a hostile peer must not
// fill the terminal.
const maxRefusals = 50

// lineEvery is how often a transfer is told of where there is no terminal.
const lineEvery = 10 * time.Second

// transfers shows what the TFTP server sees: a bar for each transfer on a
// terminal, lines elsewhere, and every request that was refused.
type transfers struct {
	out   io.Writer
	bars  *mpb.Progress // nil: no terminal
	quiet bool
	size  int64 // of what is offered, in bytes; -1: not known

	events chan tftp.Event
	stop   chan struct{} // closed: show what is left, and end
	done   chan struct{}
	once   sync.Once

	running map[*tftp.Request]*shown
	refused map[refusal]bool
}

// shown is a transfer on the screen.
type shown struct {
	began, told time.Time
	bar         *mpb.Bar
	mu          sync.Mutex
	text        string
}

// refusal tells apart what is shown once.
type refusal struct {
	from netip.Addr
	op   tftp.Op
	name string
}

// newTransfers shows transfers of so many bytes (-1: not known) until close.
func (p *program) newTransfers(size int64) *transfers {
	t := &transfers{out: p.err, quiet: p.quiet, size: size, events: make(chan tftp.Event, 256), stop: make(chan struct{}), done: make(chan struct{}),
		running: make(map[*tftp.Request]*shown), refused: make(map[refusal]bool)}
	if !p.quiet && terminal(p.err) && width(p.err) > 0 {
		t.bars = mpb.New(mpb.WithOutput(p.err), mpb.WithWidth(30))
		t.out = t.bars
	}
	go t.run()
	return t
}

// event takes an event; it never waits. What comes faster than it can be shown
// is left out.
func (t *transfers) event(e tftp.Event) {
	select {
	case t.events <- e:
	default:
	}
}

// close shows what is left. It may be called twice.
func (t *transfers) close() {
	t.once.Do(func() { close(t.stop) })
	<-t.done
}

func (t *transfers) run() {
	defer close(t.done)
	for stop := t.stop; stop != nil; {
		select {
		case e := <-t.events:
			t.show(e)
		case <-stop:
			stop = nil
		}
	}
	for len(t.events) > 0 {
		t.show(<-t.events)
	}
	for _, s := range t.running {
		if s.bar != nil {
			s.bar.Abort(true)
		}
	}
	if t.bars != nil {
		t.bars.Shutdown()
	}
}

func (t *transfers) show(e tftp.Event) {
	switch e.Kind {
	case tftp.EventRequest:
		t.begin(e)
	case tftp.EventProgress:
		t.progress(e)
	case tftp.EventDone:
		t.end(e)
	case tftp.EventRefused:
		if t.running[e.Request] == nil { // else its end tells
			t.refuse(e)
		}
	case tftp.EventRepeated, tftp.EventConfirmed, tftp.EventRetransmit:
	}
}

func (t *transfers) begin(e tftp.Event) {
	s := &shown{began: time.Now(), told: time.Now()}
	t.running[e.Request] = s
	if t.bars == nil {
		t.say("%s", heading(e))
		return
	}
	// A total that is not known grows with what comes.
	s.bar = t.bars.AddBar(max(t.total(e), 0),
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(oneLine(heading(e)), decor.WCSyncSpaceR)),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { s.mu.Lock(); defer s.mu.Unlock(); return s.text })))
}

func (t *transfers) progress(e tftp.Event) {
	s := t.running[e.Request]
	if s == nil {
		return
	}
	text := t.amount(e)
	if s.bar == nil {
		if time.Since(s.told) >= lineEvery {
			s.told = time.Now()
			t.say("%s: %s", heading(e), text)
		}
		return
	}
	s.mu.Lock()
	s.text = text
	s.mu.Unlock()
	s.bar.SetTotal(max(t.total(e), e.Bytes)+1, false)
	s.bar.SetCurrent(e.Bytes)
}

func (t *transfers) end(e tftp.Event) {
	s := t.running[e.Request]
	if s == nil {
		return
	}
	delete(t.running, e.Request)
	if s.bar != nil {
		s.bar.Abort(true)
	}
	if e.Err != nil {
		t.say("%s: broke off after %s: %s; it may try again", heading(e), size(e.Bytes), wireText(e.Err))
		return
	}
	t.say("%s: complete, %s in %.1f s", heading(e), size(e.Bytes), time.Since(s.began).Seconds())
}

func (t *transfers) refuse(e tftp.Event) {
	what := refusal{e.Request.Remote.Addr(), e.Request.Op, e.Request.Filename}
	if t.refused[what] || len(t.refused) >= maxRefusals {
		return
	}
	t.refused[what] = true
	t.say("refused: %s: %s", heading(e), wireText(e.Err))
	if len(t.refused) == maxRefusals {
		t.say("further refusals are not shown; see them with -v")
	}
}

// wireText is why a transfer ended, without the form of an ERROR packet.
func wireText(err error) string {
	var e *tftp.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}

// heading says who does what.
func heading(e tftp.Event) string {
	verb := "fetches"
	if e.Request.Op == tftp.Write {
		verb = "sends"
	}
	return fmt.Sprintf("%s %s %s", e.Request.Remote.Addr(), verb, e.Request.Filename)
}

func (t *transfers) total(e tftp.Event) int64 {
	if t.size >= 0 {
		return t.size
	}
	return e.Request.Size
}

func (t *transfers) amount(e tftp.Event) string {
	if total := t.total(e); total >= 0 {
		return size(e.Bytes) + " of " + size(total)
	}
	return size(e.Bytes)
}

func (t *transfers) say(format string, args ...any) {
	if !t.quiet {
		fmt.Fprintln(t.out, oneLine(fmt.Sprintf(format, args...)))
	}
}
