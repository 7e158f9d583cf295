package warden

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/flash"
	"flashwarden/internal/lazyregexp"
	"flashwarden/internal/node"
	"flashwarden/internal/vault"
)

// Find returns the files that SNAPSHOT, SNAPSHOT:PATH or IMAGE means, each
// with a name below one directory that leads nowhere else. The name of a device
// means its newest snapshot, and PATH may be only the last part of a path.
func (l *Local) Find(ctx context.Context, what api.Named) ([]api.Content, error) {
	n, err := l.begin(ctx, viewer, "export", what.Name)
	if err != nil {
		return nil, err
	}
	name, file, one := strings.Cut(what.Name, ":")
	s, err := captured(ctx, n, name)
	switch {
	case err == nil && one:
		return namedFiles(s, file)
	case err == nil:
		return allFiles(s), nil
	case !errors.Is(err, vault.ErrNotFound):
		return nil, err
	case one:
		return nil, l.noSnapshot(name)
	}
	i, err := findImage(ctx, n, what.Name)
	var p *api.Problem
	if errors.As(err, &p) && p.Exit == api.ExitUnknown {
		return nil, unknown(p.Fix, "no snapshot, device or image %q in %s", what.Name, l.opts.Data)
	}
	if err != nil {
		return nil, err
	}
	return []api.Content{{Name: safeName(i.Names[0]), SHA256: i.SHA256, Size: i.Size}}, nil
}

func allFiles(s api.Snapshot) []api.Content {
	var items []api.Content
	taken := make(layout)
	for i, f := range s.Files {
		if f.SHA256 == "" {
			continue
		}
		name := path.Join(safeName(s.Device), safePath(f.Path))
		if !taken.take(name) {
			// Two names that differ only in characters that cannot be written, which
			// no honest device has: the second file gets a directory of its own.
			name = path.Join(safeName(s.Device), fmt.Sprintf("file-%d", i+1), baseName(f.Path))
			taken.take(name)
		}
		items = append(items, api.Content{Name: name, SHA256: f.SHA256, Size: f.Size})
	}
	return items
}

// layout holds the names that an export uses: true for a file, false for a
// directory.
type layout map[string]bool

// take makes name a file. It reports false where the name is in use, or where
// one of its directories is a file.
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

// namedFiles returns the files of a snapshot that name means, as a restore
// would find them. One content gets its own name; several files are laid out as
// those of a whole snapshot.
func namedFiles(s api.Snapshot, name string) ([]api.Content, error) {
	found := slices.DeleteFunc(slices.Clone(s.Files), func(f api.File) bool { return f.Path != name })
	if len(found) == 0 {
		found = slices.DeleteFunc(slices.Clone(s.Files), func(f api.File) bool { return !flash.ParsePath(f.Path).Named(name) })
	}
	if len(found) == 0 {
		return nil, unknown(api.Do("show", s.ID).Say(" lists its files"), "snapshot %s has no file %q", s.ID, name)
	}
	for _, f := range found {
		if f.SHA256 == "" {
			return nil, fmt.Errorf("snapshot %s does not hold %s: %s", s.ID, f.Path, f.Message)
		}
	}
	if slices.ContainsFunc(found, func(f api.File) bool { return f.SHA256 != found[0].SHA256 }) {
		s.Files = found
		return allFiles(s), nil
	}
	return []api.Content{{Name: baseName(found[0].Path), SHA256: found[0].SHA256, Size: found[0].Size}}, nil
}

var hexPrefix = lazyregexp.New(`^[0-9a-f]{8,64}$`)

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
		return api.Image{}, unknown(api.Say("see ").Do("images").Say(" and ").Do("snapshots"), "no image %q in the vault", what)
	case 1:
		return found[0], nil
	}
	text := fmt.Sprintf("%q means %d different images; give more digits of the SHA-256 of one of them:", what, len(found))
	for _, i := range found {
		text += fmt.Sprintf("\n  %s  %d bytes  %s %s", i.SHA256, i.Size, strings.Join(i.Names, ", "), i.Version)
	}
	return api.Image{}, Invalid("%s", text)
}

// Similar returns up to three of all names that are perhaps meant by name,
// nearest first.
func Similar(all []string, name string) []string { return catalog.Similar(all, name) }

// maxName is the length in bytes up to which a name is written out as it is.
// File systems take 255, and the name of an unfinished file is longer.
const maxName = 200

// safeName makes a device's name for a file one component of a path that leads
// nowhere else. A name that is too long ends in a digest of itself.
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

// safePath makes every component of a device's path safe: flash:/dir/x stays
// as it is, and flash:/../x becomes flash:/_/x.
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
