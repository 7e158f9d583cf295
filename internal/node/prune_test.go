package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/catalog/sqlite"
	"flashwarden/internal/catalog/sqlite/sqlitetest"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/vaulttest"
)

// mortal is a catalog whose process dies at one of its calls, or at one of the store. Its
// clock is ahead.
type mortal struct {
	catalog.Catalog
	faulty *vaulttest.Faulty
	ahead  time.Duration
}

func (m mortal) Now(ctx context.Context) (now time.Time, err error) {
	err = m.faulty.Call(func() error { now, err = m.Catalog.Now(ctx); return err })
	return now.Add(m.ahead), err
}

func (m mortal) Documents(ctx context.Context, yield func(string)) error {
	return m.faulty.Call(func() error { return m.Catalog.Documents(ctx, yield) })
}

func (m mortal) Unindex(ctx context.Context, ids ...string) error {
	return m.faulty.Call(func() error { return m.Catalog.Unindex(ctx, ids...) })
}

func (m mortal) ForgetContents(ctx context.Context, sums ...string) error {
	return m.faulty.Call(func() error { return m.Catalog.ForgetContents(ctx, sums...) })
}

func (m mortal) Condemn(ctx context.Context, now, until time.Time, sums []string) (ripe []string, err error) {
	err = m.faulty.Call(func() error { ripe, err = m.Catalog.Condemn(ctx, now, until, sums); return err })
	return ripe, err
}

// shared is a vault and its catalog, of which this is one of several machines.
type shared struct {
	*testing.T
	catalog catalog.Catalog
	store   vault.Store
	vault   *vault.Vault
}

func newShared(t *testing.T) shared {
	t.Helper()
	file := filepath.Join(t.TempDir(), "catalog.db")
	sqlitetest.Create(t, file)
	c, err := sqlite.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	store := &vaulttest.Memory{}
	s := shared{t, c, store, vault.New(store)}
	if _, err := s.vault.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if err := s.backup(n, fmt.Sprint("image ", n)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// backup backs up sw1 as another machine does.
func (s shared) backup(n int, image string) error {
	ctx, v := s.Context(), vault.New(s.store)
	started := time.Now().Add(time.Duration(n) * time.Hour)
	next := api.Snapshot{ID: vault.NewID("sw1", started), Device: "sw1", Started: started, Status: api.StatusOK}
	for path, text := range map[string]string{"flash:/x.bin": image, "running-config": fmt.Sprint("! backup ", n)} {
		f := api.File{Path: path, Kind: api.KindOther, Size: int64(len(text)), SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(text))), Evidence: api.EvidenceSize}
		if err := s.catalog.Claim(ctx, f.SHA256); err != nil {
			return err
		}
		var err error
		if _, f.MD5, err = v.Put(ctx, []byte(text)); err != nil {
			return err
		}
		next.Files = append(next.Files, f)
	}
	_, err := catalog.Keep(ctx, s.catalog, v, next)
	return err
}

// prune keeps the newest snapshot. The clock of the catalog is ahead so far; that of this
// machine is always late enough for content to be old.
func (s shared) prune(faulty *vaulttest.Faulty, ahead time.Duration) error {
	o := pruneOptions(mortal{s.catalog, faulty, ahead}, true)
	o.Retention, o.Now = api.Retention{Last: 1}, time.Now().AddDate(0, 1, 0)
	_, err := vault.New(faulty).Prune(s.Context(), o)
	return err
}

// wantSound wants a check without problems.
func (s shared) wantSound(when string) {
	s.Helper()
	res, err := s.vault.Check(s.Context(), vault.CheckOptions{ReadData: true, Known: s.catalog.Documents,
		NotIndexed: func(ctx context.Context, names []string) ([]string, error) {
			return catalog.NotIndexed(ctx, s.catalog, names)
		}})
	if err != nil || !res.OK {
		s.Errorf("%s: %+v, error %v", when, res.Problems, err)
	}
}

// TestPruneOfSharedVaultDies kills a prune of a shared vault at each of its calls, of the
// store and of the catalog, before the call and after it. Whatever it left, no snapshot lacks
// content, another machine can back up the same content again at the latest when the marks of
// the dead prune have ended, and the next prunes remove the rest.
func TestPruneOfSharedVaultDies(t *testing.T) {
	for _, with := range []vaulttest.Fault{vaulttest.CrashedAt, vaulttest.CrashedAfter} {
		for _, ago := range []time.Duration{0, catalog.RemovingLasts + time.Minute} {
			for at, died := 1, true; died; at += testlevel.Of(5, 1, 1) {
				died = testDyingPrune(t, &vaulttest.Faulty{At: at, With: with}, ago)
			}
		}
	}
}

// testDyingPrune reports whether the prune, which began so long ago, died.
func testDyingPrune(t *testing.T, faulty *vaulttest.Faulty, ago time.Duration) (died bool) {
	s, when := newShared(t), fmt.Sprintf("fault %d at call %d, %s ago", faulty.With, faulty.At, ago)
	faulty.Store = s.store
	// The first one notes which content goes, the second one removes it.
	err := s.prune(faulty, -50*time.Hour)
	if err == nil {
		err = s.prune(faulty, -ago)
	}
	if died = err != nil; died && !errors.Is(err, vaulttest.ErrFault) {
		t.Fatalf("%s: %v", when, err)
	}
	s.wantSound(when)
	if err := s.backup(9, "image 0"); err != nil && (ago > 0 || !errors.Is(err, catalog.ErrRemoving)) {
		t.Errorf("%s: a backup of the same content: error %v", when, err)
	}
	s.wantSound(when + ", then a backup")
	for _, ahead := range []time.Duration{catalog.RemovingLasts + time.Minute, 50 * time.Hour, 100 * time.Hour} {
		if err := s.prune(&vaulttest.Faulty{Store: s.store}, ahead); err != nil {
			t.Errorf("%s, then a prune: %v", when, err)
		}
		s.wantSound(when + ", then a prune")
	}
	s.wantContents(when, 2)
	return died
}

// wantContents wants so many contents in the vault.
func (s shared) wantContents(when string, want int) {
	s.Helper()
	got := 0
	err := s.store.List(s.Context(), vault.BlobsPart+"/", func(vault.Info) error { got++; return nil })
	if err != nil || got != want {
		s.Errorf("%s: %d contents, error %v; want %d", when, got, err, want)
	}
}
