package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/vault"
)

// Check checks the vault, and records in the catalog which contents are whole.
// It changes nothing in the vault, except to repair it; then it holds the lock of
// the data directory, as Rebuild does.
func (n *upkeep) Check(ctx context.Context, r api.Check, share vault.Share, turn Turn, events func(api.Event)) (api.CheckResult, error) {
	defer frugal(50)()
	v, err := n.Vault(ctx)
	if errors.Is(err, vault.ErrSealed) && n.opts.Mirror != "" { // it is checked without the identity
		return n.checkMirror(ctx, n.vault, r, checkOptions(r, share, events))
	}
	if errors.Is(err, vault.ErrUnknown) {
		return CheckAlone(ctx, n.opts, r, share, err, events)
	}
	if err != nil {
		return api.CheckResult{}, err
	}
	if none, err := n.NoVault(ctx); none || err != nil {
		return noVault(), err
	}
	o := checkOptions(r, share, events)
	if n.opts.Mirror != "" { // a proof there is none for the vault, and the mirror may lack the newest snapshots
		return n.checkMirror(ctx, v, r, o)
	}
	n.recover(ctx, false)
	proofs := &proofs{catalog: n.Catalog}
	o.Proofs, o.Proved = n.Catalog.Proofs, func(sha256 string, size int64, whole bool) { proofs.add(ctx, sha256, size, whole) }
	o.Known = n.Catalog.Documents
	o.NotIndexed = func(ctx context.Context, names []string) ([]string, error) {
		return catalog.NotIndexed(ctx, n.Catalog, names)
	}
	var res api.CheckResult
	if r.RepairFrom == "" {
		res, err = v.Check(ctx, o)
	} else {
		res, err = n.repair(ctx, v, r.RepairFrom, o, turn)
	}
	if err == nil {
		err = n.addDocuments(ctx, v, res.Problems, proofs)
	}
	return res, errors.Join(err, proofs.flush(ctx))
}

// addDocuments records the documents that a check found lost or damaged: these backups of
// their devices are gone. If a document was recorded before and is complete now, it records that.
func (n *upkeep) addDocuments(ctx context.Context, v *vault.Vault, problems []api.CheckProblem, proofs *proofs) error {
	var before []string
	err := n.Catalog.Proofs(ctx, func(name string, _ time.Time, whole bool) {
		if _, _, ok := vault.SplitName(name); ok && !whole {
			before = append(before, name)
		}
	})
	for _, name := range before {
		if _, err := v.Document(ctx, name); err == nil {
			proofs.add(ctx, name, 0, true)
		}
	}
	for _, p := range problems {
		name, ok := vault.SnapshotOf(p.Path)
		if ok && (p.Kind == api.CheckSnapshotMissing || p.Kind == api.CheckSnapshotDamaged || p.Kind == api.CheckUnreadable) {
			proofs.add(ctx, name, 0, false)
		}
	}
	return err
}

// frugal makes the garbage collector run when memory has grown by percent, until release is
// called, because reading many documents leaves much garbage. If two calls overlap, the last
// release sets the final percentage; this does no harm.
func frugal(percent int) (release func()) {
	before := debug.SetGCPercent(percent)
	return func() { debug.SetGCPercent(before) }
}

// checkMirror checks a mirror in place of the vault.
func (n *upkeep) checkMirror(ctx context.Context, v *vault.Vault, r api.Check, o vault.CheckOptions) (api.CheckResult, error) {
	if r.RepairFrom != "" {
		return api.CheckResult{}, &api.Problem{Field: "repair_from", Detail: "cannot repair a mirror", Exit: api.ExitUsage,
			Fix: api.Do("mirror", n.opts.Mirror).Say(" copies what it lacks")}
	}
	o.Mirror = true
	reads := openReads(n.memoryOf(n.opts.Mirror, "reads"))
	o.Proofs, o.Proved = reads.each, reads.add
	res, err := v.Check(ctx, o)
	reads.flush()
	if reads.err != nil && o.ReadData {
		res.Notes = append(res.Notes, fmt.Sprintf("this check could not record which files it has read: %v", reads.err))
	}
	res.Notes = append(res.Notes, "the newest snapshots may be missing in the mirror: this check cannot find out")
	return res, err
}

