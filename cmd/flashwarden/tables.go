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
	return terminal.Layout{Columns: terminal.SizeOf(o.out).Columns, All: o.wide, Palette: o.paint}
}

// layoutErr is how text is printed on err.
func (o *output) layoutErr() terminal.Layout {
	return terminal.Layout{Columns: terminal.SizeOf(o.err).Columns, All: o.wide, Palette: o.paintErr}
}

// page prints a text, through the pager if it is longer than the screen.
func (o *output) page(text string) error { return terminal.Page(o.out, text, o.pager) }

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

// localTime formats a time in the local zone, with the name of the zone.
func localTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }

// ago formats a time for a list of fields: 2026-11-22 15:15:03 CET (3 days ago).
func ago(t, now time.Time) string {
	return fmt.Sprintf("%s (%s)", localTime(t), terminal.Ago(t, now))
}

// cells makes plain cells of texts.
func cells(texts ...string) []terminal.Cell {
	row := make([]terminal.Cell, len(texts))
	for i, text := range texts {
		row[i].Text = text
	}
	return row
}

// fields makes a list of fields from names and values in turn.
func fields(namesAndValues ...string) []terminal.Field {
	var list []terminal.Field
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		list = append(list, terminal.Field{Name: namesAndValues[i], Value: terminal.Cell{Text: namesAndValues[i+1]}})
	}
	return list
}
