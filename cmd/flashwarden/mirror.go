package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
		Use:   "mirror TARGET",
		Short: "copy the vault to another place",
		Args:  usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if r.Target, err = absoluteTarget(args[0]); err != nil {
				return err
			}
			if cmd.Flags().Changed("limit") {
				if r.Rate, err = config.ParseSize(limit); err != nil {
					return usageError{fmt.Errorf("--limit: %w", err)}
				}
			}
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				var events func(api.Event)
				if !p.quiet && terminal.IsTerminal(p.err) {
					events = mirrored(p.err)
				}
				res, err := w.Mirror(ctx, r, events)
				if err != nil {
					return err
				}
				return printMirror(&p.output, res)
			})
		},
	}
	p.vaultFlag(cmd)
	cmd.Flags().StringVar(&limit, "limit", "", "send and read back at most this `SIZE` per second, for example 2MB (default no limit)")
	cmd.Flags().StringVar(&r.EncryptTo, "encrypt-to", "", "encrypt the mirror to this `RECIPIENT`, age1…")
	cmd.Flags().BoolVar(&r.New, "new", false, "make a new mirror, even if TARGET had one before")
	return cmd
}

// vaultFlag adds the flag that reads a mirror in place of the vault.
func (p *program) vaultFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.mirror, "vault", "", "read the mirror at this `TARGET` in place of the vault")
	cmd.Flags().StringVar(&p.identity, "identity", "", "`FILE` with the identity of an encrypted mirror, with --vault")
}

// absoluteTarget makes a directory absolute: the daemon works in another one.
func absoluteTarget(target string) (string, error) {
	if target == "" || strings.Contains(target, "://") {
		return target, nil
	}
	return filepath.Abs(target)
}

// mirrored shows on one line how much of a mirror is done.
func mirrored(w io.Writer) func(api.Event) {
	return func(e api.Event) {
		end := "\r"
		if e.Bytes >= e.Size {
			end = "\n"
		}
		fmt.Fprintf(w, "mirrored %s of %s%s", size(e.Bytes), size(e.Size), end)
	}
}

func printMirror(o *output, res api.MirrorResult) error {
	if o.json {
		return errors.Join(writeJSON(o, res), anyProblem(res.Problems))
	}
	found := listProblems(o.err, res.Problems)
	for _, note := range res.Notes {
		fmt.Fprintf(o.err, "note: %s\n", oneLine(note))
	}
	if o.quiet {
		return found
	}
	if res.Made {
		fmt.Fprintf(o.out, "Made a mirror at %s\n", res.Target)
	}
	fmt.Fprintf(o.out, "Copied %s and %d files (%s); the mirror has %s\n",
		terminal.Count(res.Snapshots, "snapshot"), res.Blobs, size(res.Bytes), terminal.Count(res.Held, "snapshot"))
	if res.Replaced > 0 {
		fmt.Fprintf(o.out, "%d files of the mirror were damaged and were replaced\n", res.Replaced)
	}
	return found
}
