package warden

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/config"
	"flashwarden/internal/inventory"
	"flashwarden/internal/node"
)

// ImportDevices brings the devices of a list into the inventory, and reports what
// changes. If one entry is wrong, it changes nothing. Devices that the list does not
// have stay, unless they came from it and Prune removes them; snapshots stay in any case. After an error
// of the disk some devices may be changed; the same import then does the rest.
func (l *devices) ImportDevices(ctx context.Context, r api.Inventory) (api.InventoryDiff, error) {
	if err := l.allow(ctx, directing, "import devices"); err != nil {
		return api.InventoryDiff{}, err
	}
	if len(r.Entries) == 0 {
		return api.InventoryDiff{}, Invalid("the list has no device to import")
	}
	var n *node.Node // nil: a dry run, which makes no data directory
	if err := node.Exists(ctx, l.nodeOptions()); !r.DryRun || !errors.Is(err, node.ErrNoData) {
		if n, err = l.ready(ctx); err != nil {
			return api.InventoryDiff{}, err
		}
	}
	if !r.DryRun {
		if err := l.record(ctx, n, "import devices", api.AuditAllowed, nil); err != nil {
			return api.InventoryDiff{}, err
		}
	}
	i := devicesImport{Inventory: r, node: n, shared: l.config().Credentials, diff: api.InventoryDiff{Changes: []api.InventoryChange{}, DryRun: r.DryRun}}
	if err := i.plan(ctx); err != nil {
		return api.InventoryDiff{}, err
	}
	if !r.DryRun {
		for _, write := range i.writes {
			if err := write(ctx); err != nil {
				return api.InventoryDiff{}, err
			}
		}
		if len(i.writes) > 0 {
			l.live.anew("devices were imported")
		}
	}
	return i.diff, nil
}

// devicesImport is one import of devices.
type devicesImport struct {
	api.Inventory
	node   *node.Node
	shared config.Credentials
	diff   api.InventoryDiff
	writes []func(ctx context.Context) error // of the changes
}

// plan compares the list with the inventory.
func (i *devicesImport) plan(ctx context.Context) error {
	have := map[string]api.Device{}
	if i.node != nil {
		devices, err := i.node.Catalog.Devices(ctx, api.Select{})
		if err != nil {
			return err
		}
		for _, d := range devices {
			have[d.Name] = d
		}
	}
	listed := map[string]bool{}
	for _, name := range i.Others {
		listed[name] = true
	}
	var wrong []string
	for _, e := range i.Entries {
		listed[e.Name] = true
		was, known := have[e.Name]
		if i.Own && known && was.Source != i.Source {
			i.diff.Changes = append(i.diff.Changes, api.InventoryChange{Device: e.Name, Change: api.InventoryKept})
			continue
		}
		if err := i.entry(ctx, e, was, known); err != nil {
			wrong = append(wrong, fmt.Sprintf("line %d: %s", e.Line, AsProblem(err).Detail))
		}
	}
	if len(wrong) > 0 {
		return i.refusal(wrong)
	}
	for name, d := range have {
		if !listed[name] {
			i.extra(d)
		}
	}
	if i.Own && i.Prune {
		if err := i.tooFew(have); err != nil {
			return err
		}
	}
	slices.SortFunc(i.diff.Changes, func(a, b api.InventoryChange) int { return strings.Compare(a.Device, b.Device) })
	return nil
}

// fewRemoved are so few devices that a run of the schedule may remove them, however many there are.
const fewRemoved = 3

// tooFew refuses a list that lacks more than half of the devices that came from it: more
// likely the list was cut off than the network taken down.
func (i *devicesImport) tooFew(have map[string]api.Device) error {
	own, removed := 0, 0
	for _, d := range have {
		if d.Source == i.Source {
			own++
		}
	}
	for _, c := range i.diff.Changes {
		if c.Change == api.InventoryRemoved {
			removed++
		}
	}
	if removed <= fewRemoved || removed <= own/2 {
		return nil
	}
	p := Invalid("%d of the %d devices that came from this list are no longer in it; nothing was changed", removed, own)
	p.Fix = api.Say("look at the list. If they are really gone: ").Do("device import", i.Source).With("prune", "")
	return p
}

// refusal is the problem of a list with wrong entries.
func (i *devicesImport) refusal(wrong []string) error {
	const shown = 10
	if more := len(wrong) - shown; more > 0 {
		wrong = append(wrong[:shown], fmt.Sprintf("and %d more", more))
	}
	p := Invalid("%s", strings.Join(wrong, "\n"))
	p.Fix = api.Say("nothing was changed; correct these lines. Options such as ").Option("username", "").Say(" and ").Option("password_file", "").
		Say(" give new devices the settings that the list does not have")
	return p
}

// entry plans the change of one device.
func (i *devicesImport) entry(ctx context.Context, e api.InventoryEntry, was api.Device, known bool) error {
	c := api.DeviceChange{Password: e.Password, EnablePassword: e.EnablePassword}
	var had catalog.Secrets
	base := was
	if !known {
		base = i.New.Device
		base.Source = i.Source
		c.Identity, c.ViaPassword, c.ViaIdentity = i.New.Identity, i.New.ViaPassword, i.New.ViaIdentity
		if c.Password == nil {
			c.Password = i.New.Password
		}
		if c.EnablePassword == nil {
			c.EnablePassword = i.New.EnablePassword
		}
	}
	var err error
	if c.Device, err = inventory.Merge(base, e); err != nil {
		return err
	}
	if i.node == nil {
		i.change(e.Name, known, inventory.Changes(was, c.Device))
		return node.EnoughToLogIn(c, i.shared)
	}
	changes := inventory.Changes(was, c.Device)
	if known {
		if had, err = i.node.Catalog.Secrets(ctx, e.Name); err != nil {
			return err
		}
		for _, name := range i.node.NewPasswords(&c, was, had) {
			changes = append(changes, api.SettingChange{Name: name})
		}
		if len(changes) == 0 {
			i.diff.Unchanged++
			return nil
		}
	}
	d, secrets, err := i.node.SealDevice(ctx, c, was, had)
	if err != nil {
		return err
	}
	i.change(e.Name, known, changes)
	i.writes = append(i.writes, func(ctx context.Context) error {
		if known {
			return i.node.Catalog.UpdateDevice(ctx, d, secrets)
		}
		return i.node.Catalog.AddDevice(ctx, d, secrets)
	})
	return nil
}

func (i *devicesImport) change(device string, known bool, settings []api.SettingChange) {
	kind := api.InventoryAdded
	if known {
		kind = api.InventoryChanged
	}
	i.diff.Changes = append(i.diff.Changes, api.InventoryChange{Device: device, Change: kind, Settings: settings})
}

// extra plans for a device that the list does not have. It is removed only if it came from this list.
// By hand, the result names all devices that stay; by the schedule they would be every other device.
func (i *devicesImport) extra(d api.Device) {
	change := api.InventoryChange{Device: d.Name, Change: api.InventoryExtra}
	switch own := d.Source == i.Source && i.Source != ""; {
	case own && i.Prune:
		change.Change = api.InventoryRemoved
		i.writes = append(i.writes, func(ctx context.Context) error { return i.node.Catalog.RemoveDevice(ctx, d.Name) })
	case !own && (i.Own || !i.Prune):
		return
	case !own:
		change.Change = api.InventoryKept
	}
	i.diff.Changes = append(i.diff.Changes, change)
}
