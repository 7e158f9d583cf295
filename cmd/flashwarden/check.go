package main

import (
	"errors"
	"fmt"
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
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if r.OutdatedAfter, err = config.ParseAge(outdated); err != nil {
				return usageError{fmt.Errorf("--outdated-after: %w", err)}
			}
			if r.RepairFrom, err = absoluteTarget(r.RepairFrom); err != nil {
				return err
			}
			return do(p, cmd, counted(&p.output, warden.Warden.Check, "read"), r, printCheck)
		},
	}
	fs := cmd.Flags()
	fs.BoolVar(&r.ReadData, "read-data", false, "read every file and compare its digests")
	fs.StringVar(&r.Share, "share", "", "read only this `PART` of the bytes, for example 1/30: first the files whose last check is the oldest")
	fs.StringVar(&outdated, "outdated-after", "0", "read only files that were not read for this `AGE`, for example 36h, 8d or 2w")
	hideDefault(fs, "outdated-after")
	fs.StringVar(&r.RepairFrom, "repair-from", "", "replace damaged and missing files from the copy of the vault at `TARGET`")
	p.vaultFlag(cmd)
	waitFlag(p, cmd)
	return cmd
}

// printCheck prints the result of a check. Its error chooses the exit code.
func printCheck(o *output, res api.CheckResult) error {
	fmt.Fprint(o.err, terminal.FormatNotes(res.Notes))
	found := anyProblem(res.Problems)
	switch {
	case o.json:
		return errors.Join(writeJSON(o, res), found)
	case o.quiet:
		fmt.Fprint(o.out, terminal.FormatCheckProblems(res.Problems))
	default:
		fmt.Fprint(o.out, terminal.FormatCheck(res, o.layout()))
	}
	if slices.ContainsFunc(res.Problems, func(p api.CheckProblem) bool { return p.Kind == api.CheckNotIndexed }) {
		o.tell("", "Add the snapshots that are not indexed to the index: `flashwarden rebuild`")
	}
	return found
}

// anyProblem is errProblems if there is one.
func anyProblem(problems []api.CheckProblem) error {
	if len(problems) == 0 {
		return nil
	}
	return errProblems
}
