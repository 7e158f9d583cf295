package main

import (
	"strings"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func diffCommand(p *program) *cobra.Command {
	var r api.Diff
	cmd := &cobra.Command{
		Use:               "diff NAME|SNAPSHOT [SNAPSHOT|NAME]",
		Short:             "show what changed between two snapshots of a device",
		ValidArgsFunction: completeNames(p, api.NamesOfDevices, api.NamesOfSnapshots),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.A, r.B = args[0], strings.Join(args[1:], "")
			return do(p, cmd, warden.Warden.Diff, r, printDiff)
		},
	}
	cmd.Flags().BoolVar(&r.ShowSecrets, "show-secrets", false, "show passwords, keys, communities and certificates")
	return cmd
}

// printDiff prints what changed. Its error chooses the exit code.
func printDiff(o *output, d api.DiffResult) error {
	text := func(l terminal.Layout) string { return terminal.FormatDiff(d, l) }
	if !d.Changed {
		return o.done(d, text, nil)
	}
	return o.answer(d, text, errProblems)
}
