package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
		Use:   "restore NAME",
		Short: "copy files of a snapshot back to a device",
		Long: `restore logs in to the device and compares its files with the snapshot. It prints
a plan with every command that it will type, and asks before it changes anything.
The device then copies each file from flashwarden. restore checks each copy with
the digest that the device computes; if the device computes none, it reads the
file back. A copy that does not match is deleted.

Without --file, restore takes all files of the newest snapshot except the
running-config, because IOS merges a copy into the running-config with the lines
that are already there. It replaces the startup-config, which takes effect after
a reload.

restore never erases or formats flash. Matching files are left untouched. If a
file differs, restore refuses. With --replace it deletes such a file and copies
the one of the snapshot. --replace and --delete delete a file only after
confirming that the vault has a copy. The files that the device runs or boots
next are never deleted or replaced.

With --delete and nothing to restore (no --file, --snapshot, --to, --set-boot or
--replace), restore only deletes.

--set-boot makes the device boot the restored image next, with the old image as
the second choice. It saves the configuration and checks it with show boot.
--reload restarts the device without saving anything, and waits until it is up.`,
		Example: `  flashwarden restore sw1 --dry-run
  flashwarden restore sw1 --file c3750-ipservicesk9-mz.150-2.SE8.bin --set-boot
  flashwarden restore sw1 --file flash:/vlan.dat --replace --yes
  flashwarden restore sw1 --delete flash:/old.bin
  flashwarden restore sw1 --snapshot 20261122T141503Z-sw1-k3f9 --delete flash:/old.bin --set-boot --reload`,
		Args:              usageArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: p.completeNames(api.NamesOfDevices),
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
	fs.StringVar(&r.To, "to", "", "file system to write to, for example `flash2:` (default: where each file was)")
	fs.BoolVar(&r.SetBoot, "set-boot", false, "make the device boot the restored image next, and save the configuration")
	fs.BoolVar(&r.Reload, "reload", false, "restart the device, and wait until it is up")
	fs.BoolVar(&f.dryRun, "dry-run", false, "log in, then only print the exact commands, the bytes to copy and the free space")
	fs.BoolVar(&f.yes, "yes", false, "do not ask before changing the device")
	fs.BoolVar(&r.Replace, "replace", false, "replace files that differ, after confirming that the vault has a copy of them")
	fs.StringArrayVar(&r.Delete, "delete", nil, "`FILE` on the device to delete to make room, after confirming that the vault has a copy; may be repeated")
	p.waitFlag(cmd)
	p.completeFlagOf(cmd, "snapshot", api.NamesOfSnapshots)
	p.completeFlagOf(cmd, "file", api.NamesOfFiles)
	p.completeFlagOf(cmd, "delete", api.NamesOfFiles)
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
	show := p.showFleet()
	planned, err := w.PlanRestore(ctx, r, show.Event)
	show.Close()
	switch {
	case err != nil:
		return err
	case planned.Status != api.StatusOK, f.dryRun, len(planned.Plan.Commands) == 0:
		return reportRestore(&p.output, planned, true)
	}
	if !f.yes || !p.quiet {
		printPlan(p.err, r.Device, planned.Plan)
	}
	if !f.yes && !p.confirm(ctx, r.Device+": Go on?") {
		return reportRestore(&p.output, notAgreed(planned), false)
	}
	show = p.showFleet()
	result, err := w.ApplyPlan(ctx, *planned.Plan, show.Event)
	show.Close()
	if err != nil {
		return err
	}
	return reportRestore(&p.output, result, false)
}

// notAgreed is the result if the user does not agree to the plan.
func notAgreed(r api.RestoreResult) api.RestoreResult {
	r.Status, r.Refused, r.Cause = api.StatusFailed, true, cause.Cancelled
	r.Message = "Cancelled; nothing was changed on " + r.Device
	r.Hint = "look at the plan with --dry-run; then answer y on a terminal, or give --yes"
	return r
}

