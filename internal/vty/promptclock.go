package vty

import (
	"strings"

	"flashwarden/internal/lazyregexp"
)

// clock matches the time of the day in a prompt, with its brackets and with a
// date on either side: [12:34:56], *12:34:56.789 UTC Sun Nov 22 2026,
// 2026-11-22 12:34.
var clock = lazyregexp.New(`[\[(]?(?:(?:(?:[A-Z][a-z]{2},? +)?[A-Z][a-z]{2} +\d{1,2}(?:,? +\d{4})?|\d{4}-\d{2}-\d{2}),?[ T]+)?` +
	`[*.]?\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?` +
	`(?: [A-Z]{3,4}\b)?(?: [A-Z][a-z]{2} [A-Z][a-z]{2} +\d{1,2}(?: \d{4})?)?[\])]?`)

// beforeMark matches what remains of a clock before the last character.
var beforeMark = lazyregexp.New(`[ _.-]+([#>])$`)

// maxColons is the number of colons in a clock. A MAC address as a host name has
// more.
const maxColons = 2

// withoutClock returns a prompt without the time in it, so that two prompts can
// be compared. A prompt without a clock, or with nothing else, stays as it is.
func withoutClock(prompt string) string {
	if n := strings.Count(prompt, ":"); n == 0 || n > maxColons {
		return prompt
	}
	rest := clock.ReplaceAllString(prompt, " ")
	if rest == prompt {
		return prompt
	}
	rest = beforeMark.ReplaceAllString(strings.Join(strings.Fields(rest), " "), "$1")
	if len(rest) < 2 {
		return prompt
	}
	return rest
}

// samePrompt compares two prompts and ignores the time in them.
func samePrompt(a, b string) bool { return a == b || withoutClock(a) == withoutClock(b) }

// promptAtEnd returns the prompt at the end of a line that begins with other
// text. It is empty if there is none.
func promptAtEnd(line, prompt string) string {
	if prompt == "" || strings.HasSuffix(line, prompt) {
		return prompt
	}
	// The hour may have one digit more or less.
	for n := len(prompt) + 1; n >= max(len(prompt)-1, 1); n-- {
		if n < len(line) && withoutClock(prompt) != prompt && samePrompt(line[len(line)-n:], prompt) {
			return line[len(line)-n:]
		}
	}
	return ""
}
