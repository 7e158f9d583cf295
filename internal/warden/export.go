package warden

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// ExportOptions say how files are written.
type ExportOptions struct {
	Force bool              // replace files with other content
	Wrote func(api.Content) // is called after each file; nil: discard
}

// Export writes files of the vault below dir, under the names of items. The same
// content is left untouched; other content under the same name is an error, unless
// Force replaces it. A name that leads out of dir is an error too. Only the user
// of this process may read the files (mode 0600), because configurations hold
// secrets.
func Export(ctx context.Context, w Warden, dir string, items []api.Content, o ExportOptions) error {
	root, err := openExport(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, item := range items {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := exportOne(ctx, w, root, item, o.Force); err != nil {
			return fmt.Errorf("export %s: %w", item.Name, err)
		}
		if o.Wrote != nil {
			o.Wrote(item)
		}
	}
	return nil
}

func openExport(dir string) (*os.Root, error) {
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		var root *os.Root
		if root, err = os.OpenRoot(dir); err == nil {
			return root, nil
		}
	}
	return nil, cause.WithFix(fmt.Errorf("export: %w", err), api.Say("choose a directory that you may write to"))
}

// exportOne writes one file. Its name appears only when the file is complete.
func exportOne(ctx context.Context, w Warden, root *os.Root, item api.Content, force bool) error {
	same, err := holds(root, item)
	if same || err != nil && !(force && errors.Is(err, errOther)) {
		return err
	}
	blob, err := w.Open(ctx, item)
	if err != nil {
		return err
	}
	defer blob.Close()
	if err := root.MkdirAll(path.Dir(item.Name), 0o700); err != nil {
		return err
	}
	// A random name: the device itself may have a file called x.part.
	partial := path.Join(path.Dir(item.Name), ".flashwarden-"+rand.Text())
	f, err := root.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := writeProved(f, blob, item.SHA256); err != nil {
		return errors.Join(err, root.Remove(partial))
	}
	return root.Rename(partial, item.Name)
}

// errOther is the error of a file that exists with other content.
var errOther = errors.New("a file with other content already exists")

// holds reports whether the file exists with the right content. Other content
// under its name is an error: it may be the only copy that the user has.
func holds(root *os.Root, item api.Content) (bool, error) {
	f, err := root.Open(item.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return false, err
	}
	if hex.EncodeToString(h.Sum(nil)) != item.SHA256 {
		return false, cause.WithFix(errOther, api.Say("move it away, choose another directory, or replace it with ").Option("force", ""))
	}
	return true, nil
}

// syncer is a file that can be brought to stable storage.
type syncer interface {
	io.WriteCloser
	Sync() error
}

// writeProved copies a blob into f, brings it to stable storage, closes f, and
// compares the SHA-256 with want.
func writeProved(f syncer, blob io.Reader, want string) error {
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, h), blob); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if hex.EncodeToString(h.Sum(nil)) != want {
		return damagedContent()
	}
	return nil
}

func damagedContent() error {
	return cause.New(cause.VaultError, "the content in the vault is damaged", api.Say("run ").Do("check").With("read_data", ""))
}
