package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func diffCommand(p *program) *cobra.Command {
	var r api.Diff
	cmd := &cobra.Command{
		Use:               "diff NAME|SNAPSHOT [SNAPSHOT|NAME]",
		Short:             "show what changed between two snapshots of a device",
		Args:              usageArgs(cobra.RangeArgs(1, 2)),
		ValidArgsFunction: p.completeNames(api.NamesOfDevices, api.NamesOfSnapshots),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.A, r.B = args[0], strings.Join(args[1:], "")
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				res, err := w.Diff(ctx, r)
				if err != nil {
					return err
				}
				return printDiff(&p.output, res)
			})
		},
	}
	cmd.Flags().BoolVar(&r.ShowSecrets, "show-secrets", false, "show passwords, keys, communities and certificates")
	return cmd
}

func printDiff(o *output, d api.DiffResult) error {
	var found error
	if d.Changed {
		found = errProblems
	}
	if o.json {
		return errors.Join(writeJSON(o, d), found)
	}
	if !d.Changed {
		if !o.quiet {
			fmt.Fprintf(o.out, "%s and %s: no change\n", d.A.Snapshot, d.B.Snapshot)
		}
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s) to\n%s (%s)\n", d.A.Snapshot, localTime(d.A.Started), d.B.Snapshot, localTime(d.B.Started))
	for _, f := range d.Facts {
		fmt.Fprintf(&b, "%s: %s is now %s\n", f.Fact, oneLine(dash(f.Old)), oneLine(dash(f.New)))
	}
	for _, f := range d.Files {
		writeFileChange(&b, o, f)
	}
	for _, l := range d.Listing {
		fmt.Fprintf(&b, "%s in the flash: %s%s\n", l.Change, oneLine(l.Path), sizeChange(l.OldSize, l.NewSize))
	}
	return errors.Join(o.page(b.String()), found)
}

func writeFileChange(b *strings.Builder, o *output, f api.FileChange) {
	fmt.Fprintf(b, "%s: %s%s\n", f.Change, oneLine(f.Path), sizeChange(f.OldSize, f.NewSize))
	if f.Note != "" {
		fmt.Fprintf(b, "  %s\n", oneLine(f.Note))
	}
	for line := range strings.Lines(f.Diff) {
		tone := terminal.Plain
		switch line[0] {
		case '+':
			tone = terminal.Good
		case '-':
			tone = terminal.Bad
		}
		fmt.Fprintf(b, "  %s\n", o.paint.Paint(tone, oneLine(strings.TrimRight(line, "\n"))))
	}
}

// sizeChange is the sizes before and after, if they are known.
func sizeChange(old, new int64) string {
	switch {
	case old < 0 && new < 0:
		return ""
	case old < 0:
		return " (" + size(new) + ")"
	case new < 0:
		return " (" + size(old) + ")"
	case old == new:
		return " (" + size(new) + ", other content)"
	}
	return " (" + size(old) + ", now " + size(new) + ")"
}
