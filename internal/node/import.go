package node

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/cause"
)

// Import takes all files below a directory into the vault: regular files that are
// not empty. It holds the lock of the data directory, as Rebuild does.
func (n *upkeep) Import(ctx context.Context, r api.Import, turn Turn, events func(api.Event)) ([]api.ImportedFile, error) {
	root, err := os.OpenRoot(r.Dir)
	if err != nil {
		return nil, cause.Wrap(cause.Internal, err, "import", api.Say("name a directory that the user of flashwarden may read"))
	}
	defer root.Close()
	files, err := filesBelow(ctx, root)
	if err != nil {
		return nil, cause.Wrap(cause.Internal, err, "import", api.Say("make all directories readable for the user of flashwarden"))
	}
	release, err := n.alone(ctx, turn)
	if err != nil {
		return nil, err
	}
	defer release()
	if n.service == nil { // else all is ready, and in use
		if err := errors.Join(n.prepareVault(ctx), os.MkdirAll(n.path("spool"), 0o700)); err != nil {
			return nil, err
		}
	}
	i := backup.Importer{Vault: n.vault, Catalog: n.Catalog, Spool: n.path("spool")}
	results := []api.ImportedFile{}
	for _, name := range files {
		if ctx.Err() != nil {
			return results, cause.Ended(ctx)
		}
		if events != nil {
			events(api.Event{Step: api.StepRead, File: name})
		}
		results = append(results, i.Import(ctx, root, name))
	}
	return results, nil
}

// filesBelow returns the names of all regular files that are not empty, sorted.
func filesBelow(ctx context.Context, root *os.Root) ([]string, error) {
	var names []string
	err := fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Size() > 0 {
			names = append(names, filepath.FromSlash(name))
		}
		return err
	})
	return names, err
}
