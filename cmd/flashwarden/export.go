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
		Use:               "export SNAPSHOT[:PATH]|NAME[:PATH]|IMAGE -o DIR",
		Short:             "copy files from the vault into a directory",
		ValidArgsFunction: completeNames(p, api.NamesOfDevices, api.NamesOfSnapshots, api.NamesOfImages),
		RunE: func(cmd *cobra.Command, args []string) error {
			if dir == "" {
				return usageError{errors.New("which directory? Give -o DIR")}
			}
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				found, err := w.Find(ctx, api.Named{Name: args[0]})
				if err != nil {
					return err
				}
				x := export{output: &p.output, w: w, options: e, dir: dir, what: args[0], found: found}
				if inTar {
					return x.archive(ctx)
				}
				return x.files(ctx)
			})
		},
	}
	p.vaultFlag(cmd)
	cmd.Flags().StringVarP(&dir, "output", "o", "", "`DIR` to write into; created if it does not exist")
	cmd.Flags().BoolVar(&inTar, "tar", false, "write one tar archive into DIR")
	cmd.Flags().BoolVar(&e.Force, "force", false, "replace files with other content")
	return cmd
}

// export is one run of the command.
type export struct {
	*output
	w         warden.Warden
	options   warden.ExportOptions
	dir, what string
	found     api.Found // by what
}

// files writes each file below the directory.
func (x export) files(ctx context.Context) error {
	x.options.Wrote = func(item api.Content) {
		if !x.json && !x.quiet {
			fmt.Fprintf(x.out, "%s/%s (%s)\n", strings.TrimSuffix(x.dir, "/"), terminal.OneLine(item.Name), terminal.Bytes(item.Size))
		}
	}
	if err := warden.Export(ctx, x.w, x.dir, x.found.Files, x.options); err != nil {
		return err
	}
	return x.report("")
}

// archive writes the files into an archive with the name of the request.
func (x export) archive(ctx context.Context) error {
	name := strings.Map(func(r rune) rune {
		if r == '/' || r == ':' || r < ' ' {
			return '_'
		}
		return r
	}, x.what) + ".tar"
	if err := warden.ExportTar(ctx, x.w, x.dir, name, x.found.Files, x.options); err != nil {
		return err
	}
	if !x.json && !x.quiet {
		fmt.Fprintf(x.out, "%s/%s (%s)\n", strings.TrimSuffix(x.dir, "/"), terminal.OneLine(name), terminal.Count(len(x.found.Files), "file"))
	}
	return x.report(name)
}

// report prints the document, and the files that are missing. Its error chooses the
// exit code.
func (x export) report(archive string) error {
	_, path, _ := strings.Cut(x.what, ":")
	missing := terminal.Missing{Found: x.found, File: path, Dir: x.dir, Tar: archive != ""}
	if len(x.found.Missing) > 0 {
		x.tell("", missing.Format())
	}
	var err error
	if x.json {
		document := map[string]any{"directory": x.dir, "files": x.found.Files}
		if archive != "" {
			document["archive"] = archive
		}
		if len(x.found.Missing) > 0 {
			document["missing"], document["hint"] = x.found.Missing, missing.Next().String()
		}
		err = writeJSON(x.output, document)
	}
	if len(x.found.Missing) > 0 {
		return errors.Join(err, errDevicesFailed)
	}
	return err
}
