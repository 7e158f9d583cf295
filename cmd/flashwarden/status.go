package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func statusCommand(p *program) *cobra.Command {
	var selected api.Select
	cmd := &cobra.Command{
		Use:               "status [NAME...]",
		Short:             "show which devices are at risk, and why",
		ValidArgsFunction: p.completeNames(api.NamesOfDevices),
		RunE: func(cmd *cobra.Command, args []string) error {
			selected.Names = args
			return do(p, cmd, warden.Warden.Status, api.StatusQuery{Select: selected, Brief: !p.json}, func(o *output, s api.Status) error {
				return printStatus(o, terminal.Status{Status: s, Whole: len(args) == 0 && selected.Group+selected.Site == "", Named: len(args) > 0}, time.Now())
			})
		},
	}
	p.whereFlags(cmd, &selected)
	return cmd
}

// printStatus prints the devices that need attention, and the summary. Its error
// chooses the exit code.
func printStatus(o *output, s terminal.Status, now time.Time) error {
	var found error
	if s.Summary.AtRisk > 0 || s.Summary.CareFailed > 0 {
		found = errProblems
	}
	switch {
	case o.json:
		s.Sort()
		return errors.Join(writeJSON(o, s.Status), found)
	case s.Summary.Devices == 0:
		return o.say("No devices yet. Add one: `flashwarden device add NAME --address HOST --username USER`")
	case o.quiet && found == nil:
		return nil
	}
	return errors.Join(o.page(s.Format(o.layout(), now)), found)
}
