package warden

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/node"
)

// AddDevice adds a device to the inventory.
func (l *devices) AddDevice(ctx context.Context, c api.DeviceChange) (api.Device, error) {
	n, err := l.beginNew(ctx, directing, "add a device", c.Device.Name)
	if err != nil {
		return api.Device{}, err
	}
	if _, err := n.Catalog.Device(ctx, c.Device.Name); err == nil {
		p := Invalid("device %s: %w", c.Device.Name, catalog.ErrExists)
		p.Fix = api.Say("change it with ").Do("device edit", c.Device.Name)
		return api.Device{}, p
	}
	d, secrets, err := n.SealDevice(ctx, c, api.Device{}, catalog.Secrets{})
	if err != nil {
		return d, err
	}
	keys, err := node.HostKeysOf(c)
	if err == nil {
		err = n.Catalog.AddDevice(ctx, d, secrets)
	}
	if err == nil {
		err = n.Catalog.SetHostKeys(ctx, keys...)
		l.live.device(api.DeviceAdded, d.Name, scopeOf(d))
	}
	return d, err
}

// EditDevice replaces the settings of a device. Secrets that the change does
// not name stay.
func (l *devices) EditDevice(ctx context.Context, c api.DeviceChange) (api.Device, error) {
	n, err := l.begin(ctx, directing, "edit a device", c.Device.Name)
	if err != nil {
		return api.Device{}, err
	}
	was, err := n.Catalog.Device(ctx, c.Device.Name)
	if err != nil {
		return api.Device{}, err
	}
	secrets, err := n.Catalog.Secrets(ctx, c.Device.Name)
	if err != nil {
		return api.Device{}, err
	}
	d, secrets, err := n.SealDevice(ctx, c, was, secrets)
	if err != nil {
		return d, err
	}
	keys, err := node.HostKeysOf(c)
	if err == nil {
		err = n.Catalog.UpdateDevice(ctx, d, secrets)
	}
	if err == nil {
		err = n.Catalog.SetHostKeys(ctx, keys...)
		l.live.device(api.DeviceEdited, d.Name, scopeOf(was), scopeOf(d))
	}
	return d, err
}

// RemoveDevices removes all devices that are named, or none when one is
// unknown. Their snapshots stay.
func (l *devices) RemoveDevices(ctx context.Context, s api.Select) ([]api.Device, error) {
	if err := l.allow(ctx, directing, "remove devices", s.Names...); err != nil {
		return nil, err
	}
	if len(s.Names) == 0 {
		return nil, Invalid("which devices? Give names")
	}
	if err := l.exists(ctx, s.Names...); err != nil {
		return nil, err
	}
	n, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	devices, err := n.Catalog.Devices(ctx, s)
	if err == nil {
		err = l.record(ctx, n, "remove devices", api.AuditAllowed, s.Names)
	}
	if err != nil {
		return nil, err
	}
	for _, d := range devices {
		if err := n.Catalog.RemoveDevice(ctx, d.Name); err != nil {
			return nil, err
		}
		l.live.device(api.DeviceRemoved, d.Name, scopeOf(d))
	}
	return devices, nil
}

// Devices lists the devices that s selects, with the facts from its backups.
func (l *devices) Devices(ctx context.Context, s api.Select) ([]api.DeviceRow, error) {
	n, s, err := l.beginOn(ctx, reading, "list devices", s)
	if err != nil {
		return nil, err
	}
	devices, err := n.Catalog.Devices(ctx, s)
	if err != nil {
		return nil, err
	}
	if len(devices) == 0 && s.Group+s.Site != "" {
		return nil, noneMatches(ctx, n, s)
	}
	states, err := l.fleet.states(ctx, n, api.Select{Group: s.Group, Site: s.Site})
	if err != nil {
		return nil, err
	}
	byName := make(map[string]*catalog.State, len(states))
	for i := range states {
		byName[states[i].Name] = &states[i]
	}
	rows, rules := make([]api.DeviceRow, 0, len(devices)), l.fleet.protection()
	for _, d := range devices {
		if state := byName[d.Name]; state != nil { // else it was removed meanwhile
			status := l.fleet.statusOf(*state, rules, time.Now())
			rows = append(rows, api.DeviceRow{Device: d, Known: status.Known, Protected: status.Protected, LastFails: status.LastFails})
		}
	}
	return rows, nil
}

// runsShown is how many runs of a device are shown.
const runsShown = 5

// Device returns one device, with its pinned host keys, which secrets are stored
// for it, whether it is protected, and its newest runs.
func (l *devices) Device(ctx context.Context, name api.Named) (api.DeviceDetail, error) {
	n, err := l.beginOnDevice(ctx, reading, "show a device", name.Name)
	if err != nil {
		return api.DeviceDetail{}, err
	}
	d, err := n.Detail(ctx, name.Name)
	if err != nil {
		return api.DeviceDetail{}, err
	}
	states, err := l.fleet.states(ctx, n, api.Select{Names: []string{name.Name}})
	if err != nil {
		return api.DeviceDetail{}, err
	}
	d.Status = l.fleet.statusOf(states[0], l.fleet.protection(), time.Now())
	d.Runs, err = runs(ctx, n, name.Name, runsShown)
	return d, err
}

// TestDevices logs in to each device and reads its facts, nothing else. It has
// as many sessions at once as a backup. Its events have no status: the results
// follow at once.
func (l *devices) TestDevices(ctx context.Context, s api.Select, events func(api.Event)) ([]api.TestResult, error) {
	n, s, err := l.beginOn(ctx, looking, "test devices", s)
	if err != nil {
		return nil, err
	}
	devices, err := chosen(ctx, n, s)
	if err != nil {
		return nil, err
	}
	tell := func(d api.Device, step api.Step) {
		if events != nil {
			events(api.Event{Time: time.Now().UTC(), Device: d.Name, Step: step})
		}
	}
	for _, d := range devices {
		tell(d, api.StepQueued)
	}
	results := make([]api.TestResult, len(devices))
	l.sideBySide(len(devices), func(i int) {
		tell(devices[i], api.StepLogin)
		results[i] = testDevice(ctx, n, devices[i])
		tell(devices[i], api.StepDone)
	})
	return results, nil
}

// sideBySide calls work for 0 to n-1 and waits for all. As many calls run at
// once as backups may.
func (l *core) sideBySide(n int, work func(i int)) {
	running := make(chan struct{}, max(l.config().Backup.Parallel, 1))
	var wg sync.WaitGroup
	for i := range n {
		running <- struct{}{}
		wg.Go(func() {
			defer func() { <-running }()
			work(i)
		})
	}
	wg.Wait()
}

func testDevice(ctx context.Context, n *node.Node, d api.Device) api.TestResult {
	r := api.TestResult{Device: d.Name, Status: api.StatusOK}
	began := time.Now()
	facts, err := readFacts(ctx, n, d)
	r.Facts, r.Seconds, r.Pinned = facts, tenths(time.Since(began)), n.FirstLogins(d.Name)
	if err != nil {
		r.Status, r.Cause, r.Message, r.Hint = api.StatusFailed, cause.Of(err), cause.Text(err), cause.Hint(err)
	}
	return r
}

func readFacts(ctx context.Context, n *node.Node, d api.Device) (api.Facts, error) {
	dev, err := n.Dial(ctx, d)
	if err != nil {
		return api.Facts{}, err
	}
	f, err := dev.Facts(ctx)
	return f.API(), errors.Join(err, dev.Close())
}

// tenths is d in seconds with one decimal.
func tenths(d time.Duration) float64 { return math.Round(d.Seconds()*10) / 10 }
