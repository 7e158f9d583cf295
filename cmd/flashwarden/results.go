package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/terminal"
)

// reportBackups prints the results of a backup; its error chooses the exit code.
// With --quiet it prints only failures, on standard error, so that cron sends no
// mail after a night without any.
func reportBackups(o *output, results []api.BackupResult) error {
	failed := slices.DeleteFunc(slices.Clone(results), func(r api.BackupResult) bool { return r.Status == api.StatusOK })
	var err error
	if o.json {
		err = writeJSON(o, map[string]any{"results": results})
	}
	switch {
	case o.quiet && len(failed) > 0:
		b := blocks{out: o.err, paint: o.paintErr}
		fmt.Fprintln(o.err, summary(results))
		b.print(failed)
	case !o.quiet && !o.json:
		err = printResults(o, results)
	}
	if len(failed) > 0 {
		return errors.Join(err, errDevicesFailed)
	}
	return err
}

// printResults prints a summary, a table, and a block for each device that needs
// one.
func printResults(o *output, results []api.BackupResult) error {
	results = slices.Clone(results)
	slices.SortStableFunc(results, func(a, b api.BackupResult) int { return terminal.Compare(a.Device, b.Device) })
	fmt.Fprintln(o.out, o.paint.Paint(terminal.Strong, summary(results)))
	if !isDryRun(results) {
		if err := tableOfResults(o, results); err != nil {
			return err
		}
	}
	b := blocks{out: o.out, paint: o.paint}
	b.print(results)
	return printRemarks(o.out, results)
}

func tableOfResults(o *output, results []api.BackupResult) error {
	rows := make([][]string, 0, len(results))
	for _, r := range results {
		rows = append(rows, []string{r.Device, status(r), dash(imageName(r)), imageSize(r), dash(evidence(r)),
			size(r.BytesCopied), fmt.Sprintf("%.1f", r.Seconds)})
	}
	return table(o.out, "DEVICE STATUS IMAGE SIZE EVIDENCE COPIED SECONDS", rows)
}

// status is the status of a result, with the number of its warnings.
func status(r api.BackupResult) string {
	if n := len(r.Warnings); n > 0 {
		return r.Status + ", " + terminal.Count(n, "warning")
	}
	return r.Status
}

// summary counts the results: 38 ok, 1 incomplete, 1 failed; 2.1 GB copied.
func summary(results []api.BackupResult) string {
	counts := map[string]int{}
	var bytes int64
	for _, r := range results {
		word := r.Status
		if len(r.Warnings) > 0 && word == api.StatusOK {
			word = "ok with warnings"
		}
		counts[word]++
		bytes += r.BytesCopied
	}
	var parts []string
	for _, word := range []string{api.StatusOK, "ok with warnings", api.StatusIncomplete, api.StatusFailed} {
		if n := counts[word]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, word))
		}
	}
	if isDryRun(results) {
		return "dry run: " + strings.Join(parts, ", ")
	}
	return strings.Join(parts, ", ") + "; " + size(bytes) + " copied"
}

func isDryRun(results []api.BackupResult) bool {
	return slices.ContainsFunc(results, func(r api.BackupResult) bool { return r.Plan != nil })
}

// blocks prints one block for each device that failed, that lacks a file or that
// has warnings, and for each plan.
type blocks struct {
	out   io.Writer
	paint terminal.Palette
	hints map[string]string // the device whose block has the hint
}

func (b *blocks) print(results []api.BackupResult) {
	b.hints = map[string]string{}
	for _, r := range results {
		if r.Status != api.StatusOK || len(r.Warnings) > 0 || r.Plan != nil {
			b.block(r)
		}
	}
}

func (b *blocks) block(r api.BackupResult) {
	fmt.Fprintf(b.out, "\n%s\n", b.head(r))
	b.failure(r)
	for _, w := range r.Warnings {
		b.line("%s", w)
	}
	b.plan(r)
}

// head is the first line of a block.
func (b *blocks) head(r api.BackupResult) string {
	text := r.Device + ": " + b.paint.Paint(terminal.ToneOf(r.Status), status(r))
	if r.Cause != "" {
		text += " (" + string(r.Cause) + ")"
	}
	return text
}

func (b *blocks) line(format string, args ...any) {
	fmt.Fprintf(b.out, "  %s\n", strings.ReplaceAll(printable(fmt.Sprintf(format, args...)), "\n", "\n  "))
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
		b.line("%s not tried", terminal.Count(notTried, "file"))
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
	b.line("would copy %s, except files that the vault already has; %s free here", terminal.ExactBytes(r.Plan.Bytes), size(r.Plan.Free))
	for _, c := range r.Plan.Commands {
		b.line("  %s", c)
	}
}

// printRemarks prints what is worth knowing of devices without any failure, once
// for all devices that share it.
func printRemarks(out io.Writer, results []api.BackupResult) error {
	devices := map[string][]string{}
	var remarks []string
	for _, r := range results {
		for _, remark := range remarksOf(r) {
			if devices[remark] == nil {
				remarks = append(remarks, remark)
			}
			devices[remark] = append(devices[remark], r.Device)
		}
	}
	if len(remarks) > 0 {
		fmt.Fprintln(out)
	}
	for _, remark := range remarks {
		if _, err := fmt.Fprintf(out, "%s: %s\n", few(devices[remark]), printable(remark)); err != nil {
			return err
		}
	}
	return nil
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
	return name[strings.LastIndexAny(name, "/:")+1:]
}

// imageSize is the size of the image; in install mode, of all packages
// together.
func imageSize(r api.BackupResult) string {
	var n int64
	for _, f := range r.Files {
		if f.Kind == api.KindImage || f.Kind == api.KindPackage {
			n += max(f.Size, 0)
		}
	}
	return size(n)
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
