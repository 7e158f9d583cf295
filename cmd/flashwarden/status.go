package main

import (
	"context"
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
		ValidArgsFunction: completeNames(p, api.NamesOfDevices),
		RunE: func(cmd *cobra.Command, args []string) error {
			selected.Names = args
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error { return runStatus(ctx, p, w, selected) })
		},
	}
	whereFlags(p, cmd, &selected)
	return cmd
}

// mostForSelection is the size of a fleet up to which status reads the whole inventory, to name
// a group or a site in a next step. Of 10,000 devices that takes longer than the status itself.
const mostForSelection = 1000

func runStatus(ctx context.Context, p *program, w warden.Warden, selected api.Select) error {
	s, err := w.Status(ctx, api.StatusQuery{Select: selected, Brief: !p.json})
	if err != nil {
		return err
	}
	named := len(selected.Names) > 0
	if s.Summary.Devices <= mostForSelection {
		p.readInventory(ctx, w, hintsOf(s))
	}
	return printStatus(&p.output, terminal.Status{Status: s, Whole: !named && selected.Group+selected.Site == "", Named: named}, time.Now())
}

// hintsOf are the next steps of the devices at risk, and of those whose last backup failed.
func hintsOf(s api.Status) []string {
	var hints []string
	for _, d := range s.Devices {
		for _, r := range d.Reasons {
			hints = append(hints, r.Hint)
		}
		if d.LastFails && d.LastFailure != nil {
			hints = append(hints, d.LastFailure.Hint)
		}
	}
	return hints
}

// printStatus prints the devices that need attention, and the summary. Its error
// chooses the exit code.
func printStatus(o *output, s terminal.Status, now time.Time) error {
	var found error
	if s.Summary.AtRisk+s.Summary.CareFailed+s.Summary.CareLate > 0 {
		found = errProblems
	}
	switch {
	case o.json:
		s.Sort()
		return errors.Join(writeJSON(o, s.Status), found)
	case o.quiet && found == nil:
		return nil
	case s.Summary.Devices == 0:
		return o.say(noDevices)
	}
	return errors.Join(o.page(s.Format(o.layout(), now)), found)
}
