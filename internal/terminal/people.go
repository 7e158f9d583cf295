package terminal

import (
	"strconv"
	"strings"
	"time"

	"flashwarden/api"
)

// Users returns the table of users.
func Users(list []api.User, now time.Time) Table {
	table := Table{Columns: []Column{{Head: "NAME", Keep: true}, {Head: "ROLE"}, {Head: "ADDED"}}}
	for _, u := range list {
		table.Rows = append(table.Rows, Texts(u.Name, string(u.Role), Ago(u.Created, now)))
	}
	return table
}

// Tokens returns the table of tokens.
func Tokens(list []api.Token, now time.Time) Table {
	table := Table{Columns: []Column{{Head: "NAME", Keep: true}, {Head: "ROLE"}, {Head: "GROUP"}, {Head: "SITE"}, {Head: "ADDED"}, {Head: "EXPIRES"}}}
	for _, t := range list {
		row := Texts(t.Name, string(t.Role), t.Group, t.Site, Ago(t.Created, now), "never")
		switch {
		case t.Expires.IsZero():
		case t.Expires.After(now):
			row[5].Text = t.Expires.Local().Format(time.DateOnly)
		default:
			row[5] = Cell{Text: "expired", Tone: Warn}
		}
		table.Rows = append(table.Rows, row)
	}
	return table
}

// Audit returns the table of lines of the audit trail. A narrow screen leaves out the numbers of
// the lines, so that it has room for what the operation was on.
func Audit(lines []api.AuditLine) Table {
	table := Table{Columns: []Column{{Head: "LINE", Right: true, Spare: true}, {Head: "TIME", Keep: true}, {Head: "USER"}, {Head: "FROM"}, {Head: "OPERATION", Keep: true},
		{Head: "ON"}, {Head: "RESULT"}, {Head: "HASH", Wide: true}}}
	for _, a := range lines {
		row := Texts(strconv.FormatInt(a.Number, 10), LocalTime(a.Time), a.User, a.From, a.Operation, strings.Join(a.On, " "), a.Result, a.Hash)
		if a.Result == api.AuditRefused {
			row[6].Tone = Bad
		}
		table.Rows = append(table.Rows, row)
	}
	return table
}
