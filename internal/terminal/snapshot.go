package terminal

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashwarden/api"
)

// Snapshots returns the table of snapshots. The device is also part of the ID, so its
// column is left out first.
func Snapshots(list []api.SnapshotRow, now time.Time) Table {
	table := Table{Columns: []Column{{Head: "SNAPSHOT", Keep: true}, {Head: "STATUS", Keep: true}, {Head: "VERSION"},
		{Head: "SIZE", Right: true, Spare: true}, {Head: "AGE", Right: true}, {Head: "DEVICE", Spare: true, Twice: true}, {Head: "FILES", Right: true, Wide: true}, {Head: "TAKEN", Wide: true}}}
	for _, r := range list {
		row := Texts(r.ID, StatusText(r.Status, r.Warnings), r.Version, Bytes(r.Bytes), Age(now.Sub(r.Started)), r.Device, strconv.Itoa(r.Files), LocalTime(r.Started))
		row[1].Tone = toneWith(r.Status, r.Warnings)
		table.Rows = append(table.Rows, row)
	}
	return table
}

// FormatSnapshot returns the facts and the files of a snapshot, and below them its
// notes, how each image was proved, and why files are missing.
func FormatSnapshot(s api.Snapshot, now time.Time, l Layout) string {
	head := Fields("snapshot", s.ID, "device", s.Device, "status", StatusText(s.Status, len(s.Warnings)), "taken", TimeAndAge(s.Started, now),
		"hostname", s.Facts.Hostname, "software", softwareOf(s.Facts), "model", s.Facts.Model,
		"serial", s.Facts.Serial, "mode", s.Facts.Mode, "image", s.Facts.Image)
	head[2].Value.Tone = toneWith(s.Status, len(s.Warnings))
	table := Table{Columns: []Column{{Head: "PATH"}, {Head: "KIND"}, {Head: "SIZE", Right: true}, {Head: "EVIDENCE"}, {Head: "SHA256", Keep: true, Spare: true}}} // rather the whole path
	for _, f := range s.Files {
		row := Texts(f.Path, f.Kind, Bytes(f.Size), f.Evidence, l.Digest(f.SHA256))
		if f.Cause != "" {
			row[3] = Cell{Text: "missing: " + CauseWords(f.Cause), Tone: Bad}
		}
		table.Rows = append(table.Rows, row)
	}
	var b strings.Builder
	b.WriteString(FormatFields(head, l) + "\n" + table.Format(l))
	for i, note := range s.Notes {
		word := "note: "
		if slices.Contains(s.Warnings, note) {
			word = "warning: "
		}
		if i == 0 {
			b.WriteString("\n")
		}
		b.WriteString(l.Prose("", word+OneLine(note)))
	}
	b.WriteString(proofs(s.Files, l))
	for i, r := range missing(s.Files) {
		if i == 0 {
			b.WriteString("\n")
		}
		b.WriteString(l.Prose("", Printable(r.text)))
		if r.hint != "" {
			b.WriteString(l.Prose("  ", "next: "+Printable(r.hint)))
		}
	}
	return b.String()
}

// softwareOf is the software of a device as Cisco writes it: IOS-XE 17.09.04a.
func softwareOf(f api.Facts) string {
	name := f.OS
	switch f.OS {
	case "ios":
		name = "IOS"
	case "iosxe":
		name = "IOS-XE"
	}
	return strings.TrimSpace(name + " " + f.Version)
}

// proofs says of each image and package how it was proved. A sentence that holds for several
// of them stands once, at the end.
func proofs(files []api.File, l Layout) string {
	count := map[string]int{}
	for _, f := range files {
		for _, line := range proof(f, l) {
			count[line]++
		}
	}
	var b strings.Builder
	var shared []string
	for _, f := range files {
		own := ""
		for _, line := range proof(f, l) {
			if count[line] == 1 {
				own += l.Prose("  ", OneLine(line))
			} else if !slices.Contains(shared, line) {
				shared = append(shared, line)
			}
		}
		if own != "" {
			b.WriteString("\n" + OneLine(f.Path) + "\n" + own)
		}
	}
	for i, line := range shared {
		if i == 0 {
			b.WriteString("\n")
		}
		b.WriteString(l.Prose("", OneLine(fmt.Sprintf("%s: %s", Count(count[line], "file"), line))))
	}
	return b.String()
}

// proof says of an image which name and version are inside the file, and how it
// was proved. Without -v it is short: that the device computed the digest is in the table.
func proof(f api.File, l Layout) []string {
	if f.Kind != api.KindImage && f.Kind != api.KindPackage {
		return nil
	}
	var lines []string
	if f.Image != nil && f.Image.Version+f.Image.Name != "" {
		lines = append(lines, fmt.Sprintf("name inside the file: %s, version %s", cmp.Or(f.Image.Name, "-"), cmp.Or(f.Image.Version, "-")))
	}
	for _, line := range f.Proof {
		if !l.Verbose && f.Evidence != api.EvidenceSize && strings.HasPrefix(line, "verify") {
			continue
		}
		lines = append(lines, inBrief(localTimeIn(line), l))
	}
	return lines
}

// localTimeIn replaces the time at the end of a proof, which a snapshot keeps in UTC, by the
// local time.
func localTimeIn(line string) string {
	last := line[strings.LastIndexByte(line, ' ')+1:]
	t, err := time.Parse(time.RFC3339, last)
	if err != nil {
		return line
	}
	return strings.TrimSuffix(line, last) + LocalTime(t)
}

// inBrief leaves the names of the checks out that an image passed, without -v.
func inBrief(line string, l Layout) string {
	if reason, found := strings.CutPrefix(line, "the file itself: not judged: "); found {
		return "integrity unknown: " + reason
	}
	before, names, found := strings.Cut(line, "checksums OK (")
	if l.Verbose || !found || !strings.HasSuffix(names, ")") {
		return line
	}
	return strings.TrimPrefix(before, "the file itself: ") + "checksums OK"
}
