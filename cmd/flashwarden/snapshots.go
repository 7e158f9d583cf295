package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func snapshotsCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:               "snapshots [NAME]",
		Short:             "list the snapshots in the vault, oldest first",
		Example:           "  flashwarden snapshots\n  flashwarden snapshots sw1 --json",
		Args:              usageArgs(cobra.MaximumNArgs(1)),
		ValidArgsFunction: p.completeNames(api.NamesOfDevices),
		RunE: func(cmd *cobra.Command, args []string) error {
			device := strings.Join(args, "")
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				rows, err := w.Snapshots(ctx, api.Named{Name: device})
				if err != nil {
					return err
				}
				return printSnapshots(&p.output, rows)
			})
		},
	}
}

func printSnapshots(o *output, list []api.SnapshotRow) error {
	if o.json {
		return writeJSON(o, map[string]any{"snapshots": append([]api.SnapshotRow{}, list...)})
	}
	rows := make([][]string, 0, len(list))
	for _, r := range list {
		rows = append(rows, []string{r.ID, r.Device, r.Status, dash(r.Version), strconv.Itoa(r.Files), size(r.Bytes)})
	}
	return table(o.out, "SNAPSHOT DEVICE STATUS VERSION FILES SIZE", rows)
}

func showCommand(p *program) *cobra.Command {
	return &cobra.Command{
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
				return printSnapshot(&p.output, s)
			})
		},
	}
}

func printSnapshot(o *output, s api.Snapshot) error {
	if o.json {
		return writeJSON(o, s)
	}
	head := [][]string{
		{"snapshot", s.ID}, {"device", s.Device}, {"status", s.Status}, {"started", s.Started.Format("2006-01-02 15:04:05 UTC")},
		{"hostname", dash(s.Facts.Hostname)}, {"software", s.Facts.OS + " " + s.Facts.Version}, {"model", dash(s.Facts.Model)},
		{"serial", dash(s.Facts.Serial)}, {"mode", dash(s.Facts.Mode)}, {"image", dash(s.Facts.Image)},
	}
	if err := table(o.out, "FIELD VALUE", head); err != nil {
		return err
	}
	fmt.Fprintln(o.out)
	rows := make([][]string, 0, len(s.Files))
	for _, f := range s.Files {
		proof := f.Evidence
		if f.Cause != "" {
			proof = "missing: " + string(f.Cause)
		}
		rows = append(rows, []string{f.Path, f.Kind, size(f.Size), proof, dash(f.SHA256)})
	}
	if err := table(o.out, "PATH KIND SIZE EVIDENCE SHA256", rows); err != nil {
		return err
	}
	for _, note := range s.Notes {
		fmt.Fprintf(o.out, "\nnote: %s\n", oneLine(note))
	}
	for _, f := range s.Files {
		printProof(o, f)
	}
	return nil
}

// printProof prints below the table, for an image, how it was proved and the
// name and version inside the file; for a missing file, why it is missing and
// the next step.
func printProof(o *output, f api.File) {
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
	fmt.Fprintf(o.out, "\n%s\n", oneLine(f.Path))
	for _, line := range lines {
		fmt.Fprintf(o.out, "  %s\n", oneLine(line))
	}
}

func imagesCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "images",
		Short: "list the images, the devices that run them, and running images that are not in the vault",
		Long: `images lists each image in the vault once, and each image that a device runs but
that the vault does not have.

VERSION  the version that the devices report
SAYS     the version inside the file; if it differs from VERSION, the file was
         replaced after the device started
WHOLE    good: the checksums inside the file are right; bad: one of them is wrong;
         unknown: the file has no checksum that can be checked offline`,
		Example: "  flashwarden images --json",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				images, err := w.Images(ctx)
				if err != nil {
					return err
				}
				return printImages(&p.output, images)
			})
		},
	}
}

func printImages(o *output, images []api.Image) error {
	if o.json {
		return writeJSON(o, map[string]any{"images": append([]api.Image{}, images...)})
	}
	rows := make([][]string, 0, len(images))
	for _, i := range images {
		place := i.SHA256[:min(len(i.SHA256), 12)]
		if !i.InVault {
			place = "NOT IN THE VAULT"
		}
		says, whole := "-", "-"
		if i.Image != nil {
			says, whole = dash(i.Image.Version), i.Image.Verdict
		}
		rows = append(rows, []string{place, strings.Join(i.Names, " "), dash(i.Version), size(i.Size), dash(strings.Join(i.Devices, " ")), says, whole})
	}
	if err := table(o.out, "SHA256 NAMES VERSION SIZE DEVICES SAYS WHOLE", rows); err != nil {
		return err
	}
	for _, i := range images {
		warnOfImage(o, i)
	}
	return nil
}

// warnOfImage prints below the table the problems of an image.
func warnOfImage(o *output, i api.Image) {
	name := oneLine(strings.Join(i.Names, " "))
	if i.Image != nil && i.Image.Verdict == api.ImageBad {
		fmt.Fprintf(o.out, "%s is %s\n", name, oneLine(i.Image.String()))
	}
	for _, d := range i.Disagreements {
		fmt.Fprintf(o.out, "%s: %s\n", name, oneLine(d))
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
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				var events func(api.Event)
				if !p.quiet && terminal.IsTerminal(p.err) {
					events = percent(p.err)
				}
				problems, err := w.Check(ctx, r, events)
				if err != nil {
					return err
				}
				return printProblems(&p.output, problems)
			})
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

func printProblems(o *output, problems []api.CheckProblem) error {
	var found error
	if len(problems) > 0 {
		found = errProblems
	}
	if o.json {
		return errors.Join(writeJSON(o, map[string]any{"ok": found == nil, "problems": append([]api.CheckProblem{}, problems...)}), found)
	}
	for _, problem := range problems {
		fmt.Fprintf(o.out, "%s: %s: %s\n", problem.Kind, oneLine(problem.Path), oneLine(problem.Message))
	}
	if found == nil {
		fmt.Fprintln(o.out, "no problems found")
	}
	return found
}