// printPlan prints the state of each file, the space and every command.
func printPlan(w io.Writer, device string, plan *api.Plan) {
	words := map[string]string{
		api.Equal: "unchanged", api.Absent: "missing", api.Differs: "differs from the snapshot",
	}
	fmt.Fprintf(w, "%s: plan\n", device)
	for _, f := range plan.Files {
		fmt.Fprintf(w, "  %s (%s): %s\n", oneLine(f.Path), size(f.Size), words[f.State])
	}
	for _, s := range plan.Space {
		fmt.Fprintf(w, "  %s %s bytes free now, %s after\n", oneLine(s.FileSystem), terminal.Thousands(s.Before), terminal.Thousands(s.After))
	}
	for _, note := range plan.Notes {
		fmt.Fprintf(w, "  note: %s\n", oneLine(note))
	}
	switch {
	case len(plan.Refusals) > 0: // the result has them
		return
	case len(plan.Commands) == 0:
		fmt.Fprintln(w, "  nothing to do")
		return
	}
	fmt.Fprintf(w, "  would copy %s; commands:\n", terminal.ExactBytes(plan.Bytes))
	for _, c := range plan.Commands {
		fmt.Fprintf(w, "    %s\n", oneLine(c))
	}
}

// reportRestore prints the result; its error chooses the exit code. With --quiet
// it prints only a failure, on standard error, and the plan of a dry run.
func reportRestore(o *output, r api.RestoreResult, showPlan bool) error {
	var err error
	switch {
	case o.json:
		err = writeJSON(o, map[string]any{"results": []api.RestoreResult{r}})
	case r.Plan != nil && showPlan: // else the user saw it before the question
		printPlan(o.out, r.Device, r.Plan)
		r.Notes = nil // the plan has them
	}
	switch {
	case o.quiet && r.Status != api.StatusOK:
		fmt.Fprint(o.err, restoreFailure(o.layoutErr(), r))
	case !o.quiet && !o.json:
		err = printRestore(o, r)
	}
	switch {
	case r.Refused:
		return errors.Join(err, errRefused)
	case r.Status != api.StatusOK:
		return errors.Join(err, errDevicesFailed)
	}
	return err
}

// printRestore prints a summary, the files, and why the restore failed.
func printRestore(o *output, r api.RestoreResult) error {
	fmt.Fprintf(o.out, "%s: %s, %s copied in %.1f s, runs %s from %s\n", r.Device, o.paint.Paint(terminal.ToneOf(r.Status), r.Status),
		size(r.BytesCopied), r.Seconds, dash(oneLine(r.Facts.Version)), dash(oneLine(r.Facts.Image)))
	t := terminal.Table{Columns: []terminal.Column{{Head: "PATH", Keep: true}, {Head: "DONE"}, {Head: "SIZE", Right: true}, {Head: "EVIDENCE"}}}
	for _, f := range r.Files {
		done := "unchanged"
		if f.Copied {
			done = "restored"
		}
		t.Rows = append(t.Rows, cells(f.Path, done, size(f.Size), f.Evidence))
	}
	if len(t.Rows) > 0 {
		fmt.Fprint(o.out, t.Format(o.layout()))
	}
	for _, d := range r.Deleted {
		fmt.Fprintf(o.out, "%s: deleted %s\n", r.Device, oneLine(d))
	}
	if len(r.Boot) > 0 {
		fmt.Fprintf(o.out, "%s: boots next %s\n", r.Device, oneLine(strings.Join(r.Boot, ", then ")))
	}
	for _, note := range r.Notes {
		fmt.Fprintf(o.out, "%s: %s\n", r.Device, printable(note))
	}
	if r.Status != api.StatusOK {
		fmt.Fprint(o.out, restoreFailure(o.layout(), r))
	}
	return nil
}

// restoreFailure says why a restore failed, and the next step.
func restoreFailure(l terminal.Layout, r api.RestoreResult) string {
	return terminal.Failure(api.BackupResult{Device: r.Device, Status: r.Status, Cause: r.Cause, Message: r.Message, Hint: r.Hint}, l)
}
