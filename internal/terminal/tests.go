package terminal

import (
	"slices"
	"strings"

	"flashwarden/api"
)

// Tests are the results of test logins, for people.
type Tests []api.TestResult

// Format returns a summary of several devices, a block for each reason of a failure, a
// table of the other devices in natural order, and the host keys of first logins.
func (t Tests) Format(l Layout) string {
	t = slices.Clone(t)
	slices.SortStableFunc(t, func(a, b api.TestResult) int { return api.CompareNames(a.Device, b.Device) })
	table := Table{Columns: []Column{{Head: "DEVICE", Keep: true}, {Head: "STATUS"}, {Head: "MODEL"}, {Head: "VERSION"}, {Head: "IMAGE"}}}
	for _, r := range t {
		if r.Status == api.StatusOK { // the blocks have the others
			table.Rows = append(table.Rows, []Cell{{Text: r.Device}, {Text: r.Status, Tone: ToneOf(r.Status)}, {Text: r.Facts.Model}, {Text: r.Facts.Version}, {Text: lastName(r.Facts.Image)}})
		}
	}
	results := t.results()
	var parts []string
	if len(t) > 1 {
		parts = append(parts, l.Palette.Paint(Strong, results.counts())+"\n")
	}
	if blocks := results.problems(l, false); blocks != "" {
		parts = append(parts, strings.TrimPrefix(blocks, "\n"))
	}
	if len(table.Rows) > 0 {
		parts = append(parts, table.Format(l))
	}
	separator := ""
	if len(table.Rows) < len(t) {
		separator = "\n"
	}
	return strings.Join(parts, separator) + results.remarks(l)
}

// Failures returns the blocks of the devices that failed. It is empty if none did.
func (t Tests) Failures(l Layout) string {
	return strings.TrimPrefix(t.results().sorted().problems(l, false), "\n")
}

func (t Tests) results() Results {
	var list Results
	for _, r := range t {
		list = append(list, api.BackupResult{Device: r.Device, Status: r.Status, Cause: r.Cause, Message: r.Message, Hint: r.Hint, Pinned: r.Pinned})
	}
	return list
}
