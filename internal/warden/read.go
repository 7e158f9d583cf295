package warden

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"flashwarden/api"
	"flashwarden/internal/node"
	"flashwarden/internal/vault"
)

// Snapshots lists the snapshots of one device, or of all for an empty name,
// oldest first.
func (l *Local) Snapshots(ctx context.Context, device api.Named) ([]api.SnapshotRow, error) {
	n, err := l.begin(ctx, viewer, "list snapshots", device.Name)
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

// Snapshot returns one snapshot as the vault keeps it.
func (l *Local) Snapshot(ctx context.Context, id api.Named) (api.Snapshot, error) {
	n, err := l.begin(ctx, viewer, "read a snapshot", id.Name)
	if err != nil {
		return api.Snapshot{}, err
	}
	return snapshot(ctx, n, id.Name)
}

// snapshot reads a snapshot from the vault.
func snapshot(ctx context.Context, n *node.Node, id string) (api.Snapshot, error) {
	s, err := n.Vault.Snapshot(ctx, id)
	if errors.Is(err, vault.ErrNotFound) {
		return s, unknown(api.Do("snapshots").Say(" lists them"), "no snapshot %q", id)
	}
	return s, err
}

// Images lists the distinct images: those in the vault, and those that devices
// run and the vault does not hold.
func (l *Local) Images(ctx context.Context) ([]api.Image, error) {
	n, err := l.begin(ctx, viewer, "list images")
	if err != nil {
		return nil, err
	}
	return n.Catalog.Images(ctx)
}

// Open returns the bytes of one content of the vault.
func (l *Local) Open(ctx context.Context, c api.Content) (io.ReadCloser, error) {
	n, err := l.begin(ctx, viewer, "read content", c.SHA256)
	if err != nil {
		return nil, err
	}
	blob, err := n.Vault.OpenBlob(ctx, c.SHA256)
	if err != nil {
		return nil, err
	}
	return blob, nil
}

// Check proves that every snapshot is whole and names only content that the
// vault holds, and where asked that the content is unchanged. It changes
// nothing.
func (l *Local) Check(ctx context.Context, r api.Check, events func(api.Event)) ([]api.CheckProblem, error) {
	n, err := l.begin(ctx, operator, "check")
	if err != nil {
		return nil, err
	}
	o := vault.CheckOptions{ReadData: r.ReadData}
	if events != nil {
		o.Progress = func(done, total int64) {
			events(api.Event{Step: api.StepRead, Bytes: done, Size: total})
		}
	}
	return n.Vault.Check(ctx, o)
}

// Names lists names for completion in a shell. It creates nothing, and lists
// nothing where there is no data directory.
func (l *Local) Names(ctx context.Context, kind api.Named) ([]string, error) {
	if err := l.allow(ctx, viewer, "list names", kind.Name); err != nil {
		return nil, err
	}
	if l.stat() != nil {
		return nil, nil
	}
	n, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	switch kind.Name {
	case api.NamesOfDevices:
		return deviceNames(ctx, n, func(d api.Device) string { return d.Name })
	case api.NamesOfGroups:
		return deviceNames(ctx, n, func(d api.Device) string { return d.Group })
	case api.NamesOfSites:
		return deviceNames(ctx, n, func(d api.Device) string { return d.Site })
	case api.NamesOfSnapshots:
		rows, err := n.Catalog.Snapshots(ctx, "")
		return each(rows, func(r api.SnapshotRow) string { return r.ID }), err
	case api.NamesOfImages:
		return imageNames(ctx, n)
	}
	return nil, fmt.Errorf("no names of the kind %q", kind.Name)
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
	for _, one := range all {
		if text := name(one); text != "" && !slices.Contains(names, text) {
			names = append(names, text)
		}
	}
	return names
}
