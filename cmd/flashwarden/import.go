package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func importCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import DIR",
		Short: "take the files of an existing TFTP directory into the vault",
		Args:  usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				results, err := w.Import(ctx, api.Import{Dir: dir}, nil)
				if err != nil {
					return err
				}
				return printImport(&p.output, results)
			})
		},
	}
	p.waitFlag(cmd)
	return cmd
}

func printImport(o *output, results []api.ImportedFile) error {
	var failed error
	counts := make(map[string]int)
	for _, r := range results {
		counts[r.Status]++
		if r.Status == api.StatusFailed {
			failed = errDevicesFailed
		}
	}
	if o.json {
		return errors.Join(writeJSON(o, map[string]any{"results": append([]api.ImportedFile{}, results...)}), failed)
	}
	for _, r := range results {
		switch {
		case r.Status == api.StatusFailed:
			fmt.Fprintf(o.err, "%s: %s\n  next: %s\n", oneLine(r.File), oneLine(r.Message), oneLine(r.Hint))
		case !o.quiet:
			fmt.Fprintf(o.out, "%s: %s %s (%s)\n", oneLine(r.File), r.Status, o.digest(r.SHA256), size(r.Size))
			for _, note := range r.Notes {
				fmt.Fprintf(o.out, "  %s\n", oneLine(note))
			}
		}
	}
	if !o.quiet {
		fmt.Fprintf(o.out, "%s imported, %d known, %d failed\n", terminal.Count(counts[api.ImportedNew], "file"), counts[api.ImportedKnown], counts[api.StatusFailed])
	}
	return failed
}
