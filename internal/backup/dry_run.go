package backup

import (
	"context"
	"errors"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/vault"
)

// plan lists the commands for the selected files. One that cannot be typed is
// noted in its file. Digests are not asked for: on some devices they take
// minutes each. A file that looks as it did at the newest snapshot counts as known.
func (j job) plan(ctx context.Context, d Device, s sight) (*api.BackupPlan, error) {
	earlier, digests, err := j.provedEarlier(ctx)
	if err != nil {
		return nil, err
	}
	now := entriesOf(listingsOf(s.listings))
	p := &api.BackupPlan{Commands: []string{}, Copies: []api.PlannedCopy{}}
	for i, f := range s.selected {
		if f.Cause != "" {
			continue
		}
		if f.Path == api.RunningConfigPath {
			p.Commands = append(p.Commands, "show running-config")
			continue
		}
		way := j.via(d, j.ways(ctx, d)[0])
		if err := way.Check(fileOf(f)); err != nil {
			note(&s.selected[i], err)
			continue
		}
		p.Commands = append(p.Commands, "verify /md5 "+f.Path)
		if entry, ok := earlier[f.Path]; ok && entry == now[f.Path] && !j.opts.Recopy {
			p.Known += max(f.Size, 0)
			continue
		}
		p.Commands = append(p.Commands, way.Line(fileOf(f)))
		p.Bytes += max(f.Size, 0)
		planned, err := j.plannedCopy(ctx, f, digests)
		if err != nil {
			return nil, err
		}
		p.Copies = append(p.Copies, planned)
	}
	if p.Free, err = j.Spool.Free(); err != nil {
		return nil, cause.Wrap(cause.Internal, err, "plan", nil)
	}
	return p, nil
}

// plannedCopy says whether f may be content that another device has, or the vault. Only its
// size says so: a digest takes long. Every file is copied with Recopy, or from a device that computes
// no digests.
func (j job) plannedCopy(ctx context.Context, f api.File, digests bool) (api.PlannedCopy, error) {
	c := api.PlannedCopy{Path: f.Path, Size: f.Size}
	if !digests || j.opts.Recopy || f.Kind != api.KindImage && f.Kind != api.KindPackage {
		return c, nil
	}
	held, err := j.Catalog.HasSize(ctx, f.Size)
	if err != nil {
		return c, indexError(err, "look up "+f.Path)
	}
	c.Shared, c.Held = true, held
	return c, nil
}

// provedEarlier returns, by their paths, the entries of the files that the newest
// snapshot of the device has with a digest that the device computed, as far as the
// vault still has them. A device without digests copies every file each time: digests is
// false if that snapshot shows such a device.
func (j job) provedEarlier(ctx context.Context) (proved map[string]api.Entry, digests bool, err error) {
	name, err := j.Catalog.Latest(ctx, j.device.Name)
	if err != nil || name == "" {
		return nil, true, err
	}
	s, err := j.Vault.Snapshot(ctx, name)
	if errors.Is(err, vault.ErrNotFound) {
		return nil, true, nil
	}
	if err != nil {
		return nil, true, vaultError(err, "read the newest snapshot")
	}
	digests = !slices.ContainsFunc(s.Files, func(f api.File) bool { return f.Kind == api.KindImage && f.Evidence == api.EvidenceSize })
	listed := entriesOf(s.Listings)
	proved = make(map[string]api.Entry)
	for _, f := range s.Files {
		entry, ok := listed[f.Path]
		if !ok || entry.Modified == "" || f.SHA256 == "" || f.Evidence == api.EvidenceSize {
			continue
		}
		has, err := j.Vault.HasBlob(ctx, f.SHA256, f.Size)
		if err != nil {
			return nil, digests, vaultError(err, "look for "+f.Path)
		}
		if has {
			proved[f.Path] = entry
		}
	}
	return proved, digests, nil
}

// entriesOf returns the entries of listings by their whole paths.
func entriesOf(listings []api.Listing) map[string]api.Entry {
	entries := make(map[string]api.Entry)
	for _, l := range listings {
		for _, e := range l.Entries {
			entries[strings.TrimSuffix(l.Path, "/")+"/"+e.Name] = e
		}
	}
	return entries
}
