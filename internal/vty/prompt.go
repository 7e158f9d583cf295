package vty

import (
	"bytes"
	"strings"
	"time"

	"flashwarden/internal/lazyregexp"
)

// How long the device must be quiet before we believe the end of its output. A
// certain prompt or question needs just enough time to show that the text was
// not cut there by chance.
const (
	sureQuiet   = 50 * time.Millisecond
	unsureQuiet = 2 * time.Second
	oddQuiet    = 3 * time.Second
	vagueQuiet  = 10 * time.Second // for questions that could also be part of a line of output
	earlyQuiet  = 10 * time.Second // for a prompt before the echo of the command, unless the device is known not to echo
)

// ending is the meaning of the end of the received text.
type ending struct {
	kind  endingKind
	quiet time.Duration // the silence after which the meaning counts
	text  string        // the prompt or the question
	cut   int           // start of its line in screen.text; -1: it is the last line
}

type endingKind int

const (
	endNone     endingKind = iota // the device is still working, or the text is unknown
	endPrompt                     // it waits for the next command
	endQuestion                   // it asks a question
	endMore                       // its pager waits
)

var (
	promptLike = lazyregexp.New(`^[A-Za-z0-9_][\w.:/@~+()\[\]-]{0,98}[#>]$`)
	configMode = lazyregexp.New(`^\(config[\w-]*\)#$`)
	decoration = lazyregexp.New(`^[\w.:/@~+()\[\]-]{0,60}$`)
	moreLike   = lazyregexp.New(`(?i)^\s*<?--\s?more\s?-->?\s*$`)
	// sureQuestion matches the endings of IOS questions. Questions of IOS 12.0
	// and before have no common ending, so it lists their words. A copy over SCP asks for
	// the password behind "Writing x.bin", or on a line of its own.
	sureQuestion = lazyregexp.New(`(?i)(^(writing \S+\s+)?password:|\]\s*\?|\[confirm\]|\[yes(/no)?\]\s*[:?]?|\[no\]\s*[:?]|[(\[]y(es)?/no?[)\]]\s*[:?]?|` +
		`(file ?name|file to copy|partition)\s*\?(\s*\[[^\]]*\])?)$`)
	// vagueQuestion ends questions and other lines; atWork matches some of
	// those other lines.
	vagueQuestion = lazyregexp.New(`[?:\]]$`)
	atWork        = lazyregexp.New(`(?i)^(loading|accessing|reading|writing|verif|building|erasing|translating)|\[(ok|timed out)[^\]]*\]$`)
	// plainQuestion ends other questions, and other lines too.
	plainQuestion = lazyregexp.New(`\?$`)
	// message matches the beginning of a message from a background process: a
	// system message, %FACILITY-SEVERITY-MNEMONIC: with its time before it; a
	// security warning of IOS-XE 17.18 and later; a line of debug output, which
	// has only the time; a message of AutoInstall.
	message = lazyregexp.New(`(?:` + timestamp + `)?%[A-Z][A-Z0-9_]*(?:-[A-Z0-9_]+)*-[0-7]-[A-Z0-9_]+(?: _WARNING)?:|^` + timestamp + `|` +
		`SECURITY WARNING *[-:]? *Module: |%Error opening tftp://255\.255\.255\.255/|^(?i:autoinstall(?: trying |: ))`)
)

// timestamp is the prefix that "service timestamps" and "service
// sequence-numbers" add to a message.
const timestamp = `(?:\d{1,9}: )?[*.]?(?:[A-Z][a-z]{2} +\d{1,2} +(?:\d{4} +)?\d{2}:\d{2}:\d{2}(?:\.\d+)?(?: [A-Z][A-Za-z]{1,5})?|\d{1,2}:\d{2}:\d{2}|\d+[ywd]\d+[wdh]): `

// hostname returns the device's name in a prompt, without mode and decorations.
func hostname(prompt string) string {
	name := strings.TrimRight(withoutClock(prompt), "#> ")
	name, _, _ = strings.Cut(name, "(")
	for _, role := range []string{"-stby", "-standby"} {
		name = strings.TrimSuffix(name, role)
	}
	return name
}

// looksOwn reports whether line is a prompt of the same host as prompt, in
// another mode or with another decoration. IOS shortens long names in some
// modes, so it compares 16 characters. It ignores the time of the day.
func looksOwn(line, prompt string) bool {
	rest, ok := afterName(line, prompt)
	if !ok || rest == "" || !strings.ContainsAny(rest[len(rest)-1:], "#>") {
		return false
	}
	return decoration.MatchString(rest[:len(rest)-1])
}

