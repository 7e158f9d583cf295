package warden

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/config"
	"flashwarden/internal/inventory"
)

// importList brings a list of the configuration into the inventory. Devices that were added
// by hand, or by another list, stay as they are.
func (l *devices) importList(ctx context.Context, source string) (api.InventoryDiff, error) {
	conf, known := l.config().List(source)
	if !known {
		return api.InventoryDiff{}, Invalid("the configuration has no list %s any more", source)
	}
	list, err := readList(ctx, conf)
	if err != nil {
		p := Invalid("list of devices %s: %w", source, err)
		p.Fix = api.Say("nothing was changed. Try it by hand, as the user of the service: ").Do("device import", source).With("dry_run", "")
		return api.InventoryDiff{}, p
	}
	r := api.Inventory{Entries: list.Entries, Source: source, Own: true, Prune: conf.Prune}
	r.New.Device = api.Device{Transport: api.SSH, Credential: conf.Credential}
	for _, s := range list.Skipped {
		r.Others = append(r.Others, s.Name)
	}
	return l.ImportDevices(ctx, r)
}

// readList reads a list of the configuration.
func readList(ctx context.Context, c config.Inventory) (inventory.List, error) {
	m, err := inventory.ParseMap(c.Map)
	if err != nil {
		return inventory.List{}, fmt.Errorf("its map: %w", err)
	}
	token := ""
	if c.TokenFile != "" {
		if token, err = tokenIn(c.TokenFile); err != nil {
			return inventory.List{}, err
		}
	}
	r, err := inventory.Open(ctx, c.Source, token)
	if err != nil {
		return inventory.List{}, err
	}
	defer r.Close() // it was only read
	return inventory.Read(r, cmp.Or(c.Format, inventory.FormatOf(c.Source)), m)
}

// maxListToken is the longest token for a server with a list, in bytes.
const maxListToken = 4096

// tokenIn reads the token in the first line of a file.
func tokenIn(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	defer f.Close() // it was only read
	line, err := bufio.NewReader(io.LimitReader(f, maxListToken)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the token: %w", err)
	}
	token := strings.TrimSpace(line)
	if token == "" {
		return "", fmt.Errorf("the first line of %s is empty: it must be the token", path)
	}
	return token, nil
}
