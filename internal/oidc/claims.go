package oidc

import (
	"crypto/sha256"
	"encoding/hex"

	"flashwarden/internal/lazyregexp"
)

// claims are what a provider says about a person.
type claims map[string]any

func (c claims) text(name string) string {
	text, _ := c[name].(string)
	return text
}

// list returns the texts of a claim that is a list, or a single text.
func (c claims) list(name string) (texts []string) {
	switch value := c[name].(type) {
	case string:
		return []string{value}
	case []any:
		for _, v := range value {
			if text, ok := v.(string); ok {
				texts = append(texts, text)
			}
		}
	}
	return texts
}

// plainName is a name that can stand in a line of a log or of the audit trail.
var plainName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

// name returns how people name a person. An address that nobody has verified may be that of
// somebody else.
func (c claims) name(subject string) string {
	email := c.text("email")
	if c["email_verified"] != true {
		email = ""
	}
	for _, name := range []string{c.text("preferred_username"), email, subject} {
		if plainName.MatchString(name) {
			return name
		}
	}
	sum := sha256.Sum256([]byte(subject))
	return "subject-" + hex.EncodeToString(sum[:8])
}
