// Package doctor finds what would make a backup fail before one does: on this
// host, and on the path to a device. It looks, and says what to type; it
// changes nothing.
//
// Reading is kept apart from judging: what was read is a value, and every check
// is a function from such a value to what it finds.
package doctor

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode"

	"flashwarden/internal/cause"
)

// Finding is something that is wrong, or of which one cannot tell whether it
// is.
type Finding struct {
	Cause   cause.Cause `json:"cause"` // with which a backup would fail
	Seen    string      `json:"seen"`
	Fix     string      `json:"fix"`     // the lines to type, as they are; empty: nothing can be typed
	Where   string      `json:"where"`   // where to type them: "host", or the device's name
	Changes string      `json:"changes"` // what typing them changes
}

// Host is Finding.Where for this host.
const Host = "host"

// Report is what was found, and what was looked at and is well.
type Report struct {
	Findings []Finding
	Notes    []string
}

func (r *Report) find(f Finding) {
	if f.Where == "" {
		f.Where = Host
	}
	r.Findings = append(r.Findings, f)
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Add takes over what another report has.
func (r *Report) Add(other Report) {
	r.Findings = append(r.Findings, other.Findings...)
	r.Notes = append(r.Notes, other.Notes...)
}

// Target is a device of the inventory with one of its addresses.
type Target struct {
	Name    string
	Address netip.Addr
	Told    netip.Addr // the address of ours that it is told by the inventory or the configuration; invalid: the one that the route has
}

// ShellWord is a word of a line to type, quoted where the shell would take it
// for something else.
func ShellWord(word string) string {
	plain := func(r rune) bool {
		return r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("/.,:=+-_@%", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
