package terminal

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"flashwarden/api"
)

// problems returns a block for each reason for attention, with the devices that
// have it; with warnings also those of devices that are ok. The devices that were
// not tried are one line. One command goes on with all that were stopped.
func (r Results) problems(l Layout, warnings bool) string {
	var groups groups
	stopped, left := r.stopped()
	for _, one := range r {
		if one.NotTried || one.Succeeded() && !(warnings && len(one.Warnings) > 0) {
			continue
		}
		reasons := reasonsOf(one)
		if one.Cause == api.Cancelled && len(stopped) > 1 {
			reasons = withoutHint(reasons, one.Hint)
		}
		groups.add(one.Device, statusAndCause(one, l.Palette), reasons)
	}
	var b strings.Builder
	for _, g := range groups {
		head := OneLine(g.devices[0]) + ": " + g.kind
		if len(g.devices) > 1 {
			head = Count(len(g.devices), "device") + " " + g.kind + ": " + g.names(api.Do("status").With("json", ""))
		}
		b.WriteString("\n" + l.Prose("", head) + g.body(l))
	}
	if len(left) > 0 {
		b.WriteString("\n" + l.Prose("", fmt.Sprintf("%s not tried: %s", Count(len(left), "device"), OneLine(strings.Join(left, ", ")))))
	}
	if len(stopped) > 1 {
		b.WriteString("\n" + l.Prose("", Printable("next: "+hintForAll(l, r, stopped))))
	}
	return b.String()
}

// stopped returns the devices whose backup was cancelled or not begun, and among
// them those whose backup was not begun.
func (r Results) stopped() (stopped, left []string) {
	for _, one := range r {
		if one.NotTried {
			left = append(left, one.Device)
		}
		if one.NotTried || one.Cause == api.Cancelled {
			stopped = append(stopped, one.Device)
		}
	}
	return stopped, left
}

// hintForAll is the next step of the first of these devices, for all of them.
func hintForAll(l Layout, r Results, devices []string) string {
	first := r[slices.IndexFunc(r, func(one api.BackupResult) bool { return one.Device == devices[0] })]
	one := api.Call{Operation: "backup", Args: devices[:1]}
	all, ok := l.backups(devices, len(devices))
	if !ok {
		return "run the same command again; what the vault has is not copied again"
	}
	return strings.Replace(first.Hint, one.CommandLine(), all.CommandLine(), 1)
}

// withoutHint returns the reasons without the next step that another line has.
func withoutHint(reasons []reason, hint string) []reason {
	for i := range reasons {
		if reasons[i].hint == hint {
			reasons[i].hint = ""
		}
	}
	return reasons
}

// statusAndCause is how a backup ended: failed (no_request).
func statusAndCause(r api.BackupResult, paint Palette) string {
	text := paint.Paint(tone(r), status(r))
	if r.Cause != "" && r.Cause != api.Cancelled {
		text += " (" + string(r.Cause) + ")"
	}
	return text
}

// reason is one problem of a device in words, with the next step. The steps with
// one key are the same, for other files.
type reason struct {
	text, hint, key string
	own             bool // another device of the group has another next step
}

// groups are devices by their problems. Devices of one kind that have the same
// next steps share a group, which has the texts of the first of them.
type groups []*group

// group is devices with the same problem.
type group struct {
	devices []string
	more    int // devices that were left out
	kind    string
	reasons []reason // of the first device
	key     string

	texts bool // those of another device differ from these
	steps bool // those of another device differ from these not only in its name
}

// count is how many devices have the problem.
func (g *group) count() int { return len(g.devices) + g.more }

// add enters a device with its problem, and returns its group.
func (g *groups) add(device, kind string, reasons []reason) *group {
	key := kind
	for _, one := range reasons {
		text := one.hint
		if text == "" {
			text = one.text
		}
		key += "\n" + pattern(text, device)
	}
	i := slices.IndexFunc(*g, func(known *group) bool { return known.key == key })
	if i < 0 {
		known := &group{devices: []string{device}, kind: kind, reasons: reasons, key: key}
		*g = append(*g, known)
		return known
	}
	known := (*g)[i]
	known.devices = append(known.devices, device)
	known.texts = known.texts || !slices.EqualFunc(known.reasons, reasons, func(a, b reason) bool { return a.text == b.text })
	for i := range min(len(known.reasons), len(reasons)) {
		known.reasons[i].own = known.reasons[i].own || known.reasons[i].hint != reasons[i].hint
	}
	known.steps = known.steps || !slices.EqualFunc(known.reasons, reasons, func(a, b reason) bool {
		return unnamed(a.hint, known.devices[0]) == unnamed(b.hint, device)
	})
	return known
}

// unnamed is a next step without the name of the device that it changes.
func unnamed(hint, device string) string {
	edit := begin("device edit")
	return strings.ReplaceAll(hint, edit+api.ShellWord(device)+" ", edit+" ")
}

// names lists the devices of the group. If they are very many, it lists the first of
// them, and all is the command that lists them.
func (g *group) names(all api.Fix) string {
	named := g.devices[:min(len(g.devices), api.MostNamed)]
	if len(named) == g.count() {
		return OneLine(strings.Join(named, ", "))
	}
	return OneLine(fmt.Sprintf("%s and %d more (%s lists all)", strings.Join(named, ", "), g.count()-len(named), all))
}

// body returns the reasons and the next steps, below the head of a block.
func (g *group) body(l Layout) string {
	var b strings.Builder
	for i, one := range g.reasons {
		if one.text == unpainted(g.kind) && one.hint == "" {
			continue // cancelled: cancelled
		}
		text, next := one.text, "next: "
		if i == 0 && (g.texts || g.more > 0) {
			text = example(g.devices[0], text)
		}
		if one.own {
			next = "next, for " + g.devices[0] + ": "
		}
		hint := one.hint
		if all := g.edits(l, hint); all != "" {
			hint, next = all, "next: "
		}
		b.WriteString(l.Prose("  ", Printable(text)))
		if hint != "" {
			b.WriteString(l.Prose("  ", Printable(next+hint)))
		}
	}
	return b.String()
}

// example begins the text of one device of many with its name, if the text does not have it.
func example(device, text string) string {
	begins, _ := utf8.DecodeRuneInString(text)
	if !unicode.IsUpper(begins) && slices.Contains(strings.Fields(text), device) {
		return "for example, " + text
	}
	return "for example " + device + ": " + text
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
		list = append(list, reason{text: r.Message, hint: r.Hint, key: pattern(r.Hint, path)})
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
			list = append(list, reason{text: fmt.Sprintf("and %d more files: %s", len(messages)-i, CauseWords(files[0].Cause))})
			break
		}
		verb := "is"
		if len(paths[message]) > 1 {
			verb = "are"
		}
		list = append(list, reason{text: fmt.Sprintf("%s %s missing: %s", strings.Join(paths[message], ", "), verb, message)})
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
