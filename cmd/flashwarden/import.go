package main

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func importCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import DIR",
		Short: "take the files of an existing TFTP directory into the vault",
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			return do(p, cmd, counted(&p.output, warden.Warden.Import, ""), api.Import{Dir: dir}, printImport)
		},
	}
	waitFlag(p, cmd)
	return cmd
}

// printImport prints the result of each file. Its error chooses the exit code.
func printImport(o *output, results []api.ImportedFile) error {
	var failed error
	if slices.ContainsFunc(results, func(r api.ImportedFile) bool { return r.Status == api.StatusFailed }) {
		failed = errDevicesFailed
	}
	if !o.json {
		fmt.Fprint(o.err, terminal.Imports(results).Failures())
	}
	return o.done(listOf("results", results), terminal.Imports(results).Format, failed)
}
