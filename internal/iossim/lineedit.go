package iossim

import (
	"errors"
	"slices"
	"strings"
)

// maxLine is the longest line that IOS accepts, in characters.
const maxLine = 254

// scrollStep is the number of characters by which a long line scrolls.
const scrollStep = 10

// errInterrupted is the error of reading a line after Ctrl-C or Ctrl-Z.
var errInterrupted = errors.New("interrupted")

// lineEditor reads one line with the editing keys of IOS (Configuration
// Fundamentals Configuration Guide, "Using the command-line interface"). A line
// wider than the terminal scrolls sideways, with a "$" at its start.
type lineEditor struct {
	t       *terminal
	prompt  string
	silent  bool                     // no echo
	history []string                 // oldest first
	help    func(line string) string // the output of "?"; nil: "?" is a normal character
	tab     func(line string) string // completes the last word; nil: nothing to complete

	buf    []byte
	pos    int // of the cursor in buf
	from   int // first character shown
	shown  int // characters on the screen
	column int // of the cursor on the screen, from the end of the prompt
	past   int // position in the history, from its end
}

// read prints the prompt and returns the line.
func (e *lineEditor) read() (string, error) {
	e.t.print(e.prompt)
	if e.t.noise != nil && !e.silent && e.help != nil {
		e.t.send(e.t.noise.afterPrompt())
	}
	for {
		b, err := e.t.key()
		if err != nil {
			return "", err
		}
		switch b {
		case '\r':
			e.t.send("\n")
			return string(e.buf), nil
		case ctrlC, 0x1A:
			e.t.send("\n")
			return "", errInterrupted
		case '?':
			if e.help != nil {
				e.showHelp()
				continue
			}
			e.insert(b)
		case 0x1B:
			if err := e.escape(); err != nil {
				return "", err
			}
		default:
			e.edit(b)
		}
	}
}

// edit handles one key that stays within the line.
func (e *lineEditor) edit(b byte) {
	switch b {
	case 0x08, 0x7F:
		e.remove(e.pos-1, e.pos)
	case 0x04: // Ctrl-D
		e.remove(e.pos, e.pos+1)
	case 0x0B: // Ctrl-K
		e.remove(e.pos, len(e.buf))
	case 0x15, 0x18: // Ctrl-U, Ctrl-X
		e.remove(0, e.pos)
	case 0x17: // Ctrl-W
		e.remove(e.wordStart(), e.pos)
	case 0x01, 0x05, 0x02, 0x06: // Ctrl-A, E, B, F
		e.move(map[byte]int{0x01: 0, 0x05: len(e.buf), 0x02: e.pos - 1, 0x06: e.pos + 1}[b])
	case 0x10: // Ctrl-P
		e.recall(e.past + 1)
	case 0x0E: // Ctrl-N
		e.recall(e.past - 1)
	case 0x0C, 0x12: // Ctrl-L, Ctrl-R
		e.again()
	case '\t':
		e.complete()
	default:
		if b >= ' ' {
			e.insert(b)
		}
	}
}

// escape handles the cursor keys: ESC [ A to D.
func (e *lineEditor) escape() error {
	var seq [2]byte
	for i := range seq {
		b, err := e.t.key()
		if err != nil {
			return err
		}
		seq[i] = b
		if seq[0] != '[' && seq[0] != 'O' {
			return nil
		}
	}
	keys := map[byte]byte{'A': 0x10, 'B': 0x0E, 'C': 0x06, 'D': 0x02}
	if b, ok := keys[seq[1]]; ok {
		e.edit(b)
	}
	return nil
}

func (e *lineEditor) insert(b byte) {
	if len(e.buf) >= maxLine {
		e.t.send("\a")
		return
	}
	e.buf = slices.Insert(e.buf, e.pos, b)
	e.pos++
	if e.silent {
		return
	}
	if e.pos == len(e.buf) && e.column+1 < e.field() { // the usual case: at the end, within the window
		e.t.send(string(rune(b)))
		e.column++
		e.shown = e.column
		return
	}
	e.redraw()
}

// remove deletes buf[from:to] and puts the cursor there.
func (e *lineEditor) remove(from, to int) {
	if from < 0 || to > len(e.buf) || from >= to {
		return
	}
	e.buf = slices.Delete(e.buf, from, to)
	e.pos = from
	e.redraw()
}

func (e *lineEditor) move(to int) {
	e.pos = min(max(to, 0), len(e.buf))
	e.redraw()
}

// wordStart returns the start of the word before the cursor.
func (e *lineEditor) wordStart() int {
	line := strings.TrimRight(string(e.buf[:e.pos]), " ")
	return strings.LastIndexByte(line, ' ') + 1
}

// recall replaces the line by one from the history: 1 is the last one, 0 an
// empty line.
func (e *lineEditor) recall(back int) {
	if e.silent || back < 0 || back > len(e.history) {
		return
	}
	e.past, e.buf = back, nil
	if back > 0 {
		e.buf = []byte(e.history[len(e.history)-back])
	}
	e.pos = len(e.buf)
	e.redraw()
}

// complete completes the last word.
func (e *lineEditor) complete() {
	if e.tab == nil {
		return
	}
	e.buf = append(e.buf[:0], e.tab(string(e.buf))...)
	e.pos = len(e.buf)
	e.again()
}

func (e *lineEditor) showHelp() {
	e.t.send("?\n")
	e.t.page(e.help(string(e.buf[:e.pos])))
	e.t.send("\n")
	e.fresh()
}

// again prints prompt and line on a new row.
func (e *lineEditor) again() {
	e.t.send("\n")
	e.fresh()
}

func (e *lineEditor) fresh() {
	e.t.send(e.prompt)
	e.column, e.shown, e.from = 0, 0, 0
	e.redraw()
}

// field returns the number of columns after the prompt.
func (e *lineEditor) field() int {
	width := int(e.t.width.Load())
	if width == 0 {
		return maxLine + 2
	}
	return max(width-len(e.prompt), 2*scrollStep)
}

// redraw prints the part of the line around the cursor.
func (e *lineEditor) redraw() {
	if e.silent {
		return
	}
	field := e.field()
	for e.pos-e.from >= field {
		e.from += scrollStep
	}
	for e.from > 0 && e.pos <= e.from {
		e.from = max(e.from-scrollStep, 0)
	}
	visible := slices.Clone(e.buf[e.from:min(len(e.buf), e.from+field-1)])
	if e.from > 0 && len(visible) > 0 {
		visible[0] = '$'
	}
	if e.from+len(visible) < len(e.buf) {
		visible[len(visible)-1] = '$'
	}
	blank := max(e.shown-len(visible), 0)
	back := len(visible) + blank - (e.pos - e.from)
	e.t.send(strings.Repeat("\b", e.column) + string(visible) + strings.Repeat(" ", blank) + strings.Repeat("\b", back))
	e.column, e.shown = e.pos-e.from, len(visible)
}
