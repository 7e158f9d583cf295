// Package scp receives a file by the old SCP protocol, that of rcp over SSH, as
// IOS and IOS-XE send it. They have no SFTP.
//
// The other side runs "scp -f FILE", or has us run "scp -t FILE". It sends a header, the bytes and a zero
// byte. The receiver acknowledges each of them with a zero byte. No standard
// describes the protocol; OpenSSH's scp.c up to version 8 defines it.
package scp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Command returns the command that makes a device send a file. The device is no
// shell: quotes would be part of the name, and it knows no other option (sshnet/SSH.NET issue 108).
func Command(file string) string { return "scp -f " + file }

// Sink takes the bytes of the file. After Receive has got it, it calls Commit or Abort
// once, as its last call.
type Sink interface {
	io.Writer
	// Commit stores the file. The device gets its last acknowledgement only after
	// Commit returned nil.
	Commit() error
	// Abort discards the file.
	Abort(why error)
}

// Refused is an error that the device sent.
type Refused struct{ Text string }

func (e *Refused) Error() string { return "the device answered: " + e.Text }

// NoFile is the end of a session without the header of a file.
type NoFile struct{ Text string } // what the device sent instead; may be empty

func (e *NoFile) Error() string {
	if e.Text == "" {
		return "the device ended the session without a word"
	}
	return "the device sent no file, but: " + e.Text
}

// ErrCut reports that the session ended before all bytes had arrived.
var ErrCut = errors.New("the session ended in the middle of the file")

// ErrLong reports that the device sent more bytes than it had announced: the file is another
// one than the device listed, or was written meanwhile.
var ErrLong = errors.New("the device sent more bytes than it announced")

const (
	ok       = 0
	warning  = 1 // the device answers with a text
	fatal    = 2 // the same, and it ends
	maxLine  = 4096
	maxLines = 200 // of text before the header: a long banner
	// finalWait is how long a device may take to send the zero byte after the last
	// byte of the file. The file is complete then.
	finalWait = 5 * time.Second
	// pieces is the most bytes for one Write to the sink. Larger ones make no difference: SSH packets have
	// 32 kB at most.
	pieces = 16 << 10
	// ahead is the buffer for all but the content. The content is read past it.
	ahead = 512
)

// Receive receives one file. accept is called with the size that the device announces, in
// bytes. An error of accept or of the sink is sent to the device, and returned.
//
// Receive returns when the sink has stored the file; the caller then closes the
// stream, and closes it earlier to break off. Other errors are *Refused, *NoFile,
// ErrCut and ErrLong.
func Receive(stream io.ReadWriter, accept func(size int64) (Sink, error)) error {
	r := receiver{w: stream, in: bufio.NewReaderSize(stream, ahead)}
	r.acknowledge()
	size, err := r.header()
	if err != nil {
		return err
	}
	sink, err := accept(size)
	if err != nil {
		return r.refuse(err)
	}
	r.acknowledge()
	if err := r.content(sink, size); err != nil {
		sink.Abort(err)
		return r.refuse(err)
	}
	if err := sink.Commit(); err != nil {
		return r.refuse(err)
	}
	r.acknowledge()
	return nil
}

type receiver struct {
	w  io.Writer
	in *bufio.Reader
}

// acknowledge sends a zero byte. If the device has ended meanwhile, the next read says so,
// and whether all bytes have arrived.
func (r receiver) acknowledge() { _, _ = r.w.Write([]byte{ok}) }

// refuse sends err to the device and returns it. The device may be gone.
func (r receiver) refuse(err error) error {
	text := strings.ReplaceAll(err.Error(), "\n", " ")
	_, _ = fmt.Fprintf(r.w, "%c%s\n", fatal, text)
	return err
}

// A header is C, the permissions, the size and the name. IOS has no permissions of
// Unix, so they may be in any form. The name is not used.
var header = regexp.MustCompile(`^C(?:[0-7]*|[-rwx]+) +([0-9]{1,18}) +\S.*$`)

// With -p the times of the file come before its header: T, seconds and microseconds of the last
// change and of the last access. They are not used.
var times = regexp.MustCompile(`^T[0-9]{1,18} [0-9]{1,6} [0-9]{1,18} [0-9]{1,6}$`)

// A directory comes in place of a file. The device waits for our answer then.
var directory = regexp.MustCompile(`^D[0-7]{3,4} +0 +\S`)

// header reads up to the header of the file, and returns the size. Text before it is that
// of a banner or an AAA server.
func (r receiver) header() (int64, error) {
	var before []string
	for range maxLines {
		line, err := r.line()
		switch {
		case line != "" && (line[0] == warning || line[0] == fatal):
			return 0, &Refused{clean(line[1:])}
		case err != nil || directory.MatchString(line):
			return 0, &NoFile{clean(strings.Join(append(before, line), " "))}
		}
		if m := header.FindStringSubmatch(line); m != nil {
			return strconv.ParseInt(m[1], 10, 64)
		}
		if times.MatchString(line) {
			r.acknowledge()
			continue
		}
		if text := clean(line); text != "" {
			before = append(before, text)
		}
	}
	return 0, &NoFile{clean(strings.Join(before, " "))}
}

// line reads a line without its end. Zero bytes at its beginning are acknowledgements of
// our own.
func (r receiver) line() (string, error) {
	var line []byte
	for len(line) < maxLine {
		b, err := r.in.ReadByte()
		switch {
		case err != nil:
			return string(line), err
		case b == '\n':
			return strings.TrimSuffix(string(line), "\r"), nil
		case b == ok && len(line) == 0:
		default:
			line = append(line, b)
		}
	}
	return string(line), nil
}

// content copies the bytes of the file to the sink, and reads the byte after them.
func (r receiver) content(sink Sink, size int64) error {
	buffer := make([]byte, min(size, pieces))
	for left := size; left > 0; {
		n, err := r.in.Read(buffer[:min(left, int64(len(buffer)))]) // reads the bytes that have arrived, so that a stall is seen
		if n > 0 {
			if _, err := sink.Write(buffer[:n]); err != nil {
				return err
			}
		}
		if left -= int64(n); err != nil && left > 0 {
			return fmt.Errorf("%w, after %d of %d bytes", ErrCut, size-left, size)
		}
	}
	return r.final()
}

// final reads the byte after the file. Its absence proves nothing: the bytes are
// counted, and a digest judges them. An error that the device sends counts: it could not
// read its file, and sent other bytes. Any other byte belongs to a longer file.
func (r receiver) final() error {
	answer := make(chan error, 1)
	go func() { // ends with the stream
		b, err := r.in.ReadByte()
		switch {
		case err != nil || b == ok:
			answer <- nil
		case b == warning || b == fatal:
			text, _ := r.line()
			answer <- &Refused{clean(text)}
		default:
			answer <- ErrLong
		}
	}()
	timer := time.NewTimer(finalWait)
	defer timer.Stop()
	select {
	case err := <-answer:
		return err
	case <-timer.C:
		return nil
	}
}

// clean removes control characters from the words of a device, and shortens them.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > 300 {
		return string(runes[:300]) + "…"
	}
	return text
}
