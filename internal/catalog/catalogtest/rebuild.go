package catalogtest

import (
	"context"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"

	"flashwarden/internal/catalog"
	"flashwarden/internal/vault"
)

// badMonth is a vault with a month that the disk cannot list.
type badMonth struct {
	fakeVault
	part string
}

func (v badMonth) Listed(context.Context) (names []string, unlisted []*vault.UnlistedError, err error) {
	for name := range v.fakeVault {
		if !strings.HasPrefix(vault.SnapshotKey(name), v.part+"/") {
			names = append(names, name)
		}
	}
	return names, []*vault.UnlistedError{{Part: v.part, Err: syscall.EIO}}, nil
}

// testRebuildBadMonth: what the index has of a part that cannot be listed stays there, also where
// lost snapshots are forgotten. All others are indexed.
func testRebuildBadMonth(t *testing.T, create New) {
	hidden, listed := Snapshot("sw1", 0, ""), Snapshot("sw1", 24*40, "")
	lost := Snapshot("sw1", 24*40+1, "")
	v := badMonth{vaultOf(hidden, listed), path.Dir(vault.SnapshotKey(hidden.Document))}
	c := indexAll(t, create, hidden, lost)
	for _, forget := range []bool{false, true} {
		done, err := catalog.Rebuild(t.Context(), c, v, catalog.RebuildOptions{ForgetLost: forget})
		if err != nil || len(done.Unlisted) != 1 || done.Unlisted[0].Part != v.part || slices.Contains(done.Lost, hidden.Document) {
			t.Errorf("forget %t: %+v, error %v; want the part that cannot be listed", forget, done, err)
		}
	}
	if got, want := listIDs(t, c, ""), hidden.ID+" "+listed.ID; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}
