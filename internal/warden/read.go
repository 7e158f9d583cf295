package warden

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/config"
	"flashwarden/internal/node"
	"flashwarden/internal/vault"
)

// Snapshots lists the snapshots of one device, or of all for an empty name,
// oldest first.
func (l *captures) Snapshots(ctx context.Context, device api.Named) ([]api.SnapshotRow, error) {
	n, err := l.beginOnDevice(ctx, reading, "list snapshots", device.Name)
	if err != nil {
		return nil, err
	}
	rows, err := n.Catalog.Snapshots(ctx, device.Name)
	if err != nil || len(rows) > 0 || device.Name == "" {
		return rows, err
	}
	// A device that was never backed up has none; an unknown name is a mistake.
	// A removed device keeps its snapshots.
	_, err = n.Catalog.Device(ctx, device.Name)
	return rows, err
}

// Snapshot returns one snapshot as the vault keeps it, by its ID, or the newest
// one of the device of that name.
func (l *captures) Snapshot(ctx context.Context, id api.Named) (api.Snapshot, error) {
	n, err := l.beginOnSnapshots(ctx, reading, "read a snapshot", id.Name)
	if err != nil {
		return api.Snapshot{}, err
	}
	s, err := l.captured(ctx, n, id.Name)
	if errors.Is(err, vault.ErrNotFound) {
		return s, l.noSnapshot(ctx, n, id.Name)
	}
	return s, err
}

// noSnapshot is the problem of a name that is neither a snapshot nor a device.
func (l *core) noSnapshot(ctx context.Context, n *node.Node, name string) error {
	return l.noName(ctx, n, name, api.Do("snapshots").Say(" lists the snapshots"), api.NamesOfSnapshots, api.NamesOfDevices)
}

// noName is the problem of a name that none of these kinds has in this data directory.
// It suggests similar names.
func (l *core) noName(ctx context.Context, n *node.Node, name string, fix api.Fix, kinds ...string) error {
	near := ""
	if !actorOf(ctx).limited() {
		var err error
		if near, err = nearest(ctx, n, name, kinds...); err != nil {
			return err
		}
	}
	what := ""
	for i, kind := range kinds {
		switch i {
		case 0:
		case len(kinds) - 1:
			what += " or "
		default:
			what += ", "
		}
		what += strings.TrimSuffix(kind, "s")
	}
	return unknown(fix, "no %s %q in %s%s", what, name, l.opts.Data, near)
}

