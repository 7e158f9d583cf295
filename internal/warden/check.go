package warden

import (
	"context"
	"errors"
	"time"

	"flashwarden/api"
	"flashwarden/internal/node"
	"flashwarden/internal/vault"
)

// Check proves that every snapshot is whole and names only content that the
// vault holds, and where asked that the content is unchanged. Without a repair it
// changes nothing in the vault. A catalog that is lost, damaged or closed to this
// process is no reason not to check the vault.
func (l *upkeep) Check(ctx context.Context, r api.Check, events func(api.Event)) (api.CheckResult, error) {
	var share vault.Share
	if r.Share != "" {
		var err error
		if share, err = vault.ParseShare(r.Share); err != nil {
			return api.CheckResult{}, wrongField("share", "%w", err)
		}
	}
	if r.OutdatedAfter < 0 {
		return api.CheckResult{}, wrongField("outdated_after", "%s: want 0 or more", r.OutdatedAfter)
	}
	needs := looking
	if r.RepairFrom != "" {
		needs = directing // it changes the vault from a place of this actor's choice
	}
	if err := l.allow(ctx, needs, "check", r.RepairFrom); err != nil {
		return api.CheckResult{}, err
	}
	n, err := l.existing(ctx)
	if errors.Is(err, node.ErrNoData) {
		return api.CheckResult{}, err
	}
	if err != nil {
		return node.CheckAlone(ctx, l.nodeOptions(), r, share, err, events)
	}
	if r.RepairFrom != "" {
		if err := l.record(ctx, n, "repair", api.AuditAllowed, []string{r.RepairFrom}); err != nil {
			return api.CheckResult{}, err
		}
	}
	began := time.Now()
	res, err := n.Check(ctx, r, share, l.turn(), events)
	if reads := r.ReadData || r.Share != "" || r.OutdatedAfter > 0; reads && l.opts.Mirror == "" {
		l.recordCare(ctx, n, api.JobCheck, "", began, res.Problems, err)
	}
	return res, err
}

// existing is open for a data directory that has a catalog. It creates none.
func (l *core) existing(ctx context.Context) (*node.Node, error) {
	if err := l.exists(ctx); err != nil {
		return nil, err
	}
	return l.open(ctx)
}
