// Package inventory reads lists of devices of other programs, and compares them
// with the inventory.
package inventory

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"flashwarden/api"
)

// The formats of lists.
const (
	CSV      = "csv"
	RouterDB = "router.db"
	Ansible  = "ansible"
	NetBox   = "netbox"
)

// Formats are all formats.
var Formats = []string{CSV, RouterDB, Ansible, NetBox}

// The columns that are no settings.
const (
	columnName     = "name"
	columnType     = "type"  // of router.db: the kind of device
	columnState    = "state" // of router.db: up, down
	columnPassword = "password"
	columnEnable   = "enable_password"
)

// Columns are the names of the columns of a CSV file.
var Columns = append([]string{columnName, columnPassword, columnEnable}, Settings...)

// List is a list of devices.
type List struct {
	Entries []api.InventoryEntry
	Skipped []Skipped // entries that are not imported
	Ignored []string  // columns without a meaning
}

// Skipped is an entry that is not imported.
type Skipped struct {
	Name   string `json:"name"`
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// Map gives columns of a list the names of ours: by their heads in a CSV file, by
// their numbers from 1 in router.db.
type Map map[string]string

// ParseMap reads name=Hostname,address=Mgmt IP.
func ParseMap(text string) (Map, error) {
	m := Map{}
	for part := range strings.SplitSeq(text, ",") {
		if text == "" {
			break
		}
		ours, theirs, ok := strings.Cut(part, "=")
		ours = columnOf(ours)
		if !ok || theirs == "" || !slices.Contains(Columns, ours) && ours != columnType && ours != columnState {
			return nil, fmt.Errorf("%q: want SETTING=COLUMN; the settings are %s", part, strings.Join(Columns, ", "))
		}
		m[ours] = strings.TrimSpace(theirs)
	}
	return m, nil
}

// columnOf is the name of ours for the head of a column.
func columnOf(head string) string {
	return strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(strings.TrimSpace(head)))
}

// largest is the largest size of a list, in bytes.
const largest = 16 << 20

var errTooLarge = fmt.Errorf("it has more than %d bytes", largest)

// FormatOf returns the format of a list by the name of its file; "" if the name says
// none.
func FormatOf(name string) string {
	if u, err := url.Parse(name); err == nil && IsServer(name) {
		if name = u.Path; strings.HasSuffix(strings.TrimSuffix(name, "/")+"/", netboxPath) {
			return NetBox
		}
	}
	switch path.Ext(name) {
	case ".csv":
		return CSV
	case ".db":
		return RouterDB
	case ".ini", ".yml", ".yaml":
		return Ansible
	}
	return ""
}

// Read reads a list of at most 16 MiB.
func Read(r io.Reader, format string, m Map) (list List, err error) {
	limited := &io.LimitedReader{R: r, N: largest + 1}
	switch format {
	case CSV:
		list, err = ReadCSV(limited, m)
	case RouterDB:
		list, err = ReadRouterDB(limited, m)
	default:
		return list, fmt.Errorf("the format is %q: want %s", format, strings.Join(Formats, ", "))
	}
	if limited.N == 0 {
		err = errTooLarge
	}
	return list, err
}

// ReadCSV reads a CSV file. Its first line has the names of the columns. Columns are
// separated by commas or semicolons.
func ReadCSV(r io.Reader, m Map) (List, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return List{}, err
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // as spreadsheets write it
	head, _, _ := bytes.Cut(text, []byte("\n"))
	rows := csv.NewReader(bytes.NewReader(text))
	rows.TrimLeadingSpace = true
	if !bytes.Contains(head, []byte(",")) && bytes.Contains(head, []byte(";")) {
		rows.Comma = ';'
	}
	heads, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return List{}, errors.New("it is empty")
	}
	if err != nil {
		return List{}, err
	}
	columns, ignored, err := columnsOf(heads, m)
	if err != nil {
		return List{}, err
	}
	list := List{Ignored: ignored}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return list, list.check()
		}
		if err != nil {
			return List{}, err
		}
		line, _ := rows.FieldPos(0)
		list.Entries = append(list.Entries, entry(columns, row, line))
	}
}

