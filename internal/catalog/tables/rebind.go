package tables

import (
	"strconv"
	"strings"
)

// Rebind writes the parameters of a statement as PostgreSQL wants them: `?` and `?2`
// become `$1` and `$2`. A statement has either numbered parameters or plain ones. The
// question marks of texts in quotes stay.
func Rebind(statement string) string {
	var b strings.Builder
	next, quoted := 1, false
	for i := 0; i < len(statement); i++ {
		c := statement[i]
		quoted = quoted != (c == '\'')
		if c != '?' || quoted {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('$')
		if i+1 < len(statement) && statement[i+1] >= '1' && statement[i+1] <= '9' {
			continue // the number follows
		}
		b.WriteString(strconv.Itoa(next))
		next++
	}
	return b.String()
}
