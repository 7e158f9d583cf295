package dir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/disk"
	"flashwarden/internal/vault"
)

// asideDir is where Convert moves what it cannot convert. A check reports it.
const asideDir = "format1"

// Convert brings a vault of format 1 into the format of today. It reads every
// blob: one that does not have the digest of its name is moved into format1/,
// and is missing from the snapshots. Nothing of the old form goes away before
// the new one is on stable storage, so that Convert can be interrupted and run
// again. progress gets bytes read, and all bytes to read.
func (d *Store) Convert(ctx context.Context, progress func(done, total int64)) (snapshots int, problems []api.CheckProblem, err error) {
	c := &converter{store: d, vault: vault.New(d), progress: progress, latest: map[string]string{}, kept: map[string]bool{}, problems: []api.CheckProblem{}}
	for _, step := range []func(context.Context) error{c.begin, c.blobs, c.snapshots} {
		if err := step(ctx); err != nil {
			return c.converted, c.problems, fmt.Errorf("convert vault: %w", err)
		}
	}
	return c.converted, c.problems, nil
}

// converter is one Convert.
type converter struct {
	store       *Store
	vault       *vault.Vault
	progress    func(done, total int64)
	done, total int64
	latest      map[string]string // by device: its last document so far
	kept        map[string]bool   // the IDs of the snapshots that an interrupted Convert wrote
	converted   int
	problems    []api.CheckProblem
}

// begin gives the store its directories and its identity.
func (c *converter) begin(ctx context.Context) error {
	if err := c.store.Make(ctx); err != nil {
		return err
	}
	if _, err := c.vault.Identify(ctx, ""); err != nil && !errors.Is(err, vault.ErrExists) {
		return err
	}
	for s, err := range c.vault.Snapshots(ctx) { // an interrupted Convert made them
		if err != nil {
			return err
		}
		c.latest[s.Device], c.kept[s.ID] = s.Document, true
	}
	return nil
}

// old returns the files of format 1 below a first part, sorted.
func (c *converter) old(ctx context.Context, top string) ([]string, error) {
	var paths []string
	err := c.store.eachOld(ctx, top, oldNames[top], func(path string) error {
		paths = append(paths, path)
		return nil
	})
	slices.SortFunc(paths, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	return paths, err
}

func (c *converter) blobs(ctx context.Context) error {
	paths, err := c.old(ctx, vault.BlobsPart)
	if err != nil {
		return err
	}
	for _, path := range paths {
		info, err := os.Stat(c.path(path))
		if err != nil {
			return err
		}
		c.total += info.Size()
	}
	for _, path := range paths {
		if err := c.blob(ctx, path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func (c *converter) path(name string) string { return filepath.Join(c.store.path, name) }

// blob proves one blob and gives it its new name.
func (c *converter) blob(ctx context.Context, path string) error {
	f, err := openRegular(c.store.disk, c.path(path))
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(hash, c), contextReader{ctx, f}); err != nil {
		return err
	}
	want := filepath.Base(path)
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		return c.setAside(path, api.CheckBlobDamaged, fmt.Sprintf("its content has the SHA-256 %s: copied again by the next backup of a device that has the file", got))
	}
	if err := c.store.Adopt(ctx, vault.BlobKey(want), c.path(path)); !errors.Is(err, vault.ErrExists) {
		return err
	}
	return c.store.disk.Remove(c.path(path)) // an interrupted Convert had linked it
}

// Write counts the bytes that were read.
func (c *converter) Write(p []byte) (int, error) {
	c.done += int64(len(p))
	c.progress(c.done, c.total)
	return len(p), nil
}

// setAside moves a file that cannot be converted out of the way.
func (c *converter) setAside(path, kind, why string) error {
	to := filepath.Join(asideDir, path)
	c.problems = append(c.problems, api.CheckProblem{Kind: kind, Path: to, Message: why})
	if err := errors.Join(c.store.mkdir(c.path(asideDir)), c.store.makePart(c.path(filepath.Dir(to)))); err != nil {
		return err
	}
	if err := c.store.disk.Rename(c.path(path), c.path(to)); err != nil {
		return err
	}
	return errors.Join(disk.SyncDir(c.store.disk, filepath.Dir(c.path(to))), disk.SyncDir(c.store.disk, filepath.Dir(c.path(path))))
}

func (c *converter) snapshots(ctx context.Context) error {
	paths, err := c.old(ctx, vault.SnapshotsPart)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := c.snapshot(ctx, path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// snapshot writes one snapshot again as the next one of its device.
func (c *converter) snapshot(ctx context.Context, path string) error {
	data, err := os.ReadFile(c.path(path))
	if err != nil {
		return err
	}
	var s api.Snapshot
	if err := json.Unmarshal(data, &s); err != nil || s.Format != 1 || s.ID+".json" != filepath.Base(path) {
		return c.setAside(path, api.CheckSnapshotDamaged, "it is not a snapshot of format 1")
	}
	if c.kept[s.ID] {
		return c.store.disk.Remove(c.path(path))
	}
	s.Format, s.Previous = vault.Format, c.latest[s.Device]
	if err := c.withoutLost(ctx, &s); err != nil {
		return err
	}
	kept, err := c.vault.PutSnapshot(ctx, s)
	if err != nil {
		return err
	}
	c.latest[s.Device] = kept.Document
	c.converted++
	return c.store.disk.Remove(c.path(path))
}

// withoutLost makes the files of s missing whose content is damaged or gone.
func (c *converter) withoutLost(ctx context.Context, s *api.Snapshot) error {
	for i, f := range s.Files {
		if f.SHA256 == "" {
			continue
		}
		has, err := c.vault.HasBlob(ctx, f.SHA256, f.Size)
		if err != nil {
			return err
		}
		if has {
			continue
		}
		s.Status = api.StatusIncomplete
		s.Files[i].SHA256, s.Files[i].Evidence, s.Files[i].Cause = "", "", "vault_error"
		s.Files[i].Message = fmt.Sprintf("its content %s was damaged or missing when the vault was converted to format %d", f.SHA256, vault.Format)
		s.Files[i].Hint = "back up the device again"
	}
	return nil
}
