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
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/node"
	"flashwarden/internal/vault"
)

func (p *program) exportCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "export SNAPSHOT[:PATH]|IMAGE -o DIR",
		Short: "write files out of the vault under their device names",
		Long: `export writes a snapshot to DIR/DEVICE/PATH, or one file to DIR/NAME. IMAGE is a
SHA-256, an unambiguous prefix of at least 8 digits, or a unique file name.
A file that is there and equal is left alone; one that differs is not touched.`,
		Example: `  flashwarden export 20261122T141503Z-sw1-k3f9 -o out
  flashwarden export 20261122T141503Z-sw1-k3f9:flash:/config.text -o out
  flashwarden export c3750-ipservicesk9-mz.150-2.SE8.bin -o out`,
		Args:              usageArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: p.completeSnapshots,
		RunE: func(cmd *cobra.Command, args []string) error {
			if dir == "" {
				return usageError{errors.New("where to? Give -o DIR")}
			}
			return p.withNode(cmd.Context(), func(n *node.Node) error {
				items, err := exportItems(cmd.Context(), n, args[0])
				if err != nil {
					return err
				}
				return p.export(cmd.Context(), n, dir, items)
			})
		},
	}
	cmd.Flags().StringVarP(&dir, "output", "o", "", "`DIR` to write into; created if it is not there")
	return cmd
}

// exportItem is one file to write out.
type exportItem struct {
	Name   string `json:"name"` // below the directory
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// exportItems finds what a SNAPSHOT, SNAPSHOT:PATH or IMAGE means.
func exportItems(ctx context.Context, n *node.Node, what string) ([]exportItem, error) {
	id, file, one := strings.Cut(what, ":")
	s, err := n.Vault.Snapshot(id)
	switch {
	case err == nil && one:
		return oneFile(s, file)
	case err == nil:
		return allFiles(s), nil
	case !errors.Is(err, vault.ErrNotFound):
		return nil, err
	case one:
		return nil, unknownError{fmt.Errorf("no snapshot %q; `flashwarden snapshots` lists them", id)}
	}
	i, err := findImage(ctx, n, what)
	if err != nil {
		return nil, err
	}
	return []exportItem{{Name: safeName(i.Names[0]), SHA256: i.SHA256, Size: i.Size}}, nil
}

func allFiles(s api.Snapshot) []exportItem {
	var items []exportItem
	taken := make(layout)
	for i, f := range s.Files {
		if f.SHA256 == "" {
			continue
		}
		name := path.Join(safeName(s.Device), safePath(f.Path))
		if !taken.take(name) {
			// Names that differ only in what cannot be written, which no honest
			// device has: a directory of its own for the second.
			name = path.Join(safeName(s.Device), fmt.Sprintf("file-%d", i+1), baseName(f.Path))
			taken.take(name)
		}
		items = append(items, exportItem{Name: name, SHA256: f.SHA256, Size: f.Size})
	}
	return items
}

// layout is which names an export uses: true for a file, false for a
// directory.
type layout map[string]bool

// take makes name a file, and reports false where it is in use or one of its
// directories is a file.
func (l layout) take(name string) bool {
	if _, used := l[name]; used {
		return false
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if l[dir] {
			return false
		}
	}
	l[name] = true
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		l[dir] = false
	}
	return true
}

func oneFile(s api.Snapshot, file string) ([]exportItem, error) {
	i := slices.IndexFunc(s.Files, func(f api.File) bool { return f.Path == file })
	if i < 0 {
		return nil, unknownError{fmt.Errorf("snapshot %s has no file %q; `flashwarden show %s` lists them", s.ID, file, s.ID)}
	}
	f := s.Files[i]
	if f.SHA256 == "" {
		return nil, fmt.Errorf("snapshot %s does not hold %s: %s", s.ID, f.Path, f.Message)
	}
	return []exportItem{{Name: baseName(f.Path), SHA256: f.SHA256, Size: f.Size}}, nil
}

var hexPrefix = regexp.MustCompile(`^[0-9a-f]{8,64}$`)

