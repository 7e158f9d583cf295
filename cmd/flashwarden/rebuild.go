package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func rebuildCommand(p *program) *cobra.Command {
	var r api.Rebuild
	cmd := &cobra.Command{
		Use:   "rebuild",
		Short: "make a new index of the vault after the catalog was lost",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				var events func(api.Event)
				if r.Convert && !p.quiet && terminal.IsTerminal(p.err) {
					events = percent(p.err)
				}
				res, err := w.Rebuild(ctx, r, events)
				if err != nil {
					return err
				}
				return printRebuild(&p.output, res)
			})
		},
	}
	p.vaultFlag(cmd)
	cmd.Flags().BoolVar(&r.Convert, "convert", false, "convert a vault of format 1 first; reads every file")
	cmd.Flags().BoolVar(&r.NewKey, "new-key", false, "make a new key file in place of a lost one; all passwords must then be entered again")
	cmd.Flags().BoolVar(&r.ForgetLost, "forget-lost", false, "remove the snapshots from the index that the vault lost")
	cmd.Flags().BoolVar(&r.NewVault, "new-vault", false, "accept the vault in the place of the known one, or begin a new one")
	return cmd
}

func printRebuild(o *output, res api.RebuildResult) error {
	if o.json {
		return errors.Join(writeJSON(o, res), anyProblem(res.Problems))
	}
	found := listProblems(o.out, res.Problems)
	if res.Lost > 0 {
		fmt.Fprintf(o.err, "%s lost. Restore them from a mirror: flashwarden check --repair-from TARGET. If they are lost for good: flashwarden rebuild --forget-lost\n",
			terminal.Count(res.Lost, "snapshot"))
	}
	if o.quiet {
		return found
	}
	if res.Converted > 0 {
		fmt.Fprintf(o.out, "converted %d snapshots\n", res.Converted)
	}
	fmt.Fprintf(o.out, "Index: %d snapshots, %d added, %d removed\n", res.Snapshots, res.Added, res.Removed)
	return found
}
