package warden

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// ExportTar writes files of the vault into one archive dir/name, which appears only
// when it is complete. It replaces no archive unless Force does.
func ExportTar(ctx context.Context, w Warden, dir, name string, items []api.Content, o ExportOptions) error {
	root, err := openExport(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if _, err := root.Lstat(name); !o.Force && !errors.Is(err, fs.ErrNotExist) {
		return cause.WithFix(fmt.Errorf("export: %s already exists", name), api.Say("move it away, choose another directory, or replace it with ").Option("force", ""))
	}
	partial := ".flashwarden-" + rand.Text()
	f, err := root.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	err = writeTar(ctx, w, f, items, o)
	if err == nil {
		err = root.Rename(partial, name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("export: %w", err), root.Remove(partial))
	}
	return nil
}

// writeTar writes the archive, brings it to stable storage and closes it.
func writeTar(ctx context.Context, w opener, to syncer, items []api.Content, o ExportOptions) (err error) {
	defer func() { err = errors.Join(err, to.Close()) }()
	archive := tar.NewWriter(to)
	for _, item := range items {
		if err := errors.Join(ctx.Err(), writeEntry(ctx, w, archive, item)); err != nil {
			return fmt.Errorf("%s: %w", item.Name, err)
		}
		if o.Wrote != nil {
			o.Wrote(item)
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return to.Sync()
}

// opener is the part of Warden that opens files of the vault.
type opener interface {
	Open(ctx context.Context, c api.Content) (io.ReadCloser, error)
}

// writeEntry writes one file and compares its SHA-256.
func writeEntry(ctx context.Context, w opener, archive *tar.Writer, item api.Content) error {
	blob, err := w.Open(ctx, item)
	if err != nil {
		return err
	}
	defer blob.Close()
	if err := archive.WriteHeader(&tar.Header{Name: item.Name, Mode: 0o600, Size: item.Size, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}); err != nil {
		return err
	}
	h := sha256.New()
	if n, err := io.Copy(io.MultiWriter(archive, h), blob); err != nil || n != item.Size || hex.EncodeToString(h.Sum(nil)) != item.SHA256 {
		return errors.Join(err, damagedContent())
	}
	return nil
}
