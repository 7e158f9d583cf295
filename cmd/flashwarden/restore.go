package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/node"
	"flashwarden/internal/restore"
)

// restoreFlags are what the restore command was asked.
type restoreFlags struct {
	restore.Options
	snapshot string
	files    []string
	yes      bool
}

func (p *program) restoreCommand() *cobra.Command {
	var f restoreFlags
	cmd := &cobra.Command{
		Use:   "restore NAME",
		Short: "put files of a snapshot back onto a device",
		Long: `restore logs in to the device, compares what is there with the snapshot, prints
the plan with every command that it will type, and asks before it changes
anything. Each file is then copied from a one-time offer and proved by the
device's own digest, or read back where it computes none; one that does not
match is deleted.

Without --file it restores all of the newest snapshot but the running-config: a
copy into running-config merges with what is there. The startup-config is
replaced, and is in force after a reload.

It never erases, formats or overwrites. A file that is there and equal is left
alone. One that is there and differs is refused without --replace; --replace and
--delete remove a file only once the vault is shown to hold its content. What
the device runs, or boots next, is never touched.

--set-boot makes the restored image the next to boot, keeps the old one as the
second, saves the configuration and proves it by show boot. --reload starts the
device again, without saving anything, and waits until it is back.`,
		Example: `  flashwarden restore sw1 --dry-run
  flashwarden restore sw1 --file c3750-ipservicesk9-mz.150-2.SE8.bin --set-boot
  flashwarden restore sw1 --file flash:/vlan.dat --replace --yes
  flashwarden restore sw1 --snapshot 20261122T141503Z-sw1-k3f9 --delete flash:/old.bin --set-boot --reload`,
		Args:              usageArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: p.completeDevices,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withNode(cmd.Context(), func(n *node.Node) error { return p.restore(cmd.Context(), n, args[0], f) })
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.snapshot, "snapshot", "", "the `SNAPSHOT` to restore from (default: the device's newest)")
	fs.StringArrayVar(&f.files, "file", nil, "a `PATH` of the snapshot, or the last part of one; may be repeated")
	fs.StringVar(&f.To, "to", "", "the file system to write to, as `flash2:` (default: where each file was)")
	fs.BoolVar(&f.SetBoot, "set-boot", false, "make the restored image the next to boot, save that, and prove it")
	fs.BoolVar(&f.Reload, "reload", false, "start the device again, and wait until it is back")
	fs.BoolVar(&f.DryRun, "dry-run", false, "log in and look, then print the exact commands, bytes and space; change nothing")
	fs.BoolVar(&f.yes, "yes", false, "do not ask")
	fs.BoolVar(&f.Replace, "replace", false, "delete files that differ, once the vault is shown to hold them")
	fs.StringArrayVar(&f.Delete, "delete", nil, "a `FILE` of the device to delete for space, once the vault is shown to hold it; may be repeated")
	if err := cmd.RegisterFlagCompletionFunc("snapshot", p.completeSnapshots); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}

// check refuses what contradicts itself.
func (f *restoreFlags) check(sel restore.Selection) error {
	if f.To != "" && (!strings.HasSuffix(f.To, ":") || strings.Count(f.To, ":") != 1 || len(f.To) == 1) {
		return fmt.Errorf("--to %q: want the name of a file system with its colon, as usbflash0: is", f.To)
	}
	if f.SetBoot {
		if _, err := sel.Bootable(); err != nil {
			return err
		}
	}
	for _, p := range f.Delete {
		if !strings.Contains(p, ":") {
			return fmt.Errorf("--delete %q: want the whole path, as flash:/dir/x.bin", p)
		}
	}
	return nil
}

func (p *program) restore(ctx context.Context, n *node.Node, name string, f restoreFlags) error {
	d, err := n.Catalog.Device(ctx, name)
	if err != nil {
		return err
	}
	s, err := snapshotFor(ctx, n, d, f.snapshot)
	if err != nil {
		return err
	}
	sel, err := restore.Select(s, f.files)
	switch {
	case errors.Is(err, restore.ErrNoFile):
		return unknownError{err}
	case errors.Is(err, restore.ErrMerges):
		return usageError{err}
	case err != nil:
		return err
	}
	if err := f.check(sel); err != nil {
		return usageError{err}
	}
	if err := n.Start(); err != nil {
		return err
	}
	return p.reportRestore(p.runRestore(ctx, n, d, sel, f), f.DryRun)
}

// snapshotFor is the snapshot that the user names, else the newest of the
// device.
func snapshotFor(ctx context.Context, n *node.Node, d api.Device, id string) (api.Snapshot, error) {
	if id != "" {
		return snapshot(n, id)
	}
	rows, err := n.Catalog.Snapshots(ctx, d.Name)
	if err != nil {
		return api.Snapshot{}, err
	}
	if len(rows) == 0 {
		return api.Snapshot{}, unknownError{fmt.Errorf("no snapshot of %s: `flashwarden backup %s` makes one, and --snapshot restores from one of another device", d.Name, d.Name)}
	}
	for _, row := range slices.Backward(rows) {
		if s, err := snapshot(n, row.ID); err != nil || !s.Received() {
			return s, err
		}
	}
	return api.Snapshot{}, unknownError{fmt.Errorf("no backup of %s, only files that it sent: choose one with --snapshot and where it belongs with --to; `flashwarden snapshots %s` lists them", d.Name, d.Name)}
}

