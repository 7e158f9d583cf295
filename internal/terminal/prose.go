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
		words := strings.TrimLeft(line, " ")
		before := indent + line[:len(line)-len(words)]
		width := 0
		if l.Columns > 0 && !l.All && seen(before+words) > l.Columns {
			width = max(l.Columns-len(before)-len(hanging), narrowest)
		}
		for i, part := range wrap(words, width) {
			if i > 0 {
				b.WriteString(hanging)
			}
			b.WriteString(before + part + "\n")
		}
	}
	return b.String()
}

// Paragraphs breaks a text that has lines already, such as a help text, for a
// narrower screen. Between empty lines, a text of sentences is broken anew; a table
// or a list keeps its lines.
func (l Layout) Paragraphs(text string) string {
	if l.Columns == 0 {
		return text
	}
	var parts []string
	for part := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if !strings.HasPrefix(part, " ") && !strings.Contains(part, "\n ") && !strings.Contains(part, "\n\t") && !strings.Contains(part, "  ") {
			part = strings.Join(wrap(strings.ReplaceAll(part, "\n", " "), l.Columns), "\n")
		} else {
			part = strings.TrimSuffix(l.Prose("", part), "\n")
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "\n\n")
}

// wrap breaks a text at blanks into lines of at most so many cells. A word or a
// command in back quotes that is longer stays whole. A width of 0 or less is no
// limit.
func wrap(text string, width int) []string {
	if width <= 0 || seen(text) <= width {
		return []string{text}
	}
	lines := []string{""}
	for word := range words(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case seen(*last)+1+seen(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

// words yields the words of a text. A command in back quotes is one word, with
// the signs before and behind it, and so is a number with its unit.
func words(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		word, commands := "", strings.Count(text, "`")%2 == 0
		parts := strings.Split(text, " ")
		for i, part := range parts {
			if word != "" {
				word += " "
			}
			word += part
			if commands && strings.Count(word, "`")%2 == 1 {
				continue // within a command
			}
			if i+1 < len(parts) && isNumber(part) && isUnit(parts[i+1]) {
				continue
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

// isNumber reports whether a word begins with a digit and has no letters: 24.6, (3,504.
func isNumber(word string) bool {
	return strings.ContainsAny(word, "0123456789") && strings.Trim(word, "0123456789.,(") == ""
}

// isUnit reports whether a word is a unit of Bytes, Rate or Duration, with the signs behind it.
func isUnit(word string) bool {
	switch strings.TrimRight(word, ".,:;)") {
	case "B", "kB", "MB", "GB", "TB", "B/s", "kB/s", "MB/s", "GB/s", "ms", "s", "min", "h":
		return true
	}
	return false
}

// seen is the number of cells of a text that a Palette may have painted.
func seen(text string) int { return Width(unpainted(text)) }
