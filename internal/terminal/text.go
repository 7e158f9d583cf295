package terminal

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
)

// Printable returns s with control characters escaped, because the text of a
// device or a peer must not control the terminal. Line breaks stay.
func Printable(s string) string {
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

// OneLine is Printable without line breaks.
func OneLine(s string) string {
	return strings.ReplaceAll(Printable(s), "\n", `\n`)
}

// cells measures texts as most terminals do: a character of East Asian scripts
// takes two cells, one whose width depends on the font takes one.
var cells = &runewidth.Condition{StrictEmojiNeutral: true}

// Width is the number of character cells that a printable text takes.
func Width(s string) int { return cells.StringWidth(s) }

// Cut returns s if it fits into so many cells; otherwise its beginning, with …
// as the last character.
func Cut(s string, width int) string {
	if width <= 0 {
		return ""
	}
	return cells.Truncate(s, width, "…")
}

// Pad returns s with blanks behind it, so that it takes at least so many cells.
func Pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-Width(s)))
}
