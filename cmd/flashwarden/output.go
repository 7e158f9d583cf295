package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"flashwarden/api"
	"flashwarden/internal/terminal"
)

// output is where and how a command prints.
type output struct {
	out, err io.Writer
	json     bool // one document on out, text for people on err
	quiet    bool
	verbose  bool
	printed  bool // the document is printed
	wide     bool // tables with every column, and nothing shortened
	color    string
	later    *strings.Builder // pages that wait until the data directory is free; nil: print at once
	pager    string           // the shell command for texts that are longer than the screen; empty: none
	paint    terminal.Palette // for out
	paintErr terminal.Palette // for err

	inventory []api.DeviceRow // for commands that select many devices; nil: not read
}

// setPalettes decides about colours when the flags are known.
func (o *output) setPalettes(getenv func(name string) string) (err error) {
	if o.paint, err = terminal.NewPalette(o.color, terminal.IsTerminal(o.out), getenv); err != nil {
		return usageError{fmt.Errorf("--color %w", err)}
	}
	o.paintErr, err = terminal.NewPalette(o.color, terminal.IsTerminal(o.err), getenv)
	return err
}

// layout is how tables and lists are printed on out.
func (o *output) layout() terminal.Layout {
	size := terminal.SizeOf(o.out)
	l := terminal.Layout{Columns: size.Columns, Rows: size.Rows, All: o.wide, Verbose: o.verbose, Palette: o.paint, Inventory: o.inventory}
	if o.verbose {
		l.Rows = 0
	}
	return l
}

// layoutErr is how text is printed on err.
func (o *output) layoutErr() terminal.Layout {
	return terminal.Layout{Columns: terminal.SizeOf(o.err).Columns, Palette: o.paintErr, Inventory: o.inventory}
}

// answer prints the result of an operation: the document with --json, else the
// text. found chooses the exit code.
func (o *output) answer(document any, text func(terminal.Layout) string, found error) error {
	if o.json {
		return errors.Join(writeJSON(o, document), found)
	}
	return errors.Join(o.page(text(o.layout())), found)
}

// done is answer for a command whose text says only that it succeeded: --quiet
// suppresses it.
func (o *output) done(document any, text func(terminal.Layout) string, found error) error {
	if o.quiet && !o.json {
		return found
	}
	return o.answer(document, text, found)
}

// tell prints text of any origin on err, broken at blanks where it is a terminal.
func (o *output) tell(indent, text string) {
	fmt.Fprint(o.err, o.layoutErr().Prose(indent, terminal.Printable(text)))
}

// nothing says on err why a list is empty, and what to do next, unless --quiet is given.
func (o *output) nothing(text string) error {
	if !o.quiet {
		o.tell("", text)
	}
	return nil
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

// show shows the progress of an operation on err, unless --quiet is given.
func (o *output) show(d terminal.Display) *terminal.Progress {
	if o.quiet {
		return nil
	}
	return terminal.Show(o.err, d, o.paintErr)
}

// showFleet shows the progress of an operation on devices.
func (o *output) showFleet() *terminal.Progress {
	return o.show(&terminal.Fleet{Verbose: o.verbose, Framed: terminal.SizeOf(o.err) != terminal.Size{}})
}

// showTransfers shows the transfers of an offer or a reception.
func (o *output) showTransfers() *terminal.Progress {
	return o.show(&terminal.Transfers{Framed: terminal.SizeOf(o.err) != terminal.Size{}})
}

// writeJSON prints v as the one JSON document of a command. It escapes all
// characters that are not printable: encoding/json does not escape DEL, the C1
// controls and characters that change the direction of writing.
func writeJSON(o *output, v any) error {
	o.printed = true
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	out := make([]byte, 0, text.Len())
	for _, r := range text.String() {
		if r == '\n' || unicode.IsPrint(r) {
			out = utf8.AppendRune(out, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			out = fmt.Appendf(out, `\u%04x`, unit)
		}
	}
	_, err := o.out.Write(out)
	return err
}

// listOf is a document with one list, which is never null.
func listOf[T any](name string, list []T) map[string]any {
	return map[string]any{name: append([]T{}, list...)}
}
