package terminal

import (
	"io"
	"strings"
	"sync"
)

// Screen is an output with a frame at its end: some lines that are drawn again
// and again in place. Text that is written to a Screen appears above the frame,
// once. Without a terminal it passes text on and draws nothing. Its methods may
// be called from several goroutines.
type Screen struct {
	size func() Size

	mu      sync.Mutex
	out     io.Writer
	frame   []string // as drawn; empty: there is none
	midLine bool     // the last text ended within a line
	held    int      // calls of Aside that run
}

// NewScreen returns a Screen that writes to out. size returns the size of the
// terminal; nil means SizeOf(out).
func NewScreen(out io.Writer, size func() Size) *Screen {
	if size == nil {
		size = func() Size { return SizeOf(out) }
	}
	return &Screen{out: out, size: size}
}

// Size returns the size of the terminal, and the zero Size without one.
func (s *Screen) Size() Size { return s.size() }

// Write writes text above the frame.
func (s *Screen) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(text) == 0 {
		return 0, nil
	}
	s.midLine = text[len(text)-1] != '\n'
	if len(s.frame) == 0 {
		return s.out.Write(text)
	}
	written := s.erase() + string(text)
	if s.midLine { // the rest of the line follows; the next Draw comes after it
		s.frame = nil
	} else {
		written += joined(s.frame)
	}
	_, err := io.WriteString(s.out, written)
	return len(text), err
}

// Draw replaces the frame. Its lines are printable; each should be shorter than
// the terminal is wide, and they should be fewer than its rows. An error of the
// terminal is not reported: the frame is a convenience, and nothing depends on
// it.
func (s *Screen) Draw(lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.midLine || s.held > 0 || s.size() == (Size{}) || len(lines) == 0 && len(s.frame) == 0 {
		return
	}
	text := s.erase() + joined(lines)
	s.frame = lines
	_, _ = io.WriteString(s.out, text)
}

// Aside calls write without the frame on the screen: write prints to another
// output that may be the same terminal. The next Draw brings the frame back.
func (s *Screen) Aside(write func()) {
	s.hold(1)
	defer s.hold(-1)
	write()
}

// hold removes the frame, and keeps it away while more calls say 1 than -1.
func (s *Screen) hold(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held += n
	if len(s.frame) > 0 {
		_, _ = io.WriteString(s.out, s.erase())
		s.frame = nil
	}
}

// erase returns the text that removes the frame and leaves the cursor at its
// beginning. If the terminal has become narrower, each line of the frame may
// take several rows by now. It erases row by row: a terminal multiplexer takes the
// erasing of a whole display for a new page, and keeps the old one in its history.
func (s *Screen) erase() string {
	if len(s.frame) == 0 {
		return ""
	}
	rows, columns := 0, max(s.size().Columns, 1)
	for _, line := range s.frame {
		rows += max(1, (Width(unpainted(line))+columns-1)/columns)
	}
	// Carriage return, cursor up and down, erase to the end of the line (ECMA-48).
	up := strings.Repeat("\x1b[A", rows-1)
	return "\r" + up + strings.Repeat("\x1b[K\x1b[B", rows-1) + "\x1b[K" + up
}

// joined returns the lines of a frame. The cursor stays behind the last one, so
// that a frame may be as high as the terminal without scrolling.
func joined(lines []string) string { return strings.Join(lines, "\r\n") }

// unpainted returns s without the colours of a Palette.
func unpainted(s string) string {
	for {
		begin := strings.Index(s, "\x1b[")
		if begin < 0 {
			return s
		}
		end := strings.IndexByte(s[begin:], 'm')
		if end < 0 {
			return s
		}
		s = s[:begin] + s[begin+end+1:]
	}
}
