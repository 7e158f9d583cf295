package iossim

import (
	"io"
	"net"
	"strings"
	"testing"
)

// screen shows the output on a terminal with one unlimited row per line. It
// knows carriage return, newline, backspace and bell.
func screen(out string) []string {
	rows := [][]byte{{}}
	at := 0
	for i := range len(out) {
		row := &rows[len(rows)-1]
		switch b := out[i]; b {
		case '\r':
			at = 0
		case '\n':
			rows = append(rows, []byte{})
			at = 0
		case '\b':
			at = max(at-1, 0)
		case '\a':
		default:
			for len(*row) <= at {
				*row = append(*row, ' ')
			}
			(*row)[at] = b
			at++
		}
	}
	var text []string
	for _, r := range rows {
		text = append(text, strings.TrimRight(string(r), " "))
	}
	return text
}

// edit types keys into a line editor and returns the line, and the screen.
func edit(t *testing.T, e lineEditor, width int, keys string) (string, []string) {
	t.Helper()
	near, far := net.Pipe()
	e.t = newTerminal()
	e.t.resize(uint32(width), 24)
	e.t.open(near)
	out := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(far)
		out <- b
	}()
	if _, err := io.WriteString(far, keys); err != nil {
		t.Fatal(err)
	}
	got, err := e.read()
	if err != nil {
		t.Fatal(err)
	}
	e.t.close()
	return got, screen(string(<-out))
}

func TestLineEditor(t *testing.T) {
	t.Parallel()
	long := "copy flash:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin tftp:"
	for name, c := range map[string]struct{ keys, want, row string }{
		"plain":             {"show version\r", "show version", "sw#show version"},
		"line feed":         {"show\n", "show", "sw#show"},
		"backspace":         {"shox\x08w\r", "show", "sw#show"},
		"delete":            {"shox\x7fw\r", "show", "sw#show"},
		"delete at start":   {"\x7f\x08dir\r", "dir", "sw#dir"},
		"start of line":     {"ow\x01sh\r", "show", "sw#show"},
		"insert in between": {"sow\x02\x02h\r", "show", "sw#show"},
		"arrows":            {"sow\x1b[D\x1b[Dh\x1b[C\x1b[C ip\r", "show ip", "sw#show ip"},
		"end of line":       {"how\x01s\x05 ip\r", "show ip", "sw#show ip"},
		"delete under":      {"xshow\x01\x04\r", "show", "sw#show"},
		"delete to end":     {"show ip\x02\x02\x02\x0b\r", "show", "sw#show"},
		"delete line":       {"nonsense\x15show\r", "show", "sw#show"},
		"delete word":       {"show nonsense \x17ip\r", "show ip", "sw#show ip"},
		"history":           {"\x10\x10\x0e\r", "second", "sw#second"},
		"history and more":  {"\x1b[A\x1b[A now\r", "first now", "sw#first now"},
		"past the history":  {"\x10\x10\x10\x10\x0e\x0e\x0edir\r", "dir", "sw#dir"},
		"control keys":      {"a\x00\x0f\x1eb\r", "ab", "sw#ab"},
		"scrolled":          {long + "\r", long, "sw#$/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin tftp:"},
		"scrolled and back": {long + strings.Repeat("\x7f", len(long)-4) + "\r", "copy", "sw#copy"},
		"scrolled to start": {long + "\x01x\r", "x" + long, "sw#xcopy flash:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE$"},
	} {
		t.Run(name, func(t *testing.T) {
			e := lineEditor{prompt: "sw#", history: []string{"first", "second"}}
			got, rows := edit(t, e, 80, c.keys)
			if got != c.want || rows[0] != c.row {
				t.Errorf("line %q on screen %q, want %q on %q", got, rows[0], c.want, c.row)
			}
		})
	}
}

func TestLineEditorLimits(t *testing.T) {
	t.Parallel()
	endless := strings.Repeat("x", 1000)
	if got, _ := edit(t, lineEditor{prompt: "sw#"}, 80, endless+"\r"); len(got) != maxLine {
		t.Errorf("a line of %d characters, want %d", len(got), maxLine)
	}
	if _, rows := edit(t, lineEditor{prompt: "sw#"}, 0, "plain\r"); rows[0] != "sw#plain" {
		t.Errorf("width 0: %q", rows[0])
	}
	if got, rows := edit(t, lineEditor{prompt: "Password: ", silent: true}, 80, "sec\x7fcret\r"); got != "secret"[:2]+"cret" || rows[0] != "Password:" {
		t.Errorf("silent: %q, screen %q", got, rows[0])
	}
}

// The switch hangs up a line that types and never reads.
func TestTerminalClosesUnderTypeAhead(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	term := newTerminal()
	term.open(near)
	typed := make(chan error, 1)
	go func() {
		_, err := far.Write(make([]byte, 2*typeAhead))
		typed <- err
	}()
	waitFor(t, func() bool { return len(term.keys) == typeAhead })
	term.close()
	if err := <-typed; err == nil {
		t.Error("all keys were taken though nobody read them")
	}
}

