package warden

import (
	"context"
	"errors"

	"flashwarden/api"
	"flashwarden/internal/node"
)

// Rebuild makes the index of the vault again, as after the catalog was lost.
// Devices and their passwords are not in the vault: they stay as they are.
func (l *upkeep) Rebuild(ctx context.Context, r api.Rebuild, events func(api.Event)) (api.RebuildResult, error) {
	if err := l.allow(ctx, directing, "rebuild"); err != nil {
		return api.RebuildResult{}, err
	}
	// Where all is lost but a mirror, a new data directory begins with it.
	if err := l.exists(ctx); errors.Is(err, node.ErrNoData) && l.opts.Mirror == "" {
		return api.RebuildResult{}, err
	}
	n, err := l.open(ctx) // not begin, which refuses a vault that the catalog does not know
	if err != nil {
		return api.RebuildResult{}, err
	}
	if err := l.record(ctx, n, "rebuild", api.AuditAllowed, nil); err != nil {
		return api.RebuildResult{}, err
	}
	return n.Rebuild(ctx, r, l.turn(), events)
}

// MoveCatalog moves the catalog of the data directory into the database of the configuration;
// see node.MoveCatalog. No operation may have begun.
func (l *upkeep) MoveCatalog(ctx context.Context) ([]api.MovedTable, error) {
	if err := l.allow(ctx, directing, "move the catalog"); err != nil {
		return nil, err
	}
	return node.MoveCatalog(ctx, l.nodeOptions(), l.turn())
}
