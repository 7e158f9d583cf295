// Package terminal formats texts for people and draws on their screens: size
// and kind of a screen, colour by meaning, sizes, rates and ages, the natural
// order of names, tables that fit the screen, and the progress of running operations.
//
// All of it is pure except SizeOf, IsTerminal, NoEcho, ReadLine, Screen and Progress: values in,
// texts out.
package terminal

import (
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Size is the size of a screen in character cells. The zero Size means that
// there is no screen.
type Size struct{ Columns, Rows int }

// IsTerminal reports whether v is a file or a Screen that is connected to a
// terminal.
func IsTerminal(v any) bool {
	if s, ok := v.(*Screen); ok {
		return IsTerminal(s.out)
	}
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// SizeOf returns the size of the terminal that v is connected to. It returns
// the zero Size if v is no terminal, or if the terminal does not know its size.
func SizeOf(v any) Size {
	if s, ok := v.(*Screen); ok {
		return s.Size()
	}
	f, ok := v.(*os.File)
	if !ok {
		return Size{}
	}
	columns, rows, err := term.GetSize(int(f.Fd()))
	if err != nil || columns <= 0 || rows <= 0 {
		return Size{}
	}
	return Size{Columns: columns, Rows: rows}
}

// NoEcho makes a terminal not show the line that is typed next, such as a password.
// echo makes it as it was before.
func NoEcho(f *os.File) (echo func() error, err error) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	silent := *before
	silent.Lflag = silent.Lflag&^unix.ECHO | unix.ICANON | unix.ISIG
	silent.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &silent); err != nil {
		return nil, err
	}
	return func() error { return unix.IoctlSetTermios(fd, unix.TCSETS, before) }, nil
}
