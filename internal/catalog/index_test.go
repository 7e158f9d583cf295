package catalog

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

var epoch = time.Date(2026, 11, 22, 14, 15, 3, 0, time.UTC)

func sha(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func weak(content string) string {
	sum := md5.Sum([]byte(content))
	return hex.EncodeToString(sum[:])
}

// file is a file that was kept with the given content.
func file(path, kind, content string) api.File {
	return api.File{Path: path, Kind: kind, Size: int64(len(content)), MD5: weak(content), SHA256: sha(content), Evidence: api.EvidenceMD5}
}

// missing is a file that was not kept.
func missing(path, kind string, size int64) api.File {
	return api.File{Path: path, Kind: kind, Size: size, Cause: "stalled"}
}

// snapshot is one of the given device, some hours after epoch, running image
// in bundle mode.
func snapshot(device string, hours int, image string, files ...api.File) api.Snapshot {
	s := api.Snapshot{Format: 1, Device: device, Status: api.StatusOK, Started: epoch.Add(time.Duration(hours) * time.Hour),
		Facts: api.Facts{OS: "ios", Version: "15.0(2)SE8", Mode: "bundle", Image: image}, Files: files}
	s.ID = vault.NewID(device, s.Started)
	for _, f := range files {
		if f.SHA256 == "" {
			s.Status = api.StatusIncomplete
		}
	}
	return s
}

// newVault is a vault that holds the given contents and snapshots.
func newVault(t *testing.T, contents string, snapshots ...api.Snapshot) *vault.Dir {
	t.Helper()
	v, err := vault.Open(filepath.Join(t.TempDir(), "vault"))
	if err != nil {
		t.Fatal(err)
	}
	for content := range strings.FieldsSeq(contents) {
		if _, _, err := v.Put([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range snapshots {
		if err := v.PutSnapshot(s); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// indexAll indexes the snapshots in a new catalog.
func indexAll(t *testing.T, snapshots ...api.Snapshot) *Catalog {
	t.Helper()
	c := newCatalog(t)
	for _, s := range snapshots {
		if err := c.Index(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func listIDs(t *testing.T, c *Catalog, device string) string {
	t.Helper()
	rows, err := c.Snapshots(t.Context(), device)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	return strings.Join(ids, " ")
}

func TestSnapshots(t *testing.T) {
	first := snapshot("sw1", 0, "flash:/x.bin", file("flash:/x.bin", api.KindImage, "image"), file("flash:/vlan.dat", api.KindVLAN, "vlan"))
	second := snapshot("sw2", 1, "flash:/x.bin", missing("flash:/x.bin", api.KindImage, 5), file("flash:/vlan.dat", api.KindVLAN, "vlan"))
	third := snapshot("sw1", 2, "", file("running-config", api.KindConfig, "hostname"))
	c := indexAll(t, third, second, first, second) // in no order, one twice
	rows, err := c.Snapshots(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	want := []api.SnapshotRow{
		{ID: first.ID, Device: "sw1", Started: epoch, Status: "ok", Version: "15.0(2)SE8", Image: "flash:/x.bin", Files: 2, Bytes: 9},
		{ID: second.ID, Device: "sw2", Started: epoch.Add(time.Hour), Status: "incomplete", Version: "15.0(2)SE8", Image: "flash:/x.bin", Files: 1, Bytes: 4},
		{ID: third.ID, Device: "sw1", Started: epoch.Add(2 * time.Hour), Status: "ok", Version: "15.0(2)SE8", Image: "", Files: 1, Bytes: 8},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
	if got, want := listIDs(t, c, "sw1"), first.ID+" "+third.ID; got != want {
		t.Errorf("of sw1: %s; want %s", got, want)
	}
	if got := listIDs(t, c, "sw9"); got != "" {
		t.Errorf("of sw9: %s", got)
	}
}

func TestKnown(t *testing.T) {
	sizeOnly := file("flash:/y.bin", api.KindImage, "proved by its size")
	sizeOnly.Evidence = api.EvidenceSize
	noMD5 := file("flash:/z", api.KindOther, "no MD5")
	noMD5.MD5 = ""
	unproved := missing("flash:/w.bin", api.KindImage, 4)
	unproved.MD5 = weak("gone") // what the device said of what never arrived
	collision := file("flash:/c2", api.KindOther, "twin B")
	collision.MD5 = weak("twin A")
	s := snapshot("sw1", 0, "flash:/x.bin", file("flash:/x.bin", api.KindImage, "image"), sizeOnly, noMD5, unproved,
		file("flash:/c1", api.KindOther, "twin A"), collision)
	c := indexAll(t, s)
	for _, test := range []struct {
		name, md5 string
		size      int64
		want      string
	}{
		{"proved", weak("image"), 5, sha("image")},
		{"wrong size", weak("image"), 6, ""},
		{"unknown", weak("other"), 5, ""},
		{"proved by its size alone", weak("proved by its size"), 18, sha("proved by its size")},
		{"no MD5", "", 6, ""},
		{"never arrived", weak("gone"), 4, ""},
		{"two contents", weak("twin A"), 6, ""},
	} {
		sum, ok, err := c.Known(t.Context(), test.md5, test.size)
		if err != nil || sum != test.want || ok != (test.want != "") {
			t.Errorf("%s: %q, %v, error %v; want %q", test.name, sum, ok, err, test.want)
		}
	}
}

func TestRemember(t *testing.T) {
	c := newCatalog(t)
	f := file("flash:/x.bin", api.KindImage, "image")
	for range 2 {
		if err := c.Remember(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	if sum, ok, err := c.Known(t.Context(), f.MD5, f.Size); sum != f.SHA256 || !ok || err != nil {
		t.Errorf("%q, %v, error %v; want what was remembered", sum, ok, err)
	}
	if images, err := c.Images(t.Context()); len(images) > 0 || err != nil {
		t.Errorf("images %v, error %v; want none before a snapshot names it", images, err)
	}
}

func TestUnindex(t *testing.T) {
	first := snapshot("sw1", 0, "flash:/x.bin", file("flash:/x.bin", api.KindImage, "image"), file("flash:/vlan.dat", api.KindVLAN, "vlan"))
	second := snapshot("sw2", 1, "flash:/x.bin", file("flash:/x.bin", api.KindImage, "image"))
	c := indexAll(t, first, second)
	for range 2 {
		if err := c.Unindex(t.Context(), first.ID); err != nil {
			t.Fatal(err)
		}
	}
	if got := listIDs(t, c, ""); got != second.ID {
		t.Errorf("left: %s; want %s", got, second.ID)
	}
	if _, ok, err := c.Known(t.Context(), weak("image"), 5); !ok || err != nil {
		t.Errorf("what another snapshot names is no longer known, error %v", err)
	}
	if _, ok, err := c.Known(t.Context(), weak("vlan"), 4); ok || err != nil {
		t.Errorf("what no snapshot names is still known, error %v", err)
	}
}

func TestLostCatalogIsRebuilt(t *testing.T) {
	ctx := t.Context()
	snapshots := []api.Snapshot{
		snapshot("sw1", 0, "flash:/x.bin", file("flash:/x.bin", api.KindImage, "image"), missing("flash:/vlan.dat", api.KindVLAN, 4)),
		snapshot("sw2", 1, "flash:/x.bin", missing("flash:/x.bin", api.KindImage, 5), file("flash:/vlan.dat", api.KindVLAN, "vlan")),
		snapshot("sw1", 2, "flash:/y.bin", file("flash:/y.bin", api.KindImage, "newer")),
	}
	v := newVault(t, "image vlan newer", snapshots...)
	before := indexAll(t, snapshots...)
	path := filepath.Join(t.TempDir(), "catalog.db")
	lost, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := lost.Rebuild(ctx, v); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(lost.Close(), os.Remove(path)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+"-wal", log, 0o600); err != nil { // the log of the lost file stays
		t.Fatal(err)
	}
	for _, c := range []*Catalog{newCatalog(t), openCatalog(t, path)} {
		for range 2 { // the second time there is nothing to do
			if err := c.Rebuild(ctx, v); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(contents(t, before), contents(t, c)); diff != "" {
			t.Errorf("indexed(-) rebuilt(+):\n%s", diff)
		}
	}
}

// contents is all that the index tells.
func contents(t *testing.T, c *Catalog) []any {
	t.Helper()
	rows, err := c.Snapshots(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	images, err := c.Images(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sum, ok, err := c.Known(t.Context(), weak("image"), 5)
	if err != nil {
		t.Fatal(err)
	}
	return []any{rows, images, sum, ok}
}

func TestRebuildFollowsTheVault(t *testing.T) {
	ctx := t.Context()
	kept := snapshot("sw1", 0, "flash:/x.bin", file("flash:/x.bin", api.KindImage, "image"))
	unindexed := snapshot("sw1", 1, "flash:/x.bin", file("flash:/x.bin", api.KindImage, "image"))
	removed := snapshot("sw1", 2, "flash:/y.bin", file("flash:/y.bin", api.KindImage, "gone"))
	v := newVault(t, "image", kept, unindexed)
	c := indexAll(t, kept, removed)
	if err := c.AddDevice(ctx, sw1(), sealed()); err != nil {
		t.Fatal(err)
	}
	if err := c.Rebuild(ctx, v); err != nil {
		t.Fatal(err)
	}
	if got, want := listIDs(t, c, ""), kept.ID+" "+unindexed.ID; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
	if _, ok, err := c.Known(ctx, weak("gone"), 4); ok || err != nil {
		t.Errorf("what the vault lost is still known, error %v", err)
	}
	if _, err := c.Device(ctx, "sw1"); err != nil {
		t.Errorf("the inventory suffered: %v", err)
	}
}

func TestRebuildTellsOfDamagedSnapshots(t *testing.T) {
	var snapshots []api.Snapshot
	for i := range 3 {
		snapshots = append(snapshots, snapshot("sw1", i, "flash:/x.bin", file("flash:/x.bin", api.KindImage, "image")))
	}
	v := newVault(t, "image", snapshots...)
	damaged := filepath.Join(v.Path(), "snapshots", "2026", snapshots[1].ID+".json")
	if err := os.Remove(damaged); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(damaged, []byte("{"), 0o400); err != nil {
		t.Fatal(err)
	}
	c := newCatalog(t)
	for range 2 {
		err := c.Rebuild(t.Context(), v)
		if !errors.Is(err, vault.ErrDamaged) || !strings.Contains(err.Error(), snapshots[1].ID) {
			t.Errorf("error %v; want vault.ErrDamaged with the ID", err)
		}
	}
	if got, want := listIDs(t, c, ""), snapshots[0].ID+" "+snapshots[2].ID; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

func TestRebuildByManyAtOnce(t *testing.T) {
	var snapshots []api.Snapshot
	for i := range 40 {
		snapshots = append(snapshots, snapshot(fmt.Sprintf("sw%d", i%7), i, "flash:/x.bin", file("flash:/x.bin", api.KindImage, "image")))
	}
	v := newVault(t, "image", snapshots...)
	path := filepath.Join(t.TempDir(), "catalog.db")
	var all sync.WaitGroup
	for range 4 {
		c := openCatalog(t, path)
		all.Go(func() {
			if err := c.Rebuild(t.Context(), v); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	rows, err := openCatalog(t, path).Snapshots(t.Context(), "")
	if err != nil || len(rows) != len(snapshots) {
		t.Errorf("%d snapshots, error %v; want %d", len(rows), err, len(snapshots))
	}
}

func TestImages(t *testing.T) {
	install := snapshot("cat9k", 0, "flash:packages.conf",
		file("flash:/packages.conf", api.KindBootPointer, "conf"), file("flash:/base.pkg", api.KindPackage, "base"), missing("flash:/web.pkg", api.KindPackage, 77))
	install.Facts.Mode, install.Facts.Version = "install", "17.09.04a"
	older := snapshot("sw1", 0, "flash:/old.bin", file("flash:/old.bin", api.KindImage, "old"))
	older.Facts.Version = "12.2(58)SE2"
	c := indexAll(t, install, older,
		snapshot("sw1", 1, "flash:x.bin", file("flash:/x.bin", api.KindImage, "image"), file("flash:/spare/x.bin", api.KindImage, "spare"),
			file("usbflash0:/x.bin", api.KindImage, "stick")),
		snapshot("stack", 1, "flash:/dir/renamed.bin", file("flash1:/dir/renamed.bin", api.KindImage, "image"), file("flash-2:/dir/renamed.bin", api.KindImage, "image")),
		snapshot("sw2", 1, "flash:/lost.bin", missing("flash:/lost.bin", api.KindImage, 9), file("flash:/x.bin", api.KindImage, "image")),
		snapshot("sw3", 1, "flash:/lost.bin", missing("flash:/lost.bin", api.KindImage, 9)),
		snapshot("sw4", 1, "tftp://192.0.2.7/net.bin", file("running-config", api.KindConfig, "hostname")),
		snapshot("sw5", 0, "flash:/lost.bin", missing("flash:/lost.bin", api.KindImage, 9)),
		snapshot("sw5", 1, "flash:/x.bin", file("flash:/x.bin", api.KindImage, "image")),
		snapshot("sw5", 2, "", file("tftp:/x.bin", api.KindImage, "stick")), // received: it says nothing of what sw5 runs
	)
	got, err := c.Images(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const se8 = "15.0(2)SE8"
	want := []api.Image{
		{SHA256: sha("base"), MD5: weak("base"), Kind: "package", Names: []string{"base.pkg"}, Version: "17.09.04a", Size: 4, Devices: []string{"cat9k"}, InVault: true},
		{SHA256: sha("old"), MD5: weak("old"), Kind: "image", Names: []string{"old.bin"}, Version: "12.2(58)SE2", Size: 3, Devices: []string{}, InVault: true},
		{SHA256: sha("image"), MD5: weak("image"), Kind: "image", Names: []string{"renamed.bin", "x.bin"}, Version: se8, Size: 5, Devices: []string{"stack", "sw1", "sw5"}, InVault: true},
		{SHA256: sha("spare"), MD5: weak("spare"), Kind: "image", Names: []string{"x.bin"}, Size: 5, Devices: []string{}, InVault: true},
		{SHA256: sha("stick"), MD5: weak("stick"), Kind: "image", Names: []string{"x.bin"}, Size: 5, Devices: []string{}, InVault: true},
		{Kind: "image", Names: []string{"lost.bin"}, Version: se8, Size: 9, Devices: []string{"sw2", "sw3"}, Cause: "stalled"},
		{Kind: "image", Names: []string{"net.bin"}, Version: se8, Size: -1, Devices: []string{"sw4"}},
		{Kind: "package", Names: []string{"web.pkg"}, Version: "17.09.04a", Size: 77, Devices: []string{"cat9k"}, Cause: "stalled"},
	}
	if sha("spare") > sha("stick") {
		want[3], want[4] = want[4], want[3]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
}

func TestNoImages(t *testing.T) {
	got, err := newCatalog(t).Images(t.Context())
	if err != nil || got == nil || len(got) > 0 {
		t.Errorf("images %v, error %v; want an empty list, which is [] in JSON", got, err)
	}
}
