package catalogtest

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
	"flashwarden/internal/catalog"
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

// File returns a file of a snapshot that was kept with the given content.
func File(path, kind, content string) api.File {
	return api.File{Path: path, Kind: kind, Size: int64(len(content)), MD5: weak(content), SHA256: sha(content), Evidence: api.EvidenceMD5}
}

// missing is a file that was not kept.
func missing(path, kind string, size int64) api.File {
	return api.File{Path: path, Kind: kind, Size: size, Cause: "stalled"}
}

// Snapshot returns a snapshot of a device that runs image in bundle mode, some
// hours after the first of them.
func Snapshot(device string, hours int, image string, files ...api.File) api.Snapshot {
	s := api.Snapshot{Format: vault.Format, Device: device, Status: api.StatusOK, Started: epoch.Add(time.Duration(hours) * time.Hour),
		Facts: api.Facts{OS: "ios", Version: "15.0(2)SE8", Mode: "bundle", Image: image}, Files: files}
	s.ID = vault.NewID(device, s.Started)
	s.Document = nameOf(s.ID)
	for _, f := range files {
		if f.SHA256 == "" {
			s.Status = api.StatusIncomplete
		}
	}
	return s
}

// nameOf is the name of the document of a snapshot.
func nameOf(id string) string { return id + "." + sha(id) }

// vaultOf is a vault that holds the given snapshots.
func vaultOf(snapshots ...api.Snapshot) fakeVault {
	v := fakeVault{}
	for _, s := range snapshots {
		v[s.Document] = s
	}
	return v
}

// fakeVault holds snapshots by the names of their documents. One without an ID
// of its own is damaged; if it has a device, the disk cannot read it.
type fakeVault map[string]api.Snapshot

func (v fakeVault) Listed(context.Context) ([]string, []*vault.UnlistedError, error) {
	return slices.Sorted(maps.Keys(v)), nil, nil
}

// LockChain does nothing: whoever keeps several snapshots of a device at once needs a
// real vault.
func (v fakeVault) LockChain(string) (release func()) { return func() {} }

func (v fakeVault) PutSnapshot(_ context.Context, s api.Snapshot) (api.Snapshot, error) {
	if s.Device == "" {
		return s, vault.ErrRefused
	}
	s.Document = nameOf(s.ID)
	v[s.Document] = s
	return s, nil
}

func (v fakeVault) Snapshot(_ context.Context, id string) (api.Snapshot, error) {
	s, ok := v[id]
	if !ok {
		s, ok = v[nameOf(id)]
	}
	switch {
	case !ok:
		return s, fmt.Errorf("snapshot %s: %w", id, vault.ErrNotFound)
	case s.ID == "" && s.Device != "":
		return s, fmt.Errorf("read snapshot %s: %w", id, syscall.EIO)
	case s.ID == "":
		return s, fmt.Errorf("snapshot %s is %w", id, vault.ErrDamaged)
	}
	return s, nil
}

