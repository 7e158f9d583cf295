package vaulttest

import (
	"context"
	"io"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// pruning is a store in which a prune runs once, at one moment of a mirror run.
type pruning struct {
	*Memory
	moment string
	prune  func()
}

// at runs the prune if its moment has come.
func (p *pruning) at(moment string) {
	if prune := p.prune; prune != nil && moment == p.moment {
		p.prune = nil
		prune()
	}
}

// List implements vault.Store.
func (p *pruning) List(ctx context.Context, prefix string, yield func(vault.Info) error) error {
	p.at("before the listing of " + prefix)
	err := p.Memory.List(ctx, prefix, yield)
	p.at("after the listing of " + prefix)
	return err
}

// Get implements vault.Store.
func (p *pruning) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, error) {
	r, err := p.Memory.Get(ctx, key, offset)
	if vault.IsBlob(key) {
		p.at("while contents are copied")
	}
	return r, err
}

// Put implements vault.Store.
func (p *pruning) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	err := p.Memory.Put(ctx, key, r, size)
	if _, ok := vault.SnapshotOf(key); ok {
		p.at(afterDocument)
	}
	return err
}

// afterDocument is the only moment of a mirror, not of the vault.
const afterDocument = "after the first document was copied"

// TestMirrorBesidePrune: a prune removes snapshots that the mirror does not have yet. The
// mirror gets the record that explains the gap in the same run.
func TestMirrorBesidePrune(t *testing.T) {
	for _, moment := range []string{"before the listing of snapshots/", "after the listing of snapshots/", "while contents are copied", afterDocument} {
		v, from := madeVault(t)
		history(t, from, "a", "b", "c")
		ran, held := false, 1
		beside, to := &pruning{Memory: from, moment: moment}, &pruning{Memory: &Memory{}}
		beside.prune = func() {
			ran = true
			if _, err := v.Prune(t.Context(), vault.PruneOptions{Retention: api.Retention{Last: 1}, Now: later()}); err != nil {
				t.Error(err)
			}
		}
		if moment == afterDocument {
			to.moment, to.prune, held = moment, beside.prune, 2
		}
		res, err := vault.New(beside).MirrorTo(t.Context(), vault.NewTwin(to, nil), vault.MirrorOptions{Fresh: true, Parallel: 1})
		if err != nil || !ran || len(res.Problems) > 0 || res.Held != held {
			t.Errorf("%s: %+v, error %v; want %d snapshots and no problem", moment, res, err, held)
		}
		wantProblems(t, vault.New(to), true)
	}
}
