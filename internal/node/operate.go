package node

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/restore"
	"flashwarden/internal/transfer"
)

// Backup backs devices up. The node must have been started.
func (n *Node) Backup(ctx context.Context, devices []api.Device, r api.Backup, events func(api.Event)) []api.BackupResult {
	runner := n.Runner()
	runner.Watch = events
	return runner.All(ctx, devices, backup.Options{Policy: r.Files, Recopy: r.Recopy, DryRun: r.DryRun})
}

// Told is the address that a device is told to copy to. local is our address
// in the session to it.
func (n *Node) Told(d api.Device, local netip.Addr) netip.Addr {
	return transfer.Server(d, n.opts.Config.TFTP.Advertise, local)
}

// PlanRestore plans a restore of files of s. It changes nothing on the device.
// The node must have been started.
func (n *Node) PlanRestore(ctx context.Context, d api.Device, s api.Snapshot, r api.Restore, events func(api.Event)) (api.RestoreResult, error) {
	sel, err := selection(s, r)
	if err != nil {
		return api.RestoreResult{}, err
	}
	o := options(r)
	o.DryRun = true
	runner := n.Restorer()
	runner.Watch = events
	res := runner.Restore(ctx, d, sel, o)
	if res.Plan != nil {
		res.Plan.Request, res.Plan.Snapshot = r, s.ID
	}
	return res, nil
}

// ApplyPlan does the steps of a plan. The node must have been started.
func (n *Node) ApplyPlan(ctx context.Context, d api.Device, p api.Plan, events func(api.Event)) (api.RestoreResult, error) {
	s, err := n.Vault.Snapshot(p.Snapshot)
	if err != nil {
		return api.RestoreResult{}, err
	}
	sel, err := selection(s, p.Request)
	if err != nil {
		return api.RestoreResult{}, err
	}
	runner := n.Restorer()
	runner.Watch, runner.Agree = events, func(restore.Question) bool { return true }
	return runner.Restore(ctx, d, sel, options(p.Request)), nil
}

func options(r api.Restore) restore.Options {
	return restore.Options{To: r.To, SetBoot: r.SetBoot, Reload: r.Reload, Replace: r.Replace, Delete: slices.Clone(r.Delete)}
}

// selection chooses the files of a restore.
func selection(s api.Snapshot, r api.Restore) (restore.Selection, error) {
	sel, err := restore.Select(s, r.Files)
	switch {
	case errors.Is(err, restore.ErrNoFile):
		return sel, &api.Problem{Detail: err.Error(), Exit: api.ExitUnknown, Err: err}
	case errors.Is(err, restore.ErrMerges):
		return sel, invalid(nil, "%w", err)
	case err == nil && r.SetBoot:
		if _, err := sel.Bootable(); err != nil {
			return sel, invalid(nil, "%w", err)
		}
	}
	return sel, err
}
