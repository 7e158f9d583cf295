package catalogtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// testKeep keeps snapshots of two devices. Each names the one before it.
func testKeep(t *testing.T, create New) {
	ctx, c, v := t.Context(), empty(t, create), vaultOf()
	addDevices(t, c, "sw1", "sw2")
	latest := map[string]string{}
	for i, device := range []string{"sw1", "sw2", "sw1", "sw1"} {
		// The clock of the third was set back.
		s := Snapshot(device, []int{5, 5, 1, 6}[i], "", File("running-config", api.KindConfig, "a"))
		kept, err := catalog.Keep(ctx, c, v, s)
		if err != nil || kept.Document == "" || kept.Previous != latest[device] {
			t.Errorf("%d: %+v, error %v; want it after %q", i, kept, err, latest[device])
		}
		latest[device] = kept.Document
		if got, err := c.Latest(ctx, device); got != kept.Document || err != nil {
			t.Errorf("latest of %s: %q, error %v; want %q", device, got, err, kept.Document)
		}
		if state := stateOf(t, c, device); state.Newest.ID != kept.ID || state.Good.ID != kept.ID {
			t.Errorf("%d: the newest backup of %s is %q, the newest complete one %q; want %q", i, device, state.Newest.ID, state.Good.ID, kept.ID)
		}
	}
	if got, err := c.Latest(ctx, "sw3"); got != "" || err != nil {
		t.Errorf("latest of no snapshots: %q, error %v", got, err)
	}
	var got []string
	if err := c.Documents(ctx, func(name string) { got = append(got, name) }); len(got) != 4 || err != nil || !slices.Contains(got, latest["sw2"]) {
		t.Errorf("documents %q, error %v", got, err)
	}
	if _, err := catalog.Keep(ctx, c, v, api.Snapshot{ID: "x"}); err == nil {
		t.Error("the vault refused it, and Keep did not say so")
	}
	if ids, err := c.Intended(ctx); len(ids) > 0 || err != nil {
		t.Errorf("still intended: %q, error %v", ids, err)
	}
}

// testKeepUncertain has a vault that writes a snapshot, and a failure after it. The
// snapshot is found again.
func testKeepUncertain(t *testing.T, create New) {
	ctx, c, v := t.Context(), empty(t, create), vaultOf()
	s := Snapshot("sw1", 0, "", File("running-config", api.KindConfig, "a"))
	if _, err := catalog.Keep(ctx, c, mute{v}, s); err == nil || errors.Is(err, catalog.ErrNotIndexed) {
		t.Errorf("error %v; want that of the vault", err)
	}
	if got, err := catalog.NotIndexed(ctx, c, []string{s.Document}); len(got) > 0 || err != nil {
		t.Errorf("not indexed: %q, error %v; want none, because it is intended", got, err)
	}
	if err := catalog.Recover(ctx, c, v, false); err != nil {
		t.Fatal(err)
	}
	if got := listIDs(t, c, ""); got != s.ID {
		t.Errorf("indexed: %s; want %s", got, s.ID)
	}
	other := nameOf("20261122T141503Z-sw1-abcd")
	if got, err := catalog.NotIndexed(ctx, c, []string{s.Document, other}); !slices.Equal(got, []string{other}) || err != nil {
		t.Errorf("not indexed: %q, error %v; want the other one", got, err)
	}
}

// mute is a vault that writes, and whose answer is lost.
type mute struct{ fakeVault }

func (v mute) PutSnapshot(ctx context.Context, s api.Snapshot) (api.Snapshot, error) {
	s, err := v.fakeVault.PutSnapshot(ctx, s)
	return s, errors.Join(err, errors.New("timeout"))
}

// testKeepWithoutIndex has a catalog that fails: the snapshot is kept all the
// same.
func testKeepWithoutIndex(t *testing.T, create New) {
	v := vaultOf()
	s := Snapshot("sw1", 0, "", File("running-config", api.KindConfig, "a"))
	kept, err := catalog.Keep(t.Context(), failing{empty(t, create)}, v, s)
	if !errors.Is(err, catalog.ErrNotIndexed) || kept.Document == "" || len(v) != 1 {
		t.Errorf("%+v, error %v; want it kept, and ErrNotIndexed", kept, err)
	}
}

