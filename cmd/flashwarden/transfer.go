package main

import (
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"flashwarden/api"
	"flashwarden/internal/terminal"
)

// maxRefusals is the number of refused requests that are shown, so that a
// hostile peer cannot fill the terminal.
const maxRefusals = 50

// lineEvery is the time between two lines of a transfer, without a terminal.
const lineEvery = 10 * time.Second

// transfers shows the transfers of an offer or a reception: a bar for each on
// a terminal, lines elsewhere, and every request that was refused.
type transfers struct {
	out   io.Writer
	bars  *mpb.Progress // nil: no terminal
	quiet bool

	events chan api.Event
	stop   chan struct{} // closed: show the waiting events, and end
	done   chan struct{}
	once   sync.Once

	running map[transferKey]*shown
	refused map[refusal]bool
}

// transferKey tells running transfers apart.
type transferKey struct{ remote, file string }

// shown is a transfer on the screen.
type shown struct {
	began, said time.Time
	bar         *mpb.Bar
	mu          sync.Mutex
	text        string
}

// refusal tells apart the refusals that are shown once.
type refusal struct {
	from  string
	sends bool
	name  string
}

// newTransfers shows transfers until close.
func newTransfers(o *output) *transfers {
	t := &transfers{out: o.err, quiet: o.quiet, events: make(chan api.Event, 256), stop: make(chan struct{}), done: make(chan struct{}),
		running: make(map[transferKey]*shown), refused: make(map[refusal]bool)}
	if !o.quiet && terminal.SizeOf(o.err) != (terminal.Size{}) {
		t.bars = mpb.New(mpb.WithOutput(o.err), mpb.WithWidth(30))
		t.out = t.bars
	}
	go t.run()
	return t
}

// event takes an event and never waits. Events that arrive faster than the
// terminal can show them are dropped.
func (t *transfers) event(e api.Event) {
	select {
	case t.events <- e:
	default:
	}
}

// close shows the waiting events. It may be called twice.
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

func (t *transfers) show(e api.Event) {
	key := transferKey{e.Remote, e.File}
	switch e.Step {
	case api.StepRequest:
		t.begin(key, e)
	case api.StepTransfer:
		t.progress(t.running[key], e)
	case api.StepEnded:
		t.end(key, e)
	case api.StepRefused:
		if t.running[key] == nil { // else its end reports the refusal
			t.refuse(e)
		}
	}
}

func (t *transfers) begin(key transferKey, e api.Event) {
	s := &shown{began: time.Now(), said: time.Now()}
	t.running[key] = s
	if t.bars == nil {
		t.say("%s", heading(e))
		return
	}
	// If the total is unknown, it grows with the bytes.
	s.bar = t.bars.AddBar(max(e.Size, 0),
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(oneLine(heading(e)), decor.WCSyncSpaceR)),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { s.mu.Lock(); defer s.mu.Unlock(); return s.text })))
}

func (t *transfers) progress(s *shown, e api.Event) {
	if s == nil {
		return
	}
	text := amount(e)
	if s.bar == nil {
		if time.Since(s.said) >= lineEvery {
			s.said = time.Now()
			t.say("%s: %s", heading(e), text)
		}
		return
	}
	s.mu.Lock()
	s.text = text
	s.mu.Unlock()
	s.bar.SetTotal(max(e.Size, e.Bytes)+1, false)
	s.bar.SetCurrent(e.Bytes)
}

func (t *transfers) end(key transferKey, e api.Event) {
	s := t.running[key]
	if s == nil {
		return
	}
	delete(t.running, key)
	if s.bar != nil {
		s.bar.Abort(true)
	}
	if e.Error != "" {
		t.say("%s: broke off after %s: %s; the device may try again", heading(e), size(e.Bytes), e.Error)
		return
	}
	t.say("%s: complete, %s in %.1f s", heading(e), size(e.Bytes), time.Since(s.began).Seconds())
}

func (t *transfers) refuse(e api.Event) {
	key := refusal{peerOf(e), e.Sends, e.File}
	if t.refused[key] || len(t.refused) >= maxRefusals {
		return
	}
	t.refused[key] = true
	t.say("refused: %s: %s", heading(e), e.Error)
	if len(t.refused) == maxRefusals {
		t.say("further refusals are not shown; -v logs them")
	}
}

// heading names the peer, the direction and the file of a transfer.
func heading(e api.Event) string {
	verb := "fetches"
	if e.Sends {
		verb = "sends"
	}
	return fmt.Sprintf("%s %s %s", peerOf(e), verb, e.File)
}

// peerOf is the address of the peer without its port.
func peerOf(e api.Event) string {
	if a, err := netip.ParseAddrPort(e.Remote); err == nil {
		return a.Addr().String()
	}
	return e.Remote
}

func amount(e api.Event) string {
	if e.Size >= 0 {
		return size(e.Bytes) + " of " + size(e.Size)
	}
	return size(e.Bytes)
}

func (t *transfers) say(format string, args ...any) {
	if !t.quiet {
		fmt.Fprintln(t.out, oneLine(fmt.Sprintf(format, args...)))
	}
}
