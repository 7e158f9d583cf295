package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"flashwarden/api"
)

// youngOrphan is how old content must be before a prune removes it because no
// snapshot names it. A backup that broke off left it, and the next one uses it.
const youngOrphan = 48 * time.Hour

// PruneOptions say what a prune keeps.
type PruneOptions struct {
	Retention api.Retention
	Now       time.Time                                  // its location says when days, weeks, months and years begin
	Gone      func(device string) bool                   // reports whether all snapshots of a device go; nil: none do
	DryRun    bool                                       // remove nothing
	Removing  func(ctx context.Context, id string) error // is called before a snapshot is removed; nil: discard
}

// Hold keeps a prune of this process from removing content until release is
// called. Whoever relies on content that no snapshot names yet holds the vault.
func (v *Vault) Hold() (release func()) {
	v.content.RLock()
	return v.content.RUnlock
}

// Prune removes snapshots, and content that no snapshot names any more. Its
// record is in the vault before the first snapshot goes. It may be interrupted
// at any moment: the next one goes on. No other process may write the store at
// the same time.
//
// With a document that cannot be read, nobody knows what it names: then no
// content is removed, and the problems of the result say why.
func (v *Vault) Prune(ctx context.Context, o PruneOptions) (api.PruneResult, error) {
	res, err := v.pruneAll(ctx, o)
	if err != nil {
		return res, fmt.Errorf("prune vault: %w", err)
	}
	return res, nil
}

func (v *Vault) pruneAll(ctx context.Context, o PruneOptions) (api.PruneResult, error) {
	res := api.PruneResult{Removed: []api.PrunedSnapshot{}, Problems: []api.CheckProblem{}}
	all, err := v.outlines(ctx, &res)
	if err != nil {
		return res, err
	}
	if o.Gone == nil {
		o.Gone = func(string) bool { return false }
	}
	kept := keep(o.Retention, all, o.Now, o.Gone)
	leaving := slices.DeleteFunc(slices.Clone(all), func(s outline) bool { return kept[s.document] })
	res.Kept = len(all) - len(leaving)
	for _, s := range leaving {
		id, _, _ := SplitName(s.document)
		res.Removed = append(res.Removed, api.PrunedSnapshot{Snapshot: id, Device: s.device, Started: s.started})
	}
	if !o.DryRun {
		if err := v.removeSnapshots(ctx, o, leaving, &res); err != nil {
			return res, err
		}
	}
	if len(res.Problems) > 0 {
		return res, nil
	}
	return res, v.removeOrphans(ctx, o, leaving, &res)
}

// outlines reads all snapshots, oldest first.
func (v *Vault) outlines(ctx context.Context, res *api.PruneResult) ([]outline, error) {
	var all []outline
	for s, err := range v.Snapshots(ctx) {
		switch {
		case err == nil:
			all = append(all, outlineOf(s))
		case s.ID == "" || ctx.Err() != nil:
			return nil, errors.Join(err, ctx.Err())
		default:
			kind := api.CheckSnapshotDamaged
			if errors.Is(err, ErrNewer) {
				kind = api.CheckNewer
			}
			res.Problems = append(res.Problems, api.CheckProblem{Kind: kind, Path: SnapshotKey(s.Document), Message: err.Error()})
		}
	}
	return all, nil
}

// removeSnapshots removes documents, after the record of it is kept.
func (v *Vault) removeSnapshots(ctx context.Context, o PruneOptions, snapshots []outline, res *api.PruneResult) error {
	if len(snapshots) == 0 {
		return nil
	}
	record := Prune{ID: NewID("prune", o.Now), Time: o.Now}
	for _, s := range snapshots {
		record.Removed = append(record.Removed, Removed{Document: s.document, Device: s.device, Previous: s.previous})
	}
	var err error
	if res.Document, err = v.PutPrune(ctx, record); err != nil {
		return err
	}
	for _, s := range snapshots {
		id, _, _ := SplitName(s.document)
		if o.Removing != nil {
			if err := o.Removing(ctx, id); err != nil {
				return err
			}
		}
		if err := v.store.Delete(ctx, SnapshotKey(s.document)); err != nil && !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("snapshot %s: %w", id, err)
		}
	}
	return nil
}

// removeOrphans removes the contents that no snapshot names, except for young
// ones. Snapshots that go count as gone, also in a dry run.
func (v *Vault) removeOrphans(ctx context.Context, o PruneOptions, leaving []outline, res *api.PruneResult) error {
	v.content.Lock()
	defer v.content.Unlock()
	named, err := v.namedContents(ctx, leaving)
	if err != nil {
		return err
	}
	var orphans []Info
	err = v.store.List(ctx, BlobsPart+"/", func(i Info) error {
		if sum, ok := blobOf(i.Key); ok && !named[digestOf(sum)] {
			orphans = append(orphans, i)
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	for _, i := range orphans {
		if err := v.removeOrphan(ctx, o, i.Key, res); err != nil {
			return err
		}
	}
	return nil
}

// namedContents returns all contents that snapshots name which do not go.
func (v *Vault) namedContents(ctx context.Context, leaving []outline) (map[digest]bool, error) {
	gone := make(map[string]bool, len(leaving))
	for _, s := range leaving {
		gone[s.document] = true
	}
	named := make(map[digest]bool)
	for s, err := range v.Snapshots(ctx) {
		if err != nil {
			return nil, err
		}
		if gone[s.Document] {
			continue
		}
		for _, f := range contentsOf(s) {
			named[digestOf(f.SHA256)] = true
		}
	}
	return named, nil
}

// removeOrphan removes one content that no snapshot names.
func (v *Vault) removeOrphan(ctx context.Context, o PruneOptions, key string, res *api.PruneResult) error {
	info, err := v.store.Stat(ctx, key)
	if errors.Is(err, ErrNotFound) || err == nil && o.Now.Sub(info.Modified) < youngOrphan {
		return nil
	}
	if err == nil && !o.DryRun {
		err = v.store.Delete(ctx, key)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	res.Blobs++
	res.Bytes += info.Size
	return nil
}
