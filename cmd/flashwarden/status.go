package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func statusCommand(p *program) *cobra.Command {
	var selected api.Select
	cmd := &cobra.Command{
		Use:   "status [NAME...]",
		Short: "show which devices are at risk, and why",
		Long: `status shows the devices that are at risk, each with the reasons and the next
step, then the devices whose last backup failed, then a summary.

A device is protected if its newest complete backup
  - is younger than protect.within in the configuration (8 days),
  - has the image that the device runs, and
  - was read and compared within protect.proved-within (35 days), by the backup
    itself or by ` + "`flashwarden check --read-data`" + `.
All other devices are at risk. The exit code is 1 if there are any.`,
		Example:           "  flashwarden status\n  flashwarden status sw1 sw2\n  flashwarden status --site hq --json",
		Args:              usageArgs(cobra.ArbitraryArgs),
		ValidArgsFunction: p.completeNames(api.NamesOfDevices),
		RunE: func(cmd *cobra.Command, args []string) error {
			selected.Names = args
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				s, err := w.Status(ctx, selected)
				if err != nil {
					return err
				}
				return printStatus(&p.output, s, len(args) > 0, time.Now())
			})
		},
	}
	cmd.Flags().StringVar(&selected.Group, "group", "", "show only the devices of this `GROUP`")
	cmd.Flags().StringVar(&selected.Site, "site", "", "show only the devices at this `SITE`")
	p.completeFlag(cmd, "group", api.NamesOfGroups)
	p.completeFlag(cmd, "site", api.NamesOfSites)
	return cmd
}

// printStatus prints the devices at risk, those whose last backup failed, and
// the summary; also the others where they were asked for by name. Its error
// chooses the exit code.
func printStatus(o *output, s api.Status, named bool, now time.Time) error {
	var found error
	if s.Summary.AtRisk > 0 {
		found = errProblems
	}
	slices.SortStableFunc(s.Devices, func(a, b api.DeviceStatus) int {
		return cmp.Or(cmp.Compare(statusRank(a), statusRank(b)), terminal.Compare(a.Device, b.Device))
	})
	switch {
	case o.json:
		return errors.Join(writeJSON(o, s), found)
	case len(s.Devices) == 0:
		_, err := fmt.Fprintln(o.out, "No devices yet. Add one: `flashwarden device add NAME --address HOST --username USER`")
		return err
	case o.quiet && found == nil:
		return nil
	}
	for _, d := range s.Devices {
		printStatusOf(o, d, named, now)
	}
	if len(s.Devices) > 1 || !named {
		fmt.Fprintln(o.out, statusSummary(o, s.Summary))
	}
	return found
}

// statusRank puts the devices at risk first, then those whose last backup
// failed.
func statusRank(d api.DeviceStatus) int {
	switch {
	case !d.Protected:
		return 0
	case d.LastFails:
		return 1
	}
	return 2
}

func printStatusOf(o *output, d api.DeviceStatus, named bool, now time.Time) {
	switch {
	case !d.Protected:
		fmt.Fprintf(o.out, "%s is %s\n", oneLine(d.Device), o.paint.Paint(terminal.Bad, "at risk"))
		for _, r := range d.Reasons {
			printReason(o, r.Message, r.Hint)
		}
	case d.LastFails && d.LastFailure != nil:
		fmt.Fprintf(o.out, "%s is protected, but its %s\n", oneLine(d.Device), o.paint.Paint(terminal.Warn, "last backup failed"))
		printReason(o, fmt.Sprintf("%s: %s", since(d.LastFailure.Started, now), cmp.Or(d.LastFailure.Message, d.LastFailure.Status)), d.LastFailure.Hint)
	case named:
		fmt.Fprintf(o.out, "%s is %s\n", oneLine(d.Device), o.paint.Paint(terminal.Good, "protected"))
		printReason(o, protectedBy(d, now), "")
	default:
		return
	}
	fmt.Fprintln(o.out)
}

func printReason(o *output, message, hint string) {
	fmt.Fprintf(o.out, "  %s\n", oneLine(message))
	if hint != "" {
		fmt.Fprintf(o.out, "  next: %s\n", oneLine(hint))
	}
}

// protectedBy names the backup that protects a device.
func protectedBy(d api.DeviceStatus, now time.Time) string {
	text := "Last complete backup " + sinceAt(d.LastBackup, now)
	if d.LastLook != nil && d.LastBackup != nil && d.LastLook.After(*d.LastBackup) {
		text += ", confirmed " + sinceAt(d.LastLook, now)
	}
	if d.Version != "" {
		text += fmt.Sprintf("; version %s, image %s", d.Version, d.Image)
	}
	return text
}

// statusSummary is the last line: 40 devices: 38 protected, 2 at risk; last
// backup failed on 1.
func statusSummary(o *output, s api.StatusSummary) string {
	risk := fmt.Sprintf("%d at risk", s.AtRisk)
	if s.AtRisk > 0 {
		risk = o.paint.Paint(terminal.Bad, risk)
	}
	parts := []string{fmt.Sprintf("%s: %d protected, %s", terminal.Count(s.Devices, "device"), s.Protected, risk)}
	if s.Failed > 0 {
		parts = append(parts, fmt.Sprintf("last backup failed on %d", s.Failed))
	}
	if s.Running > 0 {
		parts = append(parts, fmt.Sprintf("%d being backed up now", s.Running))
	}
	return strings.Join(parts, "; ")
}

// sinceAt is since for a time that may be missing.
func sinceAt(t *time.Time, now time.Time) string {
	if t == nil {
		return "never"
	}
	return since(*t, now)
}

// since is how long ago something was: 3 hours ago, just now.
func since(t, now time.Time) string {
	if age := terminal.Age(now.Sub(t)); age != "now" {
		return age + " ago"
	}
	return "just now"
}
