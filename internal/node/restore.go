package node

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/restore"
)

// Restorer returns the runner of restores. The node must have been started.
func (n *runs) Restorer() *restore.Runner {
	c := n.opts.Config
	port, certificate := n.server.httpsServer()
	return &restore.Runner{
		Way: n.wayToDevice, SCPPort: n.server.scpPort(), HTTPSPort: port, HTTPSCertificate: certificate,
		Dial: func(ctx context.Context, d api.Device) (restore.Device, error) {
			return n.logins.DialToTransfer(ctx, d)
		},
		Spool: n.service.spool, Vault: n.vault, Catalog: n.Catalog,
		Advertise: c.TFTP.Advertise, Stall: c.Backup.StallTimeout,
		Listen: n.server.Port(), Ports: c.TFTP.PortRange.String(), Log: n.opts.Log, Note: n.noteRestore,
	}
}

// wayToDevice is the transport by which a device fetches files: the one that its backups found, or the first
// one that they may use. scp-pull moves no file to a device; where nothing else is allowed it is TFTP.
func (n *runs) wayToDevice(ctx context.Context, d api.Device) string {
	ways := slices.DeleteFunc(slices.Clone(n.ways(d)), func(way string) bool { return way == api.CopySCPPull })
	if len(ways) == 0 {
		return api.CopyTFTP
	}
	if known, err := n.Catalog.CopyWay(ctx, d.Name); err == nil && slices.Contains(ways, known.Way) {
		return known.Way
	}
	return ways[0]
}

// noteWithin is how long a restore waits for the catalog to take a note.
const noteWithin = 10 * time.Second

// noteRestore enters what a restore is about to do, if it is a job. The restore goes on without
// the note.
func (n *runs) noteRestore(ctx context.Context, text string) {
	l, ok := catalog.LeaseOf(ctx)
	if !ok || l.Job == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, noteWithin)
	defer cancel()
	if err := n.Catalog.NoteJob(ctx, l, text); err != nil {
		n.opts.Log.Warn("the step of a restore was not noted", "job", l.Job, "err", err)
	}
}

// PlanRestore plans the restore of files of s, and changes nothing. The result
// has the plan, or the reason why there is none; a request that contradicts
// itself or names nothing is an *api.Problem. The node must have been started.
func (n *runs) PlanRestore(ctx context.Context, d api.Device, s api.Snapshot, r api.Restore, events func(api.Event)) (api.RestoreResult, error) {
	began := time.Now()
	plan, err := n.Restorer().Plan(ctx, d, s, r, events)
	var problem *api.Problem
	if errors.As(err, &problem) {
		return api.RestoreResult{}, err
	}
	result := plan.Result()
	if err != nil {
		result = api.RestoreResult{Device: d.Name, Snapshot: s.ID, Status: api.StatusFailed, Attempts: 1, Files: []api.File{},
			Cause: cause.Of(err), Message: cause.Text(err), Hint: cause.Hint(err)}
	}
	result.Started, result.Seconds = began.UTC().Truncate(time.Second), math.Round(time.Since(began).Seconds()*10)/10
	return result, nil
}

// ApplyPlan does the steps of a plan, which restore files of s, and records the
// run. The node must have been started.
func (n *runs) ApplyPlan(ctx context.Context, d api.Device, s api.Snapshot, p api.Plan, events func(api.Event)) (api.RestoreResult, error) {
	end := n.recordRestore(ctx, d)
	return end(n.Restorer().Apply(ctx, d, s, p, events)), nil
}
