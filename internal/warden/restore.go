package warden

import (
	"context"
	"errors"
	"slices"

	"flashwarden/api"
	"flashwarden/internal/node"
	"flashwarden/internal/vault"
)

// PlanRestore logs in to a device, compares it with a snapshot, and returns
// the plan of a restore. It changes nothing.
func (l *restores) PlanRestore(ctx context.Context, r api.Restore, events func(api.Event)) (api.RestoreResult, error) {
	n, err := l.beginOnDevice(ctx, looking, "plan a restore", r.Device)
	if err != nil {
		return api.RestoreResult{}, err
	}
	d, s, err := l.restoreFrom(ctx, n, r.Device, r.Snapshot)
	if err != nil {
		return api.RestoreResult{}, err
	}
	if n, err = l.servedVault(ctx); err != nil {
		return api.RestoreResult{}, err
	}
	ctx, done := untilFailure(ctx, n)
	defer done()
	return n.PlanRestore(ctx, d, s, r, events)
}

// ApplyPlan does the steps of a plan, after checking that the device is still
// as the plan saw it.
func (l *restores) ApplyPlan(ctx context.Context, p api.Plan, events func(api.Event)) (api.RestoreResult, error) {
	n, err := l.beginOnDevice(ctx, directing, "restore", p.Request.Device)
	if err != nil {
		return api.RestoreResult{}, err
	}
	d, s, err := l.restoreFrom(ctx, n, p.Request.Device, p.Snapshot)
	if err != nil {
		return api.RestoreResult{}, err
	}
	if n, err = l.servedVault(ctx); err != nil {
		return api.RestoreResult{}, err
	}
	ctx, release, err := l.alone(ctx, d.Name)
	if err != nil {
		return api.RestoreResult{}, err
	}
	defer release()
	ctx, done := untilFailure(ctx, n)
	defer done()
	res, err := n.ApplyPlan(ctx, d, s, p, events)
	l.live.device(api.DeviceRun, d.Name)
	if err == nil {
		l.logResult("restore", ofRestore(res))
	}
	return res, err
}

// restoreFrom returns a device and the snapshot to restore from: the named one,
// else the newest backup of the device. A limited actor restores from snapshots of its own
// devices alone.
func (l *restores) restoreFrom(ctx context.Context, n *node.Node, device, id string) (api.Device, api.Snapshot, error) {
	d, err := n.Catalog.Device(ctx, device)
	if err != nil {
		return api.Device{}, api.Snapshot{}, err
	}
	if id != "" && actorOf(ctx).limited() {
		if _, err := l.captured(ctx, n, id); errors.Is(err, vault.ErrNotFound) {
			return d, api.Snapshot{}, l.noSnapshot(ctx, n, id)
		} else if err != nil {
			return d, api.Snapshot{}, err
		}
	}
	s, err := snapshotFor(ctx, n, d, id)
	return d, s, err
}

// snapshotFor returns the named snapshot, else the newest backup of the
// device.
func snapshotFor(ctx context.Context, n *node.Node, d api.Device, id string) (api.Snapshot, error) {
	if id != "" {
		return snapshot(ctx, n, id)
	}
	rows, err := n.Catalog.Snapshots(ctx, d.Name)
	if err != nil {
		return api.Snapshot{}, err
	}
	if len(rows) == 0 {
		return api.Snapshot{}, unknown(api.Do("backup", d.Name).Say(" makes one, and ").Option("snapshot", "").Say(" restores from one of another device"),
			"no snapshot of %s", d.Name)
	}
	if s, found, err := newestBackup(ctx, n, rows); found || err != nil {
		return s, err
	}
	return api.Snapshot{}, unknown(api.Say("choose one with ").Option("snapshot", "").Say(" and its place with ").Option("to", "").Say("; ").
		Do("snapshots", d.Name).Say(" lists them"), "no backup of %s, only files that it sent", d.Name)
}

// newestBackup returns the newest of these snapshots that is a backup, and not
// a file that the device sent by itself. The rows stand oldest first.
func newestBackup(ctx context.Context, n *node.Node, rows []api.SnapshotRow) (s api.Snapshot, found bool, err error) {
	for _, row := range slices.Backward(rows) {
		if s, err = snapshot(ctx, n, row.ID); err != nil || !s.Received() {
			return s, err == nil, err
		}
	}
	return api.Snapshot{}, false, nil
}
