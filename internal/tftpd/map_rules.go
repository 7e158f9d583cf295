package tftpd

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync/atomic"
	"unicode"

	"flashwarden/tftp"
)

// maxSteps limits the rules that are applied to one name. A rule with the flag s
// or g can otherwise repeat forever.
const maxSteps = 4096

// maxMapped is the longest name in bytes that rules may make.
const maxMapped = 4096

// rule is one line of a map file of in.tftpd: flags, a regular expression, and
// what takes the place of its match.
type rule struct {
	flags   string // letters of ruleFlags
	pattern *regexp.Regexp
	replace string // with escape sequences; of a rule with the flag a, the text of the ERROR
}

// ruleFlags are the flags of a rule, as in tftpd(8) of tftp-hpa 5.2.
const ruleFlags = "rgiesaGP46~"

func (r rule) has(flag string) bool { return strings.Contains(r.flags, flag) }

// rules rewrite the names of requests.
type rules []rule

// readRules reads a map file. Its errors have the number of the line.
func readRules(file string) (rules, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, err := parseRules(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return list, nil
}

func parseRules(in io.Reader) (rules, error) {
	var list rules
	lines := bufio.NewScanner(in)
	for number := 1; lines.Scan(); number++ {
		fields := splitRule(lines.Text())
		if len(fields) == 0 {
			continue
		}
		r, err := parseRule(fields)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		list = append(list, r)
	}
	return list, lines.Err()
}

// splitRule splits a line at blanks and ends it at #. A backslash keeps the next
// character from that; both stay in the field. Fields after the third are ignored,
// as in.tftpd does.
func splitRule(line string) []string {
	var fields []string
	for {
		line = strings.TrimLeft(line, " \t\r\v\f")
		end, escaped := 0, false
		for end < len(line) && (escaped || !strings.ContainsRune(" \t\r\v\f#", rune(line[end]))) {
			escaped = !escaped && line[end] == '\\'
			end++
		}
		if end == 0 || len(fields) == 3 {
			return fields
		}
		fields, line = append(fields, line[:end]), line[end:]
	}
}

func parseRule(fields []string) (rule, error) {
	r := rule{flags: fields[0]}
	if i := strings.IndexFunc(r.flags, func(c rune) bool { return !strings.ContainsRune(ruleFlags, c) }); i >= 0 {
		return r, fmt.Errorf("unknown flag %.1q: want letters of %q", r.flags[i:], ruleFlags)
	}
	if r.has("r") && r.has("~") {
		return r, errors.New("the flags r and ~ cannot be together: there is no match to replace")
	}
	if len(fields) < 2 {
		return r, errors.New("the regular expression is missing")
	}
	if len(fields) == 3 {
		r.replace = fields[2]
	}
	var err error
	r.pattern, err = compile(fields[1], r.has("i"))
	return r, err
}

// notOfEgrep finds what other regular expressions mean by a backslash and glibc
// does not, or the other way round.
var notOfEgrep = regexp.MustCompile("^(?:[^\\\\]|\\\\[^<>`'])*\\\\([<>`'])")

// compile reads an extended regular expression of POSIX, as egrep does: of several
// matches at one place the longest one counts.
func compile(text string, anyCase bool) (*regexp.Regexp, error) {
	if m := notOfEgrep.FindStringSubmatch(text); m != nil {
		return nil, fmt.Errorf(`regular expression %q: \%s is not supported`, text, m[1])
	}
	flags := syntax.OneLine | syntax.DotNL
	if anyCase {
		flags |= syntax.FoldCase
	}
	parsed, err := syntax.Parse(doubleInBrackets(text), flags)
	if err != nil {
		return nil, fmt.Errorf("regular expression: %w", err)
	}
	compiled, err := regexp.Compile(parsed.String())
	if err != nil {
		return nil, fmt.Errorf("regular expression: %w", err)
	}
	compiled.Longest()
	return compiled, nil
}

// doubleInBrackets doubles each backslash in a bracket expression: there it is an
// ordinary character in POSIX, and an escape in Go.
func doubleInBrackets(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		b.WriteByte(text[i])
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case text[i] == '[':
			n := bracketLength(text[i+1:])
			b.WriteString(strings.ReplaceAll(text[i+1:i+1+n], `\`, `\\`))
			i += n
		}
	}
	return b.String()
}

// bracketLength returns the length of a bracket expression after its first bracket.
func bracketLength(text string) int {
	n := 0
	if strings.HasPrefix(text, "^") {
		n++
	}
	if strings.HasPrefix(text[n:], "]") { // the first one is an ordinary character
		n++
	}
	for n < len(text) && text[n] != ']' {
		if class := text[n:]; strings.HasPrefix(class, "[:") && strings.Contains(class, ":]") {
			n += strings.Index(class, ":]") + 1
		}
		n++
	}
	return min(n+1, len(text))
}

// rewrite applies the rules to the name of a request. It returns a *tftp.Error if
// a rule refuses the request or the rules do not come to an end.
func (list rules) rewrite(r *tftp.Request) (string, error) {
	name := r.Filename
	steps := 0
	for i := 0; i < len(list); i++ {
		matched, err := list[i].apply(r, &name, &steps)
		switch {
		case err != nil:
			return "", err
		case matched && list[i].has("e"):
			return name, nil
		case matched && list[i].has("s"):
			i = -1
		}
	}
	return name, nil
}

// apply applies one rule to name and reports whether it matched.
func (u rule) apply(r *tftp.Request, name *string, steps *int) (matched bool, err error) {
	if !u.concerns(r) {
		return false, nil
	}
	for {
		if *steps++; *steps > maxSteps || len(*name) > maxMapped {
			return false, &tftp.Error{Code: tftp.CodeAccess, Message: "the rules for file names have no end"}
		}
		match := u.pattern.FindStringSubmatchIndex(*name)
		if (match == nil) != u.has("~") {
			return matched, nil
		}
		matched = true
		if u.has("a") {
			return true, u.refusal(*name, match, r.Remote.Addr())
		}
		if !u.has("r") {
			return true, nil
		}
		*name = (*name)[:match[0]] + u.expand(*name, match, r.Remote.Addr()) + (*name)[match[1]:]
		if !u.has("g") {
			return true, nil
		}
	}
}

// concerns reports whether the rule is for requests of this kind.
func (u rule) concerns(r *tftp.Request) bool {
	switch {
	case u.has("G") && r.Op != tftp.Read, u.has("P") && r.Op != tftp.Write:
		return false
	case u.has("4") && !r.Remote.Addr().Is4(), u.has("6") && !r.Remote.Addr().Is6():
		return false
	}
	return true
}

func (u rule) refusal(name string, match []int, peer netip.Addr) error {
	text := strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return -1
		}
		return c
	}, u.expand(name, match, peer))
	if text == "" {
		text = "access violation"
	}
	return &tftp.Error{Code: tftp.CodeAccess, Message: text}
}

// expand returns the replacement with its escape sequences replaced.
func (u rule) expand(name string, match []int, peer netip.Addr) string {
	var b strings.Builder
	letters := func(s string) string { return s }
	for rest := u.replace; rest != ""; {
		at := strings.IndexByte(rest, '\\')
		if at < 0 || at+1 == len(rest) {
			b.WriteString(letters(rest))
			break
		}
		b.WriteString(letters(rest[:at]))
		c := rest[at+1]
		rest = rest[at+2:]
		switch {
		case c >= '0' && c <= '9':
			b.WriteString(letters(group(name, match, int(c-'0'))))
		case c == 'U':
			letters = strings.ToUpper
		case c == 'L':
			letters = strings.ToLower
		case c == 'E':
			letters = func(s string) string { return s }
		case c == 'i':
			b.WriteString(letters(peer.WithZone("").String()))
		case c == 'x':
			b.WriteString(letters(strings.ToUpper(hex.EncodeToString(peer.AsSlice()))))
		default:
			b.WriteString(letters(string(c)))
		}
	}
	return b.String()
}

// group returns the text of a parenthesised part of a match; empty if there is none.
func group(name string, match []int, n int) string {
	if 2*n+1 >= len(match) || match[2*n] < 0 {
		return ""
	}
	return name[match[2*n]:match[2*n+1]]
}

// mapped rewrites the names of requests before its Handler sees them.
type mapped struct {
	rules atomic.Pointer[rules]
	tftp.Handler
}

// OpenRead implements tftp.Handler.
func (m *mapped) OpenRead(ctx context.Context, r *tftp.Request) (tftp.Reader, error) {
	r, err := m.rewrite(r)
	if err != nil {
		return nil, err
	}
	return m.Handler.OpenRead(ctx, r)
}

// OpenWrite implements tftp.Handler.
func (m *mapped) OpenWrite(ctx context.Context, r *tftp.Request) (tftp.Writer, error) {
	r, err := m.rewrite(r)
	if err != nil {
		return nil, err
	}
	return m.Handler.OpenWrite(ctx, r)
}

func (m *mapped) rewrite(r *tftp.Request) (*tftp.Request, error) {
	name, err := m.rules.Load().rewrite(r)
	if err != nil {
		return nil, err
	}
	changed := *r
	changed.Filename = name
	return &changed, nil
}
