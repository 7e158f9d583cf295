package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"flashwarden/internal/terminal"
)

// layout is how tables and lists are printed on out.
func (o *output) layout() terminal.Layout {
	size := terminal.SizeOf(o.out)
	l := terminal.Layout{Columns: size.Columns, Rows: size.Rows, All: o.wide, Palette: o.paint}
	if o.verbose {
		l.Rows = 0
	}
	return l
}

// layoutErr is how text is printed on err.
func (o *output) layoutErr() terminal.Layout {
	return terminal.Layout{Columns: terminal.SizeOf(o.err).Columns, All: o.wide, Palette: o.paintErr}
}

// tell prints text of any origin on err, broken at blanks where it is a terminal.
func (o *output) tell(indent, text string) {
	fmt.Fprint(o.err, o.layoutErr().Prose(indent, printable(text)))
}

// say prints a text of our own on out, broken at blanks where it is a terminal.
func (o *output) say(text string) error {
	_, err := fmt.Fprint(o.out, o.layout().Prose("", text))
	return err
}

// page prints a text, through the pager if it is longer than the screen. Within
// with it does so at the end: nobody waits for the data directory while somebody
// reads.
func (o *output) page(text string) error {
	if o.later != nil && terminal.IsTerminal(o.out) {
		o.later.WriteString(text)
		return nil
	}
	return terminal.Page(o.out, text, o.pager)
}

// turnPages prints the pages of a command.
func (o *output) turnPages() error {
	text := o.later.String()
	o.later = nil
	return terminal.Page(o.out, text, o.pager)
}

// wideFlag adds the flag that prints tables whole.
func wideFlag(cmd *cobra.Command, o *output) {
	cmd.Flags().VarP(&wideValue{&o.wide}, "output", "o", "`FORMAT`: wide prints every column, and shortens nothing")
	completeWords(cmd, "output", "wide")
}

// wideValue is the value of the flag --output.
type wideValue struct{ wide *bool }

// String returns the value as it was given.
func (v *wideValue) String() string {
	if v.wide != nil && *v.wide {
		return "wide"
	}
	return ""
}

// Set takes the value from the command line.
func (v *wideValue) Set(text string) error {
	if text != "wide" {
		return errors.New("want wide")
	}
	*v.wide = true
	return nil
}

// Type names the type of the value.
func (v *wideValue) Type() string { return "string" }

// digest is the beginning of a digest, which is enough to name a content. With
// -v or -o wide it is the whole digest.
func (o *output) digest(sum string) string {
	if o.verbose || o.wide {
		return sum
	}
	return sum[:min(len(sum), 12)]
}

// localTime is terminal.LocalTime.
func localTime(t time.Time) string { return terminal.LocalTime(t) }

// cells is terminal.Texts.
func cells(texts ...string) []terminal.Cell { return terminal.Texts(texts...) }
