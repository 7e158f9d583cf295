package catalogtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/vault"
)

// claims are the ways to claim a content, each for the snapshot s whose only file is f.
var claims = map[string]func(ctx context.Context, c catalog.Catalog, s api.Snapshot, f api.File) error{
	"claim": func(ctx context.Context, c catalog.Catalog, _ api.Snapshot, f api.File) error {
		return c.Claim(ctx, f.SHA256)
	},
	"remember": func(ctx context.Context, c catalog.Catalog, _ api.Snapshot, f api.File) error {
		return c.Remember(ctx, f)
	},
	"intend": func(ctx context.Context, c catalog.Catalog, s api.Snapshot, f api.File) error {
		return c.Intend(ctx, s.ID, f.SHA256)
	},
	"keep": func(ctx context.Context, c catalog.Catalog, s api.Snapshot, _ api.File) error {
		_, err := catalog.Keep(ctx, c, vaultOf(), s)
		return err
	},
}

// condemnNow condemns contents at a time that is so long after the present, and wants that
// so many are ripe.
func condemnNow(t *testing.T, c catalog.Catalog, after time.Duration, ripe int, sums ...string) {
	t.Helper()
	now, err := c.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(after)
	got, err := c.Condemn(t.Context(), now, now, sums)
	if err != nil || len(got) != ripe {
		t.Errorf("%d are ripe, error %v; want %d", len(got), err, ripe)
	}
}

// testClaims has two machines: one removes a content, one claims it. Each is the first one
// once.
func testClaims(t *testing.T, create New) {
	open := create(t)
	prune, other := open(t), open(t)
	for name, claim := range claims {
		t.Run(name, func(t *testing.T) {
			ctx, f := t.Context(), File("flash:/x.bin", api.KindImage, name)
			s := Snapshot("sw-"+name, 0, "flash:/x.bin", f)
			condemnNow(t, prune, 0, 0, f.SHA256)
			if err := claim(ctx, other, s, f); err != nil {
				t.Fatal(err)
			}
			condemnNow(t, prune, 0, 0, f.SHA256) // the claim came first
			if err := prune.Unindex(ctx, s.ID); err != nil {
				t.Fatal(err)
			}
			condemnNow(t, prune, time.Minute, 1, f.SHA256)
			if err := claim(ctx, other, s, f); !errors.Is(err, catalog.ErrRemoving) {
				t.Errorf("error %v; want ErrRemoving", err)
			}
			if ids, err := other.Intended(ctx); err != nil || name == "keep" && slices.Contains(ids, s.ID) {
				t.Errorf("a snapshot is intended: %q, error %v", ids, err)
			}
			if _, ok, err := other.Known(ctx, f.MD5, f.Size); ok || err != nil {
				t.Errorf("it is known: %v, error %v", ok, err)
			}
			condemnNow(t, other, time.Minute, 0, f.SHA256) // a second prune leaves it to the first
			if err := prune.ForgetContents(ctx, f.SHA256); err != nil {
				t.Fatal(err)
			}
			if err := claim(ctx, other, s, f); err != nil {
				t.Errorf("after it is gone: error %v", err)
			}
			condemnNow(t, prune, 2*time.Minute, 0, f.SHA256)
		})
	}
}

// testClaimMany claims more contents than one statement has, and one that goes is the last
// of them: then none is claimed.
func testClaimMany(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	sums := make([]string, 1201)
	for i := range sums {
		sums[i] = sha(fmt.Sprint("content ", i))
	}
	first, last := sums[0], sums[len(sums)-1]
	condemnNow(t, c, 0, 0, first, last)
	condemnNow(t, c, 0, 1, last)
	if err := c.Claim(ctx, sums...); !errors.Is(err, catalog.ErrRemoving) {
		t.Errorf("error %v; want ErrRemoving", err)
	}
	condemnNow(t, c, 0, 1, first)
	if err := c.ForgetContents(ctx, first, last); err != nil {
		t.Fatal(err)
	}
	if err := c.Claim(ctx, sums...); err != nil {
		t.Error(err)
	}
	if err := c.Claim(ctx); err != nil {
		t.Errorf("claim of nothing: %v", err)
	}
}

