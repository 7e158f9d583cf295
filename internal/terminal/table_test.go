package terminal_test

import (
	"strings"
	"testing"

	"flashwarden/internal/terminal"
)

// images is a table with everything that a table can have.
func images() terminal.Table {
	return terminal.Table{
		Columns: []terminal.Column{{Head: "SHA256", Keep: true}, {Head: "NAME"}, {Head: "SIZE", Right: true}, {Head: "VIA"}, {Head: "STATUS"}, {Head: "SITE", Spare: true}, {Head: "FILE VERSION", Wide: true}, {Head: "NOTE", Wide: true}},
		Rows: [][]terminal.Cell{
			{{Text: "3f9a52c1d0e4"}, {Text: "c3750-ipservicesk9-mz.150-2.SE8.bin"}, {Text: "18.3 MB"}, {}, {Text: "ok", Tone: terminal.Good}, {Text: "hq"}, {Text: "15.0(2)SE8"}, {Text: "a"}},
			{{Text: "77aa52c1d0e4"}, {Text: "x\x1b.bin"}, {Text: "1 B"}, {}, {Text: "damaged", Tone: terminal.Bad}, {Text: "hq"}, {}, {Text: "b"}},
		},
	}
}

func TestTable(t *testing.T) {
	for _, test := range []struct {
		name   string
		layout terminal.Layout
		want   string
	}{
		{"no screen", terminal.Layout{}, `
SHA256        NAME                                    SIZE  STATUS   SITE
3f9a52c1d0e4  c3750-ipservicesk9-mz.150-2.SE8.bin  18.3 MB  ok       hq
77aa52c1d0e4  x\x1b.bin                                1 B  damaged  hq
`},
		{"just wide enough", terminal.Layout{Columns: 67}, `
SHA256        NAME                                    SIZE  STATUS
3f9a52c1d0e4  c3750-ipservicesk9-mz.150-2.SE8.bin  18.3 MB  ok
77aa52c1d0e4  x\x1b.bin                                1 B  damaged
not shown: SITE; ` + "`-o wide`" + ` shows all
`},
		{"narrow", terminal.Layout{Columns: 50}, `
SHA256        NAME                   SIZE  STATUS
3f9a52c1d0e4  c3750-ips….SE8.bin  18.3 MB  ok
77aa52c1d0e4  x\x1b.bin               1 B  damaged
not shown: SITE; ` + "`-o wide`" + ` shows all
`},
		{"narrower than it can be", terminal.Layout{Columns: 20}, `
SHA256    NAME         SIZE  STATUS
3f9a…0e4  c375…bin  18.3 MB  ok
77aa…0e4  x\x1…bin      1 B  damaged
not shown: SITE;
  ` + "`-o wide`" + ` shows all
`},
		{"room for one more", terminal.Layout{Columns: 87}, `
SHA256        NAME                                    SIZE  STATUS   SITE  FILE VERSION
3f9a52c1d0e4  c3750-ipservicesk9-mz.150-2.SE8.bin  18.3 MB  ok       hq    15.0(2)SE8
77aa52c1d0e4  x\x1b.bin                                1 B  damaged  hq    -
`},
		{"all", terminal.Layout{Columns: 20, All: true}, `
SHA256        NAME                                    SIZE  STATUS   SITE  FILE VERSION  NOTE
3f9a52c1d0e4  c3750-ipservicesk9-mz.150-2.SE8.bin  18.3 MB  ok       hq    15.0(2)SE8    a
77aa52c1d0e4  x\x1b.bin                                1 B  damaged  hq    -             b
`},
	} {
		if got := "\n" + images().Format(test.layout); got != test.want {
			t.Errorf("%s: got%swant%s", test.name, got, test.want)
		}
	}
}

