package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"flashwarden/internal/terminal"
)

// printable is terminal.Printable.
func printable(s string) string { return terminal.Printable(s) }

// oneLine is terminal.OneLine.
func oneLine(s string) string { return terminal.OneLine(s) }

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

// size is terminal.Bytes.
func size(n int64) string { return terminal.Bytes(n) }

// dash is s, or "-" for an empty cell.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// lastName is the last part of a device's path.
func lastName(p string) string { return p[strings.LastIndexAny(p, "/:")+1:] }
