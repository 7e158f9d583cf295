package dir

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// Modes that files and directories of the store must not have.
const (
	notOfDirs  fs.FileMode = 0o027
	notOfFiles fs.FileMode = 0o337
)

// Audit implements vault.Auditor: it reports everything that the store did not
// put into the directory, and open permissions. What it cannot list, List
// reports.
func (d *Store) Audit(ctx context.Context, report func(api.CheckProblem)) error {
	a := auditor{d, report}
	entries, err := d.disk.ReadDir(d.path)
	if err != nil {
		return err
	}
	a.permissions(".", notOfDirs)
	for _, e := range entries {
		switch name := e.Name(); {
		case name == "lost+found": // the vault is a file system of its own
		case name == vault.IdentityKey:
			a.file(name, e)
		case slices.Contains(vault.Parts(), name) || name == tmpDir:
			if !e.IsDir() {
				report(vault.Stray(name))
			}
		default:
			report(vault.Stray(name))
		}
	}
	for _, top := range vault.Parts() {
		if err := a.below(ctx, top); err != nil {
			return err
		}
	}
	return a.each(ctx, tmpDir, func(e fs.DirEntry) error {
		if !e.Type().IsRegular() { // files are still being written
			report(vault.Stray(tmpDir + "/" + e.Name()))
		}
		return nil
	})
}

// auditor is one Audit.
type auditor struct {
	store  *Store
	report func(api.CheckProblem)
}

// below looks into a directory that is a part, or has parts below it.
func (a auditor) below(ctx context.Context, dir string) error {
	return a.each(ctx, dir, func(e fs.DirEntry) error {
		switch name := dir + "/" + e.Name(); {
		case vault.ValidPart(dir):
			a.file(name, e)
		case e.IsDir() && vault.LeadsToPart(name):
			return a.below(ctx, name)
		default:
			a.report(vault.Stray(name))
		}
		return nil
	})
}

// each calls do for each entry of a directory that can be listed.
func (a auditor) each(ctx context.Context, part string, do func(fs.DirEntry) error) error {
	a.permissions(part, notOfDirs)
	streamed, ok := a.store.disk.(interface {
		EachEntry(name string, do func(fs.DirEntry) error) error
	})
	if !ok {
		unlisted := func(string, fs.DirEntry, error) error { return nil }
		return a.store.readDir(ctx, part, unlisted, do)
	}
	var failed error
	streamed.EachEntry(filepath.Join(a.store.path, part), func(e fs.DirEntry) error {
		failed = ctx.Err()
		if failed == nil {
			failed = do(e)
		}
		return failed
	}) // its own error is that of a directory that cannot be listed
	return failed
}

func (a auditor) file(key string, e fs.DirEntry) {
	switch {
	case !e.Type().IsRegular() || !vault.ValidKey(key):
		a.report(vault.Stray(key))
	case vault.IsBlob(key) || strings.HasSuffix(key, ".json"): // other names are strays
		a.permissions(key, notOfFiles)
	}
}

// permissions reports a file that has any of the forbidden bits of its mode.
func (a auditor) permissions(path string, forbidden fs.FileMode) {
	full := filepath.Join(a.store.path, path)
	info, err := a.store.disk.Lstat(full)
	if err != nil {
		return // whoever reads it reports it
	}
	if mode := info.Mode().Perm(); mode&forbidden != 0 {
		a.report(api.CheckProblem{Kind: api.CheckPermissions, Path: path,
			Message: fmt.Sprintf("its mode is %04o; type: chmod %04o %s", mode, mode&^forbidden, full)})
	}
}
