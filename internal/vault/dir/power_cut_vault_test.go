package dir

import (
	"context"
	"crypto/sha256"
	"errors"
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
	top      string // the directory
	recorded *disktest.Disk
	vault    *vault.Vault
	mirror   *Store
	promises []*promise
	last     map[string]string // document of each device
	rotten   [2]int            // the number of steps when a content began to rot, and when it was repaired
}

// live backs up two devices, mirrors, repairs a content from the mirror, prunes, and does so
// again.
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
	h := &history{top: top, recorded: disktest.New(t, top), vault: k.Vault, last: map[string]string{}}
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
		if fresh {
			h.repair(t)
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
	config := "hostname " + device + "\n" + at.String()
	if _, _, err := h.vault.Put(t.Context(), []byte(config)); err != nil {
		t.Fatal(err)
	}
	h.adopt(t, image)
	for path, text := range map[string]string{"flash:/x.bin": image, "running-config": config} {
		s.Files = append(s.Files, api.File{Path: path, Kind: api.KindOther, Size: int64(len(text)), SHA256: sumOf(text), MD5: md5Of(text), Evidence: api.EvidenceSize})
	}
	slices.SortFunc(s.Files, func(a, b api.File) int { return strings.Compare(a.Path, b.Path) })
	s, err := h.vault.PutSnapshot(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	h.last[device] = s.Document
	h.promises = append(h.promises, &promise{s: s, from: h.recorded.Steps()})
}

// adopt stores an image that was uploaded.
func (h *history) adopt(t *testing.T, image string) {
	t.Helper()
	upload := filepath.Join(h.top, "upload")
	h.write(t, upload, image)
	if err := h.vault.Adopt(t.Context(), upload, sumOf(image)); err != nil {
		t.Fatal(err)
	}
}

// write makes a file on the recorded disk, and syncs it.
func (h *history) write(t *testing.T, path, content string) {
	t.Helper()
	f, err := h.recorded.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write([]byte(content))
	if err := errors.Join(err, f.Sync(), f.Close(), disk.SyncDir(h.recorded, filepath.Dir(path))); err != nil {
		t.Fatal(err)
	}
}

// repair damages a content that all newest snapshots name, and repairs it from the mirror.
func (h *history) repair(t *testing.T) {
	t.Helper()
	h.rotten[0] = h.recorded.Steps()
	blob := filepath.Join(h.top, "data/vault", vault.BlobKey(sumOf("an image")))
	if err := h.recorded.Remove(blob); err != nil {
		t.Fatal(err)
	}
	h.write(t, blob, "an imagE")
	res, err := h.vault.CheckAndRepair(t.Context(), vault.New(h.mirror), vault.CheckOptions{ReadData: true, Now: time.Now()})
	if err != nil || len(res.Repaired) != 1 {
		t.Fatalf("repaired %q, error %v; want one content", res.Repaired, err)
	}
	h.rotten[1] = h.recorded.Steps()
}

// rots reports whether a content is damaged after so many steps.
func (h *history) rots(steps int) bool { return h.rotten[0] < steps && steps < h.rotten[1] }

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

// promisedAt returns the snapshots that the vault must have after so many steps.
func (h *history) promisedAt(steps int) []api.Snapshot {
	return h.snapshots(func(p *promise) bool { return p.from <= steps && (p.until == 0 || steps < p.until) })
}

// mirroredAt returns the snapshots that the mirror must have after so many steps.
func (h *history) mirroredAt(steps int) []api.Snapshot {
	return h.snapshots(func(p *promise) bool { return p.mirrors > 0 && p.mirrors <= steps })
}

func (h *history) snapshots(has func(p *promise) bool) (list []api.Snapshot) {
	for _, p := range h.promises {
		if has(p) {
			list = append(list, p.s)
		}
	}
	return list
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

// goOn checks the vault that a power cut left, after a repair if a content rots, mirrors it and
// prunes it. Then the vault and its mirror have no problem.
func goOn(t *testing.T, left string, promised []api.Snapshot, rots bool) {
	t.Helper()
	here := &Store{path: filepath.Join(left, "data/vault"), disk: disk.OS{}}
	there := &Store{path: filepath.Join(left, "mirrors/one"), disk: disk.OS{}}
	v, mirror := vault.New(here), vault.New(there)
	if err := here.Sweep(t.Context()); err != nil {
		t.Errorf("sweep: %v", err)
	}
	if rots {
		if _, err := v.CheckAndRepair(t.Context(), mirror, vault.CheckOptions{ReadData: true, Now: time.Now()}); err != nil {
			t.Errorf("repair: %v", err)
		}
	}
	wantWhole(t, v, vault.CheckOptions{Known: func(_ context.Context, yield func(string)) error {
		for _, s := range promised {
			yield(s.Document)
		}
		return nil
	}})
	_, err := mirror.Identity(t.Context())
	res, err := v.MirrorTo(t.Context(), vault.NewTwin(there, nil), vault.MirrorOptions{Fresh: err != nil, Parallel: 1})
	if err != nil || len(res.Problems) > 0 {
		t.Errorf("mirror: %+v, %v", res.Problems, err)
	}
	pruned, err := v.Prune(t.Context(), vault.PruneOptions{Retention: api.Retention{Last: 1}, Now: time.Now().Add(30 * 24 * time.Hour)})
	if err != nil || len(pruned.Problems) > 0 {
		t.Errorf("prune: %+v, %v", pruned.Problems, err)
	}
	wantWhole(t, v, vault.CheckOptions{})
	wantWhole(t, mirror, vault.CheckOptions{Mirror: true})
}

func wantWhole(t *testing.T, v *vault.Vault, o vault.CheckOptions) {
	t.Helper()
	o.ReadData, o.Now = true, time.Now()
	if res, err := v.Check(t.Context(), o); err != nil || !res.OK {
		t.Errorf("check: %+v, %v", res.Problems, err)
	}
}

// TestPowerCutOfVaultAndMirror cuts the power at random during backups, mirrors, repairs and
// prunes. Nothing that was promised is lost, and all goes on. On a disk that ignores fsync
// things are lost, and check reports each of them. Other cuts with FLASHWARDEN_SEED=N.
func TestPowerCutOfVaultAndMirror(t *testing.T) {
	t.Parallel()
	seed := testlevel.Seed(t)
	for _, lies := range []bool{false, true} {
		h := live(t, lies)
		losses := disktest.Losses(20)
		rng := rand.New(rand.NewPCG(seed, 2))
		cuts, some := testlevel.Of(3, 40, 500), 0
		for range cuts {
			at, loss := rng.IntN(h.recorded.Steps()+1), losses[rng.IntN(len(losses))]
			left := h.recorded.Cut(t, at, loss)
			for name, promised := range map[string][]api.Snapshot{"data/vault": h.promisedAt(at), "mirrors/one": h.mirroredAt(at)} {
				gone := lost(filepath.Join(left, name), promised)
				if len(gone) > 0 && !lies && !(h.rots(at) && name == "data/vault") {
					t.Errorf("power cut after %d steps, %+v: %s lost %q", at, loss, name, gone)
				}
				if silent := unreported(t, filepath.Join(left, name), promised, gone); len(silent) > 0 {
					t.Errorf("disk that lies: %t, power cut after %d steps, %+v: check of %s does not report %q", lies, at, loss, name, silent)
				}
				some += len(gone)
			}
			if !lies {
				goOn(t, left, h.promisedAt(at), h.rots(at))
			}
			if t.Failed() {
				t.Fatalf("seed %d: power cut after %d steps, %+v", seed, at, loss)
			}
			os.RemoveAll(left)
		}
		t.Logf("seed %d, disk that lies: %t: %d cuts after 0 to %d steps, %d losses, all reported: %t", seed, lies, cuts, h.recorded.Steps(), some, !t.Failed())
		if lies && some == 0 {
			t.Error("the disk that lies lost nothing: the test proves nothing")
		}
	}
}
