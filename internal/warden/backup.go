package warden

import (
	"context"

	"flashwarden/api"
)

// Backup backs devices up. The results are in the order of the devices.
func (l *Local) Backup(ctx context.Context, r api.Backup, events func(api.Event)) ([]api.BackupResult, error) {
	if err := CheckBackup(r); err != nil {
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

// CheckBackup refuses a request that contradicts itself or selects no device. A
// face may ask before it asks a person anything.
func CheckBackup(r api.Backup) error {
	some := len(r.Names) > 0 || r.Group != "" || r.Site != ""
	switch {
	case r.All && some:
		p := wrongField("all", "already means every device")
		p.Fix = api.Say("leave out the names, ").Option("group", "").Say(" and ").Option("site", "")
		return p
	case !r.All && !some:
		p := Invalid("which devices?")
		p.Fix = api.Say("give names, ").Option("group", "").Say(", ").Option("site", "").Say(" or ").Option("all", "").Say("; ").
			Do("device list").Say(" shows them")
		return p
	}
	switch r.Files {
	case "", api.PolicyImage, api.PolicyRebuild, api.PolicyAll:
		return nil
	}
	return wrongField("files", "%q: want image, rebuild or all", string(r.Files))
}
