package iossim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// command is one command. Its words are keywords, or parameters if they begin
// with an upper-case letter or "<".
type command struct {
	words      string
	privileged bool
	needs      feature
	run        func(s *session, args []string) // args: the parameters
}

// token is one word of a line and its column.
type token struct {
	text string
	at   int
}

func tokens(line string) []token {
	var all []token
	for at := 0; at < len(line); {
		if line[at] == ' ' {
			at++
			continue
		}
		end := at
		for end < len(line) && line[end] != ' ' {
			end++
		}
		all = append(all, token{line[at:end], at})
		at = end
	}
	return all
}

// parseError is the reason why a line is not a command, in the words of IOS.
type parseError struct {
	text string
	at   int // column of the caret; -1: none
}

// match is a command and the words that it was matched with.
type match struct {
	command command
	words   []string
	args    []string
}

// parse finds the command of a line, as IOS does: you may shorten each keyword
// as long as it stays unique.
func parse(commands []command, line string) (match, *parseError) {
	left := start(commands)
	all := tokens(line)
	for i, tok := range all {
		next, bad := step(left, i, tok)
		if bad != nil {
			if bad.at < 0 {
				bad.text = fmt.Sprintf("%% Ambiguous command:  \"%s\"", strings.TrimSpace(line))
			}
			return match{}, bad
		}
		left = next
	}
	for _, m := range left {
		if len(m.words) == len(all) {
			return m, nil
		}
	}
	return match{}, &parseError{"% Incomplete command.", -1}
}

func start(commands []command) []match {
	var left []match
	for _, c := range commands {
		left = append(left, match{command: c, words: strings.Fields(c.words)})
	}
	return left
}

// step keeps the commands whose word i fits tok.
func step(left []match, i int, tok token) ([]match, *parseError) {
	var exact, abbreviated, params []match
	keywords := map[string]bool{}
	good := 0 // number of characters of tok that fit a keyword
	for _, m := range left {
		if i >= len(m.words) {
			continue
		}
		w := m.words[i]
		switch text := strings.ToLower(tok.text); {
		case isParameter(w):
			if accepts(w, tok.text) {
				m.args = append(slices.Clone(m.args), tok.text)
				params = append(params, m)
			}
		case w == text:
			exact = append(exact, m)
		case strings.HasPrefix(w, text):
			abbreviated = append(abbreviated, m)
			keywords[w] = true
		default:
			good = max(good, common(w, text))
		}
	}
	switch {
	case len(exact) > 0:
		return exact, nil
	case len(keywords) > 1:
		return nil, &parseError{"", -1}
	case len(abbreviated) > 0:
		return abbreviated, nil
	case len(params) > 0:
		return params, nil
	}
	return nil, &parseError{"% Invalid input detected at '^' marker.", tok.at + good}
}

func isParameter(word string) bool {
	return word[0] == '<' || word[0] >= 'A' && word[0] <= 'Z'
}

// accepts reports whether a parameter accepts a text: "<0-512>" accepts a
// number of that range, other parameters accept any text that is no option.
func accepts(param, text string) bool {
	if param[0] != '<' {
		return !isOption(text)
	}
	low, high, _ := strings.Cut(strings.Trim(param, "<>"), "-")
	n, err := strconv.Atoi(text)
	from, _ := strconv.Atoi(low)
	to, _ := strconv.Atoi(high)
	return err == nil && n >= from && n <= to
}

// isOption reports whether a word is an option and no path. Both begin with a
// slash.
func isOption(word string) bool {
	return slices.Contains([]string{"/all", "/erase", "/force", "/md5", "/noverify", "/recursive", "/sha512", "/verify"}, strings.ToLower(word))
}

// common returns the length of the common beginning.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// help returns the output of "?" after a line: the possible next words with
// their explanations, or the words that the last one can become.
func help(commands []command, line string) string {
	all := tokens(line)
	partial := token{at: len(line)}
	if len(all) > 0 && !strings.HasSuffix(line, " ") {
		partial, all = all[len(all)-1], all[:len(all)-1]
	}
	left := start(commands)
	for i, tok := range all {
		next, bad := step(left, i, tok)
		if bad != nil {
			return "% Unrecognized command\n"
		}
		left = next
	}
	return helpText(left, len(all), partial.text)
}

func helpText(left []match, depth int, partial string) string {
	var words []string
	for _, m := range left {
		switch {
		case depth == len(m.words):
			words = append(words, "<cr>")
		case depth < len(m.words) && (isParameter(m.words[depth]) && partial == "" || strings.HasPrefix(m.words[depth], strings.ToLower(partial))):
			words = append(words, m.words[depth])
		}
	}
	slices.Sort(words)
	words = slices.Compact(words)
	if len(words) == 0 {
		return "% Unrecognized command\n"
	}
	if partial != "" {
		return strings.Join(words, "  ") + "\n"
	}
	var b strings.Builder
	for _, w := range words {
		fmt.Fprintf(&b, "  %-18s %s\n", w, explain(w))
	}
	return b.String()
}

// completion returns the line with its last word completed, if only one word
// fits.
func completion(commands []command, line string) string {
	all := tokens(line)
	if len(all) == 0 || strings.HasSuffix(line, " ") {
		return line
	}
	last := all[len(all)-1]
	left := start(commands)
	for i, tok := range all {
		next, bad := step(left, i, tok)
		if bad != nil || i >= len(next[0].words) {
			return line
		}
		left = next
	}
	word := left[0].words[len(all)-1]
	if isParameter(word) {
		return line
	}
	return line[:last.at] + word + " "
}
