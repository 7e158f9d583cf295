package dir

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/disk"
	"flashwarden/internal/disk/disktest"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/vault"
)

// oldVault makes a vault of format 1 with two snapshots of sw1 and one of sw2,
// and returns its path.
func oldVault(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vault")
	for i, c := range []struct{ id, device, content string }{
		{"20251122T141503Z-sw1-aaaa", "sw1", "an image"},
		{"20261122T141503Z-sw1-bbbb", "sw1", "another image"},
		{"20261122T141503Z-sw2-cccc", "sw2", "an image"},
	} {
		s := snapshotOf(c.content)
		s.Format, s.ID, s.Device = 1, c.id, c.device
		s.Started = s.Started.AddDate(0, i, 0)
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		writeOld(t, filepath.Join(path, "snapshots", c.id[:4], c.id+".json"), string(text))
		writeOld(t, filepath.Join(path, "blobs", sumOf(c.content)[:2], sumOf(c.content)), c.content)
	}
	return path
}

func writeOld(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func ignoreProgress(int64, int64) {}

// wantConverted fails unless d has the three snapshots of oldVault, chained.
func wantConverted(t *testing.T, d *Store) {
	t.Helper()
	v := vault.New(d)
	var all []api.Snapshot
	for s, err := range v.Snapshots(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		whole, err := v.Snapshot(t.Context(), s.ID)
		if err != nil || len(whole.Listings) != 1 || len(whole.Listings[0].Entries) != 1 {
			t.Errorf("%s: listings %+v, error %v", s.ID, whole.Listings, err)
		}
		all = append(all, s)
	}
	if len(all) != 3 {
		t.Fatalf("%d snapshots; want 3", len(all))
	}
	if all[0].Previous != "" || all[1].Previous != all[0].Document || all[2].Previous != "" {
		t.Errorf("chain %q, %q, %q", all[0].Previous, all[1].Previous, all[2].Previous)
	}
	wantClean(t, &kit{v, d})
}

func TestConvert(t *testing.T) {
	d, err := Open(oldVault(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := vault.New(d).Recognise(t.Context(), ""); !errors.Is(err, vault.ErrOldFormat) {
		t.Errorf("before: error %v; want ErrOldFormat", err)
	}
	var last, total int64
	n, problems, err := d.Convert(t.Context(), func(done, all int64) { last, total = done, all })
	if err != nil || n != 3 || len(problems) > 0 || last != total || total != 21 {
		t.Fatalf("%d converted, problems %v, error %v, read %d of %d bytes", n, problems, err, last, total)
	}
	wantConverted(t, d)
	if n, _, err := d.Convert(t.Context(), ignoreProgress); n != 0 || err != nil {
		t.Errorf("again: %d converted, error %v", n, err)
	}
	wantConverted(t, d)
}

// TestConvertIsInterrupted lets each step of a conversion fail in turn. The next
// one finishes the work. Only at the level soak it is every step.
func TestConvertIsInterrupted(t *testing.T) {
	testlevel.NeedFull(t, "takes seconds")
	for n := 1; ; n += testlevel.Of(9, 2, 1) {
		d, err := Open(oldVault(t))
		if err != nil {
			t.Fatal(err)
		}
		steps := 0
		d.disk = disktest.Faults(func(string, string) error {
			if steps++; steps == n {
				return errInjected
			}
			return nil
		})
		_, _, err = d.Convert(t.Context(), ignoreProgress)
		d.disk = disk.OS{}
		if steps < n {
			if err != nil || n < 30 {
				t.Errorf("%d steps, error %v", steps, err)
			}
			return
		}
		if _, _, err := d.Convert(t.Context(), ignoreProgress); err != nil {
			t.Errorf("after step %d: %v", n, err)
		}
		if err := d.Sweep(t.Context()); err != nil {
			t.Error(err)
		}
		wantConverted(t, d)
	}
}

// TestConvertDamaged has a rotten blob, and a document that is none.
func TestConvertDamaged(t *testing.T) {
	path := oldVault(t)
	writeOld(t, filepath.Join(path, "blobs", sumOf("another image")[:2], sumOf("another image")), "another imagE")
	writeOld(t, filepath.Join(path, "snapshots", "2026", "20261122T141503Z-sw2-cccc.json"), "{")
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	n, problems, err := d.Convert(t.Context(), ignoreProgress)
	if err != nil || n != 2 || len(problems) != 2 || problems[0].Kind != api.CheckBlobDamaged || problems[1].Kind != api.CheckSnapshotDamaged {
		t.Fatalf("%d converted, problems %+v, error %v", n, problems, err)
	}
	s, err := vault.New(d).Snapshot(t.Context(), "20261122T141503Z-sw1-bbbb")
	if err != nil || s.Status != api.StatusIncomplete || s.Files[0].SHA256 != "" || s.Files[0].Hint == "" {
		t.Errorf("%+v, error %v", s, err)
	}
	for _, p := range problems {
		if !exists(filepath.Join(path, p.Path)) {
			t.Errorf("%s is not there", p.Path)
		}
	}
	if old, err := d.IsOld(t.Context()); old || err != nil {
		t.Errorf("still old: %v, error %v", old, err)
	}
}