// testRemovingEnds has a prune that died after it marked contents: the next one removes one
// of them, and a backup claims the other one.
func testRemovingEnds(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	claimed, removed := sha("claimed"), sha("removed")
	const before = -catalog.RemovingLasts - time.Minute
	condemnNow(t, c, before, 0, claimed, removed)
	condemnNow(t, c, before, 2, claimed, removed)
	condemnNow(t, c, before+catalog.RemovingLasts-2*time.Second, 0, claimed, removed) // it may still be at work
	if err := c.Claim(ctx, claimed); err != nil {
		t.Errorf("the mark of a dead prune keeps content from backups: %v", err)
	}
	condemnNow(t, c, 0, 1, claimed, removed)
	if err := c.Claim(ctx, removed); !errors.Is(err, catalog.ErrRemoving) {
		t.Errorf("error %v; want that the next prune removes it", err)
	}
	if err := c.Claim(ctx, claimed); err != nil {
		t.Error(err)
	}
	if err := c.ForgetContents(ctx, removed); err != nil {
		t.Fatal(err)
	}
	if err := c.Claim(ctx, removed); err != nil {
		t.Error(err)
	}
}

// TestPruneBesideKeep has a prune on one machine, and a backup on another one that relies on
// the same old content: before the prune marks it, between the mark and the removal, and
// when it is gone. No snapshot may lose its content. newStore makes an empty store for a vault.
func TestPruneBesideKeep(t *testing.T, create New, newStore func() vault.Store) {
	for _, at := range []string{"before", "between", "after"} {
		t.Run(at, func(t *testing.T) {
			b := newBeside(t, create(t), newStore())
			var kept error
			keep := func(now string) {
				if now == at {
					_, kept = catalog.Keep(t.Context(), b.there, b.other, b.snapshot)
				}
			}
			res, err := b.prune(t, keep)
			keep("after")
			if err != nil || (res.Blobs == 0) != (at == "before") {
				t.Errorf("prune: %+v, error %v", res, err)
			}
			want := map[string]error{"between": catalog.ErrRemoving, "after": vault.ErrRefused}[at]
			if !errors.Is(kept, want) {
				t.Errorf("keep: error %v; want %v", kept, want)
			}
			check, err := b.other.Check(t.Context(), vault.CheckOptions{})
			if names, _ := b.other.Names(t.Context()); err != nil || !check.OK || (len(names) == 1) != (at == "before") {
				t.Errorf("%q, check %+v, error %v", names, check.Problems, err)
			}
			b.again(t)
		})
	}
}

// beside is a vault with old content that no snapshot names, and two machines.
type beside struct {
	here, there catalog.Catalog
	own, other  *vault.Vault
	snapshot    api.Snapshot
}

func newBeside(t *testing.T, open func(testing.TB) catalog.Catalog, s vault.Store) beside {
	t.Helper()
	b := beside{here: open(t), there: open(t), own: vault.New(s), other: vault.New(s)}
	if _, err := b.own.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := File("running-config", api.KindConfig, "old")
	if _, _, err := b.own.Put(t.Context(), []byte("old")); err != nil {
		t.Fatal(err)
	}
	b.snapshot = Snapshot("sw1", 0, "", f)
	condemnNow(t, b.here, 0, 0, f.SHA256)
	return b
}

// prune prunes, and calls at before and after it marks content.
func (b beside) prune(t *testing.T, at func(string)) (api.PruneResult, error) {
	return b.own.Prune(t.Context(), vault.PruneOptions{Now: time.Now().Add(72 * time.Hour),
		Ripe: func(ctx context.Context, sums []string) ([]string, error) {
			at("before")
			now, err := b.here.Now(ctx)
			if err != nil {
				return nil, err
			}
			ripe, err := b.here.Condemn(ctx, now, now, sums)
			at("between")
			return ripe, err
		},
		Removed: func(ctx context.Context, sums []string) error { return b.here.ForgetContents(ctx, sums...) }})
}

// again has the next backup copy the content again.
func (b beside) again(t *testing.T) {
	t.Helper()
	if _, _, err := b.other.Put(t.Context(), []byte("old")); err != nil {
		t.Fatal(err)
	}
	s := b.snapshot
	s.ID = Snapshot("sw1", 1, "").ID
	if _, err := catalog.Keep(t.Context(), b.there, b.other, s); err != nil {
		t.Errorf("the next backup: error %v", err)
	}
	if check, err := b.own.Check(t.Context(), vault.CheckOptions{}); err != nil || !check.OK {
		t.Errorf("check %+v, error %v", check.Problems, err)
	}
}
