package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func backupCommand(p *program) *cobra.Command {
	var r api.Backup
	var files string
	cmd := &cobra.Command{
		Use:   "backup [NAME...|--all]",
		Short: "back up devices: the main command",
		Long: `backup logs in to each device and lists its flash. The device then copies each
file that is not in the vault yet to the TFTP server of flashwarden. backup
compares the size and the digest of each copy with those of the device, and
saves the result as a snapshot.

It changes nothing on a device. If a device asks to erase, format or overwrite
something, flashwarden answers no and ends the backup of that device.`,
		Example: `  flashwarden backup sw1
  flashwarden backup --all --json
  flashwarden backup --site hq --files image
  flashwarden backup sw1 --dry-run`,
		ValidArgsFunction: p.completeNames(api.NamesOfDevices),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Names, r.Files = args, api.Policy(files)
			if err := warden.CheckBackup(r); err != nil {
				return err
			}
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error { return runBackup(ctx, p, w, r) })
		},
	}
	fs := cmd.Flags()
	p.selectFlags(cmd, &r.Select, &r.All)
	fs.StringVar(&files, "files", "", "which files: image, rebuild or all (default: the setting of the device, else of the configuration, else rebuild)")
	fs.BoolVar(&r.DryRun, "dry-run", false, "log in, then only print the exact commands, the bytes to copy and the free space")
	fs.BoolVar(&r.Recopy, "recopy", false, "copy every file, even if the vault already has its content")
	completeWords(cmd, "files", policies...)
	return cmd
}

// runBackup shows progress while the devices are backed up, then the results.
func runBackup(ctx context.Context, p *program, w warden.Warden, r api.Backup) error {
	if err := p.confirmHostKeys(ctx, w, r.Select); err != nil {
		return err
	}
	show := p.showFleet()
	results, err := w.Backup(ctx, r, show.Event)
	show.Close()
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

// printDetails prints below the table: failures, missing files, notes, the plan.
func printDetails(o *output, r api.BackupResult) {
	explainResult(o, r.Device, r.Message, r.Hint)
	for _, f := range r.Files {
		if f.Cause != "" && f.Message != r.Message {
			fmt.Fprintf(o.out, "%s: %s is missing (%s): %s\n", r.Device, printable(f.Path), f.Cause, printable(f.Message))
		}
	}
	for _, f := range r.Files {
		if f.Evidence == api.EvidenceSize && f.Image != nil {
			fmt.Fprintf(o.out, "%s: %s is proved only by its size, because the device computes no digest; the file itself is %s\n",
				r.Device, printable(f.Path), printable(f.Image.String()))
		}
	}
	for _, note := range r.Notes {
		fmt.Fprintf(o.out, "%s: %s\n", r.Device, printable(note))
	}
	if r.Plan == nil {
		return
	}
	fmt.Fprintf(o.out, "\n%s: commands that a backup would type\n", r.Device)
	for _, c := range r.Plan.Commands {
		fmt.Fprintf(o.out, "  %s\n", printable(c))
	}
	fmt.Fprintf(o.out, "  it would receive at most %s; the spool has %s free\n", terminal.ExactBytes(r.Plan.Bytes), size(r.Plan.Free))
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
