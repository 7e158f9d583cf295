package inventory

import (
	"encoding/csv"
	"io"
	"slices"

	"flashwarden/api"
)

// WriteCSV writes a CSV file that ReadCSV reads. It has the columns that an entry has a
// value for, in the order of Columns. Passwords stand in it as they are.
func WriteCSV(w io.Writer, list []api.InventoryEntry) error {
	columns := slices.DeleteFunc(slices.Clone(Columns), func(column string) bool {
		return !slices.ContainsFunc(list, func(e api.InventoryEntry) bool { return cell(e, column) != "" })
	})
	rows := csv.NewWriter(w)
	if err := rows.Write(columns); err != nil {
		return err
	}
	for _, e := range list {
		var row []string
		for _, column := range columns {
			row = append(row, cell(e, column))
		}
		if err := rows.Write(row); err != nil {
			return err
		}
	}
	rows.Flush()
	return rows.Error()
}

// cell is the value of a column for one device; empty if the entry has none.
func cell(e api.InventoryEntry, column string) string {
	known := map[string]*string{columnName: &e.Name, columnPassword: e.Password, columnEnable: e.EnablePassword}
	if value, ok := known[column]; ok {
		if value == nil {
			return ""
		}
		return *value
	}
	for _, s := range e.Settings {
		if s.Name == column {
			return s.Value
		}
	}
	return ""
}

// EntryOf is a device as an entry of a list, without its secrets.
func EntryOf(d api.Device) api.InventoryEntry {
	e := api.InventoryEntry{Name: d.Name}
	for _, name := range Settings {
		if v := value(d, name); v != "" {
			e.Settings = append(e.Settings, api.DeviceSetting{Name: name, Value: v})
		}
	}
	return e
}
