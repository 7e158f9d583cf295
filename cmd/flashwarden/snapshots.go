package main

import (
	"context"
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
		Args:              usageArgs(cobra.MaximumNArgs(1)),
		ValidArgsFunction: p.completeNames(api.NamesOfDevices),
		RunE: func(cmd *cobra.Command, args []string) error {
			device := strings.Join(args, "")
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				rows, err := w.Snapshots(ctx, api.Named{Name: device})
				if err != nil {
					return err
				}
				return printSnapshots(&p.output, device, rows, time.Now())
			})
		},
	}
	wideFlag(cmd, &p.output)
	return cmd
}

func printSnapshots(o *output, device string, list []api.SnapshotRow, now time.Time) error {
	if o.json {
		return writeJSON(o, map[string]any{"snapshots": append([]api.SnapshotRow{}, list...)})
	}
	if len(list) == 0 {
		next := api.Do("backup").With("all", "")
		if device != "" {
			next = api.Do("backup", device)
		}
		o.tell("", "No snapshots yet. Make some: "+next.String())
		return nil
	}
	return o.page(terminal.Snapshots(list, now).Format(o.layout()))
}

func showCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "show SNAPSHOT|NAME",
		Short:             "show a snapshot: its files, and how each was proved",
		Args:              usageArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: p.completeNames(api.NamesOfDevices, api.NamesOfSnapshots),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				s, err := w.Snapshot(ctx, api.Named{Name: args[0]})
				if err != nil {
					return err
				}
				return printSnapshot(&p.output, s, time.Now())
			})
		},
	}
	wideFlag(cmd, &p.output)
	return cmd
}

func printSnapshot(o *output, s api.Snapshot, now time.Time) error {
	if o.json {
		return writeJSON(o, s)
	}
	return o.page(terminal.FormatSnapshot(s, now, o.digest, o.layout()))
}
