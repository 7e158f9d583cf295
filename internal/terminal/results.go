package terminal

import (
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
)

// Results are the results of backups, for people.
type Results []api.BackupResult

// Format returns a summary, a block for each reason for attention with the devices
// that have it, the plans or a table in natural order, and remarks. A screen shows
// the table only if it has room for all: the reasons must not scroll away.
func (r Results) Format(l Layout) string {
	r = r.sorted()
	text := l.Palette.Paint(Strong, r.Summary()) + "\n" + r.allUnreachable(l) + r.problems(l, true)
	if r.dryRun() {
		return text + r.formatPlans(l) + r.remarks(l)
	}
	if !slices.ContainsFunc(r, func(one api.BackupResult) bool { return one.Status != api.StatusFailed }) {
		return text + r.remarks(l) // a table of failures says nothing that the blocks do not say
	}
	table := r.table().Format(l)
	if strings.Contains(text, "\n\n") {
		table = "\n" + table
	}
	whole := text + table + r.remarks(l)
	if !l.All && l.Rows > 0 && screenLines(whole, l.Columns) >= l.Rows {
		return text + r.remarks(l)
	}
	return whole
}

// Failures returns a summary and the blocks of the devices that are not ok. It is
// empty if all are.
func (r Results) Failures(l Layout) string {
	if text := r.sorted().problems(l, false); text != "" {
		return r.Summary() + "\n" + r.allUnreachable(l) + text
	}
	return ""
}

// Failure returns the block of one device: why it failed, and the next step.
func Failure(r api.BackupResult, l Layout) string { return Results{r}.problems(l, false) }

// sorted returns the results in the natural order of the devices.
func (r Results) sorted() Results {
	r = slices.Clone(r)
	slices.SortStableFunc(r, func(a, b api.BackupResult) int { return api.CompareNames(a.Device, b.Device) })
	return r
}

// table has a line for each device. The lines that were printed during the backup have the time
// too. REUSED is what the vault had already.
func (r Results) table() Table {
	t := Table{Columns: []Column{{Head: "DEVICE", Keep: true}, {Head: "STATUS"}, {Head: "IMAGE"}, {Head: "SIZE", Right: true}, {Head: "EVIDENCE"},
		{Head: "COPIED", Right: true}, {Head: "SECONDS", Right: true, Spare: true, Twice: true}, {Head: "REUSED", Right: true, Wide: true}, {Head: "VERSION", Wide: true}, {Head: "SNAPSHOT", Wide: true}}}
	for _, one := range r {
		if one.NotTried {
			continue
		}
		t.Rows = append(t.Rows, []Cell{{Text: one.Device}, {Text: status(one), Tone: tone(one)}, {Text: imageName(one)}, {Text: imageSize(one)},
			{Text: evidence(one)}, {Text: Bytes(one.BytesCopied)}, {Text: fmt.Sprintf("%.1f", one.Seconds)}, {Text: Bytes(held(one))}, {Text: one.Facts.Version}, {Text: one.Snapshot}})
	}
	return t
}

// tone is the meaning of a result.
func tone(r api.BackupResult) Tone {
	if r.Cause == api.Cancelled {
		return Warn
	}
	return toneWith(r.Status, len(r.Warnings))
}

// toneWith is the meaning of a status with a number of warnings.
func toneWith(status string, warnings int) Tone {
	if warnings > 0 && status == api.StatusOK {
		return Warn
	}
	return ToneOf(status)
}

// status is the status of a result, with the number of its warnings.
func status(r api.BackupResult) string {
	return StatusText(endWord(r.Status, r.Cause), len(r.Warnings))
}

// StatusText is a status with the number of its warnings: ok, 1 warning.
func StatusText(status string, warnings int) string {
	if warnings > 0 {
		return status + ", " + Count(warnings, "warning")
	}
	return status
}

// endWord is how a run ended, in one word: its status, or cancelled. Work that
// somebody stopped has not failed.
func endWord(status string, c api.Cause) string {
	if c == api.Cancelled && status != api.StatusOK && status != api.StatusRefused {
		return string(c)
	}
	return status
}

// Summary counts the results: 38 ok, 1 incomplete, 1 failed; 2.1 GB copied, 18.3 MB already
// in the vault.
func (r Results) Summary() string {
	if r.dryRun() {
		return "dry run: " + r.counts() + r.plannedBytes()
	}
	var copied, known int64
	for _, one := range r {
		copied += one.BytesCopied
		known += held(one)
	}
	text := r.counts() + "; " + Bytes(copied) + " copied"
	if known > 0 {
		text += ", " + Bytes(known) + " already in the vault"
	}
	return text
}

// fewestAlike is from how many devices on one fault of this host or of its network is likelier
// than one of each device.
const fewestAlike = 3

