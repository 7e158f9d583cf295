package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/config"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func checkCommand(p *program) *cobra.Command {
	var r api.Check
	var outdated string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "check that the vault is complete and undamaged",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if r.OutdatedAfter, err = config.ParseAge(outdated); err != nil {
				return usageError{fmt.Errorf("--outdated-after: %w", err)}
			}
			if r.RepairFrom != "" { // a daemon works in another directory
				if r.RepairFrom, err = absoluteTarget(r.RepairFrom); err != nil {
					return err
				}
			}
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error { return runCheck(ctx, &p.output, w, r) })
		},
	}
	fs := cmd.Flags()
	fs.BoolVar(&r.ReadData, "read-data", false, "read every file and compare its digests")
	fs.StringVar(&r.Share, "share", "", "read only this `PART` of the bytes, for example 1/30: the blobs that were read the longest time ago")
	fs.StringVar(&outdated, "outdated-after", "0", "read only files that were not read for this `AGE`, for example 36h, 8d or 2w")
	fs.StringVar(&r.RepairFrom, "repair-from", "", "replace damaged and missing files from the copy of the vault at `TARGET`")
	p.vaultFlag(cmd)
	p.waitFlag(cmd)
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
	var show func(api.Event)
	if !o.quiet && terminal.IsTerminal(o.err) {
		show = percent(o.err)
	}
	res, err := w.Check(ctx, r, show)
	if err != nil {
		return err
	}
	for _, note := range res.Notes {
		fmt.Fprintf(o.err, "note: %s\n", oneLine(note))
	}
	if o.json {
		return errors.Join(writeJSON(o, res), anyProblem(res.Problems))
	}
	if !o.quiet {
		for _, path := range res.Repaired {
			fmt.Fprintf(o.out, "repaired: %s\n", oneLine(path))
		}
	}
	found := listProblems(o.out, res.Problems)
	if slices.ContainsFunc(res.Problems, func(p api.CheckProblem) bool { return p.Kind == api.CheckNotIndexed }) {
		fmt.Fprintln(o.err, "Enter the snapshots that are not indexed into the index: flashwarden rebuild")
	}
	if found != nil || o.quiet {
		return found
	}
	return o.say(fmt.Sprintf("%s: %s, %s", o.paint.Paint(terminal.Good, "Vault OK"), terminal.Count(res.Snapshots, "snapshot"), extent(res)))
}

// extent says what a vault without problems holds, and how much of it was read.
func extent(res api.CheckResult) string {
	read := ", all read"
	switch {
	case res.BlobsRead == 0:
		read = "; --read-data also reads the files"
	case res.BlobsRead < res.Blobs:
		read = ", " + size(res.BytesRead) + " read"
	}
	return fmt.Sprintf("%s, %s%s", terminal.Count(res.Blobs, "file"), size(res.Bytes), read)
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
