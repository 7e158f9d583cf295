package vty

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fake is the device's side of a Telnet connection in a test. It prints texts
// in pieces of random size and reads the client's typing.
type fake struct {
	t     *testing.T
	conn  io.ReadWriteCloser
	in    chan byte // the client's typing
	rnd   *rand.Rand
	piece int                      // longest piece in bytes; default 40
	gap   time.Duration            // between pieces
	mute  bool                     // no echo
	echo  func(line string) string // echo of a line; nil: the line itself
	typed strings.Builder

	options  bool   // answers of Telnet options come in between: drop them
	prompt   string // of shell from now on
	bare     bool   // the next prompt follows without a line end
	noPrompt bool   // the next prompt was printed already
}

func newFake(t *testing.T, conn io.ReadWriteCloser, seed uint64) *fake {
	f := &fake{t: t, conn: conn, in: make(chan byte, 1<<16), rnd: rand.New(rand.NewPCG(seed, 0)), piece: 40}
	go func() {
		defer close(f.in)
		for {
			buf := make([]byte, 512)
			n, err := conn.Read(buf)
			for _, b := range buf[:n] {
				f.in <- b
			}
			if err != nil {
				return
			}
		}
	}()
	return f
}

// print sends text with CR LF line ends.
func (f *fake) print(text string) { f.raw(strings.ReplaceAll(text, "\n", "\r\n")) }

func (f *fake) raw(text string) {
	for text != "" {
		n := min(len(text), 1+f.rnd.IntN(f.piece))
		if _, err := io.WriteString(f.conn, text[:n]); err != nil {
			return // the client has closed
		}
		text = text[n:]
		if f.gap > 0 {
			time.Sleep(f.gap)
		}
	}
}

// line reads up to Return, with echo, and returns the line. It returns "^C" for
// Ctrl-C and drops Ctrl-Shift-6. At the end of the connection it returns
// io.EOF's text.
func (f *fake) line() string {
	var line []byte
	for b := range f.in {
		if f.options && b == telIAC {
			f.option()
			continue
		}
		f.typed.WriteByte(b)
		switch b {
		case '\r':
			switch {
			case f.mute:
				f.print("\n")
			case f.echo != nil:
				f.raw(f.echo(string(line)))
			default:
				f.print(string(line) + "\n")
			}
			return string(line)
		case 0x03:
			return "^C"
		case 0x1e:
		default:
			line = append(line, b)
		}
	}
	return io.EOF.Error()
}

// option drops the rest of a Telnet command.
func (f *fake) option() {
	if <-f.in != telSB {
		<-f.in
		return
	}
	for last := byte(0); ; {
		b := <-f.in
		if last == telIAC && b == telSE {
			return
		}
		last = b
	}
}

// secret is line without echo.
func (f *fake) secret() string {
	mute := f.mute
	f.mute = true
	defer func() { f.mute = mute }()
	return f.line()
}

// key reads one byte. At the end of the connection it ends the script as a
// failure, because the script waits for a missing key.
func (f *fake) key() byte {
	b, ok := <-f.in
	if !ok {
		f.t.Error("the device waits for a key that was never typed")
		runtime.Goexit()
	}
	f.typed.WriteByte(b)
	return b
}

// shell plays the prompt and answers commands until the client has closed. A
// command without an entry in answers gets IOS's refusal.
func (f *fake) shell(prompt string, answers map[string]func()) {
	f.prompt = prompt
	for {
		switch {
		case f.noPrompt:
		case f.bare:
			f.print(f.prompt)
		default:
			f.print("\n" + f.prompt)
		}
		f.bare, f.noPrompt = false, false
		command := f.line()
		switch play, known := answers[command]; {
		case known:
			play()
		case command == io.EOF.Error(), command == "exit":
			return
		case command == "", command == "^C", strings.HasPrefix(command, "terminal "):
		default:
			f.print("            ^\n% Invalid input detected at '^' marker.\n")
		}
	}
}

// login plays the usual login.
func (f *fake) login() {
	f.print("\nUser Access Verification\n\nUsername: ")
	for f.line() == "" {
		f.print("Username: ")
	}
	f.print("Password: ")
	f.secret()
}

// bubble runs a test over a pipe, in virtual time, with a device that plays
// script. client receives the configuration for Dial.
func bubble(t *testing.T, seed uint64, script func(f *fake), client func(t *testing.T, f *fake, cfg Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		f := newFake(t, theirs, seed)
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer theirs.Close()
			script(f)
		}()
		cfg := Config{
			Name: "sw1", Address: "192.0.2.1", Transport: Telnet, Username: "admin", Password: "s3cret-pass", EnablePassword: "en4ble-pass",
			Dialer: func(context.Context, string, string) (net.Conn, error) { return ours, nil },
		}
		client(t, f, cfg)
		ours.Close()
		<-done
		for range f.in { // until its reader is gone
		}
	})
}

// seeds runs a test with several sizes of pieces.
func seeds(t *testing.T, test func(t *testing.T, seed uint64)) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) { test(t, seed) })
	}
}

// got returns the typing so far.
func (f *fake) got() string {
	synctest.Wait()
	return f.typed.String()
}

func dial(t *testing.T, cfg Config) *Line {
	t.Helper()
	l, err := Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
