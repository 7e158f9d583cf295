package iossim

import (
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The control characters that IOS obeys.
const (
	ctrlC      = 0x03
	ctrlShift6 = 0x1E // the escape sequence of IOS: breaks off what runs
)

// errGone is what reading a key returns when the line is gone.
var errGone = errors.New("terminal line is gone")

// typeAhead is how many keys are kept that nobody has asked for yet.
const typeAhead = 4096

// terminal is one terminal line as the switch sees it: keys come in, text goes
// out. All but resize belong to the session's goroutine.
type terminal struct {
	wire    io.ReadWriteCloser
	keys    chan byte // closed when the line is gone
	done    chan struct{}
	readers sync.WaitGroup
	pending []byte // typed while something ran
	afterCR bool   // the last key was a carriage return

	width, length atomic.Int32 // columns and rows; 0: no limit
	slow          bool         // every character in a packet of its own
	noise         *noise       // nil: none
	typed         func()       // called for keys
}

func newTerminal() *terminal {
	t := &terminal{keys: make(chan byte, typeAhead), done: make(chan struct{}), typed: func() {}}
	t.width.Store(80)
	t.length.Store(24)
	return t
}

// open begins to read keys. Whoever calls it calls close.
func (t *terminal) open(wire io.ReadWriteCloser) {
	t.wire = wire
	t.readers.Go(t.readKeys)
}

// close hangs up and waits for the reader.
func (t *terminal) close() {
	t.wire.Close()
	close(t.done)
	t.readers.Wait()
}

func (t *terminal) readKeys() {
	defer close(t.keys)
	buf := make([]byte, 512)
	for {
		n, err := t.wire.Read(buf)
		if n > 0 {
			t.typed()
		}
		for _, b := range buf[:n] {
			select {
			case t.keys <- b:
			case <-t.done:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// resize takes the size of the person's window. A side that is 0 is not known.
func (t *terminal) resize(columns, rows uint32) {
	if columns > 0 {
		t.width.Store(int32(min(columns, 512)))
	}
	if rows > 0 {
		t.length.Store(int32(min(rows, 512)))
	}
}

// key waits for the next key. Enter is "\r", however it was sent: CR, LF,
// CR LF, CR NUL (RFC 854).
func (t *terminal) key() (byte, error) {
	for {
		b, err := t.rawKey()
		if err != nil {
			return 0, err
		}
		follows := t.afterCR && (b == '\n' || b == 0)
		t.afterCR = b == '\r'
		switch {
		case follows || b == 0:
			continue
		case b == '\n':
			return '\r', nil
		}
		return b, nil
	}
}

func (t *terminal) rawKey() (byte, error) {
	if len(t.pending) > 0 {
		b := t.pending[0]
		t.pending = t.pending[1:]
		return b, nil
	}
	b, ok := <-t.keys
	if !ok {
		return 0, errGone
	}
	return b, nil
}

// keep puts a key aside that was typed while something ran. It reports false
// for a key that breaks off.
func (t *terminal) keep(b byte) bool {
	if b == ctrlC || b == ctrlShift6 {
		return false
	}
	if len(t.pending) < typeAhead {
		t.pending = append(t.pending, b)
	}
	return true
}

// print sends text; each newline becomes CR LF. Errors are of no use here: the
// next key tells that the line is gone.
func (t *terminal) print(text string) {
	if t.noise == nil {
		t.send(text)
		return
	}
	for line := range strings.Lines(text) {
		t.send(line)
		if strings.HasSuffix(line, "\n") {
			t.send(t.noise.afterLine())
		}
	}
}

// mark sends a progress character.
func (t *terminal) mark(c string) {
	t.send(c)
	if t.noise != nil {
		t.send(t.noise.afterMark())
	}
}

func (t *terminal) send(text string) {
	text = strings.ReplaceAll(text, "\n", "\r\n")
	if !t.slow {
		io.WriteString(t.wire, text)
		return
	}
	began := time.Now()
	for i := range len(text) {
		io.WriteString(t.wire, text[i:i+1])
		time.Sleep(time.Until(began.Add(time.Duration(i+1) * slowCharacter)))
	}
}

// slowCharacter is the time of a character at some 100,000 bits per second:
// most of them arrive alone.
const slowCharacter = 100 * time.Microsecond

// morePrompt is what IOS prints when a page is full.
const morePrompt = " --More-- "

// page prints text and pauses after each full page, unless the length is 0.
// Space shows the next page, Enter the next line, anything else ends it.
func (t *terminal) page(text string) {
	length := int(t.length.Load())
	if length == 0 {
		t.print(text)
		return
	}
	left := max(length-1, 1)
	for line := range strings.Lines(text) {
		if left == 0 {
			if left = t.more(length); left == 0 {
				return
			}
		}
		t.print(line)
		left--
	}
}

// more waits for the key behind --More-- and returns how many lines to show.
func (t *terminal) more(length int) int {
	t.send(morePrompt)
	b, err := t.key()
	wipe := strings.Repeat("\b", len(morePrompt))
	t.send(wipe + strings.Repeat(" ", len(morePrompt)) + wipe)
	switch {
	case err != nil:
		return 0
	case b == ' ':
		return max(length-1, 1)
	case b == '\r':
		return 1
	}
	return 0
}

// noise makes log messages that nobody asked for. It counts instead of looking
// at a clock, so that they come at the same places in every run.
type noise struct {
	lines, marks, prompts, messages int
}

// message is the next message: without the newline behind it, as IOS writes
// it.
func (n *noise) message() string {
	texts := []string{
		"%LINEPROTO-5-UPDOWN: Line protocol on Interface Vlan1, changed state to up",
		"%LINK-3-UPDOWN: Interface GigabitEthernet1/0/7, changed state to down",
		"%SYS-5-CONFIG_I: Configured from console by vty0 (192.0.2.7)",
	}
	n.messages++
	if n.messages%4 == 0 { // AutoInstall of a device with service config
		return "%Error opening tftp://255.255.255.255/network-confg (Timed out)"
	}
	return "*Mar  1 00:2" + string(rune('0'+n.messages%10)) + ":16.242: " + texts[n.messages%len(texts)]
}

func (n *noise) afterLine() string {
	if n.lines++; n.lines%5 != 0 {
		return ""
	}
	return n.message() + "\n"
}

// afterMark breaks into a progress bar: the bar goes on behind the message.
func (n *noise) afterMark() string {
	if n.marks++; n.marks%6 != 0 {
		return ""
	}
	return "\n" + n.message()
}

// afterPrompt follows a prompt, which is not printed again.
func (n *noise) afterPrompt() string {
	if n.prompts++; n.prompts%4 != 0 {
		return ""
	}
	return "\n" + n.message() + "\n"
}
