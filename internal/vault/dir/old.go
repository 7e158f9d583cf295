package dir

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"flashwarden/internal/lazyregexp"
	"flashwarden/internal/vault"
)

// The names of format 1: blobs/ab/abcdef…, snapshots/2026/ID.json.
var oldNames = map[string]*lazyregexp.Regexp{
	vault.BlobsPart:     lazyregexp.New(`^[0-9a-f]{64}$`),
	vault.SnapshotsPart: lazyregexp.New(`^[0-9]{8}T[0-9]{6}Z-.*\.json$`),
}

// IsOld implements vault.Ager.
func (d *Store) IsOld(ctx context.Context) (bool, error) {
	for top, name := range oldNames {
		found := errors.New("found")
		err := d.eachOld(ctx, top, name, func(string) error { return found })
		if errors.Is(err, found) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// eachOld calls do with the path of each file of format 1 below a first part,
// relative to the store.
func (d *Store) eachOld(ctx context.Context, top string, name *lazyregexp.Regexp, do func(path string) error) error {
	subs, err := d.disk.ReadDir(filepath.Join(d.path, top))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, sub := range subs {
		if !sub.IsDir() {
			continue
		}
		entries, err := d.disk.ReadDir(filepath.Join(d.path, top, sub.Name()))
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !e.Type().IsRegular() || !name.MatchString(e.Name()) {
				continue
			}
			if err := do(filepath.Join(top, sub.Name(), e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
