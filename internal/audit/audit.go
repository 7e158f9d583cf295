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

// Result is what was found so far.
func (t *Trail) Result() api.AuditCheck {
	r := t.result
	r.Hash = t.last
	return r
}
