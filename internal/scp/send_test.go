package scp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

// TestSend sends a file to our own receiver.
func TestSend(t *testing.T) {
	for _, content := range []string{"", "x", strings.Repeat("image", 50_000)} {
		near, far := net.Pipe()
		sent := make(chan error, 1)
		go func() { sent <- Send(far, "image.bin", strings.NewReader(content), int64(len(content))) }()
		f := new(file)
		if err := Receive(near, func(int64) (Sink, error) { return f, nil }); err != nil || f.String() != content {
			t.Errorf("%d of %d bytes arrived: %v", f.Len(), len(content), err)
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
	}
}

// answers is a stream whose other side has answered already.
type answers struct {
	io.Reader
	bytes.Buffer
}

func (a *answers) Read(p []byte) (int, error) { return a.Reader.Read(p) }

// TestSendFails goes through answers of a device that does not take the file.
func TestSendFails(t *testing.T) {
	for said, want := range map[string]string{
		"":                             "the session ended",
		"\x00":                         "the session ended",
		"\x00\x00":                     "the session ended",
		"\x00\x02no space left\n":      "the device answered: no space left",
		"\x00\x00\x01write: failed\n":  "the device answered: write: failed",
		"Privilege denied.\n":          "the device answered: Privilege denied.",
		"\x01scp: \x1b[2Jno such file": "the device answered: scp: [2Jno such file",
	} {
		err := Send(&answers{Reader: strings.NewReader(said)}, "x", strings.NewReader("file"), 4)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", said, err, want)
		}
	}
	if err := Send(&answers{Reader: strings.NewReader("\x00\x00\x00")}, "x", strings.NewReader("fi"), 4); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that is shorter than announced: %v", err)
	}
}
