package node

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/sealed"
)

// Mirror brings a copy of the vault to another place. Backups may go on at the
// same time.
func (n *upkeep) Mirror(ctx context.Context, r api.Mirror, events func(api.Event)) (api.MirrorResult, error) {
	begun := time.Now()
	v, known, err := n.mirrorable(ctx, r.Target)
	if err != nil {
		return api.MirrorResult{}, err
	}
	wanted, err := n.present(ctx)
	if err != nil {
		return api.MirrorResult{}, err
	}
	o := vault.MirrorOptions{Fresh: r.New || known.Made.IsZero(), Back: n.opts.Mirror != "", Wanted: wanted}
	back := samePlace(r.Target, n.vaultPlace()) // the vault is brought back from a mirror
	if !back {
		o.Found = func(ids []string) error { return n.Catalog.SetMirrored(ctx, r.Target, ids) }
	}
	done, err := n.mirrorTo(ctx, v, r, o, events)
	res := done.MirrorResult
	res.Target, res.Started = r.Target, begun.UTC().Truncate(time.Second)
	res.Seconds = math.Round(time.Since(begun).Seconds()*10) / 10
	if err != nil || back {
		return res, err
	}
	if err := n.remember(ctx, known, res); err != nil {
		return res, err
	}
	return res, n.Catalog.SetMirrored(context.WithoutCancel(ctx), r.Target, done.Holds)
}

// mirrorable returns the vault that is copied, and what the catalog knows of the mirror
// at a target.
func (n *upkeep) mirrorable(ctx context.Context, target string) (*vault.Vault, catalog.Mirror, error) {
	v, err := n.Vault(ctx)
	if err != nil {
		return nil, catalog.Mirror{}, err
	}
	if none, err := n.NoVault(ctx); err != nil {
		return nil, catalog.Mirror{}, err
	} else if none {
		return nil, catalog.Mirror{}, cause.New(cause.VaultError, "there is no vault yet", api.Do("backup").With("all", "").Say(" makes it"))
	}
	if err := n.wantOutside(target); err != nil {
		return nil, catalog.Mirror{}, err
	}
	known, err := n.mirror(ctx, target)
	return v, known, err
}

// present returns the IDs of the newest complete backups of all devices.
func (n *upkeep) present(ctx context.Context) ([]string, error) {
	states, err := n.Catalog.States(ctx, api.Select{})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, s := range states {
		if s.Good.ID != "" {
			ids = append(ids, s.Good.ID)
		}
	}
	return ids, nil
}

// wantOutside refuses a target in the vault that is copied, and in the data
// directory: a mirror must outlive both. The place of the vault is a target only to
// bring back a lost one.
func (n *upkeep) wantOutside(target string) error {
	back := n.opts.Mirror != "" && filepath.Base(target) == filepath.Base(n.vaultPlace()) && sameDir(filepath.Dir(target), filepath.Dir(n.vaultPlace()))
	switch {
	case samePlace(target, n.place()):
		return wrongTarget("%s is the vault itself", target)
	case !filepath.IsAbs(target): // a URL
	case inside(target, n.place()):
		return wrongTarget("%s lies in the vault: choose a place on another disk", target)
	case inside(target, n.opts.Data) && !back:
		return wrongTarget("%s lies in the data directory: choose a place on another disk", target)
	}
	return nil
}

// mirrorTo copies the vault to the store at the target of r.
func (n *upkeep) mirrorTo(ctx context.Context, v *vault.Vault, r api.Mirror, o vault.MirrorOptions, events func(api.Event)) (done vault.Mirrored, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	to, err := n.openMirror(ctx, r.Target)
	if err != nil {
		return done, err
	}
	var limit *vault.RateLimiter
	if r.Rate > 0 {
		limit = vault.NewRateLimiter(r.Rate)
	}
	if events != nil {
		o.Progress = func(done, total int64) { events(api.Event{Step: api.StepMirror, Bytes: done, Size: total}) }
	}
	if r.EncryptTo != "" {
		done, err = n.mirrorSealed(ctx, v, to, r, limit, o)
	} else {
		o.Limit = limit
		done, err = v.MirrorTo(ctx, vault.NewTwin(to.store, limit), o)
	}
	done.Notes = append(done.Notes, to.notes...)
	if err = errors.Join(err, to.close()); err != nil {
		err = wrongMirror(r.Target, err)
	}
	return done, err
}

