package warden

import (
	"context"
	"errors"
	"fmt"
	"io"

	"flashwarden/api"
	"flashwarden/internal/compare"
	"flashwarden/internal/node"
	"flashwarden/internal/vault"
)

// Diff reports what changed from one snapshot to another, or between the two
// newest backups of a device. Only an operator may see secrets.
func (l *captures) Diff(ctx context.Context, r api.Diff) (api.DiffResult, error) {
	needs := reading
	if r.ShowSecrets {
		needs = looking
	}
	n, err := l.beginOnSnapshots(ctx, needs, "compare snapshots", r.A, r.B)
	if err != nil {
		return api.DiffResult{}, err
	}
	a, b, err := l.sides(ctx, n, r)
	if err != nil {
		return api.DiffResult{}, err
	}
	v, err := n.Vault(ctx)
	if err != nil {
		return api.DiffResult{}, err
	}
	read := func(sum string) ([]byte, error) { return readText(ctx, v, sum) }
	return compare.Snapshots(a, b, compare.Options{Read: read, ShowSecrets: r.ShowSecrets}), ctx.Err()
}

// sides returns the two snapshots to compare.
func (l *captures) sides(ctx context.Context, n *node.Node, r api.Diff) (a, b api.Snapshot, err error) {
	if r.B == "" {
		return l.lastTwo(ctx, n, r.A)
	}
	for _, side := range []struct {
		name string
		s    *api.Snapshot
	}{{r.A, &a}, {r.B, &b}} {
		*side.s, err = l.captured(ctx, n, side.name)
		if errors.Is(err, vault.ErrNotFound) {
			err = l.noSnapshot(ctx, n, side.name)
		}
		if err != nil {
			return a, b, err
		}
	}
	return a, b, nil
}

// lastTwo returns the two newest backups of a device, the older one first.
func (l *captures) lastTwo(ctx context.Context, n *node.Node, device string) (a, b api.Snapshot, err error) {
	rows, err := n.Catalog.Snapshots(ctx, device)
	if err == nil && actorOf(ctx).limited() {
		var its bool
		if its, err = l.its(ctx, n, device); !its {
			rows = nil
		}
	}
	if err != nil {
		return a, b, err
	}
	if len(rows) == 0 {
		if b, err = l.captured(ctx, n, device); errors.Is(err, vault.ErrNotFound) {
			err = l.noSnapshot(ctx, n, device)
		}
		if err == nil {
			err = Invalid("%s is a snapshot: give a second one, or the name of a device", device)
		}
		return a, b, err
	}
	var last []api.Snapshot
	for i := len(rows) - 1; i >= 0 && len(last) < 2; i-- {
		s, err := snapshot(ctx, n, rows[i].ID)
		if err != nil {
			return a, b, err
		}
		if !s.Received() {
			last = append(last, s)
		}
	}
	if len(last) < 2 {
		return a, b, unknown(api.Do("backup", device).Say(" makes another one"), "%s has fewer than two backups: there is nothing to compare", device)
	}
	return last[1], last[0], nil
}

// readText returns a content that is small enough to compare its lines.
func readText(ctx context.Context, v *vault.Vault, sum string) ([]byte, error) {
	blob, err := v.OpenBlob(ctx, sum)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	if blob.Size() > compare.MaxText {
		return nil, fmt.Errorf("it has %d bytes", blob.Size())
	}
	return io.ReadAll(blob)
}
