package node

import (
	"context"
	"net/netip"
	"time"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/transfer"
)

// Hold takes a device that other machines may work on too; see backup.Runner.
type Hold func(ctx context.Context, d api.Device) (held context.Context, release func(), err error)

// Backup backs devices up and records each run, except those that only look.
// The node must have been started. hold is nil if no other process works on these devices.
func (n *Node) Backup(ctx context.Context, devices []api.Device, r api.Backup, hold Hold, events func(api.Event)) []api.BackupResult {
	runner := n.Runner()
	runner.Watch, runner.Hold = events, hold
	if r.Look {
		runner.Waits = []time.Duration{} // the queue tries again, without keeping its place meanwhile
	}
	if !r.DryRun {
		n.recover(ctx, false) // the next snapshot of a device follows one that landed despite an error
		runner.Begin = n.recordBackup
	}
	return runner.All(ctx, devices, backup.Options{Policy: r.Files, Recopy: r.Recopy, DryRun: r.DryRun, Look: r.Look})
}

// Told is our address that a device copies to. local is our address
// in the session to it.
func (n *Node) Told(d api.Device, local netip.Addr) netip.Addr {
	return transfer.Server(d, n.opts.Config.TFTP.Advertise, local)
}
