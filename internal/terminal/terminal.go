// Package terminal formats texts for people and draws on their screens: size
// and kind of a screen, colour by meaning, sizes, rates and ages, the natural
// order of names, tables that fit the screen, and the progress of running operations.
//
// All of it is pure except SizeOf, IsTerminal, Screen and Progress: values in,
// texts out.
package terminal

import (
	"os"

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
