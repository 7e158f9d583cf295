package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func snapshotsCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "snapshots [NAME]",
		Short:             "list the snapshots in the vault, oldest first",
		Example:           "  flashwarden snapshots\n  flashwarden snapshots sw1 -o wide\n  flashwarden snapshots sw1 --json",
		Args:              usageArgs(cobra.MaximumNArgs(1)),
		ValidArgsFunction: p.completeNames(api.NamesOfDevices),
		RunE: func(cmd *cobra.Command, args []string) error {
			device := strings.Join(args, "")
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				rows, err := w.Snapshots(ctx, api.Named{Name: device})
				if err != nil {
					return err
				}
				return printSnapshots(&p.output, rows, time.Now())
			})
		},
	}
	wideFlag(cmd, &p.output)
	return cmd
}

func printSnapshots(o *output, list []api.SnapshotRow, now time.Time) error {
	if o.json {
		return writeJSON(o, map[string]any{"snapshots": append([]api.SnapshotRow{}, list...)})
	}
	if len(list) == 0 {
		fmt.Fprintln(o.err, "No snapshots yet. Make some: `flashwarden backup --all`")
		return nil
	}
	return o.page(tableOfSnapshots(list, now).Format(o.layout()))
}

func tableOfSnapshots(list []api.SnapshotRow, now time.Time) terminal.Table {
	table := terminal.Table{Columns: []terminal.Column{{Head: "SNAPSHOT", Keep: true}, {Head: "DEVICE", Spare: true}, {Head: "STATUS", Keep: true}, {Head: "VERSION"},
		{Head: "SIZE", Right: true}, {Head: "AGE", Right: true}, {Head: "FILES", Right: true, Wide: true}, {Head: "TAKEN", Wide: true}}}
	for _, r := range list {
		row := cells(r.ID, r.Device, r.Status, r.Version, size(r.Bytes), terminal.Age(now.Sub(r.Started)), strconv.Itoa(r.Files), localTime(r.Started))
		row[2].Tone = terminal.ToneOf(r.Status)
		table.Rows = append(table.Rows, row)
	}
	return table
}

func showCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "show SNAPSHOT|NAME",
		Short:             "show one snapshot, or the newest one of a device: its files, and how each was proved",
		Example:           "  flashwarden show sw1\n  flashwarden show 20261122T141503Z-sw1-k3f9",
		Args:              usageArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: p.completeNames(api.NamesOfDevices, api.NamesOfSnapshots),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				s, err := w.Snapshot(ctx, api.Named{Name: args[0]})
				if err != nil {
					return err
				}
				return printSnapshot(&p.output, s, time.Now())
			})
		},
	}
	wideFlag(cmd, &p.output)
	return cmd
}

func printSnapshot(o *output, s api.Snapshot, now time.Time) error {
	if o.json {
		return writeJSON(o, s)
	}
	head := fields("snapshot", s.ID, "device", s.Device, "status", s.Status, "taken", ago(s.Started, now),
		"hostname", s.Facts.Hostname, "software", s.Facts.OS+" "+s.Facts.Version, "model", s.Facts.Model,
		"serial", s.Facts.Serial, "mode", s.Facts.Mode, "image", s.Facts.Image)
	head[2].Value.Tone = terminal.ToneOf(s.Status)
	table := terminal.Table{Columns: []terminal.Column{{Head: "PATH"}, {Head: "KIND"}, {Head: "SIZE", Right: true}, {Head: "EVIDENCE"}, {Head: "SHA256", Keep: true}}}
	for _, f := range s.Files {
		row := cells(f.Path, f.Kind, size(f.Size), f.Evidence, o.digest(f.SHA256))
		if f.Cause != "" {
			row[3] = terminal.Cell{Text: "missing: " + string(f.Cause), Tone: terminal.Bad}
		}
		table.Rows = append(table.Rows, row)
	}
	var b strings.Builder
	b.WriteString(terminal.FormatFields(head, o.layout()) + "\n" + table.Format(o.layout()))
	for _, note := range s.Notes {
		fmt.Fprintf(&b, "\nnote: %s\n", oneLine(note))
	}
	for _, f := range s.Files {
		printProof(&b, f)
	}
	return o.page(b.String())
}

