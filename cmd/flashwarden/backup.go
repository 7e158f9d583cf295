package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/warden"
)

func backupCommand(p *program) *cobra.Command {
	var r api.Backup
	var files string
	cmd := &cobra.Command{
		Use:   "backup [NAME...|--all]",
		Short: "back devices up: the main job",
		Long: `backup logs in to each device, reads its facts and its flash, has it copy the
files that the vault lacks, compares size and digest with those of the device,
and keeps a snapshot. The TFTP server runs meanwhile.

It changes nothing on a device: a question about erasing, formatting or
overwriting is answered no, and ends that device's backup.`,
		Example: `  flashwarden backup sw1
  flashwarden backup --all --json
  flashwarden backup --site hq --files image
  flashwarden backup sw1 --dry-run`,
		ValidArgsFunction: p.completeNames(api.NamesOfDevices),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Names, r.Files = args, api.Policy(files)
			if err := checkBackup(r); err != nil {
				return usageError{err}
			}
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error { return runBackup(ctx, p, w, r) })
		},
	}
	fs := cmd.Flags()
	fs.BoolVar(&r.All, "all", false, "every device of the inventory")
	fs.StringVar(&r.Group, "group", "", "the devices of this `GROUP`")
	fs.StringVar(&r.Site, "site", "", "the devices at this `SITE`")
	fs.StringVar(&files, "files", "", "files to take: image, rebuild or all (default: the device's own setting, else the configured one, else rebuild)")
	fs.BoolVar(&r.DryRun, "dry-run", false, "log in and look, then print the exact commands, bytes and space; copy nothing")
	fs.BoolVar(&r.Recopy, "recopy", false, "copy also content that the vault holds")
	p.completeFlag(cmd, "group", api.NamesOfGroups)
	p.completeFlag(cmd, "site", api.NamesOfSites)
	return cmd
}

// checkBackup refuses flags that contradict each other, in the words of the
// command line.
func checkBackup(r api.Backup) error {
	some := len(r.Names) > 0 || r.Group != "" || r.Site != ""
	switch {
	case r.All && some:
		return errors.New("--all already means every device: leave out the names, --group and --site")
	case !r.All && !some:
		return errors.New("which devices? Give names, --group, --site or --all; `flashwarden device list` shows them")
	case r.Files != "" && r.Files != api.PolicyImage && r.Files != api.PolicyRebuild && r.Files != api.PolicyAll:
		return fmt.Errorf("--files %q: want image, rebuild or all", r.Files)
	}
	return nil
}

// runBackup shows progress while the devices are backed up, then the results.
func runBackup(ctx context.Context, p *program, w warden.Warden, r api.Backup) error {
	if err := p.confirmHostKeys(ctx, w, r.Select); err != nil {
		return err
	}
	show := newProgress(&p.output)
	results, err := w.Backup(ctx, r, show.event)
	show.close()
	if err != nil {
		return err
	}
	return reportBackups(&p.output, results)
}

// reportBackups prints the results; its error chooses the exit code.
func reportBackups(o *output, results []api.BackupResult) error {
	var err error
	if o.json {
		err = writeJSON(o, map[string]any{"results": results})
	} else {
		err = printResults(o, results)
	}
	for _, r := range results {
		if r.Status != api.StatusOK {
			return errors.Join(err, errDevicesFailed)
		}
	}
	return err
}

func printResults(o *output, results []api.BackupResult) error {
	rows := make([][]string, 0, len(results))
	for _, r := range results {
		rows = append(rows, []string{r.Device, r.Status, dash(imageName(r)), imageSize(r), dash(evidence(r)),
			size(r.BytesCopied), fmt.Sprintf("%.1f", r.Seconds)})
	}
	if err := table(o.out, "DEVICE STATUS IMAGE SIZE EVIDENCE COPIED SECONDS", rows); err != nil {
		return err
	}
	for _, r := range results {
		printDetails(o, r)
	}
	return nil
}

// printDetails says below the table what the table cannot.
func printDetails(o *output, r api.BackupResult) {
	explainResult(o, r.Device, r.Message, r.Hint)
	for _, f := range r.Files {
		if f.Cause != "" && f.Message != r.Message {
			fmt.Fprintf(o.out, "%s: %s is missing (%s): %s\n", r.Device, printable(f.Path), f.Cause, printable(f.Message))
		}
	}
	for _, f := range r.Files {
		if f.Evidence == api.EvidenceSize && f.Image != nil {
			fmt.Fprintf(o.out, "%s: %s is proved by its size alone, for the device computes no digest; the file itself is %s\n",
				r.Device, printable(f.Path), printable(f.Image.String()))
		}
	}
	for _, note := range r.Notes {
		fmt.Fprintf(o.out, "%s: %s\n", r.Device, printable(note))
	}
	if r.Plan == nil {
		return
	}
	fmt.Fprintf(o.out, "\n%s: would type\n", r.Device)
	for _, c := range r.Plan.Commands {
		fmt.Fprintf(o.out, "  %s\n", printable(c))
	}
	fmt.Fprintf(o.out, "  and receive at most %s; %s are free in the spool\n", exactSize(r.Plan.Bytes), size(r.Plan.Free))
}

// imageName is the name of the image that was taken, without its directory;
// packages.conf in install mode. It need not be what runs: a device that
// started over the network keeps no copy of that.
func imageName(r api.BackupResult) string {
	name := r.Facts.Image
	if i := slices.IndexFunc(r.Files, func(f api.File) bool { return f.Kind == api.KindImage }); i >= 0 {
		name = r.Files[i].Path
	}
	return name[strings.LastIndexAny(name, "/:")+1:]
}

// imageSize is the size of the image, of all packages together in install
// mode.
func imageSize(r api.BackupResult) string {
	var n int64
	for _, f := range r.Files {
		if f.Kind == api.KindImage || f.Kind == api.KindPackage {
			n += max(f.Size, 0)
		}
	}
	return size(n)
}

// evidence is the weakest evidence of what the device boots: one package that
// is proved by its size alone makes the set so.
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