// TestSpareColumns: a narrow spare column stays where a wide one has no room, and no column
// that is worth less takes the place of one that is left out.
func TestSpareColumns(t *testing.T) {
	table := terminal.Table{Columns: []terminal.Column{{Head: "NAME"}, {Head: "MODEL", Spare: true}, {Head: "SITE", Spare: true}, {Head: "USER", Wide: true}},
		Rows: [][]terminal.Cell{terminal.Texts("sw1", "WS-C3750G-24TS-S1U", "hq", "anna")}}
	for columns, want := range map[int]string{
		20: "NAME  SITE\nsw1   hq\nnot shown: MODEL;\n  `-o wide` shows all\n",
		29: "NAME  MODEL\nsw1   WS-C3750G-24TS-S1U\nnot shown: SITE; `-o wide`\n  shows all\n",
		30: "NAME  MODEL               SITE\nsw1   WS-C3750G-24TS-S1U  hq\n",
		36: "NAME  MODEL               SITE  USER\nsw1   WS-C3750G-24TS-S1U  hq    anna\n",
	} {
		if got := table.Format(terminal.Layout{Columns: columns}); got != want {
			t.Errorf("%d columns:\n%swant\n%s", columns, got, want)
		}
	}
}

// TestTableWithoutRows has its head, so that a script finds the columns.
func TestTableWithoutRows(t *testing.T) {
	table := images()
	table.Rows = nil
	if got, want := table.Format(terminal.Layout{}), "SHA256  NAME  SIZE  VIA  STATUS  SITE\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestTableFits looks at all widths of a screen: no line is longer, from the
// width at which no column may be narrower.
func TestTableFits(t *testing.T) {
	for columns := 48; columns < 200; columns++ {
		for line := range strings.Lines(images().Format(terminal.Layout{Columns: columns})) {
			if w := terminal.Width(strings.TrimSuffix(line, "\n")); w > columns {
				t.Errorf("%d columns: a line of %d: %s", columns, w, line)
			}
		}
	}
}

// TestTableInColour paints the texts and not the blanks: the columns stay.
func TestTableInColour(t *testing.T) {
	palette, err := terminal.NewPalette(terminal.ColourAlways, false, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	table := terminal.Table{Columns: []terminal.Column{{Head: "A"}, {Head: "B"}}, Rows: [][]terminal.Cell{{{Text: "ok", Tone: terminal.Good}, {Text: "x"}}}}
	want := "\x1b[1mA\x1b[0m   \x1b[1mB\x1b[0m\n\x1b[32mok\x1b[0m  x\n"
	if got := table.Format(terminal.Layout{Palette: palette}); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestFieldsTooWide: what a person copies stays in one line, nearer to the left.
func TestFieldsTooWide(t *testing.T) {
	fields := terminal.Fields("device", "sw1", "next", "type `flashwarden edit sw1`", "file", "flash:/c3750-mz.150-2.bin")
	want := "device  sw1\nnext    type\n  `flashwarden edit sw1`\nfile\n  flash:/c3750-mz.150-2.bin\n"
	if got := terminal.FormatFields(fields, terminal.Layout{Columns: 28}); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestFields(t *testing.T) {
	fields := []terminal.Field{{Name: "device", Value: terminal.Cell{Text: "sw1"}}, {Name: "image", Value: terminal.Cell{Text: "one two three four five"}}, {Name: "via"}}
	want := "device  sw1\nimage   one two three four\n        five\nvia     -\n"
	if got := terminal.FormatFields(fields, terminal.Layout{Columns: 24}); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	want = "device  sw1\nimage   one two three four five\nvia     -\n"
	if got := terminal.FormatFields(fields, terminal.Layout{}); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestPackagesStayDistinct: the names of packages differ in the middle, and a
// shortened name still says which package it is.
func TestPackagesStayDistinct(t *testing.T) {
	table := terminal.Table{Columns: []terminal.Column{{Head: "PATH"}, {Head: "SHA256", Keep: true}}}
	for _, name := range []string{"cc_srdriver", "espbase", "guestshell", "rpbase", "rpboot", "sipbase", "sipspa", "srdriver", "webui", "wlc"} {
		table.Rows = append(table.Rows, terminal.Texts("flash:/cat9k-"+name+".17.09.04a.SPA.pkg", "0a8f5e1c9b7d"))
	}
	lines := strings.Split(strings.TrimSpace(table.Format(terminal.Layout{Columns: 40})), "\n")
	seen := map[string]bool{}
	for _, line := range lines[1:] {
		seen[line] = true
		if terminal.Width(line) > 40 {
			t.Errorf("%q is wider than the screen", line)
		}
	}
	if len(seen) != len(table.Rows) {
		t.Errorf("%d distinct lines of %d:\n%s", len(seen), len(table.Rows), strings.Join(lines, "\n"))
	}
}
