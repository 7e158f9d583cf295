package node

import (
	"context"
	"errors"
	"fmt"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/dir"
)

// Rebuild makes the index of the vault again. It holds the lock of the data
// directory, so that no backup runs in another process; turn says how long to
// wait for one.
func (n *upkeep) Rebuild(ctx context.Context, r api.Rebuild, turn Turn, events func(api.Event)) (api.RebuildResult, error) {
	release, err := n.alone(ctx, turn)
	if err != nil {
		return api.RebuildResult{}, err
	}
	defer release()
	res := api.RebuildResult{Problems: []api.CheckProblem{}}
	if r.NewKey {
		if err := n.keys.replaceKey(ctx); err != nil {
			return res, err
		}
	}
	if r.Convert {
		old, ok := n.store.store.(*dir.Store)
		if !ok {
			return res, cause.New(cause.VaultError, "only a vault in a directory can be converted", nil)
		}
		if res.Converted, res.Problems, err = old.Convert(ctx, progress(events)); err != nil {
			return res, err
		}
	}
	replaced, err := n.adopt(ctx, r.NewVault, &res)
	if err != nil {
		return res, err
	}
	if none, err := n.NoVault(ctx); none || err != nil {
		return res, err
	}
	done, err := catalog.Rebuild(ctx, n.Catalog, n.vault, catalog.RebuildOptions{ForgetLost: r.ForgetLost || replaced, Mirror: n.opts.Mirror != ""})
	res.Snapshots, res.Added, res.Removed, res.Lost = done.Snapshots, done.Added, done.Removed, len(done.Lost)
	res.Problems = append(res.Problems, problemsOf(done)...)
	if err != nil {
		return res, err
	}
	devices, err := n.Catalog.DeviceNames(ctx, "")
	res.NoDevices = len(devices) == 0
	return res, err
}

// problemsOf returns the snapshots that a rebuild found lost or damaged, and the parts of the
// vault that it could not list.
func problemsOf(done catalog.Rebuilt) []api.CheckProblem {
	var all []api.CheckProblem
	for _, part := range done.Unlisted {
		all = append(all, api.CheckProblem{Kind: api.CheckUnreadable, Path: part.Part,
			Message: "it cannot be listed, so the index of its snapshots was not changed: " + cause.Text(part)})
	}
	for _, name := range done.Lost {
		all = append(all, api.CheckProblem{Kind: api.CheckSnapshotMissing, Path: vault.SnapshotKey(name),
			Message: "it is in the index, but not in the vault: a disk or a copy lost it"})
	}
	for _, d := range done.Damaged {
		kind := api.CheckSnapshotDamaged
		switch {
		case errors.Is(d.Err, vault.ErrNewer):
			kind = api.CheckNewer
		case vault.Unreadable(d.Err):
			kind = api.CheckUnreadable
		}
		all = append(all, api.CheckProblem{Kind: kind, Path: vault.SnapshotKey(d.Name), Message: cause.Text(d.Err)})
	}
	return all
}

// alone makes this process the only one that writes the vault, and the caller
// the only one in it that removes or repairs something there, until release.
func (n *core) alone(ctx context.Context, turn Turn) (release func(), err error) {
	select {
	case n.care <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	free := func() { <-n.care }
	if n.service != nil {
		return free, nil // it has the lock already
	}
	lock, err := takeLock(ctx, n.path("lock"), turn)
	if err != nil {
		free()
		return nil, err
	}
	return func() { lock.Close(); free() }, nil
}

// progress is the events of reading the vault.
func progress(events func(api.Event)) func(done, total int64) {
	if events == nil {
		return func(int64, int64) {}
	}
	return func(done, total int64) { events(api.Event{Step: api.StepRead, Bytes: done, Size: total}) }
}

// adopt makes the vault that is there the one of the catalog. Only with other
// does it replace one that the catalog knows, and reports that it did.
func (n *upkeep) adopt(ctx context.Context, other bool, res *api.RebuildResult) (replaced bool, err error) {
	known, err := n.Catalog.VaultIdentity(ctx)
	if err != nil {
		return false, err
	}
	id, err := n.vault.Identity(ctx)
	switch {
	case errors.Is(err, vault.ErrNotFound) && known != "" && other:
		id, err = n.replaceVault(ctx, known)
	case err == nil && id.SealedTo != "": // its documents are not those of the vault
		err = fmt.Errorf("%w to %s", vault.ErrSealed, id.SealedTo)
	case errors.Is(err, vault.ErrNotFound), err == nil && known != "" && known != id.Vault && !other:
		err = n.vault.Recognise(ctx, known)
	}
	if err != nil {
		return false, n.wrongVault(ctx, err)
	}
	if res.Vault = id.Vault; id.Vault == "" || id.Vault == known {
		return false, nil // there is no vault yet, or it is ours
	}
	return known != "", n.Catalog.SetVaultIdentity(ctx, id.Vault)
}

// replaceVault gives a vault.json to a place that has none: the old vault is lost
// for good, or only its vault.json is. In the second case the vault keeps its
// identity, which its mirrors have, too.
func (n *upkeep) replaceVault(ctx context.Context, known string) (vault.Identity, error) {
	id, err := n.vault.Make(ctx)
	if !errors.Is(err, vault.ErrMissing) {
		return id, err
	}
	ours, err := n.hasIndexed(ctx)
	if err != nil {
		return id, err
	}
	if !ours {
		known = ""
	}
	return n.vault.Identify(ctx, known)
}

// hasIndexed reports whether the vault has a snapshot that is in the index.
func (n *upkeep) hasIndexed(ctx context.Context) (found bool, err error) {
	names, _, err := n.vault.Listed(ctx)
	if err != nil {
		return false, err
	}
	have := make(map[string]bool, len(names))
	for _, name := range names {
		have[name] = true
	}
	err = n.Catalog.Documents(ctx, func(name string) { found = found || have[name] })
	return found, err
}
