package warden

import (
	"context"

	"flashwarden/api"
)

// Backup backs devices up. The results are in the order of the devices.
func (l *Local) Backup(ctx context.Context, r api.Backup, events func(api.Event)) ([]api.BackupResult, error) {
	if err := checkBackup(r); err != nil {
		return nil, err
	}
	n, err := l.begin(ctx, operator, "backup", r.Names...)
	if err != nil {
		return nil, err
	}
	devices, err := n.Catalog.Devices(ctx, r.Select)
	if err != nil {
		return nil, err
	}
	if len(devices) == 0 {
		return nil, unknown(api.Do("device list").Say(" shows them, ").Do("device add").Say(" adds one"), "no device matches")
	}
	if n, err = l.served(ctx); err != nil {
		return nil, err
	}
	ctx, done := untilFailure(ctx, n)
	defer done()
	return n.Backup(ctx, devices, r, events), nil
}

// checkBackup refuses what contradicts itself or selects nothing.
func checkBackup(r api.Backup) error {
	some := len(r.Names) > 0 || r.Group != "" || r.Site != ""
	switch {
	case r.All && some:
		return Invalid("all already means every device: leave out the names, the group and the site")
	case !r.All && !some:
		p := Invalid("which devices? Give names, a group, a site, or all")
		p.Fix = api.Do("device list").Say(" shows them")
		return p
	}
	switch r.Files {
	case "", api.PolicyImage, api.PolicyRebuild, api.PolicyAll:
		return nil
	}
	return wrongField("files", "%q: want image, rebuild or all", string(r.Files))
}
