package warden

import (
	"context"
	"fmt"
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
	list, err := readList(ctx, conf, l.tokenOf)
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

// readList reads a list of the configuration. login finds the token that a credential has.
func readList(ctx context.Context, c config.Inventory, login func(ctx context.Context, credential string) (string, error)) (inventory.List, error) {
	m, err := inventory.ParseMap(c.Map)
	if err != nil {
		return inventory.List{}, fmt.Errorf("its map: %w", err)
	}
	s := inventory.Source{Place: c.Source, Format: c.Format, Map: m}
	switch {
	case c.TokenFile != "":
		s.Token, err = inventory.ReadToken(c.TokenFile)
	case c.TokenCredential != "":
		s.Token, err = login(ctx, c.TokenCredential)
	}
	if err != nil {
		return inventory.List{}, err
	}
	return s.Load(ctx, strings.NewReader(""))
}

// tokenOf returns the password of a credential, as the token for a server.
func (l *devices) tokenOf(ctx context.Context, credential string) (string, error) {
	n, err := l.open(ctx)
	if err != nil {
		return "", err
	}
	return n.PasswordOf(ctx, credential)
}
