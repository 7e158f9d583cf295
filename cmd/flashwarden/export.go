package main

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
	"strings"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/warden"
)

func exportCommand(p *program) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "export SNAPSHOT[:PATH]|NAME[:PATH]|IMAGE -o DIR",
		Short: "copy files from the vault into a directory",
		Long: `export copies all files of a snapshot to DIR/DEVICE/PATH, or one file to DIR/FILE.
NAME is a device, and means its newest snapshot. PATH is a path in the snapshot,
or only the file name; if several files have this name, export copies all of them
to DIR/DEVICE/PATH. IMAGE is a SHA-256, the first 8 or more digits of one, or a
file name. It must match only one image.

export never replaces a file. A file with the same content is left untouched; a
file with other content under the same name is an error.`,
		Example: `  flashwarden export sw1 -o out
  flashwarden export sw1:vlan.dat -o out
  flashwarden export 20261122T141503Z-sw1-k3f9 -o out
  flashwarden export 20261122T141503Z-sw1-k3f9:flash:/config.text -o out
  flashwarden export c3750-ipservicesk9-mz.150-2.SE8.bin -o out`,
		Args:              usageArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: p.completeNames(api.NamesOfDevices, api.NamesOfSnapshots, api.NamesOfImages),
		RunE: func(cmd *cobra.Command, args []string) error {
			if dir == "" {
				return usageError{errors.New("which directory? Give -o DIR")}
			}
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				items, err := w.Find(ctx, api.Named{Name: args[0]})
				if err != nil {
					return err
				}
				return runExport(ctx, &p.output, w, dir, items)
			})
		},
	}
	cmd.Flags().StringVarP(&dir, "output", "o", "", "`DIR` to write into; created if it does not exist")
	return cmd
}

func runExport(ctx context.Context, o *output, w warden.Warden, dir string, items []api.Content) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	defer root.Close()
	for _, item := range items {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := exportOne(ctx, w, root, item); err != nil {
			return fmt.Errorf("export %s: %w", item.Name, err)
		}
		if !o.json && !o.quiet {
			fmt.Fprintf(o.out, "%s/%s (%s)\n", strings.TrimSuffix(dir, "/"), oneLine(item.Name), size(item.Size))
		}
	}
	if o.json {
		return writeJSON(o, map[string]any{"directory": dir, "files": append([]api.Content{}, items...)})
	}
	return nil
}

// exportOne writes one file. Its name appears only when the file is complete.
func exportOne(ctx context.Context, w warden.Warden, root *os.Root, item api.Content) error {
	same, err := holds(root, item)
	if same || err != nil {
		return err
	}
	blob, err := w.Open(ctx, item)
	if err != nil {
		return err
	}
	defer blob.Close()
	if err := root.MkdirAll(path.Dir(item.Name), 0o755); err != nil {
		return err
	}
	// A random name: the device itself may have a file called x.part.
	partial := path.Join(path.Dir(item.Name), ".flashwarden-"+rand.Text())
	f, err := root.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if err := writeProved(f, blob, item.SHA256); err != nil {
		return errors.Join(err, root.Remove(partial))
	}
	return root.Rename(partial, item.Name)
}

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
		return false, errors.New("a file with other content already exists; move it away or choose another directory")
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
		return errors.New("the vault's content is damaged: run `flashwarden check --read-data`")
	}
	return nil
}
