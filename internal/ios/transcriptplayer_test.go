package ios_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/internal/vty"
)

// step is a piece of a device's output during one command. After a question the
// device waits for the answer.
type step struct {
	prints   string
	question bool
}

// player is a device that plays one command on a Telnet line, in pieces of
// random size.
type player struct {
	conn   net.Conn
	keys   chan byte
	rnd    *rand.Rand
	prompt string
	steps  []step // of any command but the settings of the terminal
	disturb
	typed []string // the answers, in their order; "break" for Ctrl-C
}

// disturb makes a line hard to read.
type disturb struct {
	messages int  // how many of a hundred possible places have a message
	glued    bool // a message has no line end after it; then none comes while the device waits for an answer
	slow     bool // the device needs seconds to react to an answer
}

// play runs client at the prompt of a device that plays steps, in virtual time,
// and returns the answers that the device received.
func play(t *testing.T, seed uint64, d disturb, prompt string, steps []step, client func(t *testing.T, cfg vty.Config)) []string {
	t.Helper()
	var typed []string
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		p := &player{
			conn: theirs, keys: make(chan byte, 1<<16), rnd: rand.New(rand.NewPCG(seed, 1)), prompt: prompt, steps: steps, disturb: d,
		}
		go p.readKeys()
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.session()
			theirs.Close()
		}()
		client(t, vty.Config{
			Name: "sw1", Address: "192.0.2.1", Transport: vty.Telnet,
			Dialer: func(context.Context, string, string) (net.Conn, error) { return ours, nil },
		})
		ours.Close()
		<-done
		for range p.keys { // until its reader is gone
		}
		typed = p.typed
	})
	return typed
}

func (p *player) readKeys() {
	defer close(p.keys)
	for {
		buf := make([]byte, 256)
		n, err := p.conn.Read(buf)
		for _, b := range buf[:n] {
			p.keys <- b
		}
		if err != nil {
			return
		}
	}
}

// print sends text in pieces, with CR LF line ends.
func (p *player) print(text string) {
	text = strings.ReplaceAll(text, "\n", "\r\n")
	for text != "" {
		n := min(len(text), 1+p.rnd.IntN(60))
		if _, err := io.WriteString(p.conn, text[:n]); err != nil {
			return // the client has closed
		}
		text = text[n:]
		if p.rnd.IntN(16) == 0 {
			time.Sleep(time.Duration(p.rnd.IntN(40)) * time.Millisecond)
		}
	}
}

const breakKey = "break"

// key returns the next key; ok is false at the end of the session.
func (p *player) key() (b byte, ok bool) {
	for {
		if b, ok = <-p.keys; b != 0x1e { // Ctrl-Shift-6 stops output, which has stopped
			return b, ok
		}
	}
}

// line reads up to Return and then echoes it.
func (p *player) line(longest time.Duration) (string, bool) {
	var line []byte
	for {
		b, ok := p.key()
		switch {
		case !ok:
			return "", false
		case b == 0x03:
			p.print("\n")
			return breakKey, true
		case b == '\r':
			p.pause(longest)
			p.print(string(line) + "\n")
			return string(line), true
		}
		line = append(line, b)
	}
}

// confirm reads the one key for [confirm].
func (p *player) confirm(longest time.Duration) (string, bool) {
	b, ok := p.key()
	if b == 0x03 {
		p.print("\n")
		return breakKey, ok
	}
	p.pause(longest)
	p.print("\n")
	return strings.Trim(string(rune(b)), "\r"), ok
}

// pause is the time that a slow device needs for an answer.
func (p *player) pause(longest time.Duration) {
	switch {
	case !p.slow:
	case p.rnd.IntN(2) == 0:
		time.Sleep(time.Duration(p.rnd.Int64N(int64(longest))))
	case !p.glued:
		p.unasked()
	}
}

