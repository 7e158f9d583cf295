package terminal

import (
	"slices"
	"strings"

	"flashwarden/api"
)

// Column is one column of a Table.
type Column struct {
	Head  string
	Right bool // numbers: the cells stand at the right
	Spare bool // left out if the screen has no room for it
	Wide  bool // only if the screen has room for it, or if all is asked for
	Twice bool // a spare one whose text another column has too: nobody misses it
	Keep  bool // shortened only if there is no other way: a text that a person types again
}

// Cell is one cell of a Table. An empty text is shown as "-".
type Cell struct {
	Text string
	Tone Tone
}

// Texts makes plain cells of texts.
func Texts(texts ...string) []Cell {
	row := make([]Cell, len(texts))
	for i, text := range texts {
		row[i].Text = text
	}
	return row
}

// Table is rows under a head. All texts are values of others: Format makes them
// printable.
type Table struct {
	Columns []Column
	Rows    [][]Cell // each has a cell for each column
}

// Layout says how a Table or a list of Fields is printed.
type Layout struct {
	Columns int  // of the screen; 0: there is no screen, and nothing is shortened
	Rows    int  // of the screen; 0: there is none, or nothing may be left out
	All     bool // print every column, and shorten nothing
	Verbose bool // print digests whole, and each of many host keys
	Palette Palette

	Inventory []api.DeviceRow // how a command selects many devices, with one option; nil: by their names
}

// Digest is the beginning of a digest, which is enough to name a content, or the
// whole one.
func (l Layout) Digest(sum string) string {
	if l.All || l.Verbose {
		return sum
	}
	return sum[:min(len(sum), 12)]
}

const (
	gap      = 2 // blanks between two columns
	narrowed = 8 // cells below which no column is shortened
)

// Format returns the lines of the table. It leaves out columns that are empty in
// every row. If the columns do not fit on the screen, spare ones are left out, the
// last one first, and then the widest ones are shortened. If they all fit, wide columns
// are added from left to right while there is room. No line is longer than a screen of
// 80 columns. A last line names the spare columns that were left out.
func (t Table) Format(l Layout) string {
	t = t.printable()
	shown := t.shown(l)
	widths := make([]int, len(shown))
	for i, column := range shown {
		widths[i] = t.width(column)
	}
	if l.Columns > 0 && !l.All {
		t.shorten(shown, widths, l.Columns)
	}
	tails := make([]int, len(shown))
	for i, column := range shown {
		tails[i] = t.tail(column, widths[i])
	}
	var b strings.Builder
	head := make([]Cell, len(t.Columns))
	for i, c := range t.Columns {
		head[i] = Cell{Text: c.Head, Tone: Strong}
	}
	for _, row := range append([][]Cell{head}, t.Rows...) {
		t.writeRow(&b, row, shown, widths, tails, l.Palette)
	}
	if missed := t.missed(shown); len(missed) > 0 {
		b.WriteString(l.Prose("", l.Palette.Paint(Faint, "not shown: "+strings.Join(missed, ", ")+"; `-o wide` shows all")))
	}
	return b.String()
}

// missed names the spare columns that the screen has no room for.
func (t Table) missed(shown []int) []string {
	var heads []string
	for i, c := range t.Columns {
		if c.Spare && !c.Twice && !t.empty(i) && !slices.Contains(shown, i) {
			heads = append(heads, c.Head)
		}
	}
	return heads
}

// printable returns t with texts that a screen can show, in one line each.
func (t Table) printable() Table {
	rows := make([][]Cell, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = slices.Clone(row)
		for j, c := range row {
			if rows[i][j].Text = OneLine(c.Text); c.Text == "" {
				rows[i][j] = Cell{Text: "-", Tone: Faint}
			}
		}
	}
	t.Rows = rows
	return t
}

// empty reports whether a column says nothing in any row.
func (t Table) empty(column int) bool {
	return len(t.Rows) > 0 && !slices.ContainsFunc(t.Rows, func(row []Cell) bool { return row[column].Text != "-" })
}

// shown returns the columns that are printed, by their number.
func (t Table) shown(l Layout) []int {
	var shown []int
	left := l.Columns + gap // cells behind the columns
	for i, c := range t.Columns {
		if !t.empty(i) && (l.All || !c.Wide) {
			shown = append(shown, i)
			left -= t.width(i) + gap
		}
	}
	if l.Columns == 0 || l.All {
		return shown
	}
	for i, c := range slices.Backward(t.Columns) {
		if at := slices.Index(shown, i); left < 0 && c.Spare && at >= 0 {
			shown = slices.Delete(shown, at, at+1)
			left += t.width(i) + gap
		}
	}
	complete := true
	for i, c := range t.Columns {
		if !c.Spare || t.empty(i) || slices.Contains(shown, i) {
			continue
		}
		if w := t.width(i) + gap; w <= left { // a wider one behind it is gone
			shown = append(shown, i)
			left -= w
		} else {
			complete = false
		}
	}
	for i, c := range t.Columns {
		if !complete || !c.Wide || t.empty(i) {
			continue
		}
		if left -= t.width(i) + gap; left < 0 {
			break // those behind it are worth less
		}
		shown = append(shown, i)
	}
	slices.Sort(shown)
	return shown
}

