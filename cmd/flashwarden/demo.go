package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/demo"
	"flashwarden/internal/iossim"
	"flashwarden/internal/warden"
)

func demoCommand(p *program) *cobra.Command {
	var dir string
	var profiles []string
	var serve bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "back up three simulated switches, all on this machine",
		Long:  profileList(), // below the text of its help
		RunE: func(cmd *cobra.Command, _ []string) error {
			fleet, err := demo.Choose(profiles)
			if err != nil {
				return usageError{err}
			}
			then := demoBackup
			if serve {
				then = serveDemo
				if len(profiles) == 0 {
					fleet = demo.Morning(0)
				}
			}
			if dir != "" {
				return runDemo(cmd.Context(), p, dir, fleet, then)
			}
			temporary, err := os.MkdirTemp("", "flashwarden-demo-")
			if err != nil {
				return err
			}
			err = runDemo(cmd.Context(), p, temporary, fleet, then)
			if serve || err != nil && (!errors.Is(err, errDevicesFailed) || cmd.Context().Err() != nil) {
				return errors.Join(err, os.RemoveAll(temporary)) // leave no unfinished directory, and none of a page that has ended
			}
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "`DIR` for the backups (default: a new temporary directory)")
	cmd.Flags().StringArrayVar(&profiles, "profile", nil, "`NAME` of a simulated device to back up; may be repeated")
	cmd.Flags().BoolVar(&serve, "serve", false, "keep the switches running, with the web page, until Ctrl-C")
	completeWith(cmd, "profile", completeProfiles)
	return cmd
}

func completeProfiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, name := range iossim.Profiles() {
		names = append(names, cobra.CompletionWithDesc(name, iossim.Summary(name)))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// profileList is an empty line, then one line for each simulated device.
func profileList() string {
	var b strings.Builder
	b.WriteString("\n")
	for _, name := range iossim.Profiles() {
		fmt.Fprintf(&b, "\n  %-16s %s", name, iossim.Summary(name))
	}
	return b.String()
}

// runDemo starts the fleet, does something with it and stops it.
func runDemo(ctx context.Context, p *program, dir string, fleet []demo.Switch, do func(context.Context, *program, *demo.Demo, string) error) error {
	p.signals.alsoHangup()
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	ctx = warden.As(ctx, warden.Owner(userName()))
	d, err := demo.Start(ctx, dir, fleet, p.log())
	if err == nil {
		err = do(ctx, p, d, dir)
	}
	return errors.Join(err, d.Close())
}

func demoBackup(ctx context.Context, p *program, d *demo.Demo, dir string) error {
	var r api.Backup
	for _, device := range d.Devices {
		r.Names = append(r.Names, device.Name)
		if !p.quiet {
			fmt.Fprintf(p.err, "simulated switch %s: %s on %s\n", device.Name, device.Transport, device.Address)
		}
	}
	err := runBackup(ctx, p, d.Warden, r)
	if err == nil || errors.Is(err, errDevicesFailed) && ctx.Err() == nil {
		printAround(p, dir)
	}
	return err
}

// printAround prints where the backups are, and commands to look at them. With
// --json it prints on standard error, beside the document; with --quiet nothing.
func printAround(p *program, dir string) {
	out := p.out
	if p.quiet {
		return
	}
	if p.json {
		out = p.err
	}
	fmt.Fprintf(out, `
The backups are in %[1]s. To look at them:
  %[2]s --data %[1]s status
  %[2]s --data %[1]s snapshots
  %[2]s --data %[1]s images
  %[2]s --data %[1]s check --read-data
  find %[1]s/vault -type f
To remove them: rm -rf %[1]s
`, dir, calledAs(p))
}

// calledAs is how the user can call the program again. The program that
// `go run` builds is deleted when it ends.
func calledAs(p *program) string {
	if p.name == "" || strings.Contains(p.name, "/go-build") {
		return "go run ./cmd/flashwarden"
	}
	return p.name
}
