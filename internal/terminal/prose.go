package terminal

import "strings"

const (
	hanging   = "  " // before a line that continues another one
	narrowest = 20   // cells of text in a line, however narrow the screen is
)

// Prose breaks each line of a text at blanks, so that it fits on the screen of the
// layout. Every line begins with indent, and one that continues the line before it
// with two more blanks. Words and commands, which stand in back quotes, are never
// broken: a person copies them. Without a screen nothing is broken.
func (l Layout) Prose(indent, text string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		width := 0
		if l.Columns > 0 && !l.All {
			width = max(l.Columns-len(indent)-len(hanging), narrowest)
		}
		for i, part := range wrap(line, width) {
			if i > 0 {
				b.WriteString(hanging)
			}
			b.WriteString(indent + part + "\n")
		}
	}
	return b.String()
}

// wrap breaks a text at blanks into lines of at most so many cells. A word or a
// command in back quotes that is longer stays whole. A width of 0 or less is no
// limit.
func wrap(text string, width int) []string {
	if width <= 0 || Width(text) <= width {
		return []string{text}
	}
	lines := []string{""}
	for word := range words(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case Width(*last)+1+Width(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

// words yields the words of a text. A command in back quotes is one word, with
// the signs before and behind it.
func words(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		word, commands := "", strings.Count(text, "`")%2 == 0
		for part := range strings.SplitSeq(text, " ") {
			if word != "" {
				word += " "
			}
			word += part
			if commands && strings.Count(word, "`")%2 == 1 {
				continue // within a command
			}
			if !yield(word) {
				return
			}
			word = ""
		}
		if word != "" {
			yield(word)
		}
	}
}
