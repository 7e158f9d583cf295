package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"flashwarden/api"
)

// CheckOptions says how thorough a Check is.
type CheckOptions struct {
	// ReadData reads every blob and compares its digests. Without it only
	// names, sizes and permissions are compared.
	ReadData bool

	// Progress, unless nil, is told how many bytes of blobs were read, of how
	// many. It is called by one goroutine at a time.
	Progress func(done, total int64)
}

// Check reads the vault again and returns what is wrong with it, sorted by
// path; no problem means that every snapshot is whole. Backups may go on at
// the same time. The error is that of ctx, or says that the vault cannot be
// read at all.
func (d *Dir) Check(ctx context.Context, opt CheckOptions) ([]api.CheckProblem, error) {
	c := &checker{dir: d, named: map[string][]claim{}, blobs: map[string]int64{}}
	// Snapshots before blobs: a snapshot that is there has its blobs already.
	steps := []func(context.Context) error{c.snapshots, c.listBlobs, c.compare}
	if opt.ReadData {
		steps = append(steps, func(ctx context.Context) error { return c.readBlobs(ctx, opt.Progress) })
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("check vault %s: %w", d.path, err)
		}
	}
	slices.SortFunc(c.problems, func(a, b api.CheckProblem) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Message, b.Message))
	})
	return c.problems, nil
}

// checker is the state of one Check.
type checker struct {
	dir      *Dir
	named    map[string][]claim // by SHA-256: what snapshots say of a blob
	blobs    map[string]int64   // by SHA-256: the size of each blob that is there
	problems []api.CheckProblem
}

// claim is what one snapshot says of a blob.
type claim struct {
	snapshot string // its path within the vault
	file     api.File
}

func (c *checker) report(kind, path, format string, args ...any) {
	c.problems = append(c.problems, api.CheckProblem{Kind: kind, Path: path, Message: fmt.Sprintf(format, args...)})
}

// snapshots reads every snapshot and collects what they say of blobs.
func (c *checker) snapshots(ctx context.Context) error {
	if err := c.root(); err != nil {
		return err
	}
	years, err := c.readDir(snapshotsDir)
	if err != nil {
		return err
	}
	for _, year := range years {
		path := filepath.Join(snapshotsDir, year.Name())
		if !year.IsDir() || !validYear.MatchString(year.Name()) {
			c.stray(path)
			continue
		}
		if err := c.year(ctx, path); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) year(ctx context.Context, dir string) error {
	files, err := c.readDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := filepath.Join(dir, f.Name())
		id, isJSON := strings.CutSuffix(f.Name(), ".json")
		if !isJSON || !f.Type().IsRegular() {
			c.stray(path)
			continue
		}
		c.snapshot(path, id)
	}
	return nil
}

func (c *checker) snapshot(path, id string) {
	c.permissions(path, 0o337)
	if !validID.MatchString(id) || id[:4] != filepath.Base(filepath.Dir(path)) {
		c.report(api.CheckSnapshotDamaged, path, "its name is not the ID of a snapshot of this year")
		return
	}
	s, err := c.dir.Snapshot(id)
	switch {
	case errors.Is(err, ErrNotFound): // retention removed it meanwhile
	case errors.Is(err, ErrDamaged):
		c.report(api.CheckSnapshotDamaged, path, "%v", err)
	case err != nil:
		c.report(api.CheckUnreadable, path, "%v", err)
	}
	for _, f := range s.Files {
		if f.SHA256 != "" {
			c.named[f.SHA256] = append(c.named[f.SHA256], claim{path, f})
		}
	}
}

// root looks for strays and open permissions at the top of the vault.
func (c *checker) root() error {
	entries, err := os.ReadDir(c.dir.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch e.Name() {
		case blobsDir, snapshotsDir, tmpDir:
			if !e.IsDir() {
				c.stray(e.Name())
			}
		case "lost+found": // the vault is a file system of its own
		default:
			c.stray(e.Name())
		}
	}
	c.permissions(".", 0o027)
	return nil
}

// listBlobs collects the blobs that are there.
func (c *checker) listBlobs(ctx context.Context) error {
	dirs, err := c.readDir(blobsDir)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		path := filepath.Join(blobsDir, dir.Name())
		if !dir.IsDir() || !validPrefix.MatchString(dir.Name()) {
			c.stray(path)
			continue
		}
		files, err := c.readDir(path)
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := ctx.Err(); err != nil {
				return err
			}
			c.blob(filepath.Join(path, f.Name()), f)
		}
	}
	return nil
}

func (c *checker) blob(path string, e fs.DirEntry) {
	if !validSHA256(e.Name()) || e.Name()[:2] != filepath.Base(filepath.Dir(path)) || !e.Type().IsRegular() {
		c.stray(path)
		return
	}
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		c.report(api.CheckUnreadable, path, "%v", err)
		return
	}
	c.permissions(path, 0o337)
	c.blobs[e.Name()] = info.Size()
}

// compare holds what snapshots say against the blobs that are there.
func (c *checker) compare(ctx context.Context) error {
	for sum, claims := range c.named {
		path := filepath.Join(blobsDir, sum[:2], sum)
		size, there := c.blobs[sum]
		for _, claim := range claims {
			switch {
			case !there:
				c.report(api.CheckBlobMissing, path, "%s names it as %s (%d bytes)", claim.snapshot, claim.file.Path, claim.file.Size)
			case size != claim.file.Size:
				c.report(api.CheckBlobSize, path, "it has %d bytes; %s says %d for %s", size, claim.snapshot, claim.file.Size, claim.file.Path)
			}
		}
	}
	return ctx.Err()
}

// readDir lists a directory of the vault. One that is missing is a problem,
// not an error.
func (c *checker) readDir(path string) ([]fs.DirEntry, error) {
	entries, err := os.ReadDir(filepath.Join(c.dir.path, path))
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		c.report(api.CheckUnreadable, path, "%v", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c.permissions(path, 0o027)
	return entries, nil
}

func (c *checker) stray(path string) {
	c.report(api.CheckStray, path, "the vault did not put it there; move it away")
}

// permissions reports a file that has any of the forbidden bits of its mode.
func (c *checker) permissions(path string, forbidden fs.FileMode) {
	info, err := os.Lstat(filepath.Join(c.dir.path, path))
	if err != nil {
		return // whoever reads it says so
	}
	mode := info.Mode().Perm()
	if mode&forbidden != 0 {
		full := filepath.Join(c.dir.path, path)
		c.report(api.CheckPermissions, path, "its mode is %04o; type: chmod %04o %s", mode, mode&^forbidden, full)
	}
}