// CheckAlone checks the vault of a data directory whose catalog cannot be used,
// for the reason why. It changes nothing. It records no proofs, and does not notice
// if the last snapshot of a device is missing; a note in the result says so.
func CheckAlone(ctx context.Context, o Options, r api.Check, share vault.Share, why error, events func(api.Event)) (api.CheckResult, error) {
	if r.RepairFrom != "" {
		return api.CheckResult{}, why
	}
	defer frugal(50)()
	n := upkeep{core: &core{opts: o}}
	if err := n.openVault(ctx); err != nil {
		return api.CheckResult{}, err
	}
	defer n.store.close()
	switch err := n.vault.Recognise(ctx, ""); {
	case err == nil:
		return noVault(), nil
	case !errors.Is(err, vault.ErrUnknown):
		return api.CheckResult{}, n.wrongVault(ctx, err)
	}
	opt := checkOptions(r, share, events)
	opt.Mirror = o.Mirror != ""
	res, err := n.vault.Check(ctx, opt)
	res.Notes = append(res.Notes, fmt.Sprintf("the catalog was not used, so this check does not notice if the newest snapshot of a device is missing: %v", why))
	return res, err
}

// noVault is the result of a check before the first backup.
func noVault() api.CheckResult {
	return api.CheckResult{OK: true, Problems: []api.CheckProblem{}, Repaired: []string{}, Notes: []string{}}
}

// checkOptions are the options of a check without a catalog.
func checkOptions(r api.Check, share vault.Share, events func(api.Event)) vault.CheckOptions {
	return vault.CheckOptions{ReadData: r.ReadData || r.Share != "" || r.OutdatedAfter > 0,
		Share: share, OutdatedAfter: r.OutdatedAfter, Now: time.Now(), Progress: progress(events)}
}

// repair checks the vault and repairs it from a copy. If this process dies, the next
// one enters the documents that were fetched into the index.
func (n *upkeep) repair(ctx context.Context, v *vault.Vault, from string, o vault.CheckOptions, turn Turn) (api.CheckResult, error) {
	release, err := n.alone(ctx, turn)
	if err != nil {
		return api.CheckResult{}, err
	}
	defer release()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	mirror, err := openCopy(ctx, from)
	if err != nil {
		return api.CheckResult{}, err
	}
	o.Placing = func(ctx context.Context, id string) error { return n.Catalog.Intend(ctx, id) }
	res, err := v.CheckAndRepair(ctx, vault.New(mirror.store), o)
	err = errors.Join(err, mirror.close())
	for _, key := range res.Repaired {
		if name, ok := vault.SnapshotOf(key); ok {
			err = errors.Join(err, n.reindex(ctx, v, name))
		}
	}
	return res, err
}

// reindex enters a snapshot that was repaired into the index, which may never
// have had it.
func (n *upkeep) reindex(ctx context.Context, v *vault.Vault, name string) error {
	s, err := v.Snapshot(ctx, name)
	if err != nil {
		return err
	}
	return n.Catalog.Index(ctx, s)
}

// openCopy opens a copy of a vault. It accepts any vault that is not encrypted, because the
// name of each content proves the content.
func openCopy(ctx context.Context, place string) (target, error) {
	t, err := openTarget(ctx, place)
	if err != nil {
		return t, err
	}
	id, err := vault.New(t.store).Identity(ctx)
	switch {
	case errors.Is(err, vault.ErrNotFound):
		err = noCopy(place, errors.New("it has no vault.json"))
	case err != nil:
		err = noCopy(place, err)
	case id.SealedTo != "":
		err = cause.WithFix(fmt.Errorf("the copy at %s is encrypted to %s", place, id.SealedTo), api.Say("decrypt it into a new directory: ").
			Do("mirror", "DIR").With("vault", place).With("identity", "FILE").Say("; then repair from there: ").Do("check").With("read_data", "").With("repair_from", "DIR"))
	}
	if err != nil {
		return t, errors.Join(err, t.close())
	}
	return t, nil
}

func noCopy(place string, err error) error {
	return cause.Wrap(cause.VaultError, err, "there is no copy of a vault at "+place, api.Say("mount its disk, or name the directory with its vault.json"))
}

// proofsAtOnce is how many proofs are recorded together. A check of a large vault
// takes hours; if it is cancelled, the recorded proofs remain.
const proofsAtOnce = 200

// proofs records what content of the vault a check found whole.
type proofs struct {
	catalog catalog.Catalog
	some    []catalog.Proof // not recorded yet
	err     error           // the first one
}

func (p *proofs) add(ctx context.Context, sha256 string, size int64, whole bool) {
	p.some = append(p.some, catalog.Proof{SHA256: sha256, Size: size, Read: time.Now(), Whole: whole})
	if len(p.some) >= proofsAtOnce {
		p.err = cmp.Or(p.err, p.flush(ctx))
	}
}

// flush records the remaining proofs, also after a check was cancelled. It returns
// the first error of all.
func (p *proofs) flush(ctx context.Context) error {
	err := p.catalog.RecordProofs(context.WithoutCancel(ctx), p.some...)
	p.some = nil
	return cmp.Or(p.err, err)
}
