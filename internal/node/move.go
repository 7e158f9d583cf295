package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/catalog/move"
	"flashwarden/internal/catalog/postgres"
	"flashwarden/internal/catalog/sqlite"
	"flashwarden/internal/cause"
	"flashwarden/internal/credential"
	"flashwarden/internal/disk"
)

// movedCatalog is the name of the file of a catalog that was moved.
const movedCatalog = ownCatalog + ".moved"

// MoveCatalog moves the catalog of a data directory into the database that the configuration
// names, whole or not at all. The file stays under another name. No process may serve the
// data directory.
func MoveCatalog(ctx context.Context, o Options, turn Turn) (tables []api.MovedTable, err error) {
	n := &core{opts: o}
	if !n.Shared() {
		return nil, cause.New(cause.Internal, "the configuration names no database for the catalog", api.Say("name it: ").Set("catalog", "postgres://user@host/database"))
	}
	file := n.path(ownCatalog)
	if _, err := os.Stat(file); err != nil {
		if _, moved := os.Stat(n.path(movedCatalog)); moved == nil && errors.Is(err, fs.ErrNotExist) {
			return nil, cause.New(cause.Internal, "the catalog of "+o.Data+" was moved before", api.Do("status").Say(" uses the one in the database"))
		}
		return nil, fmt.Errorf("there is no catalog to move: %w", err)
	}
	lock, err := takeLock(ctx, n.path("lock"), turn)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if tables, err = n.copyCatalog(ctx, file); err != nil {
		return nil, err
	}
	return tables, putAside(disk.OS{}, file, n.path(movedCatalog))
}

// putAside renames the old catalog. When it returns nil, a power cut does not bring the
// old name back.
func putAside(d disk.FS, file, aside string) error {
	if err := d.Rename(file, aside); err != nil {
		return fmt.Errorf("put the old catalog aside: %w", err)
	}
	return disk.SyncDir(d, filepath.Dir(file))
}

func (n *core) copyCatalog(ctx context.Context, file string) (tables []api.MovedTable, err error) {
	from, err := sqlite.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := postgres.Open(ctx, postgres.Options{URL: n.opts.Config.Catalog, Password: passwordOf(n.opts.Config)})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if err := enterKey(ctx, from, n.path("key")); err != nil {
		return nil, err
	}
	tables, err = move.Copy(ctx, from.DB(), to.DB(), to.Place())
	if errors.Is(err, move.ErrNotEmpty) {
		return nil, cause.Wrap(cause.Internal, err, to.Place()+" cannot take this catalog", api.Say("name an empty database in the setting ").Set("catalog", ""))
	}
	return tables, err
}

// enterKey enters the check value of the key in a file into a catalog, which moves with the rest: so a machine with another
// key notices it.
func enterKey(ctx context.Context, from catalog.Catalog, file string) error {
	key, err := credential.Load(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // opening the new catalog says so, if something was sealed with it
	}
	if err != nil {
		return err
	}
	value, err := from.SealingKey(ctx, key.CheckValue())
	if err == nil && value != key.CheckValue() {
		_, err = (&keyring{file: file, key: key, otherKey: true}).sealer()
	}
	return err
}
