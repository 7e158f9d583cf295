package backup

import (
	"context"
	"errors"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/vault"
)

// plan lists the commands for the selected files. One that cannot be typed is
// noted in its file. Digests are not asked for: on some devices they take
// minutes each. A file that looks as it did at the newest snapshot counts as known.
func (j job) plan(ctx context.Context, d Device, s sight) (*api.BackupPlan, error) {
	earlier, err := j.provedEarlier(ctx)
	if err != nil {
		return nil, err
	}
	now := entriesOf(listingsOf(s.listings))
	p := &api.BackupPlan{Commands: []string{}}
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
	}
	if p.Free, err = j.Spool.Free(); err != nil {
		return nil, cause.Wrap(cause.Internal, err, "plan", nil)
	}
	return p, nil
}

// provedEarlier returns, by their paths, the entries of the files that the newest
// snapshot of the device has with a digest that the device computed, as far as the
// vault still has them. A device without digests copies every file each time.
func (j job) provedEarlier(ctx context.Context) (map[string]api.Entry, error) {
	name, err := j.Catalog.Latest(ctx, j.device.Name)
	if err != nil || name == "" {
		return nil, err
	}
	s, err := j.Vault.Snapshot(ctx, name)
	if errors.Is(err, vault.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, vaultError(err, "read the newest snapshot")
	}
	listed, proved := entriesOf(s.Listings), make(map[string]api.Entry)
	for _, f := range s.Files {
		entry, ok := listed[f.Path]
		if !ok || entry.Modified == "" || f.SHA256 == "" || f.Evidence == api.EvidenceSize {
			continue
		}
		has, err := j.Vault.HasBlob(ctx, f.SHA256, f.Size)
		if err != nil {
			return nil, vaultError(err, "look for "+f.Path)
		}
		if has {
			proved[f.Path] = entry
		}
	}
	return proved, nil
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
