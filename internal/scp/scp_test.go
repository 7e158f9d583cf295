package scp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// file is a sink in memory.
type file struct {
	bytes.Buffer
	stored, discarded bool
	full              error // of Write
	unstorable        error // of Commit
}

func (f *file) Write(p []byte) (int, error) {
	if f.full != nil {
		return 0, f.full
	}
	return f.Buffer.Write(p)
}

func (f *file) Commit() error {
	f.stored = f.unstorable == nil
	return f.unstorable
}

func (f *file) Abort(error) { f.discarded = true }

// device sends text, reads the answers of the receiver meanwhile, and hangs up unless it
// stays.
func receive(t *testing.T, text string, stays bool, f *file) (answers string, took time.Duration, err error) {
	t.Helper()
	near, far := net.Pipe()
	began := time.Now()
	heard := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(far)
		heard <- string(all)
	}()
	go func() {
		_, _ = io.WriteString(far, text)
		if !stays {
			_ = far.Close()
		}
	}()
	err = Receive(near, func(size int64) (Sink, error) {
		if size == 13 {
			return nil, errors.New("13 bytes are not expected")
		}
		return f, nil
	})
	took = time.Since(began)
	_ = near.Close()
	answers = <-heard
	_ = far.Close()
	return answers, took, err
}

// TestReceive goes through what devices send.
func TestReceive(t *testing.T) {
	const body = "0123456789"
	for name, c := range map[string]struct {
		sent  string
		stays bool
		want  string // of the error; empty: none
	}{
		"as OpenSSH":         {"C0644 10 x.bin\n" + body + "\x00", false, ""},
		"waits for our end":  {"C0644 10 x.bin\n" + body + "\x00", true, ""},
		"no final byte":      {"C0644 10 x.bin\n" + body, false, ""},
		"no byte, waits":     {"C0644 10 x.bin\n" + body, true, ""},
		"no permissions":     {"C 10 x.bin\n" + body + "\x00", false, ""},
		"permissions of ls":  {"C-rw- 10 flash:/x.bin\n" + body + "\x00", false, ""},
		"name with blanks":   {"C0 10 x y.bin\n" + body + "\x00", false, ""},
		"banner before":      {"\r\n*** C3PO 12 only ***\r\nCisco 9300 stack\r\nsw1 line 2\r\n\r\nC0644 10 x.bin\r\n" + body + "\x00", false, ""},
		"zero before":        {"\x00C0644 10 x.bin\n" + body + "\x00", false, ""},
		"refused":            {"\x01Privilege denied.\n", false, "the device answered: Privilege denied."},
		"refused, no line":   {"\x02Administratively disabled.", false, "the device answered: Administratively disabled."},
		"no word":            {"", false, "the device ended the session without a word"},
		"another text":       {"\r\nLine has invalid autocommand \"scp -f x\"\x1b[2J", false, `the device sent no file, but: Line has invalid autocommand "scp -f x" [2J`},
		"a directory":        {"D0755 0 html\n", false, "the device sent no file, but: D0755 0 html"},
		"a directory, waits": {"D0755 0 html\n", true, "the device sent no file, but: D0755 0 html"},
		"longer":             {"C0644 10 x.bin\n" + body + "abc", true, "the device sent more bytes than it announced"},
		"a byte longer":      {"C0644 10 x.bin\n" + body + "a", false, "the device sent more bytes than it announced"},
		"two files":          {"C0644 10 x.bin\n" + body + "C0644 10 y.bin\n" + body + "\x00", false, "the device sent more bytes than it announced"},
		"cut off":            {"C0644 10 x.bin\n01234", false, "the session ended in the middle of the file, after 5 of 10 bytes"},
		"bad flash":          {"C0644 10 x.bin\n" + body + "\x01I/O error\n", false, "the device answered: I/O error"},
		"not expected":       {"C0644 13 x.bin\n", true, "13 bytes are not expected"},
		"huge":               {"C0644 99999999999999999999 x.bin\n", false, "the device sent no file, but: C0644 99999999999999999999 x.bin"},
		"endless text":       {strings.Repeat("a\n", 1000), true, "the device sent no file, but: " + strings.Repeat("a ", 150) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var f file
				answers, _, err := receive(t, c.sent, c.stays, &f)
				if fmt.Sprint(err) != c.want && (err != nil || c.want != "") {
					t.Fatalf("got %v, want %q", err, c.want)
				}
				if err == nil && (!f.stored || f.String() != body || c.stays && answers != "\x00\x00\x00") {
					t.Errorf("stored %t, %q, answers %q", f.stored, f.String(), answers)
				}
				if err != nil && (f.stored || f.Len() > 0 && !f.discarded) {
					t.Errorf("the file was stored, or not discarded: %+v", f)
				}
			})
		})
	}
}

// TestSinkFails answers the device with the error of the file, and never with success.
func TestSinkFails(t *testing.T) {
	for name, f := range map[string]*file{
		"write": {full: errors.New("no space\nleft")}, "store": {unstorable: errors.New("no space\nleft")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answers, _, err := receive(t, "C0644 3 x\nabc\x00", true, f)
				if err == nil || f.stored || answers != "\x00\x00\x02no space left\n" {
					t.Errorf("got %v, answers %q", err, answers)
				}
			})
		})
	}
}

// TestFinalByteIsNotAwaited shows that a device that never sends the last byte costs a few
// seconds, and one that does costs none.
func TestFinalByteIsNotAwaited(t *testing.T) {
	for final, want := range map[string]time.Duration{"": finalWait, "\x00": 0} {
		synctest.Test(t, func(t *testing.T) {
			if _, took, err := receive(t, "C0644 3 x\nabc"+final, true, new(file)); err != nil || took != want {
				t.Errorf("after %q: %s, %v, want %s", final, took, err, want)
			}
		})
	}
}

// FuzzReceive sends anything: Receive ends, and stores only files of the announced size.
func FuzzReceive(f *testing.F) {
	for _, sent := range []string{"C0644 3 x\nabc\x00", "\x01no\n", "T1 0 1 0\nC0 1 y\nz", ""} {
		f.Add([]byte(sent))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		var got file
		announced := int64(-1)
		err := Receive(struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(sent), io.Discard}, func(size int64) (Sink, error) {
			announced = size
			if size > 1<<20 {
				return nil, errors.New("too large")
			}
			return &got, nil
		})
		if got.stored != (err == nil) || err == nil && int64(got.Len()) != announced {
			t.Errorf("stored %t, %d of %d bytes, %v", got.stored, got.Len(), announced, err)
		}
	})
}

// discard is a sink that keeps nothing.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Commit() error               { return nil }
func (discard) Abort(error)                 {}

// TestMemory: hundreds of transfers at once are no burden. The runtime counts the memory of the
// whole process, so the smallest of ten counts is that of a transfer.
func TestMemory(t *testing.T) {
	least := transferMemory(t)
	for range 9 {
		least = min(least, transferMemory(t))
	}
	if least > 24<<10 {
		t.Errorf("one transfer took %d bytes of memory", least)
	}
}

// transferMemory returns how many bytes were allocated during one transfer.
func transferMemory(t *testing.T) uint64 {
	t.Helper()
	const size = 1 << 20
	stream := struct {
		io.Reader
		io.Writer
	}{io.MultiReader(strings.NewReader(fmt.Sprintf("C0644 %d x\n", size)), bytes.NewReader(make([]byte, size)), strings.NewReader("\x00")), io.Discard}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := Receive(stream, func(int64) (Sink, error) { return discard{}, nil }); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
