package tables

import (
	"database/sql"
	"strings"
	"unicode"
	"unicode/utf8"
)

// storable returns the values of a statement with texts that both engines keep. Devices send
// names and messages in any bytes; PostgreSQL refuses bytes that are no UTF-8, and the character
// 0. Each wrong byte becomes U+FFFD, as in the JSON of a snapshot, so that a rebuild of the
// catalog finds the same names.
func storable(values []any) []any {
	for i, v := range values {
		switch text := v.(type) {
		case string:
			values[i] = storableText(text)
		case sql.NullString:
			text.String = storableText(text.String)
			values[i] = text
		}
	}
	return values
}

// storableText is storable for one text.
func storableText(text string) string {
	if utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text { // a wrong byte is U+FFFD here
		if r == 0 {
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
	}
	return b.String()
}
