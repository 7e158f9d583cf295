package main

import (
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
		RunE: func(cmd *cobra.Command, _ []string) error {
			word := ""
			if r.Convert {
				word = "read"
			}
			return do(p, cmd, counted(&p.output, warden.Warden.Rebuild, word), r, printRebuild)
		},
	}
	p.vaultFlag(cmd)
	cmd.Flags().BoolVar(&r.Convert, "convert", false, "convert a vault of format 1 first; reads every file")
	cmd.Flags().BoolVar(&r.NewKey, "new-key", false, "make a new key file in place of a lost one; then you must enter all passwords again")
	cmd.Flags().BoolVar(&r.ForgetLost, "forget-lost", false, "remove from the index the snapshots that the vault lost")
	cmd.Flags().BoolVar(&r.NewVault, "new-vault", false, "accept another vault in this place, or create a new one")
	return cmd
}

// printRebuild prints what the new index has. Its error chooses the exit code.
func printRebuild(o *output, res api.RebuildResult) error {
	if !o.json {
		fmt.Fprint(o.out, terminal.FormatCheckProblems(res.Problems))
	}
	if !o.json && res.Lost > 0 {
		o.tell("", fmt.Sprintf("%s lost. Restore them from a mirror: `flashwarden check --repair-from TARGET`. If no mirror has them: `flashwarden rebuild --forget-lost`",
			terminal.Count(res.Lost, "snapshot")))
	}
	if !o.json && res.NoDevices {
		o.tell("", "The inventory is empty. Add the devices again, with their passwords and SSH host keys: `flashwarden device import` or `flashwarden device add`")
	}
	return o.done(res, func(terminal.Layout) string { return terminal.FormatRebuild(res) }, anyProblem(res.Problems))
}