// openMirror opens the store at a target. It refuses the place of the vault under another name,
// which would count as a second copy.
func (n *upkeep) openMirror(ctx context.Context, place string) (target, error) {
	to, err := openTarget(ctx, place)
	if err != nil {
		return to, err
	}
	same, err := vault.SamePlace(ctx, n.store.store, to.store)
	switch {
	case err != nil:
		err = wrongMirror(place, err)
	case same:
		err = wrongTarget("%s is the vault itself, under another name: choose a place on another disk", place)
	}
	if err != nil {
		return target{}, errors.Join(err, to.close())
	}
	return to, nil
}

// mirrorSealed is mirrorTo for an encrypted mirror. The limit counts the bytes
// sent and read back there, not those read here.
func (n *upkeep) mirrorSealed(ctx context.Context, v *vault.Vault, to target, r api.Mirror, limit *vault.RateLimiter, o vault.MirrorOptions) (vault.Mirrored, error) {
	key, err := n.keys.sealer()
	if err != nil {
		return vault.Mirrored{}, err
	}
	m, err := sealed.New(to.store, sealed.Options{Recipient: r.EncryptTo, Secret: key.Derive("labels of encrypted mirrors"), Temp: n.opts.Data, Limit: limit,
		Memory: n.memoryOf(r.Target, "documents")})
	if err != nil {
		return vault.Mirrored{}, &api.Problem{Field: "encrypt_to", Detail: err.Error(), Exit: api.ExitUsage, Err: err}
	}
	res, err := v.MirrorTo(ctx, m, o)
	if res.Made {
		res.Notes = append(res.Notes, "keep the identity (AGE-SECRET-KEY-1…) of "+r.EncryptTo+" in two places, neither of them this host or the mirror: without it nobody can read the mirror")
	}
	return res, err
}

// mirror returns what the catalog knows of a mirror; the zero one for nothing.
func (n *upkeep) mirror(ctx context.Context, target string) (catalog.Mirror, error) {
	all, err := n.Catalog.Mirrors(ctx)
	i := slices.IndexFunc(all, func(m catalog.Mirror) bool { return m.Target == target })
	if err != nil || i < 0 {
		return catalog.Mirror{Target: target}, err
	}
	return all[i], nil
}

// remember enters the run of a mirror into the catalog.
func (n *upkeep) remember(ctx context.Context, m catalog.Mirror, res api.MirrorResult) error {
	if m.Made.IsZero() || res.Made {
		m.Made = res.Started
	}
	if len(res.Problems) == 0 {
		m.Succeeded = res.Started
	}
	return n.Catalog.PutMirror(context.WithoutCancel(ctx), m)
}

// wrongMirror adds the next step to an error of vault.MirrorTo.
func wrongMirror(target string, err error) error {
	var fix api.Fix
	switch {
	case errors.Is(err, vault.ErrMissing):
		fix = api.Say("mount the disk of the mirror. If that mirror is lost, make a new one in an empty place: ").Do("mirror", target).With("new", "")
	case errors.Is(err, vault.ErrSealed):
		fix = api.Say("name the recipient of that mirror: ").Option("encrypt-to", "RECIPIENT")
	case errors.Is(err, vault.ErrOther):
		fix = api.Say("choose an empty place for the mirror of this vault")
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR):
		fix = api.Say("mount the disk of the mirror, or choose a directory that the user of flashwarden may write to")
	default:
		fix = api.Say("try again: the copies made so far stay, and the next run continues")
	}
	return cause.Wrap(cause.VaultError, err, target, fix)
}