// Each leaves out the listings of a snapshot that needs not be complete.
func (v fakeVault) Each(ctx context.Context, names []string, complete func(api.Snapshot) bool) iter.Seq2[api.Snapshot, error] {
	return func(yield func(api.Snapshot, error) bool) {
		for _, name := range names {
			s, err := v.Snapshot(ctx, name)
			if err != nil {
				s = api.Snapshot{Document: name}
			} else if !complete(s) {
				s.Listings = nil
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

// NotPruned returns all names: this vault was never pruned.
func (v fakeVault) NotPruned(_ context.Context, names []string) ([]string, error) { return names, nil }

// prunedVault is a vault that lacks one document because a prune removed it.
type prunedVault struct {
	fakeVault
	removed string
}

func (v prunedVault) NotPruned(_ context.Context, names []string) ([]string, error) {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == v.removed }), nil
}

// indexAll indexes the snapshots in a new catalog.
func indexAll(t *testing.T, create New, snapshots ...api.Snapshot) catalog.Catalog {
	t.Helper()
	c := empty(t, create)
	for _, s := range snapshots {
		if err := c.Index(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func listIDs(t *testing.T, c catalog.Catalog, device string) string {
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

func testSnapshots(t *testing.T, create New) {
	first := Snapshot("sw1", 0, "flash:/x.bin", File("flash:/x.bin", api.KindImage, "image"), File("flash:/vlan.dat", api.KindVLAN, "vlan"))
	second := Snapshot("sw2", 1, "flash:/x.bin", missing("flash:/x.bin", api.KindImage, 5), File("flash:/vlan.dat", api.KindVLAN, "vlan"))
	third := Snapshot("sw1", 2, "", File("running-config", api.KindConfig, "hostname"))
	c := indexAll(t, create, third, second, first, second) // in no order, one twice
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

// testAnyText keeps what devices say in any bytes, and finds it again. A wrong byte is
// U+FFFD, as in the document of the snapshot.
func testAnyText(t *testing.T, create New) {
	const said, kept = "flash:/caf\xe9\xe8\x00\xff.bin", "flash:/caf\uFFFD\uFFFD\uFFFD\uFFFD.bin"
	s := Snapshot("sw1", 0, said, File(said, api.KindImage, "image"))
	s.Facts.Version = "15\x00\xe9"
	c := indexAll(t, create, s)
	rows, err := c.Snapshots(t.Context(), "sw1")
	if err != nil || len(rows) != 1 || rows[0].Image != kept || rows[0].Version != "15\uFFFD\uFFFD" {
		t.Errorf("%+v, error %v", rows, err)
	}
	images, err := c.Images(t.Context())
	if err != nil || len(images) != 1 || !slices.Equal(images[0].Names, []string{path.Base(kept)}) {
		t.Errorf("%+v, error %v", images, err)
	}
	failed := Run("sw1", 1, api.StatusFailed)
	failed.Message, failed.Hint = "%Error \xe9\x00", "\xc3"
	endAll(t, c, failed)
	runs, err := c.Runs(t.Context(), "sw1", 1)
	if err != nil || len(runs) != 1 || runs[0].Message != "%Error \uFFFD\uFFFD" || runs[0].Hint != "\uFFFD" {
		t.Errorf("%+v, error %v", runs, err)
	}
}

func testKnown(t *testing.T, create New) {
	sizeOnly := File("flash:/y.bin", api.KindImage, "proved by its size")
	sizeOnly.Evidence = api.EvidenceSize
	noMD5 := File("flash:/z", api.KindOther, "no MD5")
	noMD5.MD5 = ""
	unproved := missing("flash:/w.bin", api.KindImage, 4)
	unproved.MD5 = weak("gone") // what the device said of what never arrived
	collision := File("flash:/c2", api.KindOther, "twin B")
	collision.MD5 = weak("twin A")
	s := Snapshot("sw1", 0, "flash:/x.bin", File("flash:/x.bin", api.KindImage, "image"), sizeOnly, noMD5, unproved,
		File("flash:/c1", api.KindOther, "twin A"), collision)
	c := indexAll(t, create, s)
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
	for size, want := range map[int64]bool{5: true, 18: true, 4: false, 7: false} {
		if ok, err := c.HasSize(t.Context(), size); ok != want || err != nil {
			t.Errorf("content of %d bytes: %v, error %v", size, ok, err)
		}
	}
}

func testRemember(t *testing.T, create New) {
	c := empty(t, create)
	f := File("flash:/x.bin", api.KindImage, "image")
	for range 2 {
		if err := c.Remember(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	if sum, ok, err := c.Known(t.Context(), f.MD5, f.Size); sum != f.SHA256 || !ok || err != nil {
		t.Errorf("%q, %v, error %v; want the remembered content", sum, ok, err)
	}
	if images, err := c.Images(t.Context()); len(images) > 0 || err != nil {
		t.Errorf("images %v, error %v; want none before a snapshot names it", images, err)
	}
}

func testUnindex(t *testing.T, create New) {
	first := Snapshot("sw1", 0, "flash:/x.bin", File("flash:/x.bin", api.KindImage, "image"), File("flash:/vlan.dat", api.KindVLAN, "vlan"))
	second := Snapshot("sw2", 1, "flash:/x.bin", File("flash:/x.bin", api.KindImage, "image"))
	c := indexAll(t, create, first, second)
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

func testRebuild(t *testing.T, create New) {
	snapshots := []api.Snapshot{
		Snapshot("sw1", 0, "flash:/x.bin", File("flash:/x.bin", api.KindImage, "image"), missing("flash:/vlan.dat", api.KindVLAN, 4)),
		Snapshot("sw2", 1, "flash:/x.bin", missing("flash:/x.bin", api.KindImage, 5), File("flash:/vlan.dat", api.KindVLAN, "vlan")),
		Snapshot("sw1", 2, "flash:/y.bin", File("flash:/y.bin", api.KindImage, "newer")),
	}
	// Beside flash0:, flash1: is a slot of a router, and no member of a stack.
	router := Snapshot("router", 3, "flash:/x.bin", File("flash1:/x.bin", api.KindImage, "image"))
	router.Listings = []api.Listing{{Path: "flash0:/"}}
	snapshots = append(snapshots, router)
	before, c := indexAll(t, create, snapshots...), empty(t, create)
	for _, added := range []int{4, 0} { // the second time there is nothing to do
		done, err := catalog.Rebuild(t.Context(), c, vaultOf(snapshots...), catalog.RebuildOptions{})
		if err != nil || done.Snapshots != 4 || done.Added != added || done.Removed != 0 {
			t.Fatalf("%+v, error %v", done, err)
		}
	}
	if diff := cmp.Diff(contents(t, before), contents(t, c)); diff != "" {
		t.Errorf("indexed(-) rebuilt(+):\n%s", diff)
	}
}

// testSnapshotIDs asks for the names of snapshots as a shell completes them.
func testSnapshotIDs(t *testing.T, create New) {
	var all []api.Snapshot
	for day := range 3 {
		all = append(all, Snapshot("sw1", 24*day, ""), Snapshot("sw2", 24*day+1, ""))
	}
	c := indexAll(t, create, all...)
	for _, test := range []struct {
		device, prefix string
		most           int
		want           []int
	}{
		{"", "", 9, []int{5, 4, 3, 2, 1, 0}},
		{"", "", 2, []int{5, 4}},
		{"sw1", "", 2, []int{4, 2}},
		{"", "20261123T", 9, []int{3, 2}},
		{"sw2", "20261124", 9, []int{5}},
		{"", all[1].ID, 9, []int{1}},
		{"", "sw", 9, nil},
		{"sw9", "", 9, nil},
	} {
		var want []string
		for _, i := range test.want {
			want = append(want, all[i].ID)
		}
		if got, err := c.SnapshotIDs(t.Context(), test.device, test.prefix, test.most); err != nil || !slices.Equal(got, want) {
			t.Errorf("%+v: %v, error %v; want %v", test, got, err, want)
		}
	}
}

// testIndexMany indexes several snapshots at once, and none once the context
// has ended.
func testIndexMany(t *testing.T, create New) {
	c := empty(t, create)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	one, two := Snapshot("sw1", 0, "", File("running-config", api.KindConfig, "a")), Snapshot("sw1", 1, "", File("running-config", api.KindConfig, "b"))
	if err := c.Index(ctx, one, two); err == nil {
		t.Error("indexed although the context had ended")
	}
	if got := listIDs(t, c, ""); got != "" {
		t.Errorf("indexed: %s", got)
	}
	if err := c.Index(t.Context(), one, two); err != nil {
		t.Fatal(err)
	}
	if err := c.Index(t.Context()); err != nil {
		t.Errorf("nothing to index: %v", err)
	}
	if got, want := listIDs(t, c, ""), one.ID+" "+two.ID; got != want {
		t.Errorf("indexed: %s; want %s", got, want)
	}
}

// contents is everything that the index answers.
func contents(t *testing.T, c catalog.Catalog) []any {
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

func testRebuildFollows(t *testing.T, create New) {
	ctx := t.Context()
	kept := Snapshot("sw1", 0, "flash:/x.bin", File("flash:/x.bin", api.KindImage, "image"))
	unindexed := Snapshot("sw1", 1, "flash:/x.bin", File("flash:/x.bin", api.KindImage, "image"))
	removed := Snapshot("sw1", 2, "flash:/y.bin", File("flash:/y.bin", api.KindImage, "gone"))
	lost := Snapshot("sw1", 3, "flash:/z.bin", File("flash:/z.bin", api.KindImage, "lost"))
	v := prunedVault{vaultOf(kept, unindexed), removed.Document}
	c := indexAll(t, create, kept, removed, lost)
	if err := c.AddDevice(ctx, Device(), Sealed()); err != nil {
		t.Fatal(err)
	}
	done, err := catalog.Rebuild(ctx, c, v, catalog.RebuildOptions{})
	if err != nil || done.Added != 1 || done.Removed != 1 || done.Snapshots != 3 || !slices.Equal(done.Lost, []string{lost.Document}) {
		t.Fatalf("%+v, error %v; want one lost", done, err)
	}
	mirror := vaultOf(kept, unindexed, removed) // it keeps what the prune removed
	fresh := empty(t, create)
	if done, err := catalog.Rebuild(ctx, fresh, prunedVault{mirror, removed.Document}, catalog.RebuildOptions{Mirror: true}); err != nil || done.Added != 2 {
		t.Errorf("from a mirror: %+v, error %v; want all but the pruned one", done, err)
	}
	if got, err := c.Latest(ctx, "sw1"); got != lost.Document || err != nil {
		t.Errorf("the newest snapshot is %s, error %v; want the lost one", got, err)
	}
	if done, err = catalog.Rebuild(ctx, c, v, catalog.RebuildOptions{ForgetLost: true}); err != nil || done.Added != 0 || done.Removed != 1 || len(done.Lost) > 0 {
		t.Fatalf("%+v, error %v; want the lost one forgotten", done, err)
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

func testRebuildDamaged(t *testing.T, create New) {
	var snapshots []api.Snapshot
	for i := range 4 {
		snapshots = append(snapshots, Snapshot("sw1", i, "flash:/x.bin", File("flash:/x.bin", api.KindImage, "image")))
	}
	v := vaultOf(snapshots...)
	v[snapshots[1].Document], v[snapshots[2].Document] = api.Snapshot{}, api.Snapshot{Device: "sw1"}
	c := empty(t, create)
	for range 2 {
		done, err := catalog.Rebuild(t.Context(), c, v, catalog.RebuildOptions{})
		if err != nil || len(done.Damaged) != 2 {
			t.Fatalf("%+v, error %v; want two that cannot be read", done, err)
		}
		for i, want := range []error{vault.ErrDamaged, syscall.EIO} {
			if got := done.Damaged[i]; !errors.Is(got.Err, want) || got.Name != snapshots[1+i].Document {
				t.Errorf("%+v; want %v with the name", got, want)
			}
		}
	}
	if got, want := listIDs(t, c, ""), snapshots[0].ID+" "+snapshots[3].ID; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

func testRebuildByMany(t *testing.T, create New) {
	var snapshots []api.Snapshot
	for i := range 40 {
		snapshots = append(snapshots, Snapshot(fmt.Sprintf("sw%d", i%7), i, "flash:/x.bin", File("flash:/x.bin", api.KindImage, "image")))
	}
	v := vaultOf(snapshots...)
	open := create(t)
	var all sync.WaitGroup
	for range 4 {
		c := open(t)
		all.Go(func() {
			if _, err := catalog.Rebuild(t.Context(), c, v, catalog.RebuildOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	rows, err := open(t).Snapshots(t.Context(), "")
	if err != nil || len(rows) != len(snapshots) {
		t.Errorf("%d snapshots, error %v; want %d", len(rows), err, len(snapshots))
	}
}

func testImages(t *testing.T, create New) {
	install := Snapshot("cat9k", 0, "flash:packages.conf",
		File("flash:/packages.conf", api.KindBootPointer, "conf"), File("flash:/base.pkg", api.KindPackage, "base"), missing("flash:/web.pkg", api.KindPackage, 77))
	install.Facts.Mode, install.Facts.Version = "install", "17.09.04a"
	older := Snapshot("sw1", 0, "flash:/old.bin", File("flash:/old.bin", api.KindImage, "old"))
	older.Facts.Version = "12.2(58)SE2"
	c := indexAll(t, create, install, older,
		Snapshot("sw1", 1, "flash:x.bin", File("flash:/x.bin", api.KindImage, "image"), File("flash:/spare/x.bin", api.KindImage, "spare"),
			File("usbflash0:/x.bin", api.KindImage, "stick")),
		Snapshot("stack", 1, "flash:/dir/renamed.bin", File("flash1:/dir/renamed.bin", api.KindImage, "image"), File("flash-2:/dir/renamed.bin", api.KindImage, "image")),
		Snapshot("sw2", 1, "flash:/lost.bin", missing("flash:/lost.bin", api.KindImage, 9), File("flash:/x.bin", api.KindImage, "image")),
		Snapshot("sw3", 1, "flash:/lost.bin", missing("flash:/lost.bin", api.KindImage, 9)),
		Snapshot("sw4", 1, "tftp://192.0.2.7/net.bin", File("running-config", api.KindConfig, "hostname")),
		Snapshot("sw5", 0, "flash:/lost.bin", missing("flash:/lost.bin", api.KindImage, 9)),
		Snapshot("sw5", 1, "flash:/x.bin", File("flash:/x.bin", api.KindImage, "image")),
		Snapshot("sw5", 2, "", File("tftp:/x.bin", api.KindImage, "stick")), // received: it says nothing of what sw5 runs
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

func testNoImages(t *testing.T, create New) {
	got, err := empty(t, create).Images(t.Context())
	if err != nil || got == nil || len(got) > 0 {
		t.Errorf("images %v, error %v; want an empty list, which is [] in JSON", got, err)
	}
}
