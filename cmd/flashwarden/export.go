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

func exportCommand(p *program) *cobra.Command {
	var dir string
	var inTar bool
	var e warden.ExportOptions
	cmd := &cobra.Command{
		Use:   "export SNAPSHOT[:PATH]|NAME[:PATH]|IMAGE -o DIR",
		Short: "copy files from the vault into a directory",
		Long: `export copies all files of a snapshot to DIR/DEVICE/PATH, or one file to DIR/FILE.
NAME is a device, and means its newest snapshot. PATH is a path in the snapshot,
or only the file name; if several files have this name, export copies all of them
to DIR/DEVICE/PATH. IMAGE is a SHA-256, the first 8 or more digits of one, or a
file name. It must match only one image.

export compares each file with its SHA-256 while it writes. Only you can read the
files. A file with the same content is left untouched; a file with other content
under the same name is an error, unless --force replaces it. --tar writes one archive
DIR/NAME.tar instead.`,
		Example: `  flashwarden export sw1 -o out
  flashwarden export sw1:vlan.dat -o out
  flashwarden export sw1 -o out --tar
  flashwarden export 20261122T141503Z-sw1-k3f9 -o out
  flashwarden export 20261122T141503Z-sw1-k3f9:flash:/config.text -o out
  flashwarden export c3750-ipservicesk9-mz.150-2.SE8.bin -o out`,
		Args:              usageArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: p.completeNames(api.NamesOfDevices, api.NamesOfSnapshots, api.NamesOfImages),
		RunE: func(cmd *cobra.Command, args []string) error {
			if dir == "" {
				return usageError{errors.New("which directory? Give -o DIR")}
			}
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				items, err := w.Find(ctx, api.Named{Name: args[0]})
				if err != nil {
					return err
				}
				if inTar {
					return runExportTar(ctx, &p.output, w, dir, args[0], items, e)
				}
				return runExport(ctx, &p.output, w, dir, items, e)
			})
		},
	}
	p.vaultFlag(cmd)
	cmd.Flags().StringVarP(&dir, "output", "o", "", "`DIR` to write into; created if it does not exist")
	cmd.Flags().BoolVar(&inTar, "tar", false, "write one tar archive into DIR")
	cmd.Flags().BoolVar(&e.Force, "force", false, "replace files with other content")
	return cmd
}

func runExport(ctx context.Context, o *output, w warden.Warden, dir string, items []api.Content, e warden.ExportOptions) error {
	e.Wrote = func(item api.Content) {
		if !o.json && !o.quiet {
			fmt.Fprintf(o.out, "%s/%s (%s)\n", strings.TrimSuffix(dir, "/"), oneLine(item.Name), size(item.Size))
		}
	}
	err := warden.Export(ctx, w, dir, items, e)
	if err != nil || !o.json {
		return err
	}
	return writeJSON(o, map[string]any{"directory": dir, "files": append([]api.Content{}, items...)})
}

// runExportTar writes the files into an archive with the name of the request.
func runExportTar(ctx context.Context, o *output, w warden.Warden, dir, what string, items []api.Content, e warden.ExportOptions) error {
	name := strings.Map(func(r rune) rune {
		if r == '/' || r == ':' || r < ' ' {
			return '_'
		}
		return r
	}, what) + ".tar"
	if err := warden.ExportTar(ctx, w, dir, name, items, e); err != nil {
		return err
	}
	if o.json {
		return writeJSON(o, map[string]any{"directory": dir, "archive": name, "files": append([]api.Content{}, items...)})
	}
	if !o.quiet {
		fmt.Fprintf(o.out, "%s/%s (%s)\n", strings.TrimSuffix(dir, "/"), oneLine(name), terminal.Count(len(items), "file"))
	}
	return nil
}
