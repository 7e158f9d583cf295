package terminal_test

import (
	"io"
	"strings"
	"testing"

	"github.com/charmbracelet/x/vt"

	"flashwarden/internal/terminal"
)

// emulator is a terminal that a Screen writes to: the judge of what a person
// sees and what has scrolled away.
type emulator struct {
	t    *testing.T
	size terminal.Size
	*vt.Emulator
}

func newEmulator(t *testing.T, columns, rows int) (*emulator, *terminal.Screen) {
	e := &emulator{t: t, size: terminal.Size{Columns: columns, Rows: rows}, Emulator: vt.NewEmulator(columns, rows)}
	return e, terminal.NewScreen(crlf{e.Emulator}, func() terminal.Size { return e.size })
}

// crlf is the terminal's driver, which puts a carriage return before each line
// feed.
type crlf struct{ to *vt.Emulator }

func (c crlf) Write(p []byte) (int, error) {
	text := strings.ReplaceAll(strings.ReplaceAll(string(p), "\r\n", "\n"), "\n", "\r\n")
	_, err := c.to.WriteString(text)
	return len(p), err
}

// resize makes the terminal larger or smaller.
func (e *emulator) resize(columns, rows int) {
	e.size = terminal.Size{Columns: columns, Rows: rows}
	e.Emulator.Resize(columns, rows)
}

// screen returns the rows on the screen, without blanks at their ends and
// without empty rows at the end.
func (e *emulator) screen() []string {
	var rows []string
	for y := range e.Height() {
		var row strings.Builder
		for x := range e.Width() {
			if c := e.CellAt(x, y); c != nil {
				row.WriteString(c.Content)
			}
		}
		rows = append(rows, strings.TrimRight(row.String(), " "))
	}
	for len(rows) > 0 && rows[len(rows)-1] == "" {
		rows = rows[:len(rows)-1]
	}
	return rows
}

// scrolled returns the rows that have left the screen.
func (e *emulator) scrolled() []string {
	var rows []string
	for _, line := range e.Scrollback().Lines() {
		var row strings.Builder
		for _, c := range line {
			row.WriteString(c.Content)
		}
		rows = append(rows, strings.TrimRight(row.String(), " "))
	}
	return rows
}

// want compares the whole screen.
func (e *emulator) want(when string, rows ...string) {
	e.t.Helper()
	if got := e.screen(); strings.Join(got, "\n") != strings.Join(rows, "\n") {
		e.t.Errorf("%s, the screen is\n%s\nwant\n%s", when, strings.Join(got, "\n"), strings.Join(rows, "\n"))
	}
}

func TestScreen(t *testing.T) {
	e, s := newEmulator(t, 20, 5)
	print := func(text string) {
		if n, err := s.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("write %q: %d, %v", text, n, err)
		}
	}
	print("first\n")
	s.Draw([]string{"a", "b"})
	e.want("with a frame", "first", "a", "b")
	s.Draw([]string{"c"})
	e.want("with a smaller frame", "first", "c")
	print("second\n")
	e.want("with a text above", "first", "second", "c")
	s.Draw([]string{"1", "2", "3", "4", "5"})
	e.want("with a frame as high as the screen", "1", "2", "3", "4", "5")
	s.Draw([]string{"d"})
	print("third\nfour")
	s.Draw([]string{"never within a line"})
	e.want("within a line", "third", "four")
	print("th\n")
	s.Draw([]string{"e"})
	s.Aside(func() { io.WriteString(crlf{e.Emulator}, "aside\n") })
	e.want("with another output", "third", "fourth", "aside")
	s.Draw([]string{"f"})
	s.Draw(nil)
	e.want("at the end", "third", "fourth", "aside")
	if got := strings.Join(e.scrolled(), " "); got != "first second" {
		t.Errorf("scrolled away: %q", got)
	}
}

// TestScreenOfMultiplexer draws at the top of a cleared screen, where tmux would take
// the erasing of the display for a new page and keep the frame in its history.
func TestScreenOfMultiplexer(t *testing.T) {
	for _, rows := range []int{3, 5} {
		e, _ := newEmulator(t, 20, rows)
		var sent strings.Builder
		s := terminal.NewScreen(io.MultiWriter(&sent, crlf{e.Emulator}), func() terminal.Size { return e.size })
		for _, frame := range [][]string{{"a", "b", "c"}, {"d", "e"}, {"f"}, {"1", "2", "3"}} {
			s.Draw(frame)
			e.want("with a frame", frame...)
		}
		s.Draw(nil)
		e.want("at the end")
		if e.ScrollbackLen() > 0 || strings.Contains(sent.String(), "J") {
			t.Errorf("%d rows are in the history; sent %q", e.ScrollbackLen(), sent.String())
		}
	}
}

// TestScreenResized draws over a frame after the terminal has changed.
func TestScreenResized(t *testing.T) {
	e, s := newEmulator(t, 20, 8)
	frame := []string{"sw1 12345678901234", "sw2 12345678901234", "0/2 done"}
	s.Draw(frame)
	e.resize(30, 6)
	s.Draw(frame)
	e.want("larger", frame...)
	e.resize(10, 8)
	s.Draw([]string{"sw1 12345", "0/2 done"})
	e.want("narrower", "sw1 12345", "0/2 done")
}

// TestWithoutTerminal: a frame is never drawn into a file.
func TestWithoutTerminal(t *testing.T) {
	var out strings.Builder
	s := terminal.NewScreen(&out, nil)
	s.Draw([]string{"a"})
	if _, err := s.Write([]byte("text")); err != nil || out.String() != "text" {
		t.Errorf("%q, %v", out.String(), err)
	}
}
