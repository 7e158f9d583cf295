package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func backupCommand(p *program) *cobra.Command {
	var r api.Backup
	var files string
	cmd := &cobra.Command{
		Use:               "backup [NAME...|--all]",
		Short:             "back up devices",
		ValidArgsFunction: completeNames(p, api.NamesOfDevices),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Names, r.Files = args, api.Policy(files)
			if err := warden.CheckBackup(r); err != nil {
				return err
			}
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error { return runBackup(ctx, p, w, r) })
		},
	}
	fs := cmd.Flags()
	selectFlags(p, cmd, &r.Select, &r.All)
	waitFlag(p, cmd)
	fs.StringVar(&files, "files", "", "`WHICH` files: image, rebuild or all (default: the setting of the device, else of the configuration, else rebuild)")
	fs.BoolVar(&r.DryRun, "dry-run", false, "log in, then only print the exact commands, the bytes to copy and the free space")
	fs.BoolVar(&r.Recopy, "recopy", false, "copy every file, even if the vault already has its content")
	completeWords(cmd, "files", policies...)
	wideFlag(cmd, &p.output)
	return cmd
}

// runBackup shows progress while the devices are backed up, then the results.
func runBackup(ctx context.Context, p *program, w warden.Warden, r api.Backup) error {
	if err := p.confirmHostKeys(ctx, w, r.Select); err != nil {
		return err
	}
	results, err := p.backUp(ctx, w, r)
	if err != nil {
		return err
	}
	var hints []string
	for _, one := range results {
		hints = append(hints, one.Hint)
	}
	p.readInventory(ctx, w, hints)
	return reportBackups(&p.output, results)
}

// reportBackups prints the results; its error chooses the exit code. With --quiet
// it prints only failures, on standard error, so that cron sends no mail after a
// night without any.
func reportBackups(o *output, results []api.BackupResult) error {
	var err error
	if o.json {
		err = writeJSON(o, map[string]any{"results": results})
	}
	switch {
	case o.quiet:
		fmt.Fprint(o.err, terminal.Results(results).Failures(o.layoutErr()))
	case !o.json:
		err = o.page(terminal.Results(results).Format(o.layout()))
	}
	if slices.ContainsFunc(results, func(r api.BackupResult) bool { return !r.Succeeded() }) {
		return errors.Join(err, errDevicesFailed)
	}
	return err
}
