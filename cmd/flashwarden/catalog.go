package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func catalogCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{Use: "catalog", Short: "move the catalog into PostgreSQL"}
	cmd.AddCommand(catalogMoveCommand(p))
	return cmd
}

func catalogMoveCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "move",
		Short: "move the catalog into the database of the configuration",
		RunE: func(cmd *cobra.Command, _ []string) error {
			p.doing = doing(cmd)
			local, dir, err := p.local() // no daemon may run
			if err != nil {
				return err
			}
			tables, err := local.MoveCatalog(warden.As(cmd.Context(), warden.Owner(userName())))
			if err = errors.Join(err, local.Close()); err != nil {
				return err
			}
			return p.done(map[string]any{"tables": tables}, func(l terminal.Layout) string { return l.Prose("", movedText(tables, dir)) }, nil)
		},
	}
	waitFlag(p, cmd)
	return cmd
}

// movedText counts the moved rows.
func movedText(tables []api.MovedTable, dir string) string {
	rows := int64(0)
	for _, t := range tables {
		rows += t.Rows
	}
	return fmt.Sprintf("The catalog was moved: %d rows in %d tables, and each was compared. The old file is %s/catalog.db.moved; keep it until a backup has succeeded.\n", rows, len(tables), dir)
}
