package warden

import (
	"context"
	"path/filepath"

	"flashwarden/api"
)

// Import takes the files of a directory into the vault. It reads every file that the
// service may read, so only an administrator may ask for it.
func (l *upkeep) Import(ctx context.Context, r api.Import, events func(api.Event)) ([]api.ImportedFile, error) {
	n, err := l.begin(ctx, directing, "import", r.Dir)
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(r.Dir) {
		return nil, wrongField("dir", "%q is not an absolute path", r.Dir)
	}
	files, err := n.Import(ctx, r, l.turn(), events)
	l.live.vault(api.VaultEvent{Change: api.VaultImport, Failed: err != nil})
	return files, err
}