func TestTelnetProtocol(t *testing.T) {
	t.Parallel()
	const iac = "\xff"
	for name, c := range map[string]struct{ in, typed, answer string }{
		"plain":            {"show", "show", ""},
		"escaped byte":     {"a" + iac + iac + "b", "a\xffb", ""},
		"in the middle":    {"ad" + iac + "\xfd\x01" + "min", "admin", iac + "\xfb\x01"},
		"asked twice":      {iac + "\xfd\x03" + iac + "\xfd\x03", "", iac + "\xfb\x03"},
		"refuses":          {iac + "\xfd\x05" + iac + "\xfb\x22", "", iac + "\xfc\x05" + iac + "\xfe\x22"},
		"takes the window": {iac + "\xfb\x1f" + iac + "\xfa\x1f\x00\x64\x00\x28" + iac + "\xf0x", "x", iac + "\xfd\x1f"},
		"escape in window": {iac + "\xfa\x1f\x00\xff\xff\x00\x28" + iac + "\xf0x", "x", ""},
		"interrupt":        {iac + "\xf4" + iac + "\xf3", "\x1e\x1e", ""},
		"no operation":     {"a" + iac + "\xf1b", "ab", ""},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := net.Pipe()
			var columns, rows uint32
			conn := &telnetConn{Conn: near, sent: map[byte]bool{}, resize: func(c, r uint32) { columns, rows = c, r }}
			answered := make(chan string, 1)
			go func() {
				b, _ := io.ReadAll(far)
				answered <- string(b)
			}()
			var typed []byte
			for i := range len(c.in) {
				if b, ok := conn.step(c.in[i]); ok {
					typed = append(typed, b)
				}
			}
			near.Close()
			if answer := <-answered; string(typed) != c.typed || answer != c.answer {
				t.Errorf("typed %q, answered %q; want %q, %q", typed, answer, c.typed, c.answer)
			}
			if strings.Contains(name, "window") && (rows != 40 || columns != 100 && columns != 255) {
				t.Errorf("window of %d by %d", columns, rows)
			}
		})
	}
}

func FuzzLineEditor(f *testing.F) {
	f.Add([]byte("show version\x1b[D\x7f\x15"), 20)
	f.Fuzz(func(t *testing.T, keys []byte, width int) {
		near, far := net.Pipe()
		e := lineEditor{t: newTerminal(), prompt: "sw#", history: []string{"a", "b"}}
		e.help = func(string) string { return "help\n" }
		e.tab = func(l string) string { return l }
		e.t.resize(uint32(width&0x3FF), 0)
		e.t.open(near)
		go io.Copy(io.Discard, far)
		go func() { far.Write(keys); far.Close() }()
		for {
			if _, err := e.read(); err == errGone {
				break
			}
			e.buf, e.pos = nil, 0
		}
		e.t.close()
	})
}

func FuzzTelnet(f *testing.F) {
	f.Add([]byte("show\xff\xff\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0\xff\xfb\x18"))
	f.Fuzz(func(t *testing.T, in []byte) {
		near, far := net.Pipe()
		go io.Copy(io.Discard, far)
		c := &telnetConn{Conn: near, sent: map[byte]bool{}}
		for _, b := range in {
			c.step(b)
		}
		if len(c.sub) > maxSub {
			t.Errorf("kept %d bytes of a sub-negotiation", len(c.sub))
		}
		near.Close()
		far.Close()
	})
}

func FuzzPtySize(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x05vt100\x00\x00\x00\x50\x00\x00\x00\x18"))
	f.Fuzz(func(_ *testing.T, payload []byte) { ptySize(payload) })
}

func TestPaging(t *testing.T) {
	t.Parallel()
	s := launch(t, "c3750", Options{})
	c, err := dialSSH(t, s, "cisco")
	if err != nil {
		t.Fatal(err)
	}
	l := shell(t, c, 80, 10)
	l.expect("#")
	l.send("show version\r")
	if page := l.expect(morePrompt); strings.Count(page, "\r\n") != 10 { // with the echo
		t.Errorf("a page of 10 rows is\n%s", page)
	}
	l.send("\r")
	if page := l.expect(morePrompt); strings.Count(page, "\r\n") != 1 {
		t.Errorf("Enter showed\n%s", page)
	}
	l.send(" ")
	if page := l.expect(morePrompt); strings.Count(page, "\r\n") != 9 {
		t.Errorf("Space showed\n%s", page)
	}
	l.send("q")
	if rest := l.expect("#"); strings.Contains(rest, "Configuration register") {
		t.Errorf("q showed\n%s", rest)
	}
	l.run("terminal length 0", "#")
	if all := l.run("show version", "#"); strings.Contains(all, "More") || !strings.Contains(all, "Configuration register is 0xF") {
		t.Errorf("without paging:\n%s", all)
	}
}
