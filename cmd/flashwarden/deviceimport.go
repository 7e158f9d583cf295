package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	var format, columns string
	var prune, dryRun bool
	cmd := &cobra.Command{
		Use:   "import FILE|URL",
		Short: "add and change devices from a list: CSV or router.db",
		Long:  "\n  " + strings.Join(inventory.Columns, ", "), // below the text of its help
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("address") {
				return usageError{errors.New("--address is for one device: the list has the addresses")}
			}
			list, err := readInventory(cmd.Context(), p, args[0], format, columns)
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
	cmd.Flags().StringVar(&format, "format", "", "`FORMAT` of the list: csv or router.db (default: by the name of the file)")
	cmd.Flags().StringVar(&columns, "map", "", "`SETTING=COLUMN,...`: columns of a CSV file by their names, of router.db by their numbers from 1")
	cmd.Flags().BoolVar(&prune, "prune", false, "remove devices that are not in the list; their snapshots stay in the vault")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only print what would change")
	completeDevice(p, cmd)
	completeWords(cmd, "format", inventory.CSV, inventory.RouterDB)
	noFiles(cmd, "map")
	return cmd
}

// readInventory reads a list from a file, a server or standard input.
func readInventory(ctx context.Context, p *program, source, format, columns string) (inventory.List, error) {
	if format == "" {
		format = inventory.FormatOf(source)
	}
	if format == "" {
		return inventory.List{}, errors.New("which format? Give --format csv or --format router.db")
	}
	m, err := inventory.ParseMap(columns)
	if err != nil {
		return inventory.List{}, fmt.Errorf("--map: %w", err)
	}
	r, err := openInventory(ctx, p, source)
	if err != nil {
		return inventory.List{}, err
	}
	defer r.Close() // it was only read
	return inventory.Read(r, format, m)
}

// openInventory opens a file, an address of a web server, or standard input.
func openInventory(ctx context.Context, p *program, source string) (io.ReadCloser, error) {
	if source == "-" {
		return io.NopCloser(p.in), nil
	}
	return inventory.Open(ctx, source, "")
}

// sourceOf is the path or URL that devices of a list keep.
func sourceOf(source string) (string, error) {
	switch {
	case source == "-":
		return "", nil
	case strings.HasPrefix(source, "http://") || strings.HasPrefix(source, "https://"):
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
		p.tell("", "ignored columns: "+strings.Join(list.Ignored, ", "))
	}
	return p.page(terminal.Inventory(diff).Format(p.layout()))
}