// nearest returns a question with the names of these kinds that are similar to a wrong
// name.
func nearest(ctx context.Context, n *node.Node, wrong string, kinds ...string) (string, error) {
	var all []string
	for _, kind := range kinds {
		some, err := namesOfKind(ctx, n, api.Names{Kind: kind})
		if err != nil {
			return "", err
		}
		all = append(all, some...)
		if kind != api.NamesOfSnapshots || len(wrong) < dateOfID {
			continue
		}
		// There may be too many snapshots to compare: also those of the same day.
		if some, err = namesOfKind(ctx, n, api.Names{Kind: kind, Prefix: wrong[:dateOfID]}); err != nil {
			return "", err
		}
		for _, name := range some {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return meant(all, wrong), nil
}

// dateOfID is the length of the date in the ID of a snapshot: 20261122.
const dateOfID = 8

// captured returns the snapshot that name means: the one with this ID, else the
// newest one of the device with this name. A removed device keeps its snapshots.
// The error is a vault.ErrNotFound if name means nothing.
func captured(ctx context.Context, n *node.Node, name string) (api.Snapshot, error) {
	v, err := n.Vault(ctx)
	if err != nil {
		return api.Snapshot{}, err
	}
	s, notFound := v.Snapshot(ctx, name)
	if !errors.Is(notFound, vault.ErrNotFound) {
		return s, notFound
	}
	rows, err := n.Catalog.Snapshots(ctx, name)
	if err != nil {
		return s, err
	}
	if len(rows) > 0 && name != "" {
		return newest(ctx, n, rows)
	}
	switch _, err := n.Catalog.Device(ctx, name); {
	case err == nil:
		return s, unknown(api.Do("backup", name).Say(" makes one"), "no snapshot of %s", name)
	case !errors.Is(err, catalog.ErrNotFound):
		return s, err
	}
	return s, notFound
}

// captured is captured for the actor: a snapshot of a device that is not its own means
// nothing to a limited one.
func (l *core) captured(ctx context.Context, n *node.Node, name string) (api.Snapshot, error) {
	s, err := captured(ctx, n, name)
	if !actorOf(ctx).limited() || errors.Is(err, vault.ErrNotFound) {
		return s, err
	}
	device := s.Device
	if err != nil { // a device without a snapshot
		device = name
	}
	its, failed := l.its(ctx, n, device)
	switch {
	case failed != nil:
		return api.Snapshot{}, failed
	case !its:
		return api.Snapshot{}, vault.ErrNotFound
	}
	return s, err
}

// newest returns the newest of these snapshots, which are of one device, oldest
// first. A file that the device sent by itself is the newest only if there is no
// backup.
func newest(ctx context.Context, n *node.Node, rows []api.SnapshotRow) (api.Snapshot, error) {
	s, found, err := newestBackup(ctx, n, rows)
	if found || err != nil {
		return s, err
	}
	return snapshot(ctx, n, rows[len(rows)-1].ID)
}

// snapshot reads a snapshot from the vault.
func snapshot(ctx context.Context, n *node.Node, id string) (api.Snapshot, error) {
	v, err := n.Vault(ctx)
	if err != nil {
		return api.Snapshot{}, err
	}
	s, err := v.Snapshot(ctx, id)
	if errors.Is(err, vault.ErrNotFound) {
		near, err := nearest(ctx, n, id, api.NamesOfSnapshots)
		if err != nil {
			return s, err
		}
		return s, unknown(api.Do("snapshots").Say(" lists them"), "no snapshot %q%s", id, near)
	}
	return s, err
}

// Images lists the distinct images: those in the vault, and those that devices
// run and the vault does not hold.
func (l *captures) Images(ctx context.Context) ([]api.Image, error) {
	n, err := l.begin(ctx, reading, "list images")
	if err != nil {
		return nil, err
	}
	return n.Catalog.Images(ctx)
}

// Open returns the bytes of one content of the vault. A limited actor has to name a
// snapshot of its own devices that has it.
func (l *captures) Open(ctx context.Context, c api.Content) (io.ReadCloser, error) {
	n, err := l.beginOnSnapshots(ctx, looking, "read content", c.SHA256)
	if err == nil && actorOf(ctx).limited() {
		err = l.holds(ctx, n, c)
	}
	if err != nil {
		return nil, err
	}
	v, err := n.Vault(ctx)
	if err != nil {
		return nil, err
	}
	blob, err := v.OpenBlob(ctx, c.SHA256)
	if err != nil {
		return nil, err
	}
	return blob, nil
}

// holds returns nil if the snapshot of a content has it, and the actor may read both.
func (l *captures) holds(ctx context.Context, n *node.Node, c api.Content) error {
	s, err := l.captured(ctx, n, c.Snapshot)
	if err != nil && !errors.Is(err, vault.ErrNotFound) {
		return err
	}
	if err != nil || !slices.ContainsFunc(s.Files, func(f api.File) bool { return f.SHA256 == c.SHA256 }) {
		return unknown(api.Fix{}, "no content %s in the snapshot %q", c.SHA256, c.Snapshot)
	}
	return nil
}

// Names lists names for completion in a shell. It creates nothing, and lists
// nothing where there is no data directory.
func (l *captures) Names(ctx context.Context, r api.Names) ([]string, error) {
	if err := l.allow(ctx, reading, "list names", r.Kind, r.Of); err != nil {
		return nil, err
	}
	if r.Kind == api.NamesOfTargets {
		return each(l.config().Notify, func(t config.Notify) string { return t.Name }), nil
	}
	if l.stat() != nil {
		return nil, nil
	}
	n, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	return namesOfKind(ctx, n, r)
}

func namesOfKind(ctx context.Context, n *node.Node, r api.Names) ([]string, error) {
	switch r.Kind {
	case api.NamesOfDevices:
		return n.Catalog.DeviceNames(ctx, r.Prefix)
	case api.NamesOfGroups:
		return deviceNames(ctx, n, func(d api.Device) string { return d.Group })
	case api.NamesOfSites:
		return deviceNames(ctx, n, func(d api.Device) string { return d.Site })
	case api.NamesOfCredentials:
		all, err := n.Catalog.Credentials(ctx)
		return each(all, func(c api.Credential) string { return c.Name }), err
	case api.NamesOfSnapshots:
		return n.Catalog.SnapshotIDs(ctx, r.Of, r.Prefix, api.MostSnapshots)
	case api.NamesOfFiles:
		s, err := captured(ctx, n, r.Of)
		if errors.Is(err, vault.ErrNotFound) {
			return nil, nil
		}
		return each(s.Files, func(f api.File) string { return f.Path }), err
	case api.NamesOfImages:
		return imageNames(ctx, n)
	}
	return nil, fmt.Errorf("no names of the kind %q", r.Kind)
}

func deviceNames(ctx context.Context, n *node.Node, name func(api.Device) string) ([]string, error) {
	devices, err := n.Catalog.Devices(ctx, api.Select{})
	return each(devices, name), err
}

func imageNames(ctx context.Context, n *node.Node) ([]string, error) {
	images, err := n.Catalog.Images(ctx)
	var names []string
	for _, i := range images {
		if i.InVault {
			names = append(names, i.Names...)
		}
	}
	return names, err
}

// each returns the distinct names of all, without empty ones.
func each[T any](all []T, name func(T) string) []string {
	var names []string
	seen := make(map[string]bool, len(all))
	for _, one := range all {
		if text := name(one); text != "" && !seen[text] {
			seen[text] = true
			names = append(names, text)
		}
	}
	return names
}
