package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/node"
)

// backupFlags are what the backup command was asked.
type backupFlags struct {
	backup.Options
	filter api.Select
	all    bool
	files  string
}

func (p *program) backupCommand() *cobra.Command {
	var f backupFlags
	cmd := &cobra.Command{
		Use:   "backup [NAME...|--all]",
		Short: "back devices up: the main job",
		Long: `backup logs in to each device, reads what it runs and what is in its flash, has
it copy what the vault lacks to the TFTP server that runs meanwhile, compares
size and digest with what the device says, and keeps a snapshot.

It changes nothing on a device: a question about erasing, formatting or
overwriting is answered no, and ends that device's backup.`,
		Example: `  flashwarden backup sw1
  flashwarden backup --all --json
  flashwarden backup --site hq --files image
  flashwarden backup sw1 --dry-run`,
		ValidArgsFunction: p.completeDevices,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.filter.Names = args
			if err := f.check(); err != nil {
				return usageError{err}
			}
			return p.withNode(cmd.Context(), func(n *node.Node) error { return p.backup(cmd.Context(), n, f) })
		},
	}
	fs := cmd.Flags()
	fs.BoolVar(&f.all, "all", false, "every device of the inventory")
	fs.StringVar(&f.filter.Group, "group", "", "the devices of this `GROUP`")
	fs.StringVar(&f.filter.Site, "site", "", "the devices at this `SITE`")
	fs.StringVar(&f.files, "files", "", "what to take: image, rebuild or all (default: as the device or the configuration says, else rebuild)")
	fs.BoolVar(&f.DryRun, "dry-run", false, "log in and look, then print the exact commands, bytes and space; copy nothing")
	fs.BoolVar(&f.Recopy, "recopy", false, "copy even what the vault holds")
	return cmd
}

// check refuses what contradicts itself or selects nothing.
func (f *backupFlags) check() error {
	some := len(f.filter.Names) > 0 || f.filter.Group != "" || f.filter.Site != ""
	switch f.Policy = api.Policy(f.files); {
	case f.all && some:
		return errors.New("--all already means every device: leave out the names, --group and --site")
	case !f.all && !some:
		return errors.New("which devices? Give names, --group, --site or --all; `flashwarden device list` shows them")
	case f.files != "" && f.Policy != api.PolicyImage && f.Policy != api.PolicyRebuild && f.Policy != api.PolicyAll:
		return fmt.Errorf("--files %q: want image, rebuild or all", f.files)
	}
	return nil
}

func (p *program) backup(ctx context.Context, n *node.Node, f backupFlags) error {
	devices, err := n.Catalog.Devices(ctx, f.filter)
	if err != nil {
		return err
	}
	if len(devices) == 0 {
		return unknownError{errors.New("no device matches; `flashwarden device list` shows them, `flashwarden device add` adds one")}
	}
	if err := n.Start(); err != nil {
		return err
	}
	return p.reportBackups(p.runBackups(ctx, n, devices, f.Options))
}

// reportBackups prints the results; its error chooses the exit code.
func (p *program) reportBackups(results []api.BackupResult) error {
	var err error
	if p.json {
		err = p.writeJSON(map[string]any{"results": results})
	} else {
		err = p.printResults(results)
	}
	for _, r := range results {
		if r.Status != api.StatusOK {
			return errors.Join(err, errDevicesFailed)
		}
	}
	return err
}

// runBackups shows progress while the devices are backed up. A TFTP server
// that dies ends them all.
func (p *program) runBackups(ctx context.Context, n *node.Node, devices []api.Device, o backup.Options) []api.BackupResult {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-n.Failed():
			cancel(n.Failure())
		case <-ctx.Done():
		}
	}()
	runner := n.Runner()
	show := p.newProgress(devices)
	runner.Watch = show.event
	results := runner.All(ctx, devices, o)
	show.close()
	return results
}

func (p *program) printResults(results []api.BackupResult) error {
	rows := make([][]string, 0, len(results))
	for _, r := range results {
		rows = append(rows, []string{r.Device, r.Status, dash(imageName(r)), imageSize(r), dash(evidence(r)),
			size(r.BytesCopied), fmt.Sprintf("%.1f", r.Seconds)})
	}
	if err := table(p.out, "DEVICE STATUS IMAGE SIZE EVIDENCE COPIED SECONDS", rows); err != nil {
		return err
	}
	for _, r := range results {
		p.printDetails(r)
	}
	return nil
}

// printDetails says below the table what the table cannot.
func (p *program) printDetails(r api.BackupResult) {
	p.explainResult(r.Device, r.Message, r.Hint)
	for _, f := range r.Files {
		if f.Cause != "" && f.Message != r.Message {
			fmt.Fprintf(p.out, "%s: %s is missing (%s): %s\n", r.Device, printable(f.Path), f.Cause, printable(f.Message))
		}
	}
	for _, f := range r.Files {
		if f.Evidence == api.EvidenceSize && f.Image != nil {
			fmt.Fprintf(p.out, "%s: %s is proved by its size alone, for the device computes no digest; the file itself is %s\n",
				r.Device, printable(f.Path), printable(f.Image.String()))
		}
	}
	for _, note := range r.Notes {
		fmt.Fprintf(p.out, "%s: %s\n", r.Device, printable(note))
	}
	if r.Plan == nil {
		return
	}
	fmt.Fprintf(p.out, "\n%s: would type\n", r.Device)
	for _, c := range r.Plan.Commands {
		fmt.Fprintf(p.out, "  %s\n", printable(c))
	}
	fmt.Fprintf(p.out, "  and receive at most %s; %s are free in the spool\n", size(r.Plan.Bytes), size(r.Plan.Free))
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
