// Package audit chains the lines of the audit trail: the hash of each line covers the
// line before it. Whoever changes, inserts or removes a line has to write all later
// lines again, and the hash of the last one then differs from the one that the log of
// the service has.
package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"flashwarden/api"
)

// Hash returns the hash of a line: the SHA-256 of the hash of the line before it (empty
// for the first line), a newline, and the line as JSON without its own hash.
func Hash(before string, l api.AuditLine) (string, error) {
	l.Hash, l.Time = "", l.Time.UTC()
	text, err := json.Marshal(l)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append([]byte(before+"\n"), text...))
	return hex.EncodeToString(sum[:]), nil
}

// Bounds of a line.
const (
	longest = 200 // characters of a text
	most    = 200 // names in On
)

// Plain returns a line with texts that every catalog keeps as they are: bounded, in valid
// UTF-8, and without control characters. Names come from clients, also from those whose
// operation is refused.
func Plain(l api.AuditLine) api.AuditLine {
	l.User, l.From, l.Operation = plain(l.User), plain(l.From), plain(l.Operation)
	on := []string{}
	for i, name := range l.On {
		if i == most {
			on = append(on, fmt.Sprintf("and %d more", len(l.On)-most))
			break
		}
		if name != "" {
			on = append(on, plain(name))
		}
	}
	l.On = on
	return l
}

func plain(text string) string {
	var b strings.Builder
	count := 0
	for _, r := range text { // a wrong byte is U+FFFD here
		if count++; count > longest {
			return b.String() + "…"
		}
		if unicode.IsControl(r) {
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Trail checks lines in their order, from the first one on. Its zero value has seen
// none.
type Trail struct {
	last   string
	result api.AuditCheck
}

// Next checks the next line. After the first broken one it only counts.
func (t *Trail) Next(l api.AuditLine) error {
	t.result.Lines++
	if t.result.Broken > 0 {
		return nil
	}
	want, err := Hash(t.last, l)
	if err != nil {
		return err
	}
	switch {
	case l.Number != t.result.Lines:
		t.broken(fmt.Sprintf("line %d follows line %d", l.Number, t.result.Lines-1))
	case l.Hash != want:
		t.broken(fmt.Sprintf("line %d was changed: its hash is %s, not %s", l.Number, l.Hash, want))
	}
	t.last = l.Hash
	return nil
}

func (t *Trail) broken(detail string) { t.result.Broken, t.result.Detail = t.result.Lines, detail }

// Result returns the findings so far.
func (t *Trail) Result() api.AuditCheck {
	r := t.result
	r.Hash = t.last
	return r
}
