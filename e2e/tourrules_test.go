package e2e

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/charmbracelet/x/vt"

	"flashwarden/api"
	"flashwarden/internal/terminal"
)

// rules judge the output of one command in one place.
type rules struct {
	t       *testing.T
	what    string        // was run, and where
	size    terminal.Size // zero: no terminal
	colored bool          // colours are on
	moving  bool          // it may draw progress
	loose   bool          // its lines may be wider than the screen
	tabs    bool          // its lines may begin with tabs
	rows    []string      // as a person sees them, those that have scrolled away first
}

var (
	colors = regexp.MustCompile("\x1b\\[[0-9;]*m")
	moves  = regexp.MustCompile("\x1b\\[[0-9;]*[A-HKlh]|\x1b\\[\\?[0-9]+[lh]") // of the cursor, and erasing one line
)

// judge judges what a command wrote to a terminal. A terminal emulator gives the rows.
func (r *rules) judge(text []byte) {
	r.t.Helper()
	if !r.colored && colors.Match(text) {
		r.t.Errorf("%s uses colours:\n%q", r.what, text)
	}
	plain := colors.ReplaceAllString(string(text), "")
	if r.moving {
		plain = moves.ReplaceAllString(plain, "")
		plain = strings.ReplaceAll(plain, "\r", "")
	}
	r.wantNoControls(strings.ReplaceAll(plain, "\r\n", "\n"))
	r.rows = rowsOf(r.emulate(text, r.size))
	wide := rowsOf(r.emulate(text, terminal.Size{Columns: 2000, Rows: r.size.Rows})) // nothing wraps here
	tooWide := slices.ContainsFunc(wide, func(row string) bool { return terminal.Width(row) > r.size.Columns })
	if !tooWide && !slices.Equal(wide, r.rows) {
		r.t.Errorf("%s: a frame has scrolled away:\n%s\nwithout wrapping:\n%s", r.what, strings.Join(r.rows, "\n"), strings.Join(wide, "\n"))
	}
	r.rows = wide
	if !r.moving {
		r.wantNoTrailingBlanks(strings.Split(strings.ReplaceAll(plain, "\r\n", "\n"), "\n"))
	}
	r.all()
}

// all are the rules that need only the rows.
func (r *rules) all() {
	r.t.Helper()
	for _, row := range r.rows {
		if r.size.Columns > 0 && !r.loose && terminal.Width(row) > r.size.Columns && !isCommand(row) {
			r.t.Errorf("%s has a line of %d columns:\n%s", r.what, terminal.Width(row), row)
		}
	}
	if len(r.rows) > 1 && r.rows[0] == "" {
		r.t.Errorf("%s begins with an empty line:\n%s", r.what, strings.Join(r.rows, "\n"))
	}
	if strings.Contains(strings.Join(r.rows, "\n"), " left\n") {
		r.t.Errorf("%s leaves a frame:\n%s", r.what, strings.Join(r.rows, "\n"))
	}
	if r.size == (terminal.Size{}) {
		r.wantNoTrailingBlanks(r.rows)
	}
	r.wantTables()
	r.wantNaturalOrder()
}

func (r *rules) emulate(text []byte, size terminal.Size) *vt.Emulator {
	r.t.Helper()
	if bytes.Contains(text, []byte("\x1b[J")) || bytes.Contains(text, []byte("\x1b[2J")) {
		r.t.Errorf("%s erases the display", r.what)
	}
	e := vt.NewEmulator(size.Columns, size.Rows)
	if _, err := e.Write(text); err != nil {
		r.t.Fatal(err)
	}
	return e
}

// rowsOf returns all rows of an emulator, those that have scrolled away first.
func rowsOf(e *vt.Emulator) []string {
	var rows []string
	for _, line := range e.Scrollback().Lines() {
		var row strings.Builder
		for _, c := range line {
			row.WriteString(c.Content)
		}
		rows = append(rows, strings.TrimRight(row.String(), " "))
	}
	for line := range strings.Lines(strings.TrimRight(e.String(), "\n ")) {
		rows = append(rows, strings.TrimRight(line, " \n"))
	}
	return rows
}

// wantNoControls wants a text without any control character but the line feed.
func (r *rules) wantNoControls(text string) {
	r.t.Helper()
	for _, c := range text {
		if c != '\n' && !(c == '\t' && r.tabs) && unicode.IsControl(c) || c == unicode.ReplacementChar {
			r.t.Errorf("%s prints the control character %q:\n%q", r.what, c, text)
			return
		}
	}
}

func (r *rules) wantNoTrailingBlanks(lines []string) {
	r.t.Helper()
	for _, line := range lines {
		if strings.TrimRight(line, " ") != line {
			r.t.Errorf("%s: a line ends with blanks: %q", r.what, line)
		}
	}
}