// runRestore shows progress, and stops showing it while the user is asked.
func (p *program) runRestore(ctx context.Context, n *node.Node, d api.Device, sel restore.Selection, f restoreFlags) api.RestoreResult {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-n.Failed():
			cancel(n.Failure())
		case <-ctx.Done():
		}
	}()
	runner := n.Restorer()
	devices := []api.Device{d}
	show := p.newProgress(devices)
	runner.Watch = show.event
	runner.Agree = func(q restore.Question) bool {
		show.close()
		agreed := p.agree(ctx, q, f.yes)
		show = p.newProgress(devices)
		runner.Watch = show.event
		return agreed
	}
	result := runner.Restore(ctx, d, sel, f.Options)
	show.close()
	return result
}

// agree shows the plan and asks. Without a terminal nobody agrees but --yes.
func (p *program) agree(ctx context.Context, q restore.Question, yes bool) bool {
	if q.Plan != nil {
		printPlan(p.err, q.Device, q.Plan)
	}
	switch {
	case yes:
		return true
	case !terminal(p.in):
		return false
	}
	fmt.Fprintf(p.err, "%s: %s [yes/no] ", q.Device, printable(q.Text))
	answer := make(chan string, 1)
	go func() {
		line, err := bufio.NewReader(p.in).ReadString('\n')
		if err != nil {
			line = ""
		}
		answer <- line
	}()
	select {
	case line := <-answer:
		return strings.TrimSpace(line) == "yes"
	case <-ctx.Done(): // the reader ends with the program
		fmt.Fprintln(p.err)
		return false
	}
}

// printPlan says what is there, what differs, the space and every command.
func printPlan(w io.Writer, device string, plan *api.Plan) {
	words := map[string]string{
		api.Equal: "is there and equal", api.Absent: "is not there", api.Differs: "is there and differs",
	}
	fmt.Fprintf(w, "%s: plan\n", device)
	for _, f := range plan.Files {
		fmt.Fprintf(w, "  %s (%s) %s\n", oneLine(f.Path), size(f.Size), words[f.State])
	}
	for _, s := range plan.Space {
		fmt.Fprintf(w, "  %s %d bytes free now, %d after\n", oneLine(s.FileSystem), s.Before, s.After)
	}
	for _, note := range plan.Notes {
		fmt.Fprintf(w, "  note: %s\n", oneLine(note))
	}
	if len(plan.Commands) == 0 {
		fmt.Fprintln(w, "  nothing to do")
		return
	}
	fmt.Fprintf(w, "  to copy: %d bytes; commands:\n", plan.Bytes)
	for _, c := range plan.Commands {
		fmt.Fprintf(w, "    %s\n", oneLine(c))
	}
}

// reportRestore prints the result; its error chooses the exit code.
func (p *program) reportRestore(r api.RestoreResult, dryRun bool) error {
	var err error
	if p.json {
		err = p.writeJSON(map[string]any{"results": []api.RestoreResult{r}})
	} else {
		err = p.printRestore(r, dryRun)
	}
	switch {
	case r.Refused:
		return errors.Join(err, errRefused)
	case r.Status != api.StatusOK:
		return errors.Join(err, errDevicesFailed)
	}
	return err
}

func (p *program) printRestore(r api.RestoreResult, dryRun bool) error {
	if r.Plan != nil && (dryRun || len(r.Plan.Commands) == 0) { // else it was shown before the question
		printPlan(p.out, r.Device, r.Plan)
	}
	rows := make([][]string, 0, len(r.Files))
	for _, f := range r.Files {
		done := "equal"
		if f.Copied {
			done = "restored"
		}
		rows = append(rows, []string{f.Path, done, size(f.Size), f.Evidence})
	}
	if len(rows) > 0 {
		if err := table(p.out, "PATH DONE SIZE EVIDENCE", rows); err != nil {
			return err
		}
	}
	for _, d := range r.Deleted {
		fmt.Fprintf(p.out, "%s: deleted %s\n", r.Device, oneLine(d))
	}
	if len(r.Boot) > 0 {
		fmt.Fprintf(p.out, "%s: boots next %s\n", r.Device, oneLine(strings.Join(r.Boot, ", then ")))
	}
	fmt.Fprintf(p.out, "%s: %s, %s copied in %.1f s, runs %s from %s\n", r.Device, r.Status, size(r.BytesCopied), r.Seconds,
		dash(oneLine(r.Facts.Version)), dash(oneLine(r.Facts.Image)))
	for _, note := range r.Notes {
		fmt.Fprintf(p.out, "%s: %s\n", r.Device, printable(note))
	}
	p.explainResult(r.Device, r.Message, r.Hint)
	return nil
}
