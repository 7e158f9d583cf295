package terminal

import (
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
)

// Results are the results of backups, for people.
type Results []api.BackupResult

// Format returns a summary, a table in natural order, a block for each device
// that needs attention or has a plan, and remarks.
func (r Results) Format(l Layout) string {
	r = r.sorted()
	text := l.Palette.Paint(Strong, r.Summary()) + "\n"
	if !r.dryRun() {
		text += r.table().Format(l)
	}
	b := blocks{paint: l.Palette}
	for _, one := range r {
		if one.Status != api.StatusOK || len(one.Warnings) > 0 || one.Plan != nil {
			b.add(one)
		}
	}
	return text + b.text.String() + r.remarks()
}

// Failures returns a summary and a block for each device that is not ok. It is
// empty if all are.
func (r Results) Failures(paint Palette) string {
	b := blocks{paint: paint}
	for _, one := range r.sorted() {
		if one.Status != api.StatusOK {
			b.add(one)
		}
	}
	if b.text.Len() == 0 {
		return ""
	}
	return r.Summary() + "\n" + b.text.String()
}

// Failure returns the block of one device: why it failed, and the next step.
func Failure(r api.BackupResult, paint Palette) string {
	b := blocks{paint: paint}
	b.add(r)
	return b.text.String()
}

// sorted returns the results in the natural order of the devices.
func (r Results) sorted() Results {
	r = slices.Clone(r)
	slices.SortStableFunc(r, func(a, b api.BackupResult) int { return Compare(a.Device, b.Device) })
	return r
}

func (r Results) table() Table {
	t := Table{Columns: []Column{{Head: "DEVICE", Keep: true}, {Head: "STATUS"}, {Head: "IMAGE"}, {Head: "SIZE", Right: true}, {Head: "EVIDENCE"},
		{Head: "COPIED", Right: true}, {Head: "SECONDS", Right: true}}}
	for _, one := range r {
		t.Rows = append(t.Rows, []Cell{{Text: one.Device}, {Text: status(one), Tone: tone(one)}, {Text: imageName(one)}, {Text: imageSize(one)},
			{Text: evidence(one)}, {Text: Bytes(one.BytesCopied)}, {Text: fmt.Sprintf("%.1f", one.Seconds)}})
	}
	return t
}

// tone is the meaning of a result.
func tone(r api.BackupResult) Tone {
	if len(r.Warnings) > 0 && r.Status == api.StatusOK {
		return Warn
	}
	return ToneOf(r.Status)
}

// status is the status of a result, with the number of its warnings.
func status(r api.BackupResult) string {
	if n := len(r.Warnings); n > 0 {
		return r.Status + ", " + Count(n, "warning")
	}
	return r.Status
}

// Summary counts the results: 38 ok, 1 incomplete, 1 failed; 2.1 GB copied.
func (r Results) Summary() string {
	counts := map[string]int{}
	var bytes int64
	for _, one := range r {
		word := one.Status
		if len(one.Warnings) > 0 && word == api.StatusOK {
			word = "ok with warnings"
		}
		counts[word]++
		bytes += one.BytesCopied
	}
	var parts []string
	for _, word := range []string{api.StatusOK, "ok with warnings", api.StatusIncomplete, api.StatusFailed} {
		if n := counts[word]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, word))
		}
	}
	if r.dryRun() {
		return "dry run: " + strings.Join(parts, ", ")
	}
	return strings.Join(parts, ", ") + "; " + Bytes(bytes) + " copied"
}

// dryRun reports whether the results are plans.
func (r Results) dryRun() bool {
	return slices.ContainsFunc(r, func(r api.BackupResult) bool { return r.Plan != nil })
}

// blocks collects one block for each device that failed, that lacks a file or
// that has warnings, and for each plan.
type blocks struct {
	paint Palette
	text  strings.Builder
	hints map[string]string // the device whose block has the hint
}

func (b *blocks) add(r api.BackupResult) {
	fmt.Fprintf(&b.text, "\n%s\n", b.head(r))
	b.failure(r)
	for _, w := range r.Warnings {
		b.line("%s", w)
	}
	b.plan(r)
}

// head is the first line of a block.
func (b *blocks) head(r api.BackupResult) string {
	text := r.Device + ": " + b.paint.Paint(tone(r), status(r))
	if r.Cause != "" {
		text += " (" + string(r.Cause) + ")"
	}
	return text
}

func (b *blocks) line(format string, args ...any) {
	fmt.Fprintf(&b.text, "  %s\n", strings.ReplaceAll(Printable(fmt.Sprintf(format, args...)), "\n", "\n  "))
}

// failure prints why a device failed, the next step, and the files that are
// missing for other reasons. A hint that an earlier block has is not repeated.
func (b *blocks) failure(r api.BackupResult) {
	if r.Message != "" {
		b.line("%s", r.Message)
		b.next(r.Device, r.Hint)
	}
	notTried := 0
	for _, group := range missing(r) {
		if group[0].NotTried {
			notTried += len(group)
			continue
		}
		verb := "is"
		var paths []string
		for _, f := range group {
			paths = append(paths, f.Path)
		}
		if len(paths) > 1 {
			verb = "are"
		}
		b.line("%s %s missing (%s): %s", strings.Join(paths, ", "), verb, group[0].Cause, group[0].Message)
		b.next(r.Device, group[0].Hint)
	}
	if notTried > 0 {
		b.line("%s not tried", Count(notTried, "file"))
	}
}

func (b *blocks) next(device, hint string) {
	if hint == "" {
		return
	}
	if first, ok := b.hints[hint]; ok {
		if first != device {
			b.line("next: as for %s", first)
		}
		return
	}
	if b.hints == nil {
		b.hints = map[string]string{}
	}
	b.hints[hint] = device
	b.line("next: %s", hint)
}

// missing groups the missing files of a result by the reason. The reason of the
// result itself is not among them.
func missing(r api.BackupResult) [][]api.File {
	var groups [][]api.File
	for _, f := range r.Files {
		if f.Cause == "" || f.Message == r.Message {
			continue
		}
		i := slices.IndexFunc(groups, func(g []api.File) bool {
			return g[0].NotTried == f.NotTried && g[0].Cause == f.Cause && g[0].Message == f.Message
		})
		if i < 0 {
			groups = append(groups, nil)
			i = len(groups) - 1
		}
		groups[i] = append(groups[i], f)
	}
	return groups
}

// plan prints what a backup would do.
func (b *blocks) plan(r api.BackupResult) {
	if r.Plan == nil {
		return
	}
	b.line("would copy %s, except files that the vault already has; %s free here", ExactBytes(r.Plan.Bytes), Bytes(r.Plan.Free))
	for _, c := range r.Plan.Commands {
		b.line("  %s", c)
	}
}

// remarks returns the remarks about devices without any failure, once for
// all devices that share it.
func (r Results) remarks() string {
	devices := map[string][]string{}
	var remarks []string
	for _, one := range r {
		for _, remark := range remarksOf(one) {
			if devices[remark] == nil {
				remarks = append(remarks, remark)
			}
			devices[remark] = append(devices[remark], one.Device)
		}
	}
	var b strings.Builder
	for i, remark := range remarks {
		if i == 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s: %s\n", few(devices[remark]), Printable(remark))
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
