package vty

import "bytes"

// maxOutput limits the output of one command, in bytes.
const maxOutput = 64 << 20

// screen converts the bytes for a terminal into the text that a terminal would
// show: complete lines and the unfinished last one. It knows carriage return,
// backspace and the length of escape sequences (ECMA-48). That is enough for an
// erased --More-- and for a command line that the device scrolls sideways.
type screen struct {
	text   []byte // complete lines, each ended by one LF
	line   []byte // the unfinished last line
	cursor int    // place of the next character in line
	escape escape
	taken  int // bytes received since reset
}

// escape is the state inside an escape sequence.
type escape int

const (
	escNone  escape = iota
	escStart        // after ESC
	escCSI          // after ESC [
	escOSC          // after ESC ], until BEL or ESC \
)

func (s *screen) reset() {
	*s = screen{text: s.text[:0], line: s.line[:0], escape: s.escape}
}

// clear is reset, except that it keeps an unfinished message. The end of a
// message alone could look like anything.
func (s *screen) clear() {
	line, cursor := s.line, s.cursor
	s.reset()
	if message.Match(line) {
		s.line, s.cursor = line, cursor
	}
}

// eraseLine removes the unfinished last line.
func (s *screen) eraseLine() { s.line, s.cursor = s.line[:0], 0 }

// lastLength limits the result of last, in bytes. A progress bar can be one
// line of millions of characters, and only its end matters.
const lastLength = 512

// last returns the end of the unfinished last line, without trailing blanks.
func (s *screen) last() string {
	line := bytes.TrimRight(s.line, " \t")
	return string(line[max(0, len(line)-lastLength):])
}

func (s *screen) feed(p []byte) {
	s.taken += len(p)
	for _, b := range p {
		if s.escape != escNone || b == 0x1b {
			s.escape = s.escape.next(b)
			continue
		}
		s.put(b)
	}
}

func (e escape) next(b byte) escape {
	switch {
	case b == 0x1b:
		return escStart
	case e == escStart && b == '[':
		return escCSI
	case e == escStart && b == ']':
		return escOSC
	case e == escStart && b >= 0x20 && b <= 0x2f: // intermediate byte
		return escStart
	case e == escCSI && (b < 0x40 || b > 0x7e) && b != '\n':
		return escCSI
	case e == escOSC && b != 0x07 && b != '\n':
		return escOSC
	}
	return escNone
}

func (s *screen) put(b byte) {
	switch {
	case b == '\n':
		s.trim()
		s.text = append(append(s.text, s.line...), '\n')
		s.eraseLine()
	case b == '\r':
		s.trim()
		s.cursor = 0
	case b == '\b':
		s.cursor = max(s.cursor-1, 0)
	case b < 0x20 && b != '\t', b == 0x7f: // NUL, BEL and others show nothing
	case s.cursor == len(s.line):
		s.line = append(s.line, b)
		s.cursor++
	default:
		s.line[s.cursor] = b
		s.cursor++
	}
}

// trim removes the blanks right of the cursor. A device prints them to erase
// --More-- before it prints a shorter line there.
func (s *screen) trim() {
	if s.cursor > 0 && len(bytes.Trim(s.line[s.cursor:], " ")) == 0 {
		s.line = s.line[:s.cursor]
	}
}
