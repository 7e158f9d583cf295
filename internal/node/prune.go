package node

import (
	"context"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/vault"
)

// grace is how long content that no snapshot names stays in a vault of several machines:
// longer than any backup takes that has found it there.
const grace = 48 * time.Hour

// Prune removes old snapshots, and content that no snapshot names. It holds the
// lock of the data directory, as Rebuild does.
func (n *upkeep) Prune(ctx context.Context, r api.Prune, turn Turn) (api.PruneResult, error) {
	release, err := n.alone(ctx, turn)
	if err != nil {
		return api.PruneResult{}, err
	}
	defer release()
	defer frugal(25)() // more stays in memory than of a check
	v, err := n.Vault(ctx)
	if err != nil {
		return api.PruneResult{}, err
	}
	if none, err := n.NoVault(ctx); none || err != nil {
		return api.PruneResult{Documents: []string{}, Removed: []api.PrunedSnapshot{}, Problems: []api.CheckProblem{}}, err
	}
	o := pruneOptions(n.Catalog, n.Shared())
	o.Retention, o.Now, o.DryRun = r.Retention, time.Now(), r.DryRun
	if r.ForgetDevices {
		if o.Gone, err = n.removed(ctx); err != nil {
			return api.PruneResult{}, err
		}
	}
	return v.Prune(ctx, o)
}

// pruneOptions are the options that keep a catalog equal to the vault. Of a vault that is
// shared, other machines may use content at this moment.
func pruneOptions(c catalog.Catalog, shared bool) vault.PruneOptions {
	o := vault.PruneOptions{Known: c.Documents,
		Removing: func(ctx context.Context, ids []string) error { return c.Unindex(ctx, ids...) },
		Removed:  func(ctx context.Context, sums []string) error { return c.ForgetContents(ctx, sums...) }}
	if !shared {
		return o
	}
	o.RipeFor = catalog.RemovingLasts * 2 / 3 // the clock of the catalog may run faster
	o.Ripe = func(ctx context.Context, sums []string) ([]string, error) {
		now, err := c.Now(ctx) // the machines' own clocks differ
		if err != nil {
			return nil, err
		}
		return c.Condemn(ctx, now, now.Add(-grace), sums)
	}
	return o
}

// removed returns whether a device is not in the inventory.
func (n *upkeep) removed(ctx context.Context) (func(device string) bool, error) {
	devices, err := n.Catalog.Devices(ctx, api.Select{})
	if err != nil {
		return nil, err
	}
	if len(devices) == 0 {
		return nil, cause.New(cause.Internal, "the inventory is empty: all devices would be forgotten", api.Say("add the devices again first: ").Do("device add", "NAME").With("address", "HOST").Say(" or ").Do("device import", "FILE"))
	}
	known := make(map[string]bool, len(devices))
	for _, d := range devices {
		known[d.Name] = true
	}
	return func(device string) bool { return !known[device] }, nil
}
