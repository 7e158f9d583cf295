package warden

import (
	"context"

	"flashwarden/api"
	"flashwarden/internal/node"
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
	devices, err := chosen(ctx, n, r.Select)
	if err != nil {
		return nil, err
	}
	if n, err = l.served(ctx); err != nil {
		return nil, err
	}
	ctx, done := untilFailure(ctx, n)
	defer done()
	results := n.Backup(ctx, devices, r, events)
	for i, r := range results {
		results[i].Notes = append(n.FirstLogins(r.Device), r.Notes...)
	}
	return results, nil
}

// CheckBackup refuses a request that contradicts itself or selects no device. A
// face may ask before it asks a person anything.
func CheckBackup(r api.Backup) error {
	if err := CheckSelect(r.Select, r.All); err != nil {
		return err
	}
	switch r.Files {
	case "", api.PolicyImage, api.PolicyRebuild, api.PolicyAll:
		return nil
	}
	return wrongField("files", "%q: want image, rebuild or all", string(r.Files))
}

// CheckSelect refuses a selection of no device, or of all devices and of some.
func CheckSelect(s api.Select, all bool) error {
	some := len(s.Names) > 0 || s.Group != "" || s.Site != ""
	switch {
	case all && some:
		p := wrongField("all", "already means every device")
		p.Fix = api.Say("leave out the names, ").Option("group", "").Say(" and ").Option("site", "")
		return p
	case !all && !some:
		p := Invalid("which devices?")
		p.Fix = api.Say("give names, ").Option("group", "").Say(", ").Option("site", "").Say(" or ").Option("all", "").Say("; ").
			Do("device list").Say(" shows them")
		return p
	}
	return nil
}

// chosen returns the devices that s selects. None is a problem.
func chosen(ctx context.Context, n *node.Node, s api.Select) ([]api.Device, error) {
	devices, err := n.Catalog.Devices(ctx, s)
	if err == nil && len(devices) == 0 {
		err = unknown(api.Do("device list").Say(" shows them, ").Do("device add").Say(" adds one"), "no device matches")
	}
	return devices, err
}