// allUnreachable says where to look first if no device of several could be reached. It is
// empty otherwise.
func (r Results) allUnreachable(l Layout) string {
	unreachable := []api.Cause{"connect_refused", "connect_timeout", "no_request", "tid_blocked"}
	reached := func(one api.BackupResult) bool { return !slices.Contains(unreachable, one.Cause) }
	if len(r) < fewestAlike || slices.ContainsFunc(r, reached) {
		return ""
	}
	return l.Prose("", api.Say("No device could be backed up over the network: check this host first, with ").Do("doctor").String())
}

// held is the size of the images and packages that were saved without a copy, because the vault
// had their content. Small files do not count: two configurations of one device are often equal.
func held(r api.BackupResult) (bytes int64) {
	for _, f := range r.Files {
		if !f.Copied && f.Cause == "" && (f.Kind == api.KindImage || f.Kind == api.KindPackage) {
			bytes += f.Size
		}
	}
	return bytes
}

// counts says how many results there are of each kind: 38 ok, 1 incomplete, 1 failed.
func (r Results) counts() string {
	counts := map[string]int{}
	for _, one := range r {
		word := endWord(one.Status, one.Cause)
		if len(one.Warnings) > 0 && word == api.StatusOK {
			word = "ok with warnings"
		}
		if one.NotTried {
			word = "not tried"
		}
		counts[word]++
	}
	var parts []string
	for _, word := range []string{api.StatusOK, "ok with warnings", api.StatusUnchanged, api.StatusIncomplete, api.StatusFailed, string(api.Cancelled), "not tried"} {
		if n := counts[word]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, word))
		}
	}
	return strings.Join(parts, ", ")
}

// remarks returns the host keys of first logins, and the remarks about devices
// without any failure, each once for all devices that share it.
func (r Results) remarks(l Layout) string {
	devices := map[string][]string{}
	var remarks []string
	for _, one := range r {
		for _, remark := range remarksOf(one) {
			remark = inBrief(remark, l)
			if devices[remark] == nil {
				remarks = append(remarks, remark)
			}
			devices[remark] = append(devices[remark], one.Device)
		}
	}
	var b strings.Builder
	b.WriteString(r.firstLogins(l))
	for _, remark := range remarks {
		b.WriteString(l.Prose("", few(devices[remark])+": "+OneLine(remark)))
	}
	if b.Len() > 0 {
		return "\n" + b.String()
	}
	return ""
}

// mostPinned is how many host keys of first logins are printed without -v.
const mostPinned = 3

// firstLogins returns the host keys that first logins have pinned; if they are many, only
// how many.
func (r Results) firstLogins(l Layout) string {
	var keys []api.HostKey
	for _, one := range r {
		keys = append(keys, one.Pinned...)
	}
	if len(keys) > mostPinned && !l.Verbose {
		return l.Prose("", fmt.Sprintf("%d new SSH host keys are trusted from now on; to compare one: %s", len(keys), api.Do("device show", keys[0].Device)))
	}
	var b strings.Builder
	for _, key := range keys {
		b.WriteString(l.Prose("", OneLine(key.Device+": "+key.Pinned())))
	}
	return b.String()
}

// remarksOf are the notes of a result that are no warnings, and how an image was
// checked whose digest the device cannot compute.
func remarksOf(r api.BackupResult) []string {
	var remarks []string
	for _, f := range r.Files {
		if f.Evidence == api.EvidenceSize && f.Image != nil {
			remarks = append(remarks, "size checked only: this device cannot compute MD5; "+f.Image.String())
		}
	}
	for _, note := range r.Notes {
		if !slices.Contains(r.Warnings, note) {
			remarks = append(remarks, note)
		}
	}
	slices.Sort(remarks)
	return slices.Compact(remarks)
}

// few names at most three devices.
func few(devices []string) string {
	if len(devices) <= 3 {
		return strings.Join(devices, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(devices[:3], ", "), len(devices)-3)
}

// imageName is the name of the saved image, without its directory;
// packages.conf in install mode. The device may run another image: after a
// start over the network, its flash has no copy of the running one.
func imageName(r api.BackupResult) string {
	name := r.Facts.Image
	if i := slices.IndexFunc(r.Files, func(f api.File) bool { return f.Kind == api.KindImage }); i >= 0 {
		name = r.Files[i].Path
	}
	return lastName(name)
}

// imageSize is the size of the image; in install mode, of all packages
// together. It is empty without an image.
func imageSize(r api.BackupResult) string {
	var n int64
	for _, f := range r.Files {
		if f.Kind == api.KindImage || f.Kind == api.KindPackage {
			n += max(f.Size, 0)
		}
	}
	if n == 0 {
		return ""
	}
	return Bytes(n)
}

// evidence is the weakest evidence among the image and its packages: if one
// package is proved only by its size, so is the whole set.
func evidence(r api.BackupResult) string {
	weakest := ""
	for _, f := range r.Files {
		if f.Kind != api.KindImage && f.Kind != api.KindPackage {
			continue
		}
		if weakest == "" || f.Evidence == api.EvidenceSize {
			weakest = f.Evidence
		}
	}
	return weakest
}
