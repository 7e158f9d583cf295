package terminal

import (
	"cmp"
	"fmt"
	"strings"

	"flashwarden/api"
)

// FormatDiff returns what changed between two snapshots: facts, files with their
// lines, and the rest of the flash.
func FormatDiff(d api.DiffResult, l Layout) string {
	if !d.Changed {
		return fmt.Sprintf("%s and %s: no change\n", d.A.Snapshot, d.B.Snapshot)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s) to\n%s (%s)\n", d.A.Snapshot, LocalTime(d.A.Started), d.B.Snapshot, LocalTime(d.B.Started))
	for _, f := range d.Facts {
		fmt.Fprintf(&b, "%s: %s is now %s\n", f.Fact, OneLine(cmp.Or(f.Old, "-")), OneLine(cmp.Or(f.New, "-")))
	}
	shown := map[string]string{} // the path of the file whose lines were shown, by the lines
	for _, f := range d.Files {
		lines := changedLines(f.Diff)
		if first := shown[lines]; lines != "" && first != "" {
			f.Note, f.Diff = "the same lines changed as in "+first, ""
		} else {
			shown[lines] = f.Path
		}
		b.WriteString(fileChange(f, l.Palette))
	}
	for _, e := range d.Listing {
		fmt.Fprintf(&b, "%s in the flash: %s%s\n", e.Change, OneLine(e.Path), sizeChange(e.OldSize, e.NewSize))
	}
	return b.String()
}

// changedLines are the lines of a diff, without the head that names the file.
func changedLines(diff string) string {
	if at := strings.Index(diff, "\n@@ "); at >= 0 {
		return diff[at:]
	}
	return diff
}

// fileChange is one file that changed, with the lines that changed in it.
func fileChange(f api.FileChange, palette Palette) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s%s\n", f.Change, OneLine(f.Path), sizeChange(f.OldSize, f.NewSize))
	if f.Note != "" {
		fmt.Fprintf(&b, "  %s\n", OneLine(f.Note))
	}
	for line := range strings.Lines(f.Diff) {
		tone := Plain
		switch line[0] {
		case '+':
			tone = Good
		case '-':
			tone = Bad
		}
		fmt.Fprintf(&b, "  %s\n", palette.Paint(tone, OneLine(strings.TrimRight(line, "\n"))))
	}
	return b.String()
}

// sizeChange is the sizes before and after, if they are known.
func sizeChange(old, new int64) string {
	switch {
	case old < 0 && new < 0:
		return ""
	case old < 0:
		return " (" + Bytes(new) + ")"
	case new < 0:
		return " (" + Bytes(old) + ")"
	case old == new:
		return " (" + Bytes(new) + ", other content)"
	}
	return " (" + Bytes(old) + ", now " + Bytes(new) + ")"
}
