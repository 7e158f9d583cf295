package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func snapshotsCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "snapshots [NAME]",
		Short:             "list the snapshots in the vault, oldest first",
		ValidArgsFunction: completeNames(p, api.NamesOfDevices),
		RunE: func(cmd *cobra.Command, args []string) error {
			device := strings.Join(args, "")
			return do(p, cmd, warden.Warden.Snapshots, api.Named{Name: device}, func(o *output, rows []api.SnapshotRow) error { return printSnapshots(o, device, rows) })
		},
	}
	wideFlag(cmd, &p.output)
	return cmd
}

func printSnapshots(o *output, device string, list []api.SnapshotRow) error {
	if len(list) == 0 && !o.json {
		next := api.Do("backup").With("all", "")
		if device != "" {
			next = api.Do("backup", device)
		}
		return o.nothing("No snapshots yet. Make some: " + next.String())
	}
	slices.SortStableFunc(list, func(a, b api.SnapshotRow) int { return api.CompareNames(a.ID, b.ID) }) // of one second: sw2 before sw10
	return o.answer(listOf("snapshots", list), terminal.Snapshots(list, time.Now()).Format, nil)
}

func showCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "show SNAPSHOT|NAME",
		Short:             "show a snapshot: its files, and how each was proved",
		ValidArgsFunction: completeNames(p, api.NamesOfDevices, api.NamesOfSnapshots),
		RunE: func(cmd *cobra.Command, args []string) error {
			return do(p, cmd, warden.Warden.Snapshot, api.Named{Name: args[0]}, printSnapshot)
		},
	}
	wideFlag(cmd, &p.output)
	return cmd
}

func printSnapshot(o *output, s api.Snapshot) error {
	return o.answer(s, func(l terminal.Layout) string { return terminal.FormatSnapshot(s, time.Now(), l) }, nil)
}
