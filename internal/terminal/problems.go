package terminal

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"flashwarden/api"
)

// problems returns a block for each reason for attention, with the devices that
// have it; with warnings also those of devices that are ok. Devices that fail for
// one cause and have one next step share a block, which has the text of the first
// of them. The devices that were not tried are one line.
func (r Results) problems(l Layout, warnings bool) string {
	var groups []group
	var left []string
	for _, one := range r {
		switch {
		case one.NotTried:
			left = append(left, one.Device)
		case one.Status != api.StatusOK || warnings && len(one.Warnings) > 0:
			groups = enter(groups, one)
		}
	}
	var b strings.Builder
	for _, g := range groups {
		b.WriteString("\n" + g.format(l))
	}
	if len(left) > 0 {
		b.WriteString("\n" + l.Prose("", fmt.Sprintf("%s not tried: %s", Count(len(left), "device"), strings.Join(left, ", "))))
	}
	return b.String()
}

// group is devices with the same problem.
type group struct {
	results []api.BackupResult
	reasons []reason // of the first result
	key     string
}

// reason is one problem of a device in words, with the next step. The steps with
// one key are the same, for other files.
type reason struct{ text, hint, key string }

// enter adds a result to the group with its problem, or to a new one.
func enter(groups []group, r api.BackupResult) []group {
	reasons := reasonsOf(r)
	key := r.Status + " " + string(r.Cause)
	for _, one := range reasons {
		key += "\n" + pattern(one.hint, r.Device)
		if one.hint == "" {
			key += pattern(one.text, r.Device)
		}
	}
	if i := slices.IndexFunc(groups, func(g group) bool { return g.key == key }); i >= 0 {
		groups[i].results = append(groups[i].results, r)
		return groups
	}
	return append(groups, group{[]api.BackupResult{r}, reasons, key})
}

// format returns the block of the group.
func (g group) format(l Layout) string {
	first := g.results[0]
	var b strings.Builder
	if len(g.results) == 1 {
		b.WriteString(headOf(first, l.Palette) + "\n")
	} else {
		var names []string
		for _, r := range g.results {
			names = append(names, r.Device)
		}
		b.WriteString(l.Prose("", fmt.Sprintf("%s: %s", Count(len(names), "device")+" "+statusAndCause(first, l.Palette), OneLine(strings.Join(names, ", ")))))
	}
	for i, one := range g.reasons {
		text := one.text
		if i == 0 && len(g.results) > 1 && !g.alike() {
			text = "for example " + first.Device + ": " + text
		}
		b.WriteString(l.Prose("  ", Printable(text)))
		if one.hint != "" {
			b.WriteString(l.Prose("  ", "next: "+Printable(one.hint)))
		}
	}
	return b.String()
}

// alike reports whether all devices of the group have the same text.
func (g group) alike() bool {
	return !slices.ContainsFunc(g.results, func(r api.BackupResult) bool { return !slices.Equal(reasonsOf(r), g.reasons) })
}

// headOf is the first line of the block of one device.
func headOf(r api.BackupResult, paint Palette) string {
	return OneLine(r.Device) + ": " + statusAndCause(r, paint)
}

func statusAndCause(r api.BackupResult, paint Palette) string {
	text := paint.Paint(tone(r), status(r))
	if r.Cause != "" {
		text += " (" + string(r.Cause) + ")"
	}
	return text
}

// reasonsOf returns why a device failed, the files that are missing for other
// reasons, and the warnings. A next step stands once, behind the last reason that
// has it.
func reasonsOf(r api.BackupResult) []reason {
	var list []reason
	same := func(f api.File) bool { return f.Message == r.Message && !f.NotTried }
	if r.Message != "" {
		path := ""
		if i := slices.IndexFunc(r.Files, same); i >= 0 {
			path = r.Files[i].Path
		}
		list = append(list, reason{r.Message, r.Hint, pattern(r.Hint, path)})
	}
	list = append(list, missing(slices.DeleteFunc(slices.Clone(r.Files), same))...)
	for i, one := range list {
		for j := i + 1; j < len(list) && one.hint != ""; j++ {
			if list[j].key == one.key {
				list[i].hint, list[j].hint = "", one.hint
				break
			}
		}
	}
	for _, w := range r.Warnings {
		list = append(list, reason{text: w})
	}
	return list
}

// mostMissing is how many files that are missing for one cause, each with a
// message of its own, are named.
const mostMissing = 3

// missing returns why files are missing: those with one message together, and
// those with one cause and one next step after each other, with that step once.
func missing(files []api.File) []reason {
	var list []reason
	left := 0
	for len(files) > 0 {
		var same, rest []api.File
		for _, f := range files {
			switch {
			case f.NotTried:
				left++
			case f.Cause == "":
			case len(same) == 0 || f.Cause == same[0].Cause && pattern(f.Hint, f.Path) == pattern(same[0].Hint, same[0].Path):
				same = append(same, f)
			default:
				rest = append(rest, f)
			}
		}
		list = append(list, whyMissing(same)...)
		files = rest
	}
	if left > 0 {
		list = append(list, reason{text: Count(left, "file") + " not tried"})
	}
	return list
}

// whyMissing returns why files with one cause and one next step are missing.
func whyMissing(files []api.File) []reason {
	var messages []string
	paths := map[string][]string{}
	for _, f := range files {
		if paths[f.Message] == nil {
			messages = append(messages, f.Message)
		}
		paths[f.Message] = append(paths[f.Message], f.Path)
	}
	var list []reason
	for i, message := range messages {
		if i == mostMissing && len(messages) > mostMissing+1 {
			list = append(list, reason{text: fmt.Sprintf("and %d more files (%s)", len(messages)-i, files[0].Cause)})
			break
		}
		verb := "is"
		if len(paths[message]) > 1 {
			verb = "are"
		}
		list = append(list, reason{text: fmt.Sprintf("%s %s missing (%s): %s", strings.Join(paths[message], ", "), verb, files[0].Cause, message)})
	}
	if last := len(list) - 1; last >= 0 {
		list[last].hint, list[last].key = files[0].Hint, pattern(files[0].Hint, files[0].Path)
	}
	return list
}

// pattern is a text without the parts in which the same problem differs between
// two devices or two files: the name, and words with digits.
func pattern(text, name string) string {
	if name != "" {
		text = strings.ReplaceAll(text, name, " NAME0 ")
	}
	words := strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_.-:/", r)
	})
	for i, word := range words {
		if strings.ContainsAny(word, "0123456789") {
			words[i] = "#"
		}
	}
	return strings.Join(words, " ")
}