// findImage finds the one image in the vault that a digest, its prefix or a
// name means.
func findImage(ctx context.Context, n *node.Node, what string) (api.Image, error) {
	images, err := n.Catalog.Images(ctx)
	if err != nil {
		return api.Image{}, err
	}
	var found []api.Image
	for _, i := range images {
		digest := hexPrefix.MatchString(strings.ToLower(what)) && strings.HasPrefix(i.SHA256, strings.ToLower(what))
		if i.InVault && (digest || slices.Contains(i.Names, what)) {
			found = append(found, i)
		}
	}
	switch len(found) {
	case 0:
		return api.Image{}, unknownError{fmt.Errorf("no image %q in the vault; see `flashwarden images` and `flashwarden snapshots`", what)}
	case 1:
		return found[0], nil
	}
	text := fmt.Sprintf("%q means %d different images; give more digits of the SHA-256 of the one that is meant:", what, len(found))
	for _, i := range found {
		text += fmt.Sprintf("\n  %s  %s  %s %s", i.SHA256, size(i.Size), strings.Join(i.Names, ", "), i.Version)
	}
	return api.Image{}, usageError{errors.New(text)}
}

// maxName is the longest name, in bytes, that is written out as it is: file
// systems take 255, and the name of a file under way is longer.
const maxName = 200

// safeName is a device's name for a file as one component of a path: nothing
// in it leads elsewhere. A name that is too long ends in a digest of itself.
func safeName(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '/' {
			return '_'
		}
		return r
	}, name)
	switch {
	case name == "" || name == "." || name == "..":
		return "_"
	case len(name) > maxName:
		sum := sha256.Sum256([]byte(name))
		return strings.ToValidUTF8(name[:maxName-17], "") + "-" + hex.EncodeToString(sum[:8])
	}
	return name
}

// safePath is a device's path with every component made safe: flash:/dir/x
// becomes flash:/dir/x, and flash:/../x becomes flash:/_/x.
func safePath(p string) string {
	fs, rel, _ := strings.Cut(p, ":")
	parts := []string{safeName(fs + ":")}
	for part := range strings.SplitSeq(strings.Trim(rel, "/"), "/") {
		parts = append(parts, safeName(part))
	}
	return path.Join(parts...)
}

func baseName(p string) string {
	return safeName(p[strings.LastIndexAny(p, "/:")+1:])
}

func (p *program) export(ctx context.Context, n *node.Node, dir string, items []exportItem) error {
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
		if err := exportOne(n, root, item); err != nil {
			return fmt.Errorf("export %s: %w", item.Name, err)
		}
		if !p.json && !p.quiet {
			fmt.Fprintf(p.out, "%s/%s (%s)\n", strings.TrimSuffix(dir, "/"), oneLine(item.Name), size(item.Size))
		}
	}
	if p.json {
		return p.writeJSON(map[string]any{"directory": dir, "files": append([]exportItem{}, items...)})
	}
	return nil
}

// exportOne writes one file: complete under its name, or not at all.
func exportOne(n *node.Node, root *os.Root, item exportItem) error {
	same, err := holds(root, item)
	if same || err != nil {
		return err
	}
	blob, err := n.Vault.OpenBlob(item.SHA256)
	if err != nil {
		return err
	}
	defer blob.Close()
	if err := root.MkdirAll(path.Dir(item.Name), 0o755); err != nil {
		return err
	}
	// A name that nothing else has: a device may well have a file x.part.
	partial := path.Join(path.Dir(item.Name), ".flashwarden-"+rand.Text())
	if err := writeProved(root, partial, blob, item.SHA256); err != nil {
		return errors.Join(err, root.Remove(partial))
	}
	return root.Rename(partial, item.Name)
}

// holds reports whether the file is there with the right content. Other
// content under its name is an error: it might be all that somebody has.
func holds(root *os.Root, item exportItem) (bool, error) {
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
		return false, errors.New("a file with other content is there already; move it away or choose another directory")
	}
	return true, nil
}

// writeProved copies a blob and compares what it read with its name.
func writeProved(root *os.Root, name string, blob io.Reader, want string) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
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
