package dir

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/disk"
	"flashwarden/internal/disk/disktest"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/vault"
)

// liar is a disk that confirms each fsync and does nothing.
type liar struct{ FS }

type liarFile struct{ disk.File }

func (l liar) OpenFile(name string, flag int, perm fs.FileMode) (disk.File, error) {
	f, err := l.FS.OpenFile(name, flag, perm)
	return liarFile{f}, err
}

func (liarFile) Sync() error { return nil }

// promise is a snapshot that a store has promised to keep.
type promise struct {
	s       api.Snapshot
	from    int // the number of steps after which it was stored
	until   int // the number after which a prune may have removed it; 0: never
	mirrors int // the number after which the mirror has it, too; 0: never
}

// history is what happened to a vault and its mirror, on one recorded disk.
type history struct {
	recorded *disktest.Disk
	vault    *vault.Vault
	mirror   *Store
	promises []*promise
	last     map[string]string // document of each device
}

// live backs up two devices, mirrors, prunes, and does so again.
func live(t *testing.T, lies bool) *history {
	t.Helper()
	top := t.TempDir()
	k, err := openKit(filepath.Join(top, "data", "vault"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(top, "mirrors"), 0o700); err != nil {
		t.Fatal(err)
	}
	h := &history{recorded: disktest.New(t, top), vault: k.Vault, last: map[string]string{}}
	var on FS = h.recorded
	if lies {
		on = liar{on}
	}
	k.dir.disk, h.mirror = on, &Store{path: filepath.Join(top, "mirrors", "one"), disk: on}
	now := time.Now()
	for day, fresh := range []bool{true, false} {
		for n, image := range []string{"an image", "another image", "an image"} {
			h.backup(t, "sw1", image, now.Add(time.Duration(day*24+n)*time.Hour))
			h.backup(t, "sw2", "an image", now.Add(time.Duration(day*24+n)*time.Hour))
		}
		if _, err := h.vault.MirrorTo(t.Context(), vault.NewTwin(h.mirror, nil), vault.MirrorOptions{Fresh: fresh, Parallel: 1}); err != nil {
			t.Fatal(err)
		}
		for _, p := range h.promises {
			if p.mirrors == 0 && p.until == 0 {
				p.mirrors = h.recorded.Steps()
			}
		}
		h.prune(t, now.Add(time.Duration(day+9)*24*time.Hour))
	}
	return h
}

// backup stores a snapshot.
func (h *history) backup(t *testing.T, device, image string, at time.Time) {
	t.Helper()
	s := snapshotOf(image)
	s.ID, s.Device, s.Started, s.Previous, s.Files = vault.NewID(device, at), device, at, h.last[device], nil
	for path, text := range map[string]string{"flash:/x.bin": image, "running-config": "hostname " + device + "\n" + at.String()} {
		sum, weak, err := h.vault.Put(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		s.Files = append(s.Files, api.File{Path: path, Kind: api.KindOther, Size: int64(len(text)), SHA256: sum, MD5: weak, Evidence: api.EvidenceSize})
	}
	slices.SortFunc(s.Files, func(a, b api.File) int { return strings.Compare(a.Path, b.Path) })
	s, err := h.vault.PutSnapshot(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	h.last[device] = s.Document
	h.promises = append(h.promises, &promise{s: s, from: h.recorded.Steps()})
}

// prune keeps the newest snapshot of each device.
func (h *history) prune(t *testing.T, now time.Time) {
	t.Helper()
	_, err := h.vault.Prune(t.Context(), vault.PruneOptions{Retention: api.Retention{Last: 1}, Now: now, Removing: func(_ context.Context, ids []string) error {
		for _, p := range h.promises {
			if slices.Contains(ids, p.s.ID) {
				p.until = h.recorded.Steps()
			}
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// lost returns the documents and the contents that a store has not, or not whole, by
// their keys. It uses nothing of the vault but the names.
func lost(path string, promises []api.Snapshot) (keys []string) {
	damaged := func(key, sum string) bool {
		text, err := os.ReadFile(filepath.Join(path, key))
		return err != nil || fmt.Sprintf("%x", sha256.Sum256(text)) != sum
	}
	for _, s := range promises {
		_, sum, _ := vault.SplitName(s.Document)
		if key := vault.SnapshotKey(s.Document); damaged(key, sum) {
			keys = append(keys, key)
			continue // check names the document alone
		}
		for _, f := range s.Files {
			if key := vault.BlobKey(f.SHA256); damaged(key, f.SHA256) {
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// unreported returns the losses that a check of the store does not report. A snapshot that a
// prune removed from the vault is not missed in a mirror with the record of that prune: a
// mirror that was made later never had it.
func unreported(t *testing.T, path string, promises []api.Snapshot, lost []string) []string {
	t.Helper()
	known := func(_ context.Context, yield func(string)) error {
		for _, s := range promises {
			yield(s.Document)
		}
		return nil
	}
	v := vault.New(&Store{path: path, disk: disk.OS{}})
	res, err := v.Check(t.Context(), vault.CheckOptions{ReadData: true, Known: known, Now: time.Now()})
	if err != nil {
		return nil // that the vault cannot be read is a report
	}
	return slices.DeleteFunc(slices.Clone(lost), func(key string) bool {
		if name, ok := vault.SnapshotOf(key); ok {
			if left, err := v.NotPruned(t.Context(), []string{name}); err == nil && len(left) == 0 {
				return true
			}
		}
		return slices.ContainsFunc(res.Problems, func(p api.CheckProblem) bool { return p.Path == key || strings.HasPrefix(key, p.Path+"/") })
	})
}

// TestPowerCutOfVaultAndMirror cuts the power at random during backups, mirrors and
// prunes. Nothing that was promised is lost. On a disk that ignores fsync things are lost,
// and check reports each of them.
func TestPowerCutOfVaultAndMirror(t *testing.T) {
	t.Parallel()
	for _, lies := range []bool{false, true} {
		h := live(t, lies)
		losses := disktest.Losses(20)
		rng := rand.New(rand.NewPCG(1, 2))
		cuts, some := testlevel.Of(3, 40, 500), 0
		for range cuts {
			at, loss := rng.IntN(h.recorded.Steps()+1), losses[rng.IntN(len(losses))]
			left := h.recorded.Cut(t, at, loss)
			for name, has := range map[string]func(p *promise) bool{
				"data/vault":  func(p *promise) bool { return p.from <= at && (p.until == 0 || at < p.until) },
				"mirrors/one": func(p *promise) bool { return p.mirrors > 0 && p.mirrors <= at },
			} {
				var promised []api.Snapshot
				for _, p := range h.promises {
					if has(p) {
						promised = append(promised, p.s)
					}
				}
				gone := lost(filepath.Join(left, name), promised)
				if len(gone) > 0 && !lies {
					t.Errorf("power cut after %d steps, %+v: %s lost %q", at, loss, name, gone)
				}
				if silent := unreported(t, filepath.Join(left, name), promised, gone); len(silent) > 0 {
					t.Errorf("disk that lies: %t, power cut after %d steps, %+v: check of %s does not report %q", lies, at, loss, name, silent)
				}
				some += len(gone)
			}
			os.RemoveAll(left)
		}
		t.Logf("disk that lies: %t: %d cuts after 0 to %d steps, %d losses, all reported: %t", lies, cuts, h.recorded.Steps(), some, !t.Failed())
		if lies && some == 0 {
			t.Error("the disk that lies lost nothing: the test proves nothing")
		}
	}
}