// width is the number of character cells of the widest text in a column.
func (t Table) width(column int) int {
	widest := Width(t.Columns[column].Head)
	for _, row := range t.Rows {
		widest = max(widest, Width(row[column].Text))
	}
	return widest
}

// shorten makes the widest columns narrower until all fit on the screen: first
// those that need not be kept, then the others, and the first column last, because
// it names the row.
func (t Table) shorten(shown, widths []int, screen int) {
	total := -gap
	for _, w := range widths {
		total += w + gap
	}
	for _, may := range []func(i int) bool{
		func(i int) bool { return !t.Columns[shown[i]].Keep },
		func(i int) bool { return i > 0 },
		func(int) bool { return true },
	} {
		for ; total > screen; total-- {
			widest := t.widest(shown, widths, may)
			if widest < 0 {
				break
			}
			widths[widest]--
		}
	}
}

// widest returns the widest of the columns that may be narrower; -1 if there is
// none.
func (t Table) widest(shown, widths []int, may func(i int) bool) int {
	widest := -1
	for i, column := range shown {
		least := max(narrowed, Width(t.Columns[column].Head))
		if may(i) && widths[i] > least && (widest < 0 || widths[i] > widths[widest]) {
			widest = i
		}
	}
	return widest
}

// tail returns how many cells of its end a text keeps if it is too long for a column of
// this width: the number with which most of the texts still differ. The names of the
// packages of a release differ in the middle.
func (t Table) tail(column, width int) int {
	best, most := (width-1)/2, 0
	for _, tail := range []int{(width - 1) / 2, (width - 1) / 3, min(8, width/4), (width - 1) * 2 / 3} {
		distinct := map[string]bool{}
		for _, row := range t.Rows {
			distinct[cutMiddle(row[column].Text, width, tail)] = true
		}
		if len(distinct) > most {
			best, most = tail, len(distinct)
		}
	}
	return best
}

// writeRow writes one line. The last column has no blanks behind it.
func (t Table) writeRow(b *strings.Builder, row []Cell, shown, widths, tails []int, palette Palette) {
	var line strings.Builder
	for i, column := range shown {
		cell := row[column]
		text := cutMiddle(cell.Text, widths[i], tails[i])
		pad := strings.Repeat(" ", max(0, widths[i]-Width(text)))
		painted := palette.Paint(cell.Tone, text)
		switch {
		case t.Columns[column].Right:
			line.WriteString(pad + painted)
		case i == len(shown)-1:
			line.WriteString(painted)
		default:
			line.WriteString(painted + pad)
		}
		if i < len(shown)-1 {
			line.WriteString(strings.Repeat(" ", gap))
		}
	}
	b.WriteString(line.String() + "\n")
}

// cutMiddle returns s if it fits into so many cells; otherwise its beginning and
// its end, of so many cells, with … between them. File names differ at their ends,
// and paths too.
func cutMiddle(s string, width, tail int) string {
	if Width(s) <= width || width < 3 {
		return Cut(s, width)
	}
	runes := []rune(s)
	end := len(runes)
	for end > 0 && Width(string(runes[end-1:])) <= tail {
		end--
	}
	last := string(runes[end:])
	return strings.TrimSuffix(Cut(s, width-Width(last)), "…") + "…" + last
}

// Field is one line of a list of Fields.
type Field struct {
	Name  string
	Value Cell
}

// Fields makes a list of fields from names and values in turn.
func Fields(namesAndValues ...string) []Field {
	var list []Field
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		list = append(list, Field{Name: namesAndValues[i], Value: Cell{Text: namesAndValues[i+1]}})
	}
	return list
}

// FormatFields returns a line for each field, with the values in a column. A
// value with several lines, or longer than the screen, goes on in the next lines. A word or a
// command that is too wide for the column stands in a line of its own, nearer to the left. An
// empty value is shown as "-".
func FormatFields(fields []Field, l Layout) string {
	widest := 0
	for _, f := range fields {
		widest = max(widest, Width(f.Name))
	}
	var b strings.Builder
	for _, f := range fields {
		value := Cell{Text: Printable(f.Value.Text), Tone: f.Value.Tone}
		if value.Text == "" {
			value = Cell{Text: "-", Tone: Faint}
		}
		width := 0
		if l.Columns > 0 && !l.All {
			width = max(l.Columns-widest-gap, 20)
		}
		var lines []string
		for line := range strings.SplitSeq(value.Text, "\n") {
			lines = append(lines, wrap(line, width)...)
		}
		for i, line := range lines {
			name := f.Name
			if i > 0 {
				name = ""
			}
			before := Pad(name, widest+gap)
			if width > 0 && seen(line) > width {
				before = hanging
				if i == 0 {
					before = name + "\n" + hanging
				}
			}
			b.WriteString(before + l.Palette.Paint(value.Tone, line) + "\n")
		}
	}
	return b.String()
}
