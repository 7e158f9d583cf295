package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func notifyCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notify",
		Short: "try the notifications of the service",
	}
	cmd.AddCommand(notifyTestCommand(p))
	return cmd
}

func notifyTestCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:               "test [NAME]",
		Short:             "send a test message to the targets of notifications",
		ValidArgsFunction: completeNames(p, api.NamesOfTargets),
		RunE: func(cmd *cobra.Command, args []string) error {
			var r api.NotifyTest
			if len(args) > 0 {
				r.Name = args[0]
			}
			return do(p, cmd, warden.Warden.TestNotify, r, printNotifyTest)
		},
	}
}

// printNotifyTest prints how the targets answered. Its error chooses the exit code.
func printNotifyTest(o *output, results []api.NotifyTestResult) error {
	var found error
	if slices.ContainsFunc(results, func(r api.NotifyTestResult) bool { return !r.OK }) {
		found = errProblems
	}
	if o.json {
		return errors.Join(writeJSON(o, map[string]any{"results": results}), found)
	}
	for _, r := range results {
		if !r.OK {
			fmt.Fprint(o.err, terminal.FormatNotifyFailure(r, o.layoutErr()))
		}
	}
	return o.done(results, func(terminal.Layout) string { return terminal.FormatNotifySent(results) }, found)
}