// columnsOf names the columns of a CSV file. A column without a meaning has no name.
func columnsOf(heads []string, m Map) (columns, ignored []string, err error) {
	ours := map[string]string{}
	for name, head := range m {
		if !slices.Contains(heads, head) {
			return nil, nil, fmt.Errorf("line 1 has no column %q, which the map names", head)
		}
		ours[head] = name
	}
	for _, head := range heads {
		name := cmp.Or(ours[head], columnOf(head))
		if _, mapped := m[name]; mapped && ours[head] == "" || !slices.Contains(Columns, name) {
			ignored, name = append(ignored, head), ""
		}
		columns = append(columns, name)
	}
	if !slices.Contains(columns, columnName) {
		return nil, nil, fmt.Errorf("line 1 has no column %q; it must name the columns: %s", columnName, strings.Join(Columns, ", "))
	}
	return columns, ignored, nil
}

// entry is one row of a list. Empty cells are left out.
func entry(columns, row []string, line int) api.InventoryEntry {
	e := api.InventoryEntry{Line: line}
	for i, value := range row[:min(len(row), len(columns))] {
		value = strings.TrimSpace(value)
		switch {
		case value == "":
		case columns[i] == columnName:
			e.Name = value
		case columns[i] == columnPassword:
			e.Password = &value
		case columns[i] == columnEnable:
			e.EnablePassword = &value
		case slices.Contains(Settings, columns[i]):
			e.Settings = append(e.Settings, api.DeviceSetting{Name: columns[i], Value: value})
		}
	}
	return e
}

// ciscoTypes are the kinds of devices in router.db that run IOS or IOS-XE: of
// RANCID, and of Oxidized.
var ciscoTypes = []string{"cisco", "ios", "iosxe"}

// ReadRouterDB reads the list of RANCID, NAME;TYPE;STATE (or with colons), or another
// one with such lines, whose columns m numbers. Only devices of Cisco that are up
// are imported. A name without a column for the address is the address too.
func ReadRouterDB(r io.Reader, m Map) (List, error) {
	columns, err := numbered(m)
	if err != nil {
		return List{}, err
	}
	var list List
	n := 0
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		n++
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		separator := ":"
		if strings.Contains(line, ";") {
			separator = ";"
		}
		row := strings.Split(line, separator)
		e := entry(columns, row, n)
		reason, err := whySkipped(columns, row)
		switch {
		case err != nil:
			return List{}, fmt.Errorf("line %d: %w", n, err)
		case reason != "":
			list.Skipped = append(list.Skipped, Skipped{e.Name, n, reason})
			continue
		case !slices.Contains(columns, "address"):
			e.Settings = append(e.Settings, api.DeviceSetting{Name: "address", Value: e.Name})
		}
		list.Entries = append(list.Entries, e)
	}
	return list, errors.Join(lines.Err(), list.check())
}

// numbered names the columns of router.db.
func numbered(m Map) ([]string, error) {
	if len(m) == 0 {
		return []string{columnName, columnType, columnState}, nil
	}
	var columns []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		n, err := strconv.Atoi(m[name])
		if err != nil || n < 1 || n > 99 {
			return nil, fmt.Errorf("%s=%s: want the number of a column of router.db, from 1", name, m[name])
		}
		for len(columns) < n {
			columns = append(columns, "")
		}
		columns[n-1] = name
	}
	if m[columnName] == "" {
		return nil, fmt.Errorf("the map has no %s", columnName)
	}
	return columns, nil
}

// whySkipped says why a line of router.db is not imported; empty: it is.
func whySkipped(columns, row []string) (reason string, err error) {
	for i, column := range columns {
		value := ""
		if i < len(row) {
			value = strings.ToLower(strings.TrimSpace(row[i]))
		}
		switch {
		case column == columnType && !slices.Contains(ciscoTypes, value):
			reason = fmt.Sprintf("type %q is not %s", value, strings.Join(ciscoTypes, ", "))
		case column == columnState && value == "down":
			return "it is down", nil
		case column == columnState && value != "up":
			return "", fmt.Errorf("the state %q is neither up nor down. For the router.db of Oxidized, name its columns, for example name=1,type=2,username=3,password=4", value)
		}
	}
	return reason, nil
}

// check refuses a list with a device without a name or with two of one name.
func (l List) check() error {
	lines := map[string]int{}
	for _, e := range l.Entries {
		switch {
		case e.Name == "":
			return fmt.Errorf("line %d has no name", e.Line)
		case lines[e.Name] > 0:
			return fmt.Errorf("line %d has the same name as line %d, %s", e.Line, lines[e.Name], e.Name)
		}
		lines[e.Name] = e.Line
	}
	return nil
}
