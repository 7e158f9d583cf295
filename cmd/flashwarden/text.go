package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// printable returns s with control characters escaped, because the text of a
// device or a peer must not control the terminal. Line breaks stay.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == '\n' || unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
	}
	return b.String()
}

// oneLine is printable without line breaks.
func oneLine(s string) string {
	return strings.ReplaceAll(printable(s), "\n", `\n`)
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

// table prints rows under a head, in columns.
func table(w io.Writer, head string, rows [][]string) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, strings.Join(strings.Fields(head), "\t"))
	for _, row := range rows {
		for i := range row {
			row[i] = oneLine(row[i])
		}
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	return tw.Flush()
}

// size formats a number of bytes for people, in decimal units, as Cisco and the
// makers of disks count.
func size(n int64) string {
	switch {
	case n < 0:
		return "?"
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1_000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2f GB", float64(n)/1e9)
}

// exactSize is size with the number of bytes beside it: 18.3 MB (18,286,080
// bytes).
func exactSize(n int64) string {
	if n < 1000 {
		return size(n)
	}
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return fmt.Sprintf("%s (%s bytes)", size(n), digits)
}

// dash is s, or "-" for an empty cell.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// lastName is the last part of a device's path.
func lastName(p string) string { return p[strings.LastIndexAny(p, "/:")+1:] }
