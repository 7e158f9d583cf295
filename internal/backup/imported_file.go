package backup

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/spool"
	"flashwarden/internal/vault"
)

// importedAs begins the name under which a file of an import is kept. No device of
// the inventory has such a name, so each file has a history of its own.
const importedAs = "imported/"

// Importer takes files that lie in a directory into the vault. They stay there.
type Importer struct {
	Vault   *vault.Vault
	Catalog catalog.Index
	Spool   string // a directory in the file system of the vault, for copies that are not proved yet
}

// Import takes one file of a directory. Only its content is certain: its
// name is a label, and an image names itself. An image that is damaged by its
// own checks is refused.
func (i *Importer) Import(ctx context.Context, root *os.Root, name string) api.ImportedFile {
	res := api.ImportedFile{File: name, Kind: kindOf(name), Status: api.StatusFailed}
	began := time.Now()
	copied, err := i.copy(ctx, root, name)
	if err == nil {
		res.Size, res.SHA256 = copied.Size, copied.SHA256
		err = i.keep(ctx, began, copied, &res)
		if removed := os.Remove(copied.Path); !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, removed)
		}
	}
	if err != nil {
		res.Status, res.Cause, res.Message, res.Hint = api.StatusFailed, cause.Of(err), cause.Text(err), cause.Hint(err)
	}
	return res
}

// copy copies a file into the spool and computes its digests.
func (i *Importer) copy(ctx context.Context, root *os.Root, name string) (*spool.File, error) {
	from, err := root.Open(name)
	if err != nil {
		return nil, cause.Wrap(cause.Internal, err, "read", api.Say("make it readable for the user that runs flashwarden"))
	}
	defer from.Close()
	// A name that the spool sweeps, if this process dies.
	to, err := os.OpenFile(filepath.Join(i.Spool, "transfer-"+strings.ToLower(rand.Text())[:20]+".part"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	strong, weak := sha256.New(), md5.New()
	size, err := io.Copy(io.MultiWriter(to, strong, weak), reader{ctx, from})
	if err = errors.Join(err, to.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(to.Name()))
	}
	return &spool.File{Path: to.Name(), Size: size, SHA256: hex.EncodeToString(strong.Sum(nil)), MD5: hex.EncodeToString(weak.Sum(nil))}, nil
}

// reader stops reading when ctx ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, cause.Ended(r.ctx)
	}
	return r.r.Read(p)
}

// keep moves the copy into the vault and writes its snapshot, unless an earlier
// import has it.
func (i *Importer) keep(ctx context.Context, began time.Time, f *spool.File, res *api.ImportedFile) error {
	device := importedAs + res.File
	known, err := i.known(ctx, device, f.SHA256)
	if err != nil {
		return err
	}
	if known != "" {
		res.Status, res.Snapshot = api.ImportedKnown, known
		return i.Vault.Prove(ctx, f.SHA256, f.Size)
	}
	kept := api.File{Path: api.ReceivedPath(res.File), Kind: res.Kind, Size: f.Size, MD5: f.MD5, SHA256: f.SHA256, Copied: true, Evidence: api.EvidenceSize}
	var found api.BackupResult
	if err := inspectReceived(ctx, f, &kept, &found); err != nil {
		return err
	}
	res.Kind, res.Image, res.Notes = kept.Kind, kept.Image, found.Notes
	defer i.Vault.Hold()()
	if err := catalog.Claim(ctx, i.Catalog, f.SHA256); err != nil {
		return vaultError(err, "keep "+res.File)
	}
	if err := i.Vault.Adopt(ctx, f.Path, f.SHA256); err != nil {
		return vaultError(err, "keep "+res.File)
	}
	started := began.UTC().Truncate(time.Second)
	s := api.Snapshot{Format: vault.Format, ID: vault.NewID(device, started), Device: device, Status: api.StatusOK, Started: started,
		Files: []api.File{kept}, Notes: append([]string{fmt.Sprintf("imported as %s; the device that it belongs to is not known", res.File)}, res.Notes...)}
	if _, err := catalog.Keep(ctx, i.Catalog, i.Vault, s); errors.Is(err, catalog.ErrNotIndexed) {
		res.Notes = append(res.Notes, notIndexed(err))
	} else if err != nil {
		return vaultError(err, "write snapshot")
	}
	res.Status, res.Snapshot = api.ImportedNew, s.ID
	return nil
}

// known returns the snapshot that has this content as the last one under this
// name; empty for none.
func (i *Importer) known(ctx context.Context, device, sum string) (snapshot string, err error) {
	latest, err := i.Catalog.Latest(ctx, device)
	if err != nil || latest == "" {
		return "", err
	}
	s, err := i.Vault.Document(ctx, latest)
	if err != nil || len(s.Files) != 1 || s.Files[0].SHA256 != sum || !strings.HasPrefix(s.Device, importedAs) {
		return "", err
	}
	return s.ID, nil
}
