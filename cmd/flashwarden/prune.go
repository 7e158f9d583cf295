package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"flashwarden/api"
	"flashwarden/internal/config"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func pruneCommand(p *program) *cobra.Command {
	var r api.Prune
	var within string
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "remove old snapshots, and files that no snapshot needs",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if r.Within, err = config.ParseAge(within); err != nil {
				return usageError{fmt.Errorf("--keep-within: %w", err)}
			}
			if r.Retention == (api.Retention{}) && anyGiven(cmd.Flags(), "keep-") {
				return usageError{errors.New("every --keep option is 0; to keep only the newest snapshot of each device, use --keep-last 1")}
			}
			return do(p, cmd, warden.Warden.Prune, r, func(o *output, res api.PruneResult) error { return printPrune(o, res, r.DryRun) })
		},
	}
	fs := cmd.Flags()
	fs.IntVar(&r.Last, "keep-last", 0, "keep the newest `N` snapshots of each device")
	fs.StringVar(&within, "keep-within", "0", "keep all snapshots younger than this `AGE`, for example 36h, 8d or 2w")
	hideDefault(fs, "keep-within")
	fs.IntVar(&r.Daily, "keep-daily", 0, "keep the newest snapshot of each of the last `N` days that have any")
	fs.IntVar(&r.Weekly, "keep-weekly", 0, "the same for `N` weeks")
	fs.IntVar(&r.Monthly, "keep-monthly", 0, "the same for `N` months")
	fs.IntVar(&r.Yearly, "keep-yearly", 0, "the same for `N` years")
	fs.BoolVar(&r.ForgetDevices, "forget-devices", false, "remove all snapshots of devices that are not in the inventory")
	fs.BoolVar(&r.DryRun, "dry-run", false, "only list the snapshots that prune would remove")
	waitFlag(p, cmd)
	return cmd
}

// anyGiven reports whether a flag whose name begins with prefix was given.
func anyGiven(fs *pflag.FlagSet, prefix string) bool {
	given := false
	fs.Visit(func(f *pflag.Flag) { given = given || strings.HasPrefix(f.Name, prefix) })
	return given
}

// printPrune prints the removed snapshots and contents. Its error chooses the exit code.
func printPrune(o *output, res api.PruneResult, dryRun bool) error {
	if !o.json && len(res.Problems) > 0 {
		fmt.Fprint(o.err, terminal.FormatCheckProblems(res.Problems)+"Because of these documents, no files are removed\n")
	}
	return o.done(res, func(l terminal.Layout) string { return terminal.FormatPrune(res, dryRun, l) }, anyProblem(res.Problems))
}
