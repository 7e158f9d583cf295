package vault

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
)

func TestSnapshotRoundTrip(t *testing.T) {
	d := newVault(t)
	if _, _, err := d.Put([]byte("an image")); err != nil {
		t.Fatal(err)
	}
	want := snapshotOf("an image")
	want.Status = api.StatusIncomplete
	want.Files = append(want.Files, api.File{Path: "flash:/vlan.dat", Kind: api.KindVLAN, Size: 796, Cause: "stalled", Message: "block 3", Hint: "try"})
	given := want
	given.Started = want.Started.Add(300 * time.Millisecond).In(time.FixedZone("CET", 3600))
	if err := d.PutSnapshot(given); err != nil {
		t.Fatal(err)
	}
	got, err := d.Snapshot(want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
	data, err := os.ReadFile(filepath.Join(d.Path(), "snapshots", "2026", want.ID+".json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`"started": "2026-11-22T14:15:03Z"`, `"<x> & y.bin"`, `"snapshot": "` + want.ID + `"`} {
		if !strings.Contains(string(data), text) {
			t.Errorf("the document lacks %s:\n%s", text, data)
		}
	}
	wantClean(t, d)
}

func TestPutSnapshotRefuses(t *testing.T) {
	d := newVault(t)
	if _, _, err := d.Put([]byte("an image")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(*api.Snapshot)
		want   string
	}{
		{"missing blob", func(s *api.Snapshot) { s.Files[0].SHA256 = sumOf("none") }, "not in the vault"},
		{"wrong size", func(s *api.Snapshot) { s.Files[0].Size++ }, "has 8 bytes where 9"},
		{"failed", func(s *api.Snapshot) { s.Status = api.StatusFailed }, `its status is "failed"`},
		{"ok with a missing file", func(s *api.Snapshot) { s.Files[0].SHA256, s.Files[0].Cause = "", "stalled" }, "its status is ok"},
		{"neither kept nor missing", func(s *api.Snapshot) { s.Files[0].SHA256 = "" }, "neither"},
		{"both kept and missing", func(s *api.Snapshot) { s.Files[0].Cause = "stalled" }, "both"},
		{"climbing ID", func(s *api.Snapshot) { s.ID = "20261122T141503Z-../../x-abcd" }, "not a snapshot ID"},
		{"no ID", func(s *api.Snapshot) { s.ID = "" }, "not a snapshot ID"},
		{"no device", func(s *api.Snapshot) { s.Device = "" }, "no device"},
		{"no time", func(s *api.Snapshot) { s.Started = time.Time{} }, "no time"},
		{"climbing digest", func(s *api.Snapshot) { s.Files[0].SHA256 = "../../x" }, "not a SHA-256"},
		{"bad MD5", func(s *api.Snapshot) { s.Files[0].MD5 = "xyz" }, "not an MD5"},
		{"newer format", func(s *api.Snapshot) { s.Format = 2 }, "newer flashwarden"},
	} {
		s := snapshotOf("an image")
		test.change(&s)
		if err := d.PutSnapshot(s); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v; want one with %q", test.name, err, test.want)
		}
	}
	if ids, err := d.SnapshotIDs(); err != nil || len(ids) > 0 {
		t.Errorf("snapshots %v, error %v", ids, err)
	}
}

func TestPutSnapshotNeverReplaces(t *testing.T) {
	d := newVault(t)
	if _, _, err := d.Put([]byte("an image")); err != nil {
		t.Fatal(err)
	}
	first := snapshotOf("an image")
	if err := d.PutSnapshot(first); err != nil {
		t.Fatal(err)
	}
	second := first
	second.Device = "sw2"
	if err := d.PutSnapshot(second); !errors.Is(err, ErrExists) {
		t.Errorf("error %v; want ErrExists", err)
	}
	if got, err := d.Snapshot(first.ID); err != nil || got.Device != "sw1" {
		t.Errorf("device %q, error %v", got.Device, err)
	}
}

func TestSnapshotsInOrderAndNoneSkipped(t *testing.T) {
	d := newVault(t)
	if _, _, err := d.Put([]byte("an image")); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, year := range []int{2025, 2026, 2027} {
		s := snapshotOf("an image")
		s.Started = s.Started.AddDate(year-2026, 0, 0)
		s.ID = NewID("sw1", s.Started)
		if err := d.PutSnapshot(s); err != nil {
			t.Fatal(err)
		}
		want = append(want, s.ID)
	}
	damaged := d.snapshotPath(want[1])
	if err := os.Chmod(damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(damaged, 100); err != nil {
		t.Fatal(err)
	}
	var got []string
	for s, err := range d.Snapshots() {
		got = append(got, s.ID)
		if isDamaged := s.ID == want[1]; errors.Is(err, ErrDamaged) != isDamaged || (err != nil) != isDamaged {
			t.Errorf("%s: error %v", s.ID, err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
	for range d.Snapshots() {
		break // an early end must not panic
	}
}

func TestSnapshotNotFound(t *testing.T) {
	d := newVault(t)
	for _, id := range []string{"20261122T141503Z-sw1-abcd", "", "..", "../../etc/passwd", "20261122T141503Z-../../x-abcd"} {
		if _, err := d.Snapshot(id); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: error %v; want ErrNotFound", id, err)
		}
	}
}

func TestNewID(t *testing.T) {
	at := time.Date(2026, 11, 22, 15, 15, 3, 999, time.FixedZone("CET", 3600))
	for _, test := range []struct{ device, want string }{
		{"sw1", "20261122T141503Z-sw1-"},
		{"core/sw 1", "20261122T141503Z-core-sw-1-"},
		{"../../etc", "20261122T141503Z-..-..-etc-"},
		{"Zürich", "20261122T141503Z-Z-rich-"},
		{"", "20261122T141503Z-device-"},
		{strings.Repeat("x", 100), "20261122T141503Z-" + strings.Repeat("x", 64) + "-"},
	} {
		id := NewID(test.device, at)
		if !strings.HasPrefix(id, test.want) || len(id) != len(test.want)+4 || !validID.MatchString(id) {
			t.Errorf("NewID(%q) = %q; want %q and four characters", test.device, id, test.want)
		}
	}
	seen := map[string]bool{}
	for range 200 {
		seen[NewID("sw1", at)] = true
	}
	if len(seen) < 195 { // 200 of 1.7 million: two equal ones are rare
		t.Errorf("%d different IDs of 200", len(seen))
	}
}

func FuzzDecode(f *testing.F) {
	seed, err := encode(snapshotOf("an image"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"format":1}`))
	f.Add([]byte(`{} {}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decode(data)
		if err != nil {
			return
		}
		s = normalise(s)
		text, err := encode(s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decode(text)
		if err != nil {
			t.Fatalf("%v in what we wrote: %s", err, text)
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Errorf("want(-) got(+):\n%s", diff)
		}
	})
}
