package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"flashwarden/api"
	"flashwarden/internal/inventory"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func deviceImportCommand(p *program) *cobra.Command {
	var f deviceFlags
	var format, columns, tokenFile string
	var prune, dryRun bool
	cmd := &cobra.Command{
		Use:   "import FILE|URL",
		Short: "add and change devices from a list, such as that of Ansible",
		Long:  "\n  " + strings.Join(inventory.Columns, ", "), // below the text of its help
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("address") {
				return usageError{errors.New("--address is for one device: the list has the addresses")}
			}
			list, err := readInventory(cmd.Context(), p, inventory.Source{Place: args[0], Format: format}, columns, tokenFile)
			if err != nil {
				return usageError{fmt.Errorf("%s: %w", args[0], err)}
			}
			from, err := sourceOf(args[0])
			if err != nil {
				return err
			}
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				return runImportDevices(ctx, p, w, list, f, cmd.Flags(), api.Inventory{Source: from, Prune: prune, DryRun: dryRun})
			})
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().Lookup("address").Hidden = true // each device has its own
	cmd.Flags().Lookup("password-file").Usage = "`FILE` with the password in its first line, or - for standard input"
	cmd.Flags().StringVar(&format, "format", "", "`FORMAT` of the list: csv, router.db, ansible or netbox (default: by the name of the file)")
	cmd.Flags().StringVar(&tokenFile, "token-file", "", "`FILE` with the token for the server of the list in its first line; only with https, or on this machine")
	cmd.Flags().StringVar(&columns, "map", "", "`SETTING=COLUMN,...`: columns of a CSV file by their names, of router.db by their numbers from 1, variables of Ansible, fields of NetBox")
	cmd.Flags().BoolVar(&prune, "prune", false, "remove devices that came from this list and are no longer in it; their snapshots stay in the vault")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only print what would change")
	completeDevice(p, cmd)
	completeWords(cmd, "format", inventory.Formats...)
	noFiles(cmd, "map")
	return cmd
}

// readInventory reads a list from a file, a server or standard input.
func readInventory(ctx context.Context, p *program, s inventory.Source, columns, tokenFile string) (inventory.List, error) {
	if s.Format == "" {
		s.Format = inventory.FormatOf(s.Place)
	}
	if s.Format == "" {
		return inventory.List{}, fmt.Errorf("which format? Give --format with one of %s", strings.Join(inventory.Formats, ", "))
	}
	var err error
	if s.Map, err = inventory.ParseMap(columns); err != nil {
		return inventory.List{}, fmt.Errorf("--map: %w", err)
	}
	if tokenFile != "" {
		if s.Token, err = inventory.ReadToken(tokenFile); err != nil {
			return inventory.List{}, fmt.Errorf("--token-file: %w", err)
		}
	}
	return s.Load(ctx, p.in)
}

// sourceOf is the path or URL that devices of a list keep, or "-" for standard input.
func sourceOf(source string) (string, error) {
	if source == "-" || inventory.IsServer(source) {
		return source, nil
	}
	return filepath.Abs(source)
}

// runImportDevices imports a list. With --quiet it prints nothing.
func runImportDevices(ctx context.Context, p *program, w warden.Warden, list inventory.List, f deviceFlags, given *pflag.FlagSet, r api.Inventory) error {
	for _, s := range list.Skipped {
		r.Others = append(r.Others, s.Name)
	}
	var err error
	if r.New, err = change(ctx, p, f, given, api.DeviceDetail{}, false); err != nil {
		return err
	}
	r.Entries = list.Entries
	diff, err := w.ImportDevices(ctx, r)
	if err != nil {
		return err
	}
	if p.json {
		return writeJSON(&p.output, struct {
			api.InventoryDiff
			Skipped []inventory.Skipped `json:"skipped"`
			Ignored []string            `json:"ignored_columns"`
		}{diff, append([]inventory.Skipped{}, list.Skipped...), append([]string{}, list.Ignored...)})
	}
	if p.quiet {
		return nil
	}
	for _, s := range list.Skipped {
		p.tell("", fmt.Sprintf("line %d: %s skipped: %s", s.Line, s.Name, s.Reason))
	}
	if len(list.Ignored) > 0 {
		p.tell("", "not read: "+strings.Join(list.Ignored, ", "))
	}
	return p.page(terminal.Inventory(diff).Format(p.layout()))
}
