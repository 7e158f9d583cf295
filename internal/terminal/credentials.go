package terminal

import (
	"strconv"

	"flashwarden/api"
)

// Credentials returns the table of credentials.
func Credentials(list []api.Credential) Table {
	table := Table{Columns: []Column{{Head: "NAME", Keep: true}, {Head: "USERNAME"}, {Head: "PASSWORD"}, {Head: "ENABLE PASSWORD", Spare: true}, {Head: "KEY", Spare: true}, {Head: "DEVICES", Right: true}}}
	for _, c := range list {
		table.Rows = append(table.Rows, Texts(c.Name, c.Username, c.Password, c.EnablePassword, c.Fingerprint, strconv.Itoa(c.Devices)))
	}
	return table
}