// failing is an index that cannot be written.
type failing struct{ catalog.Catalog }

// Index fails.
func (failing) Index(context.Context, ...api.Snapshot) error { return errors.New("disk full") }

// testRecover has processes that died between the vault and the index, and
// before the vault.
func testRecover(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	written := Snapshot("sw1", 0, "", File("running-config", api.KindConfig, "a"))
	v := vaultOf(written)
	never, damaged := Snapshot("sw1", 1, ""), Snapshot("aa1", 2, "")
	damaged.ID = "00010101T000000Z-aa1-abcd" // the first one: it does not keep Recover from the others
	v[nameOf(damaged.ID)] = api.Snapshot{}
	for _, id := range []string{damaged.ID, written.ID, never.ID, never.ID} {
		if err := c.Intend(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	for _, alone := range []bool{false, true} {
		if err := catalog.Recover(ctx, c, v, alone); err != nil {
			t.Fatal(err)
		}
		if got := listIDs(t, c, ""); got != written.ID {
			t.Errorf("indexed: %s; want %s", got, written.ID)
		}
		ids, err := c.Intended(ctx)
		if err != nil || alone != (len(ids) == 0) || !alone && strings.Join(ids, " ") != never.ID {
			t.Errorf("alone %v: intended %q, error %v", alone, ids, err)
		}
	}
}

// testAbandoned has intents of workers that died. They are abandoned when they gave no sign
// for a while; one under a lease only when that has ended too.
func testAbandoned(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	lease := func(w catalog.Worker, device string) catalog.Lease {
		l, ok, err := c.TakeLease(ctx, w, device, lasts)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		return l
	}
	died, renewed, living := lease(worker, "died"), lease(another, "renewed"), lease(worker, "living")
	for _, l := range []catalog.Lease{died, renewed, living} {
		if err := c.Intend(catalog.UnderLease(ctx, l), l.Name); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Intend(ctx, "without a lease"); err != nil {
		t.Fatal(err)
	}
	before := later(t, c)
	if lost, _, err := c.RenewLeases(ctx, another, lasts, renewed); err != nil || len(lost) > 0 {
		t.Fatal(lost, err)
	}
	if err := c.FreeLeases(ctx, died, renewed); err != nil {
		t.Fatal(err)
	}
	wantAbandoned(t, c, before, "died", "without a lease")
	wantAbandoned(t, c, later(t, c), "died", "renewed", "without a lease")
	wantAbandoned(t, c, before.Add(-time.Hour))
	if err := c.Intend(ctx, "died"); err != nil { // another process has the same snapshot
		t.Fatal(err)
	}
	wantAbandoned(t, c, before, "without a lease")
}

func wantAbandoned(t *testing.T, c catalog.Catalog, before time.Time, want ...string) {
	t.Helper()
	if got, err := c.Abandoned(t.Context(), before); err != nil || !slices.Equal(got, want) {
		t.Errorf("abandoned: %q, error %v; want %q", got, err, want)
	}
}

// later returns the time of the catalog once it has gone on.
func later(t *testing.T, c catalog.Catalog) time.Time {
	t.Helper()
	first, err := c.Now(t.Context())
	now := first
	for err == nil && !now.After(first) {
		now, err = c.Now(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// testRecoverShared has the intents of a dead worker beside other machines: they are forgotten
// after a while, if the vault does not have the snapshot.
func testRecoverShared(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	written, never := Snapshot("sw1", 0, "", File("running-config", api.KindConfig, "a")), Snapshot("sw1", 1, "")
	v := vaultOf(written)
	for _, id := range []string{written.ID, never.ID} {
		if err := c.Intend(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := catalog.Recover(ctx, aged{c, catalog.IntentLasts - time.Minute}, v, false); err != nil {
		t.Fatal(err)
	}
	wantIntended(t, c, never.ID)
	if err := catalog.Recover(ctx, aged{c, catalog.IntentLasts + time.Minute}, v, false); err != nil {
		t.Fatal(err)
	}
	wantIntended(t, c)
	if got := listIDs(t, c, ""); got != written.ID {
		t.Errorf("indexed: %s; want %s", got, written.ID)
	}
}

func wantIntended(t *testing.T, c catalog.Catalog, want ...string) {
	t.Helper()
	if ids, err := c.Intended(t.Context()); err != nil || !slices.Equal(ids, want) {
		t.Errorf("intended: %q, error %v; want %q", ids, err, want)
	}
}

// aged is a catalog whose clock has gone on.
type aged struct {
	catalog.Catalog
	by time.Duration
}

// Now is the later time.
func (c aged) Now(ctx context.Context) (time.Time, error) {
	now, err := c.Catalog.Now(ctx)
	return now.Add(c.by), err
}

func testVaultIdentity(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	for _, want := range []string{"", "one", "two"} {
		if want != "" {
			if err := c.SetVaultIdentity(ctx, want); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := c.VaultIdentity(ctx); got != want || err != nil {
			t.Errorf("identity %q, error %v; want %q", got, err, want)
		}
	}
}

// testMirrors enters copies of the vault and replaces one.
func testMirrors(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	made := time.Date(2026, 11, 22, 14, 15, 3, 0, time.UTC)
	a, b := catalog.Mirror{Target: "/a", Made: made}, catalog.Mirror{Target: "sftp://nas/b", Made: made, Succeeded: made.Add(time.Hour)}
	for _, m := range []catalog.Mirror{b, {Target: "/a", Made: made.Add(-time.Hour), Succeeded: made}, a} {
		if err := c.PutMirror(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := c.Mirrors(ctx); err != nil || !slices.Equal(got, []catalog.Mirror{a, b}) {
		t.Errorf("%+v, error %v; want %+v", got, err, []catalog.Mirror{a, b})
	}
	for target, ids := range map[string][]string{"/a": {"s1", "s2", "s1"}, "sftp://nas/b": {"s2"}, "/c": {"s3"}} {
		if err := c.SetMirrored(ctx, target, ids); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.SetMirrored(ctx, "/c", nil); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{"s1": {"/a"}, "s2": {"/a", "sftp://nas/b"}}
	if got, err := c.Mirrored(ctx); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v, error %v; want %v", got, err, want)
	}
}

// testCondemn: content is ripe only a while after it was condemned, and not if it was
// entered again.
func testCondemn(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	now := time.Date(2026, 11, 22, 14, 15, 3, 0, time.UTC)
	f := File("flash:/x.bin", api.KindImage, "image")
	remember := func() {
		if err := c.Remember(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	condemn := func(at time.Time, want bool) {
		t.Helper()
		ripe, err := c.Condemn(ctx, at, at.Add(-48*time.Hour), []string{f.SHA256})
		if err != nil || (len(ripe) == 1) != want {
			t.Errorf("%q, error %v; want it ripe: %v", ripe, err, want)
		}
		if _, known, err := c.Known(ctx, f.MD5, f.Size); known || err != nil {
			t.Errorf("known %v, error %v; want that it is copied again", known, err)
		}
	}
	remember()
	condemn(now, false)
	condemn(now.Add(47*time.Hour), false)
	remember()
	condemn(now.Add(49*time.Hour), false) // somebody used it: the time begins again
	condemn(now.Add(96*time.Hour), false)
	condemn(now.Add(97*time.Hour), true)
	if err := c.ForgetContents(ctx, f.SHA256); err != nil {
		t.Fatal(err)
	}
	condemn(now.Add(98*time.Hour), false) // it is there again, and nobody entered it
	s := Snapshot("sw1", 0, "flash:/x.bin", f)
	if err := c.Index(ctx, s); err != nil {
		t.Fatal(err)
	}
	if ripe, err := c.Condemn(ctx, now.Add(400*time.Hour), now.Add(300*time.Hour), []string{f.SHA256}); err != nil || len(ripe) > 0 {
		t.Errorf("%q, error %v: a snapshot names it", ripe, err)
	}
}
