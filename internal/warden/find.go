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
// means its newest snapshot, and PATH may be only the last part of a path. Files
// that the snapshot does not have are named beside the others; if it has none of
// them, that is a problem with their cause.
func (l *captures) Find(ctx context.Context, what api.Named) (api.Found, error) {
	n, err := l.beginOnSnapshots(ctx, reading, "export", what.Name)
	if err != nil {
		return api.Found{}, err
	}
	name, file, one := strings.Cut(what.Name, ":")
	if one && file == "" {
		return api.Found{}, Invalid("%q: no file after the colon", what.Name)
	}
	s, err := l.captured(ctx, n, name)
	switch {
	case err == nil:
		return findFiles(ctx, n, s, file)
	case !errors.Is(err, vault.ErrNotFound):
		return api.Found{}, err
	case one || actorOf(ctx).limited():
		return api.Found{}, l.noSnapshot(ctx, n, name)
	}
	i, err := findImage(ctx, n, what.Name)
	var p *api.Problem
	if errors.As(err, &p) && p.Exit == api.ExitUnknown {
		return api.Found{}, l.noName(ctx, n, what.Name, p.Fix, api.NamesOfSnapshots, api.NamesOfDevices, api.NamesOfImages)
	}
	if err != nil {
		return api.Found{}, err
	}
	return api.Found{Files: []api.Content{{Name: safeName(i.Names[0]), SHA256: i.SHA256, Size: i.Size}}}, nil
}

// findFiles returns the files of a snapshot that name means; all for an empty name.
func findFiles(ctx context.Context, n *node.Node, s api.Snapshot, name string) (api.Found, error) {
	selected, err := named(s, name)
	if err != nil {
		return api.Found{}, err
	}
	missing := slices.DeleteFunc(slices.Clone(selected), func(f api.File) bool { return f.SHA256 != "" })
	found := api.Found{Files: contents(s.Device, selected, name != "")}
	if len(missing) == 0 {
		return found, nil
	}
	found.Missing, found.Snapshot, found.Device = missing, s.ID, s.Device
	if found.Complete, err = newestComplete(ctx, n, s.Device, name); err != nil || len(found.Files) > 0 {
		return found, err
	}
	fix := api.Do("backup", s.Device)
	if found.Complete != nil {
		fix = api.Say("the newest complete snapshot has it: ").Do("export", joinName(found.Complete.ID, name)).With("output", "DIR")
	}
	p := &api.Problem{Cause: missing[0].Cause, Exit: api.ExitFailed, Fix: fix}
	p.Err = fmt.Errorf("snapshot %s does not have %s: %s", s.ID, missing[0].Path, missing[0].Message)
	p.Detail = p.Err.Error()
	return found, p
}

// newestComplete returns the newest complete snapshot of a device that has the files
// that name means; nil if there is none.
func newestComplete(ctx context.Context, n *node.Node, device, name string) (*api.SnapshotRow, error) {
	rows, err := n.Catalog.Snapshots(ctx, device)
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(r api.SnapshotRow) bool { return r.Status != api.StatusOK })
	s, found, err := newestBackup(ctx, n, rows)
	if !found || err != nil {
		return nil, err
	}
	if _, unknown := named(s, name); unknown != nil {
		return nil, nil
	}
	i := slices.IndexFunc(rows, func(r api.SnapshotRow) bool { return r.ID == s.ID })
	return &rows[i], nil
}

// joinName is SNAPSHOT, or SNAPSHOT:PATH.
func joinName(snapshot, file string) string {
	if file == "" {
		return snapshot
	}
	return snapshot + ":" + file
}

// contents names the files that the vault has. One content that was asked for by
// its name gets that name alone; all others are laid out as on the device.
func contents(device string, files []api.File, byName bool) []api.Content {
	files = slices.DeleteFunc(slices.Clone(files), func(f api.File) bool { return f.SHA256 == "" })
	if byName && len(files) > 0 && !slices.ContainsFunc(files, func(f api.File) bool { return f.SHA256 != files[0].SHA256 }) {
		return []api.Content{{Name: baseName(files[0].Path), SHA256: files[0].SHA256, Size: files[0].Size}}
	}
	items := []api.Content{}
	taken := make(layout)
	for i, f := range files {
		name := path.Join(safeName(device), safePath(f.Path))
		if !taken.take(name) {
			// Two names that differ only in characters that cannot be written, which
			// no honest device has: the second file gets a directory of its own.
			name = path.Join(safeName(device), fmt.Sprintf("file-%d", i+1), baseName(f.Path))
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

// named returns the files of a snapshot that name means, as a restore would find
// them; all for an empty name.
func named(s api.Snapshot, name string) ([]api.File, error) {
	if name == "" {
		return s.Files, nil
	}
	found := slices.DeleteFunc(slices.Clone(s.Files), func(f api.File) bool { return f.Path != name })
	if len(found) == 0 {
		found = slices.DeleteFunc(slices.Clone(s.Files), func(f api.File) bool { return !flash.ParsePath(f.Path).Named(name) })
	}
	if len(found) == 0 {
		all := each(s.Files, func(f api.File) string { return baseName(f.Path) })
		return nil, unknown(api.Do("show", s.ID).Say(" lists its files"), "snapshot %s has no file %q%s", s.ID, name, meant(all, name))
	}
	return found, nil
}

var (
	hexPrefix = lazyregexp.New(`^[0-9a-f]{8,64}$`)
	fewDigits = lazyregexp.New(`^[0-9a-fA-F]{1,7}$`)
)

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
		near, err := nearest(ctx, n, what, api.NamesOfImages)
		if err != nil {
			return api.Image{}, err
		}
		fix := api.Say("see ").Do("images").Say(" and ").Do("snapshots")
		if fewDigits.MatchString(what) {
			fix = fix.Say("; a SHA-256 needs at least 8 digits")
		}
		return api.Image{}, unknown(fix, "no image %q in the vault%s", what, near)
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