// session plays the prompt until the client has closed.
func (p *player) session() {
	shown := false
	for {
		if !shown {
			p.print("\n" + p.prompt)
		}
		shown = false
		command, ok := p.line(8 * time.Second)
		switch {
		case !ok, command == "exit":
			return
		case command == breakKey:
			p.typed = append(p.typed, command)
		case command == "" || strings.HasPrefix(command, "terminal "):
		case command == "show clock":
			p.print("12:00:00.000 UTC Sun Nov 22 2026\n")
		default:
			shown = p.run()
		}
		if p.rnd.IntN(100) < p.messages && !shown {
			p.print("\n" + p.prompt)
			p.unasked()
			shown = true
		}
	}
}

var shownPrompt = regexp.MustCompile(`(?m)^[A-Za-z0-9][\w.()-]*#[ ]*$`)

// run plays the steps. shown reports whether their output included a prompt.
func (p *player) run() (shown bool) {
	for _, s := range p.steps {
		p.print(p.disturbed(s.prints))
		if !s.question {
			shown = shown || shownPrompt.MatchString(s.prints)
			continue
		}
		if p.rnd.IntN(2) == 0 {
			p.print(" ")
		}
		if !p.glued && p.rnd.IntN(100) < p.messages {
			p.unasked()
		}
		read := p.line
		if strings.HasSuffix(s.prints, "[confirm]") {
			read = p.confirm
		}
		answer, ok := read(20 * time.Second)
		if !ok {
			return false
		}
		p.typed = append(p.typed, answer)
		if answer == breakKey {
			return false
		}
	}
	return shown
}

// messages are messages of background processes: the forms of "service
// timestamps" and "service sequence-numbers", debug, and AutoInstall.
var messages = []string{
	"*Apr  1 15:26:17.047: %LINEPROTO-5-UPDOWN: Line protocol on Interface Vlan1, changed state to up",
	"%SYS-5-CONFIG_I: Configured from tftp://192.0.2.200/sw1-confg by console",
	"Nov 22 2026 15:26:17.047 CET: %LINK-3-UPDOWN: Interface GigabitEthernet1/0/7, changed state to down",
	".Mar 11 01:00:01: %SEC_LOGIN-5-LOGIN_SUCCESS: Login Success [user: erase] [Source: 192.0.2.7] [localport: 22]",
	"1w2d: %SYS-3-CPUHOG: Task ran for 2148 msec (5/0), process = Exec, 0 bytes copied in 1 secs",
	"00:01:39: %SSH-5-SSH2_CLOSE: SSH2 Session from 192.0.2.7 (tty = 1) for user '' closed",
	"000123: *Mar  1 00:21:16.242: %PKI-4-NOAUTOSAVE: Configuration was modified. Issue \"write memory\" to save new certificate",
	"*Mar  1 00:21:16.251: %PARSER-5-CFGLOG_LOGGEDCMD: User:admin  logged command:format flash: [confirm]",
	"Dec  7 20:42:33.704: UDP: sent src=192.0.2.1(51337), dst=192.0.2.9(69), length=68",
	"%Error opening tftp://255.255.255.255/network-confg (Timed out)",
	"%Error opening tftp://255.255.255.255/cisconet.cfg (Timed out)",
	"Autoinstall trying DHCPv4 on Vlan1",
}

func (p *player) message() string { return messages[p.rnd.IntN(len(messages))] }

// unasked prints messages while the device waits for keys. The device does not
// repeat its prompt or question.
func (p *player) unasked() {
	p.print("\n")
	for range 1 + p.rnd.IntN(2) {
		p.print(p.message() + "\n")
		time.Sleep(time.Duration(p.rnd.IntN(4)) * time.Second)
	}
}

// disturbed adds messages between the lines of text and into its progress.
func (p *player) disturbed(text string) string {
	var out strings.Builder
	for i, r := range text {
		hit := p.rnd.IntN(100) < p.messages
		lineStarts := i == 0 || text[i-1] == '\n'
		switch {
		case hit && lineStarts && !p.glued:
			out.WriteString(p.message() + "\n")
		case hit && lineStarts && strings.HasSuffix(text, "]?") && !strings.Contains(text[i:], "\n"):
			out.WriteString(p.message())
		case hit && r == '!' && !lineStarts && text[i-1] == '!':
			out.WriteString("\n" + p.message())
		}
		out.WriteRune(r)
	}
	return out.String()
}
