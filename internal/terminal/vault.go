package terminal

import (
	"fmt"
	"strings"

	"flashwarden/api"
)

// FormatCheckProblems returns a line for each problem of the vault.
func FormatCheckProblems(problems []api.CheckProblem) string {
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintf(&b, "%s: %s: %s\n", p.Kind, OneLine(p.Path), OneLine(p.Message))
	}
	return b.String()
}

// FormatNotes returns a line for each note.
func FormatNotes(notes []string) string {
	var b strings.Builder
	for _, note := range notes {
		fmt.Fprintf(&b, "note: %s\n", OneLine(note))
	}
	return b.String()
}

// FormatCheck returns the files that a check repaired, its problems and, if there
// are none, the extent of the vault and how much of it was read.
func FormatCheck(res api.CheckResult, l Layout) string {
	var b strings.Builder
	for _, path := range res.Repaired {
		fmt.Fprintf(&b, "repaired: %s\n", OneLine(path))
	}
	if len(res.Problems) > 0 {
		return b.String() + FormatCheckProblems(res.Problems)
	}
	read := ", all read"
	switch {
	case res.Blobs == 0:
		read = ""
	case res.BlobsRead == 0:
		read = "; " + api.Fix(nil).Option("read_data", "").String() + " also reads the files"
	case res.BlobsRead < res.Blobs:
		read = ", " + Bytes(res.BytesRead) + " read"
	}
	return b.String() + l.Prose("", fmt.Sprintf("%s: %s, %s, %s%s", l.Palette.Paint(Good, "Vault OK"), Count(res.Snapshots, "snapshot"), Count(res.Blobs, "file"), Bytes(res.Bytes), read))
}

// FormatPrune returns what a prune removed; of a dry run, the snapshots that it
// would remove.
func FormatPrune(res api.PruneResult, dryRun bool, l Layout) string {
	list, verb := "", "Removed"
	if dryRun {
		verb = "Would remove"
	}
	if dryRun && len(res.Removed) > 0 {
		table := Table{Columns: []Column{{Head: "SNAPSHOT", Keep: true}, {Head: "DEVICE"}, {Head: "TAKEN"}}}
		for _, s := range res.Removed {
			table.Rows = append(table.Rows, Texts(s.Snapshot, s.Device, LocalTime(s.Started)))
		}
		list = table.Format(l)
	}
	if len(res.Removed)+res.Blobs == 0 {
		return list + fmt.Sprintf("Nothing to remove; the vault has %s\n", Count(res.Kept, "snapshot"))
	}
	return list + fmt.Sprintf("%s %s and %s (%s); the vault keeps %s\n", verb, Count(len(res.Removed), "snapshot"), Count(res.Blobs, "file"), Bytes(res.Bytes), Count(res.Kept, "snapshot"))
}

// FormatMirror returns what a run of a mirror copied.
func FormatMirror(res api.MirrorResult) string {
	text := ""
	if res.Made {
		text = fmt.Sprintf("Made a mirror at %s\n", res.Target)
	}
	text += fmt.Sprintf("Copied %s and %s (%s); the mirror has %s\n", Count(res.Snapshots, "snapshot"), Count(res.Blobs, "file"), Bytes(res.Bytes), Count(res.Held, "snapshot"))
	if res.Replaced > 0 {
		text += fmt.Sprintf("%s replaced in the mirror, because it was damaged\n", Count(res.Replaced, "file"))
	}
	return text
}

// FormatRebuild returns what a new index has.
func FormatRebuild(res api.RebuildResult) string {
	text := ""
	if res.Converted > 0 {
		text = fmt.Sprintf("converted %s\n", Count(res.Converted, "snapshot"))
	}
	return text + fmt.Sprintf("Index: %s, %d added, %d removed\n", Count(res.Snapshots, "snapshot"), res.Added, res.Removed)
}

// Imports are the results of an import, for people.
type Imports []api.ImportedFile

// Format returns a block for each file that did not fail, and a summary.
func (list Imports) Format(l Layout) string {
	var b strings.Builder
	counts := make(map[string]int)
	for _, r := range list {
		counts[r.Status]++
		if r.Status == api.StatusFailed {
			continue
		}
		fmt.Fprintf(&b, "%s: %s %s (%s)\n", OneLine(r.File), r.Status, l.Digest(r.SHA256), Bytes(r.Size))
		for _, note := range r.Notes {
			fmt.Fprintf(&b, "  %s\n", OneLine(note))
		}
	}
	fmt.Fprintf(&b, "%s imported, %d known, %d failed\n", Count(counts[api.ImportedNew], "file"), counts[api.ImportedKnown], counts[api.StatusFailed])
	return b.String()
}

// Failures returns why files failed, with the next step. It is empty if none did.
func (list Imports) Failures() string {
	var b strings.Builder
	for _, r := range list {
		if r.Status == api.StatusFailed {
			fmt.Fprintf(&b, "%s: %s\n  next: %s\n", OneLine(r.File), OneLine(r.Message), OneLine(r.Hint))
		}
	}
	return b.String()
}
