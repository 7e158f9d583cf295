package scp

import (
	"bufio"
	"fmt"
	"io"
)

// Send sends one file of so many bytes to the other side, which runs "scp -t", or has us run
// "scp -f FILE". It returns nil after the other side has acknowledged the whole file. Other errors than
// those of r are *Refused, and ErrCut if the session ended before.
func Send(stream io.ReadWriter, name string, r io.Reader, size int64) error {
	s := sender{stream, bufio.NewReaderSize(stream, ahead)}
	if err := s.acknowledged(); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.w, "C0644 %d %s\n", size, name); err != nil {
		return fmt.Errorf("%w: %w", ErrCut, err)
	}
	if err := s.acknowledged(); err != nil {
		return err
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{s.w}, struct{ io.Reader }{io.LimitReader(r, size)}, make([]byte, 2*pieces))
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("%w, after %d of %d bytes: %w", ErrCut, n, size, err)
	}
	if _, err := s.w.Write([]byte{ok}); err != nil {
		return fmt.Errorf("%w: %w", ErrCut, err)
	}
	return s.acknowledged()
}

type sender struct {
	w  io.Writer
	in *bufio.Reader
}

// acknowledged reads an answer of the other side.
func (s sender) acknowledged() error {
	b, err := s.in.ReadByte()
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrCut, err)
	case b == ok:
		return nil
	}
	text, _ := receiver{in: s.in}.line() // it may end without a newline
	if b != warning && b != fatal {
		text = string(b) + text
	}
	return &Refused{clean(text)}
}
