package terminal

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"flashwarden/api"
)

// maxRefusals is the number of refused requests that are shown, so that a
// hostile peer cannot fill the terminal.
const maxRefusals = 50

// lineEvery is the time between two lines of a transfer, without a terminal.
const lineEvery = 10 * time.Second

// Transfers is the state of the transfers of an offer or a reception, as their
// events report it. The zero Transfers is ready.
type Transfers struct {
	Framed bool // a frame shows running transfers: Add returns no lines about them

	running []*transferState // in the order in which they began
	refused map[refusal]bool
}

// transferState is the state of one transfer.
type transferState struct {
	remote, file string
	began, said  time.Time
	last         api.Event
	speed        meter
}

// refusal identifies refusals that are shown only once.
type refusal struct {
	from  string
	sends bool
	name  string
}

// Add enters an event. It returns the lines that a person should see, once.
func (t *Transfers) Add(e api.Event, now time.Time) []string {
	i := slices.IndexFunc(t.running, func(s *transferState) bool { return s.remote == e.Remote && s.file == e.File })
	switch {
	case e.Step == api.StepRequest && i < 0:
		return t.begin(e, now)
	case e.Step == api.StepTransfer && i >= 0:
		return t.move(t.running[i], e, now)
	case e.Step == api.StepEnded && i >= 0:
		return t.end(i, e, now)
	case e.Step == api.StepRefused && i < 0: // else its end reports the refusal
		return t.refuse(e)
	}
	return nil
}

func (t *Transfers) begin(e api.Event, now time.Time) []string {
	t.running = append(t.running, &transferState{remote: e.Remote, file: e.File, began: now, said: now, last: e})
	if t.Framed {
		return nil
	}
	return say("%s", heading(e))
}

func (t *Transfers) move(s *transferState, e api.Event, now time.Time) []string {
	s.last = e
	s.speed.add(now, e.Bytes)
	if t.Framed || now.Sub(s.said) < lineEvery {
		return nil
	}
	s.said = now
	if e.Size < 0 {
		return say("%s: %s", heading(e), Bytes(e.Bytes))
	}
	return say("%s: %s of %s", heading(e), Bytes(e.Bytes), Bytes(e.Size))
}

func (t *Transfers) end(i int, e api.Event, now time.Time) []string {
	s := t.running[i]
	t.running = slices.Delete(t.running, i, i+1)
	if e.Error != "" {
		return say("%s: interrupted after %s: %s; the device may try again", heading(e), Bytes(e.Bytes), e.Error)
	}
	return say("%s: complete, %s in %.1f s", heading(e), Bytes(e.Bytes), now.Sub(s.began).Seconds())
}

func (t *Transfers) refuse(e api.Event) []string {
	key := refusal{peerOf(e), e.Sends, e.File}
	if t.refused[key] || len(t.refused) >= maxRefusals {
		return nil
	}
	if t.refused == nil {
		t.refused = make(map[refusal]bool)
	}
	t.refused[key] = true
	lines := say("refused: %s: %s", heading(e), e.Error)
	if len(t.refused) == maxRefusals {
		lines = append(lines, "further refusals are not shown; -v logs them")
	}
	return lines
}

// Lines returns the frame for a screen: a line for each running transfer.
func (t *Transfers) Lines(size Size, now time.Time, _ Palette) []string {
	room := max(0, min(size.Rows-1, len(t.running)))
	lines := make([]string, 0, room)
	for _, s := range t.running[:room] {
		text := copied(s.last.Bytes, s.last.Size, min(20, size.Columns/6))
		if rate := s.speed.rate(now); rate > 0 {
			text += "  " + Rate(rate)
		}
		names := max(0, size.Columns-1-Width(text)-2)
		lines = append(lines, Cut(Cut(OneLine(heading(s.last)), names)+"  "+text, size.Columns-1))
	}
	return lines
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

func say(format string, args ...any) []string {
	return []string{OneLine(fmt.Sprintf(format, args...))}
}
