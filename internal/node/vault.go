package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/sealed"
)

// Vault returns the vault of the catalog. Another one in its place, and a place
// with no vault, are errors: a disk may be missing. Before the first backup
// there is an empty one. Each operation calls it, because a disk can go away or
// be replaced while the service runs.
func (n *core) Vault(ctx context.Context) (*vault.Vault, error) {
	identity, err := n.Catalog.VaultIdentity(ctx)
	if err != nil {
		return nil, err
	}
	if err := n.vault.Recognise(ctx, identity); err != nil {
		return nil, n.wrongVault(ctx, err)
	}
	return n.vault, nil
}

// KnowsVault returns an error if there is a vault that the catalog does not
// know: then the catalog was lost, and its lists are not those of the vault.
func (n *core) KnowsVault(ctx context.Context) error {
	identity, err := n.Catalog.VaultIdentity(ctx)
	if err != nil || identity != "" {
		return err
	}
	_, err = n.Vault(ctx)
	return err
}

// openVault opens the place of the vault, or of the mirror that is read in its
// place. It does not look for a vault there.
func (n *core) openVault(ctx context.Context) (err error) {
	open := openPlace // a server that is away stops only the operations that need the vault
	if n.opts.Mirror != "" {
		open = openTarget
	}
	if n.store, err = open(context.WithoutCancel(ctx), n.place()); err != nil {
		return err
	}
	if n.opts.Identity != "" {
		if n.store.store, err = decrypted(ctx, n.store.store, n.opts.Identity); err != nil {
			return errors.Join(err, n.store.close())
		}
	}
	n.vault = vault.New(n.store.store)
	return nil
}

// decrypted returns the vault that an encrypted mirror has. path is that of a file
// with its identity.
func decrypted(ctx context.Context, s vault.Store, path string) (vault.Store, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("identity of the mirror: %w", err)
	}
	defer f.Close()
	r, err := sealed.Open(ctx, s, f)
	switch {
	case errors.Is(err, sealed.ErrNotSealed):
		return nil, cause.WithFix(err, api.Say("leave out ").Option("identity", ""))
	case errors.Is(err, vault.ErrNotFound):
		return nil, cause.Wrap(cause.VaultError, err, "the encrypted mirror is not there", api.Say("name an encrypted mirror, and see that its disk is mounted"))
	case err != nil:
		return nil, cause.Wrap(cause.VaultError, err, "the encrypted mirror cannot be read", api.Say("give the file with the identity (AGE-SECRET-KEY-1…) of this mirror"))
	}
	return r, nil
}

// place is where the vault is, or the mirror that is read in its place.
func (n *core) place() string { return cmp.Or(n.opts.Mirror, n.vaultPlace()) }

// vaultPlace is where the vault is: a directory or a URL.
func (n *core) vaultPlace() string { return cmp.Or(n.opts.Config.Vault, n.path("vault")) }

// NoVault reports that nothing was ever backed up into this data directory: there
// is no vault yet.
func (n *core) NoVault(ctx context.Context) (bool, error) {
	identity, err := n.Catalog.VaultIdentity(ctx)
	return identity == "", err
}

// wrongVault adds the next step to an error of vault.Recognise.
func (n *core) wrongVault(ctx context.Context, err error) error {
	if unreachable := n.store.reach(ctx); unreachable != nil {
		return unreachable
	}
	path := n.place()
	fix := api.Say("look at ").Type(api.OnHost, "ls -la "+api.ShellWord(path))
	if isURL(path) {
		fix = api.Say("look at the server and its log")
	}
	switch {
	case errors.Is(err, vault.ErrSealed):
		fix = api.Say("give the file with its identity: ").Option("identity", "FILE")
	case n.opts.Mirror != "" && errors.Is(err, vault.ErrUnknown):
		fix = api.Say("make an index of this mirror first: ").Do("rebuild").With("vault", path)
	case n.opts.Mirror != "":
		fix = api.Say("name a mirror of this vault, and see that its disk is mounted")
	case errors.Is(err, vault.ErrUnknown):
		fix = api.Say("the catalog was lost or replaced. Rebuild its index: ").Do("rebuild")
	case errors.Is(err, vault.ErrOldFormat):
		fix = api.Say("convert it: ").Do("rebuild").With("convert", "")
	case errors.Is(err, vault.ErrMissing):
		fix = findVault(path).Say(". If that disk is lost, copy the vault back from a mirror: ").Do("mirror", path).With("vault", "MIRROR").
			Say(". If there is no mirror, or only vault.json is lost: ").Do("rebuild").With("new_vault", "")
	case errors.Is(err, vault.ErrOther):
		fix = findVault(path).Say(". If the old vault is lost, use the vault at this place: ").Do("rebuild").With("new_vault", "")
	}
	return cause.Wrap(cause.VaultError, err, "vault "+path, fix)
}

// findVault is the next step if the vault is not at its place.
func findVault(path string) api.Fix {
	if isURL(path) {
		return api.Say("name the place of the vault: ").Set("vault", "")
	}
	return api.Say("mount the disk of the vault at %s", path)
}

// prepareVault makes the vault before the first backup, and cleans up after dead
// processes. The caller holds the lock of the data directory.
func (n *core) prepareVault(ctx context.Context) error {
	v, err := n.Vault(ctx)
	if err != nil {
		return err
	}
	if n.opts.Mirror != "" { // nothing is written there
		return nil
	}
	none, err := n.NoVault(ctx)
	if err == nil && none {
		err = n.makeVault(ctx, v)
	}
	if err != nil {
		return err
	}
	sweep := v.Sweep
	if n.Shared() { // others may write at this moment
		sweep = v.SweepOld
	}
	if err := sweep(ctx); err != nil {
		return err
	}
	n.recover(ctx, !n.Shared())
	return nil
}

// makeVault makes the vault of a new data directory. One that is there is empty:
// a process died when it had made it.
func (n *core) makeVault(ctx context.Context, v *vault.Vault) error {
	id, err := v.Identity(ctx)
	if errors.Is(err, vault.ErrNotFound) {
		id, err = makeOrFind(ctx, v)
	}
	if err != nil {
		return err
	}
	return n.Catalog.SetVaultIdentity(ctx, id.Vault)
}

// makeOrFind makes a vault, unless another machine has just made it: then it may even have
// content, and this machine is late.
func makeOrFind(ctx context.Context, v *vault.Vault) (vault.Identity, error) {
	id, err := v.Make(ctx)
	if err == nil {
		return id, nil
	}
	if other, found := v.Identity(ctx); found == nil {
		return other, nil
	}
	return id, err
}

// recover enters the snapshots of dead processes into the index. With alone, no
// other process writes snapshots. A failure is no reason to refuse work: they
// are tried again next time.
func (n *core) recover(ctx context.Context, alone bool) {
	if n.opts.Mirror != "" {
		return
	}
	if err := catalog.Recover(ctx, n.Catalog, n.vault, alone); err != nil {
		n.opts.Log.Warn("the index lacks a snapshot", "err", err)
	}
}
