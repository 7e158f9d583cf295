package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

// restoreFlags are the flags of restore that are not part of its request.
type restoreFlags struct{ dryRun, yes bool }

func restoreCommand(p *program) *cobra.Command {
	var r api.Restore
	var f restoreFlags
	cmd := &cobra.Command{
		Use:               "restore NAME",
		Short:             "copy files of a snapshot back to a device",
		ValidArgsFunction: completeNames(p, api.NamesOfDevices),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Device = args[0]
			if err := checkRestore(r); err != nil {
				return usageError{err}
			}
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error { return runRestore(ctx, p, w, r, f) })
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&r.Snapshot, "snapshot", "", "`SNAPSHOT` to restore from (default: the newest one of the device)")
	fs.StringArrayVar(&r.Files, "file", nil, "`PATH` in the snapshot, or only the file name; may be repeated")
	fs.StringVar(&r.To, "to", "", "`FS`, a file system to write to, for example flash2: (default: where each file was)")
	fs.BoolVar(&r.SetBoot, "set-boot", false, "make the device boot the restored image next, and save the configuration")
	fs.BoolVar(&r.Reload, "reload", false, "restart the device, and wait until it is up")
	fs.BoolVar(&f.dryRun, "dry-run", false, "log in, then only print the exact commands, the bytes to copy and the free space")
	fs.BoolVar(&f.yes, "yes", false, "do not ask before changing the device")
	fs.BoolVar(&r.Replace, "replace", false, "replace files that differ, after confirming that the vault has a copy of them")
	fs.StringArrayVar(&r.Delete, "delete", nil, "`FILE` on the device to delete to make room, after confirming that the vault has a copy; may be repeated")
	wideFlag(cmd, &p.output)
	p.vaultFlag(cmd)
	waitFlag(p, cmd)
	completeFlagOf(p, cmd, "snapshot", api.NamesOfSnapshots)
	completeFlagOf(p, cmd, "file", api.NamesOfFiles)
	completeFlagOf(p, cmd, "delete", api.NamesOfFiles)
	noFiles(cmd, "to")
	return cmd
}

// checkRestore refuses flags that make no sense.
func checkRestore(r api.Restore) error {
	if r.To != "" && (!strings.HasSuffix(r.To, ":") || strings.Count(r.To, ":") != 1 || len(r.To) == 1) {
		return fmt.Errorf("--to %q: want the name of a file system with its colon, for example \"usbflash0:\"", r.To)
	}
	for _, p := range r.Delete {
		if !strings.Contains(p, ":") {
			return fmt.Errorf("--delete %q: want the whole path, for example flash:/dir/x.bin", p)
		}
	}
	return nil
}

// runRestore plans, shows the plan, asks, and applies it.
func runRestore(ctx context.Context, p *program, w warden.Warden, r api.Restore, f restoreFlags) error {
	if err := p.confirmHostKeys(ctx, w, api.Select{Names: []string{r.Device}}); err != nil {
		return err
	}
	planned, err := shown(ctx, p.showFleet(), w.PlanRestore, r)
	switch {
	case err != nil:
		return err
	case planned.Status != api.StatusOK, f.dryRun, len(planned.Plan.Commands) == 0:
		return reportRestore(&p.output, planned, true)
	}
	if !f.yes || !p.quiet {
		fmt.Fprint(p.err, terminal.FormatPlan(r.Device, planned.Plan, p.layoutErr()))
	}
	if !f.yes && !p.confirm(ctx, terminal.RestoreQuestion(r.Device, planned.Plan)) {
		return reportRestore(&p.output, notAgreed(planned), false)
	}
	result, err := shown(ctx, p.showFleet(), w.ApplyPlan, *planned.Plan)
	if err != nil {
		return err
	}
	return reportRestore(&p.output, result, false)
}

// notAgreed is the result if the user does not agree to the plan.
func notAgreed(r api.RestoreResult) api.RestoreResult {
	r.Status, r.Refused, r.Cause = api.StatusFailed, true, cause.Cancelled
	r.Message = "Nothing was changed on " + r.Device
	r.Hint = "run it again on a terminal and answer y, or add --yes; --dry-run only prints the plan"
	return r
}

// reportRestore prints the result; its error chooses the exit code. With --quiet
// it prints only a failure, on standard error, and the plan of a dry run. If there is
// nothing to do, the result has all that the plan has.
func reportRestore(o *output, r api.RestoreResult, showPlan bool) error {
	var err error
	showPlan = showPlan && !terminal.NothingToDo(r)
	switch {
	case o.json:
		err = writeJSON(o, map[string]any{"results": []api.RestoreResult{r}})
	case r.Plan != nil && showPlan: // else the user saw it before the question
		fmt.Fprint(o.out, terminal.FormatPlan(r.Device, r.Plan, o.layout()))
	}
	if r.Plan != nil && !terminal.NothingToDo(r) { // the user has read the plan
		r.Notes = slices.DeleteFunc(slices.Clone(r.Notes), func(note string) bool { return slices.Contains(r.Plan.Notes, note) })
	}
	switch {
	case o.quiet && r.Status != api.StatusOK:
		fmt.Fprint(o.err, strings.TrimPrefix(terminal.FormatRestoreFailure(r, o.layoutErr()), "\n"))
	case o.quiet || o.json || showPlan && r.Status == api.StatusOK: // the plan says it all
	case showPlan && r.Plan != nil && r.Status != api.StatusOK:
		_, err = fmt.Fprint(o.out, terminal.FormatRestoreFailure(r, o.layout()))
	default:
		_, err = fmt.Fprint(o.out, terminal.FormatRestore(r, o.layout()))
	}
	switch {
	case r.Refused:
		return errors.Join(err, errRefused)
	case r.Status != api.StatusOK:
		return errors.Join(err, errDevicesFailed)
	}
	return err
}