// isCommand reports whether a row is, or has at its beginning, a command that a
// person copies: such a command is never broken. So is a line of firewall.
func isCommand(row string) bool {
	text := strings.TrimSpace(row)
	for _, begin := range []string{"`", "flashwarden ", binary + " ", "setpriv ", "sudo ", "pass show ", "copy ", "verify ", "#", "elements = "} {
		if strings.HasPrefix(text, begin) {
			return true
		}
	}
	return false
}

// heading finds the head of a table: words in capitals, two blanks between columns.
var heading = regexp.MustCompile(`^[A-Z][A-Z0-9]+( [A-Z0-9]+)*(  +[A-Z][A-Z0-9]+( [A-Z0-9]+)*)+$`)

// wantTables wants the columns of each table aligned, and none that is always empty.
func (r *rules) wantTables() {
	r.t.Helper()
	for i, row := range r.rows {
		if !heading.MatchString(row) {
			continue
		}
		table := r.rows[i:]
		if end := slices.Index(table, ""); end >= 0 {
			table = table[:end]
		}
		table = table[:lastRow(table)+1]
		if why := wrongTable(table); why != "" {
			r.t.Errorf("%s: %s:\n%s", r.what, why, strings.Join(table, "\n"))
		}
	}
}

// lastRow returns the number of the last row of a table: behind it stands a text, which has
// no column.
func lastRow(table []string) int {
	for i, row := range table {
		if i > 0 && !strings.Contains(strings.TrimSpace(row), "  ") {
			return i - 1
		}
	}
	return len(table) - 1
}

// wrongTable names the fault of a table; empty if it has none.
func wrongTable(table []string) string {
	var cells [][]rune
	width := 0
	for _, row := range table {
		cells = append(cells, []rune(row))
		width = max(width, len([]rune(row)))
	}
	blank := func(row []rune, x int) bool { return x >= len(row) || row[x] == ' ' }
	river := func(x int) bool {
		return !slices.ContainsFunc(cells, func(row []rune) bool { return !blank(row, x) })
	}
	columns := 0
	for x := 0; x < width; {
		end := x
		for end < width && !(river(end) && river(end+1)) {
			end++
		}
		if why := wrongColumn(cells, x, end); why != "" {
			return why
		}
		columns++
		for x = end; x < width && river(x); {
			x++
		}
	}
	if heads := len(regexp.MustCompile(`  +`).Split(table[0], -1)); columns != heads {
		return "its columns are not aligned with its heads"
	}
	return ""
}

// wrongColumn names the fault of the column of a table between two places.
func wrongColumn(table [][]rune, from, to int) string {
	left, right, full := true, true, len(table) == 1
	for i, row := range table {
		text := string(row[min(from, len(row)):min(to, len(row))])
		if strings.TrimSpace(text) == "" {
			return "a cell is empty"
		}
		left = left && !strings.HasPrefix(text, " ")
		right = right && len([]rune(strings.TrimRight(text, " "))) == to-from
		full = full || i > 0 && strings.TrimSpace(text) != "-"
	}
	switch {
	case !left && !right:
		return "a column is not aligned"
	case !full:
		return "a column is always empty"
	}
	return ""
}

// wantNaturalOrder wants rows that begin with the name of a device, one after the
// other, in natural order.
func (r *rules) wantNaturalOrder() {
	r.t.Helper()
	before := ""
	for _, row := range r.rows {
		name, _, _ := strings.Cut(row, " ")
		if !strings.HasPrefix(name, "sw") || strings.HasSuffix(name, ":") {
			before = ""
			continue
		}
		if before != "" && api.CompareNames(before, name) > 0 {
			r.t.Errorf("%s: %s comes before %s", r.what, before, name)
		}
		before = name
	}
}

// TestTourRules has tables that the rules of the tour must accept, and others that they must
// not.
func TestTourRules(t *testing.T) {
	for _, test := range []struct{ table, wrong string }{
		{"NAME  SIZE\nsw1    1.0\nsw2   10.0", ""},
		{"NAME  LAST BACKUP  SIZE\nsw1   3 days ago      -\nsw2   -               1", ""},
		{"NAME  SIZE\nsw1   1.0\nsw2    10", "a column is not aligned"},
		{"NAME  SIZE\nsw1   -\nsw2   -", "a column is always empty"},
		{"NAME  SIZE\nsw1   1\nsw2    ", "a cell is empty"},
		{"NAME  SIZE\nsw10000 1\nsw2  10", "its columns are not aligned with its heads"},
	} {
		if got := wrongTable(strings.Split(test.table, "\n")); got != test.wrong {
			t.Errorf("%q: %q, want %q", test.table, got, test.wrong)
		}
	}
}
