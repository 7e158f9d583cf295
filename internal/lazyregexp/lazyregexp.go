// Package lazyregexp has regular expressions that are compiled at their first
// use. The parsers of device output have more than a hundred of them, and most
// runs of the program need a few: a completion in the shell needs none, and must
// start at once.
package lazyregexp

import (
	"os"
	"regexp"
	"strings"
	"sync"
)

// Regexp is a regular expression. Its methods are those of [regexp.Regexp]. It
// may be used from many goroutines.
type Regexp struct {
	str  string
	once sync.Once
	re   *regexp.Regexp // set by once
}

// New returns the regular expression str. If str is wrong, the first use panics.
// In the tests of a package New itself panics, so that no wrong one survives
// them.
func New(str string) *Regexp {
	re := &Regexp{str: str}
	if strings.HasSuffix(os.Args[0], ".test") {
		re.compiled()
	}
	return re
}

func (re *Regexp) compiled() *regexp.Regexp {
	re.once.Do(func() { re.re = regexp.MustCompile(re.str) })
	return re.re
}

// Match reports whether b contains a match.
func (re *Regexp) Match(b []byte) bool { return re.compiled().Match(b) }

// MatchString reports whether s contains a match.
func (re *Regexp) MatchString(s string) bool { return re.compiled().MatchString(s) }

// Find returns the first match in b, or nil.
func (re *Regexp) Find(b []byte) []byte { return re.compiled().Find(b) }

// FindString returns the first match in s, or "".
func (re *Regexp) FindString(s string) string { return re.compiled().FindString(s) }

// FindStringIndex returns the place of the first match in s, or nil.
func (re *Regexp) FindStringIndex(s string) []int { return re.compiled().FindStringIndex(s) }

// FindStringSubmatch returns the first match in s and its groups, or nil.
func (re *Regexp) FindStringSubmatch(s string) []string {
	return re.compiled().FindStringSubmatch(s)
}

// FindAllString returns the first n matches in s, or all if n is negative.
func (re *Regexp) FindAllString(s string, n int) []string {
	return re.compiled().FindAllString(s, n)
}

// FindAllStringSubmatch returns the first n matches in s with their groups, or
// all if n is negative.
func (re *Regexp) FindAllStringSubmatch(s string, n int) [][]string {
	return re.compiled().FindAllStringSubmatch(s, n)
}

// ReplaceAllString returns s with every match replaced. The replacement may
// name groups: $1.
func (re *Regexp) ReplaceAllString(s, replacement string) string {
	return re.compiled().ReplaceAllString(s, replacement)
}

// FindStringSubmatchIndex returns the places of the first match in s and of its
// groups, or nil.
func (re *Regexp) FindStringSubmatchIndex(s string) []int {
	return re.compiled().FindStringSubmatchIndex(s)
}

// SubexpIndex returns the number of the group with the name, or -1.
func (re *Regexp) SubexpIndex(name string) int { return re.compiled().SubexpIndex(name) }
