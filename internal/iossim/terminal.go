package iossim

import (
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Control characters of IOS.
const (
	ctrlC      = 0x03
	ctrlShift6 = 0x1E // the escape sequence of IOS, which ends a running command
)

// errGone is the error of reading a key from a line that is gone.
var errGone = errors.New("terminal line is gone")

// typeAhead is the number of keys that a line keeps until they are read.
const typeAhead = 4096

// terminal is one terminal line on the side of the switch: keys arrive, text
// leaves. All methods but resize belong to the goroutine of the session.
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
	left          int          // bytes after which the line is gone; 0: no limit
}

func newTerminal() *terminal {
	t := &terminal{keys: make(chan byte, typeAhead), done: make(chan struct{}), typed: func() {}}
	t.width.Store(80)
	t.length.Store(24)
	return t
}

// open begins to read keys. The caller must call close.
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

// resize sets the size of the person's window. A 0 means unknown.
func (t *terminal) resize(columns, rows uint32) {
	if columns > 0 {
		t.width.Store(int32(min(columns, 512)))
	}
	if rows > 0 {
		t.length.Store(int32(min(rows, 512)))
	}
}

// key waits for the next key. Enter is "\r" in each of its forms: CR, LF, CR
// LF, CR NUL (RFC 854).
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

// keep stores a key that was typed during a command. It reports false for a key
// that ends the command.
func (t *terminal) keep(b byte) bool {
	if b == ctrlC || b == ctrlShift6 {
		return false
	}
	if len(t.pending) < typeAhead {
		t.pending = append(t.pending, b)
	}
	return true
}

// print sends text, with CR LF for each newline. It ignores errors, because the
// next key fails when the line is gone.
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
	if t.left > 0 && len(text) >= t.left {
		text = text[:t.left]
		defer t.wire.Close()
	}
	t.left = max(0, t.left-len(text))
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

// slowCharacter is the time of a character at about 100,000 bits per second.
// Most of them then arrive alone.
const slowCharacter = 100 * time.Microsecond

// morePrompt is the prompt at the end of a full page.
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

// more waits for the key after --More-- and returns the number of lines to
// print.
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

// noise makes log messages. It counts and uses no clock, so the messages come
// at the same places in every run.
type noise struct {
	texts                           []string
	lines, marks, prompts, messages int
}

// backgroundTexts are messages of any device. An error of AutoInstall (a device
// with service config) stands among them, without a time.
func backgroundTexts() []string {
	const at = "*Mar  1 00:2@:16.242: "
	return []string{
		at + "%LINK-3-UPDOWN: Interface GigabitEthernet1/0/7, changed state to down",
		at + "%SYS-5-CONFIG_I: Configured from console by vty0 (192.0.2.7)",
		at + "%LINEPROTO-5-UPDOWN: Line protocol on Interface Vlan1, changed state to up",
		"%Error opening tftp://255.255.255.255/network-confg (Timed out)",
	}
}

// securityTexts are warnings of IOS-XE 17.18 and later, without and with a time.
func securityTexts() []string {
	return []string{
		"SECURITY WARNING - Module: SSH, Command: ip ssh server algorithm *, Reason: Weak algorithm(s)?, Remediation: Use stronger algorithm(s)",
		"*Mar  1 00:2@:16.242: %SYS-4-INSECURE_DYNAMIC_WARNING: Module: TFTP, Command: copy *, Reason: Insecure protocol, Remediation: Use SCP",
		"%SYS-4-INSECURE_CONFIG: Module: AAA, Command: enable password *, Reason: Weak encryption [confirm]",
		"*Mar  1 00:2@:16.242: %SYS-4-INSECURE _WARNING: Module: LINE, Command: transport input telnet, Reason: Insecure protocol",
	}
}

// message returns the next message, without the newline after it.
func (n *noise) message() string {
	text := n.texts[n.messages%len(n.texts)]
	n.messages++
	return strings.Replace(text, "@", string(rune('0'+n.messages%10)), 1)
}

func (n *noise) afterLine() string {
	if n.lines++; n.lines%5 != 0 {
		return ""
	}
	return n.message() + "\n"
}

// afterMark returns a message for a progress bar. The bar continues after it.
func (n *noise) afterMark() string {
	if n.marks++; n.marks%6 != 0 {
		return ""
	}
	return "\n" + n.message()
}

// afterPrompt returns a message after a prompt. The prompt is not printed
// again.
func (n *noise) afterPrompt() string {
	if n.prompts++; n.prompts%4 != 0 {
		return ""
	}
	return "\n" + n.message() + "\n"
}
