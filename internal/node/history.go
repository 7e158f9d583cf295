package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// run is one run that the catalog records.
type run struct {
	node *core
	api.Run
}

// beginRun records that a run on a device begins now. A catalog that cannot
// record it is no reason to leave the device without a backup: the end of the
// run is recorded all the same.
func (n *runs) beginRun(ctx context.Context, kind, device string) *run {
	now := time.Now().UTC().Truncate(time.Second)
	r := &run{node: n.core, Run: api.Run{ID: catalog.NewRunID(now), Device: device, Kind: kind, Started: now}}
	if err := n.Catalog.BeginRun(context.WithoutCancel(ctx), r.Run); err != nil {
		n.opts.Log.Warn("the start of a run was not recorded", "device", device, "err", err)
	}
	return r
}

// end records the end of a run. A note says why it could not be recorded.
func (r *run) end(ctx context.Context, result api.Run, facts api.Facts) (notes []string) {
	result.ID, result.Device, result.Kind, result.Started = r.ID, r.Device, r.Kind, r.Started
	result.Ended = time.Now().UTC().Truncate(time.Second)
	result.Model, result.Version, result.Image = facts.Model, facts.Version, facts.Image
	if err := r.node.Catalog.EndRun(context.WithoutCancel(ctx), result); err != nil {
		return []string{fmt.Sprintf("this run could not be recorded: %v", err)}
	}
	return nil
}

// recordBackup records the backup of one device. A device that was never its
// turn because the whole operation was cancelled leaves no run.
func (n *runs) recordBackup(ctx context.Context, d api.Device) (end func(api.BackupResult) api.BackupResult) {
	if ctx.Err() != nil {
		return func(r api.BackupResult) api.BackupResult { return r }
	}
	run := n.beginRun(ctx, api.RunBackup, d.Name)
	return func(r api.BackupResult) api.BackupResult {
		r.Notes = append(r.Notes, run.end(ctx, api.Run{Status: r.Status, Cause: r.Cause, Message: r.Message, Hint: r.Hint,
			Attempts: r.Attempts, Snapshot: r.Snapshot, BytesCopied: r.BytesCopied, Retransmits: r.Retransmits}, r.Facts)...)
		return r
	}
}

// recordRestore is recordBackup for a restore that is carried out.
func (n *runs) recordRestore(ctx context.Context, d api.Device) (end func(api.RestoreResult) api.RestoreResult) {
	run := n.beginRun(ctx, api.RunRestore, d.Name)
	return func(r api.RestoreResult) api.RestoreResult {
		status := r.Status
		if r.Refused {
			status = api.StatusRefused
		}
		r.Notes = append(r.Notes, run.end(ctx, api.Run{Status: status, Cause: r.Cause, Message: r.Message, Hint: r.Hint,
			Attempts: r.Attempts, Snapshot: r.Snapshot, BytesCopied: r.BytesCopied}, r.Facts)...)
		return r
	}
}

// announce marks the lock file as held, for Served. The lock itself cannot be
// asked about: one has to take it to know.
func announce(lock *os.File) error {
	held := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(lock.Fd(), unix.F_OFD_SETLK, &held); err != nil {
		return fmt.Errorf("mark %s as held: %w", lock.Name(), err)
	}
	return nil
}

// Served reports whether a process, this one or another, works on the devices
// of this data directory. A run that has not ended while none does will never
// end.
func (n *server) Served() (bool, error) {
	if n.Shared() {
		return true, nil // by a process on another machine; the catalog ends the runs of dead ones
	}
	lock, err := os.Open(n.path("lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("see whether a backup is running: %w", err)
	}
	defer lock.Close()
	held := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(lock.Fd(), unix.F_OFD_GETLK, &held); err != nil {
		return false, fmt.Errorf("see whether a backup is running: %w", err)
	}
	return held.Type != unix.F_UNLCK, nil
}