// configures reports whether line is the prompt of a configuration mode of the same
// host as prompt.
func configures(line, prompt string) bool {
	rest, ok := afterName(line, prompt)
	if open := strings.IndexByte(rest, '('); ok && open >= 0 {
		rest = rest[open:] // a long name has more than 16 characters there
	}
	return ok && configMode.MatchString(rest)
}

// afterName returns the rest of line after the host name of prompt. It compares only the
// first 16 characters of the name.
func afterName(line, prompt string) (rest string, ok bool) {
	name := hostname(prompt)
	if name == "" {
		return "", false
	}
	return strings.CutPrefix(withoutClock(line), name[:min(len(name), 16)])
}

// look decides on the meaning of text and the unfinished line, our device's
// output since the last typing. prompt is the known prompt. If echoed is false,
// our typing has not come back yet and nothing is certain.
func look(text []byte, line, prompt string, echoed bool) ending {
	e := lookLast(line, prompt)
	if e.kind == endNone && strings.TrimSpace(line) == "" {
		e = lookBack(text, prompt)
	}
	if !echoed && e.kind != endMore {
		e.quiet = max(e.quiet, oddQuiet)
	}
	return e
}

func lookLast(line, prompt string) ending {
	e := ending{text: strings.TrimSpace(line), cut: -1}
	switch {
	case e.text == "":
	case samePrompt(line, prompt), configures(line, prompt):
		e.kind, e.quiet = endPrompt, sureQuiet
	case moreLike.MatchString(line):
		e.kind, e.quiet = endMore, sureQuiet
	case looksOwn(line, prompt):
		e.kind, e.quiet = endPrompt, unsureQuiet
	case sureQuestion.MatchString(e.text) && !message.MatchString(line):
		e.kind, e.quiet = endQuestion, sureQuiet
	case sureQuestion.MatchString(e.text): // after a message without a line end, or the end of that message
		e.kind, e.quiet = endQuestion, vagueQuiet
	case vagueQuestion.MatchString(e.text) && !atWork.MatchString(e.text):
		e.kind, e.quiet = endQuestion, vagueQuiet
	case promptAtEnd(line, prompt) != "": // after a file without a final newline
		e.kind, e.quiet, e.text = endPrompt, unsureQuiet, promptAtEnd(line, prompt)
	case promptLike.MatchString(withoutClock(line)): // the name has changed
		e.kind, e.quiet = endPrompt, oddQuiet
	}
	return e
}

// lookBack looks before the messages at the end. IOS does not print a prompt or
// question again after them.
func lookBack(text []byte, prompt string) ending {
	line, start, ok := behind(text)
	e := ending{text: strings.TrimSpace(line), cut: start}
	switch {
	case !ok || e.text == "":
		return ending{}
	case samePrompt(line, prompt):
		e.kind, e.quiet = endPrompt, unsureQuiet
	case sureQuestion.MatchString(line):
		e.kind, e.quiet = endQuestion, oddQuiet
	case plainQuestion.MatchString(line):
		e.kind, e.quiet = endQuestion, vagueQuiet
	case looksOwn(line, prompt) || promptLike.MatchString(withoutClock(line)):
		e.kind, e.quiet = endPrompt, vagueQuiet
	default:
		return ending{}
	}
	return e
}

// behind returns the line before the messages at the end of text, without
// trailing blanks, and its start. A message may also follow on that very line.
// ok is false without messages.
func behind(text []byte) (line string, start int, ok bool) {
	const far = 50 // lines
	for range far {
		start = bytes.LastIndexByte(bytes.TrimSuffix(text, []byte("\n")), '\n') + 1
		if len(text)-start > lastLength {
			return "", 0, false
		}
		line = strings.TrimRight(string(text[start:]), " \t\n")
		if at := message.FindStringIndex(line); at != nil {
			line, ok = strings.TrimRight(line[:at[0]], " \t"), true
		}
		if line != "" || start == 0 {
			return line, start, ok
		}
		text = text[:start]
	}
	return "", 0, false
}

// echoTail is the number of characters at the end of our typing that its echo
// must contain. The device scrolls a long command: "SW1#$tail".
const echoTail = 12

// echoEnd returns the start of the text after the echo of typed. The echo must
// end in one of the first complete lines.
func echoEnd(text []byte, typed string) (int, bool) {
	const first = 20 // lines, because system messages may come before it
	typed = strings.TrimRight(typed, " ")
	end := []byte(typed[max(0, len(typed)-echoTail):])
	at := 0
	for range first {
		n := bytes.IndexByte(text[at:], '\n')
		if n < 0 {
			return 0, false
		}
		line := bytes.TrimRight(text[at:at+n], " \t")
		at += n + 1
		if bytes.HasSuffix(line, end) {
			return at, true
		}
	}
	return 0, false
}