// printProof prints below the table, for an image, how it was proved and the
// name and version inside the file; for a missing file, why it is missing and
// the next step.
func printProof(b *strings.Builder, f api.File) {
	var lines []string
	if f.Cause != "" {
		lines = append(lines, "missing: "+f.Message)
		if f.Hint != "" {
			lines = append(lines, "next step: "+f.Hint)
		}
	}
	if f.Kind == api.KindImage || f.Kind == api.KindPackage {
		if f.Image != nil && f.Image.Version+f.Image.Name != "" {
			lines = append(lines, fmt.Sprintf("name inside the file: %s, version %s", dash(f.Image.Name), dash(f.Image.Version)))
		}
		lines = append(lines, f.Proof...)
	}
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", oneLine(f.Path))
	for _, line := range lines {
		fmt.Fprintf(b, "  %s\n", oneLine(line))
	}
}

func checkCommand(p *program) *cobra.Command {
	var r api.Check
	cmd := &cobra.Command{
		Use:   "check",
		Short: "check that the vault is complete and undamaged",
		Long: `check checks that every snapshot is complete and that the vault has every file in
it. With --read-data it also reads every file and compares its SHA-256. It changes
nothing. The exit code is 1 if there are problems.`,
		Example: "  flashwarden check --read-data",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error { return runCheck(ctx, &p.output, w, r) })
		},
	}
	cmd.Flags().BoolVar(&r.ReadData, "read-data", false, "read every file and compare its digests")
	return cmd
}

// percent shows on one line how many bytes are read.
func percent(w io.Writer) func(api.Event) {
	return func(e api.Event) {
		end := "\r"
		if e.Bytes >= e.Size {
			end = "\n"
		}
		fmt.Fprintf(w, "read %s of %s%s", size(e.Bytes), size(e.Size), end)
	}
}

// runCheck checks the vault and prints the result.
func runCheck(ctx context.Context, o *output, w warden.Warden, r api.Check) error {
	show := func(api.Event) {}
	if !o.quiet && terminal.IsTerminal(o.err) {
		show = percent(o.err)
	}
	var read int64 // bytes of all files, if they are read
	problems, err := w.Check(ctx, r, func(e api.Event) {
		read = e.Size
		show(e)
	})
	if err != nil {
		return err
	}
	if len(problems) > 0 || o.json || o.quiet {
		return printProblems(o, problems)
	}
	snapshots, err := w.Snapshots(ctx, api.Named{})
	if err != nil {
		return err
	}
	text := "every snapshot is complete; --read-data also reads the files"
	if r.ReadData {
		text = size(read) + ", all read and unchanged"
	}
	_, err = fmt.Fprintf(o.out, "%s: %s, %s\n", o.paint.Paint(terminal.Good, "Vault OK"), terminal.Count(len(snapshots), "snapshot"), text)
	return err
}

// printProblems prints the problems of the vault. Its error chooses the exit
// code.
func printProblems(o *output, problems []api.CheckProblem) error {
	if o.json {
		return errors.Join(writeJSON(o, map[string]any{"ok": len(problems) == 0, "problems": append([]api.CheckProblem{}, problems...)}), anyProblem(problems))
	}
	return listProblems(o.out, problems)
}

// listProblems prints problems of the vault, a line each, and returns anyProblem.
func listProblems(w io.Writer, problems []api.CheckProblem) error {
	for _, problem := range problems {
		fmt.Fprintf(w, "%s: %s: %s\n", problem.Kind, oneLine(problem.Path), oneLine(problem.Message))
	}
	return anyProblem(problems)
}

// anyProblem is errProblems if there is one.
func anyProblem(problems []api.CheckProblem) error {
	if len(problems) == 0 {
		return nil
	}
	return errProblems
}
