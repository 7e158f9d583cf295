package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/config"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func mirrorCommand(p *program) *cobra.Command {
	var r api.Mirror
	var limit string
	cmd := &cobra.Command{
		Use:   "mirror NAME|TARGET",
		Short: "copy the vault to another place",
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if r.Name = args[0]; strings.Contains(r.Name, "/") {
				r.Name = "" // a place, not a name
			}
			if r.Target, err = absoluteTarget(args[0]); err != nil {
				return err
			}
			if cmd.Flags().Changed("limit") {
				if r.Rate, err = config.ParseSize(limit); err != nil {
					return usageError{fmt.Errorf("--limit: %w", err)}
				}
			}
			return do(p, cmd, counted(&p.output, warden.Warden.Mirror, "mirrored"), r, printMirror)
		},
	}
	p.vaultFlag(cmd)
	cmd.Flags().StringVar(&limit, "limit", "", "send and read back at most this `SIZE` per second, for example 2MB (default: no limit)")
	cmd.Flags().StringVar(&r.EncryptTo, "encrypt-to", "", "encrypt the mirror to this `RECIPIENT`, age1…")
	cmd.Flags().BoolVar(&r.New, "new", false, "make a new mirror, even if TARGET had one before")
	return cmd
}

// vaultFlag adds the flag that reads a mirror in place of the vault.
func (p *program) vaultFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.mirror, "vault", "", "read the mirror at this `TARGET` in place of the vault")
	cmd.Flags().StringVar(&p.identity, "identity", "", "`FILE` with the identity (private key) of an encrypted mirror; only with --vault")
}

// absoluteTarget makes a directory absolute: the daemon works in another one.
func absoluteTarget(target string) (string, error) {
	if target == "" || strings.Contains(target, "://") {
		return target, nil
	}
	return filepath.Abs(target)
}

// printMirror prints what a mirror copied. Its error chooses the exit code.
func printMirror(o *output, res api.MirrorResult) error {
	if !o.json {
		fmt.Fprint(o.err, terminal.FormatCheckProblems(res.Problems)+terminal.FormatNotes(res.Notes))
	}
	return o.done(res, func(terminal.Layout) string { return terminal.FormatMirror(res) }, anyProblem(res.Problems))
}
