package warden

import (
	"context"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/node"
	"flashwarden/internal/protect"
	"flashwarden/tftp"
)

// Measures returns the state of the fleet and of the vault in numbers. It is no operation of
// a face, because only programs want it.
func (l *fleet) Measures(ctx context.Context) (api.Measures, error) {
	n, err := l.begin(ctx, reading, "read the metrics")
	if err != nil {
		return api.Measures{}, err
	}
	return l.measure(ctx, n, time.Now())
}

// measure counts what the catalog has.
func (l *fleet) measure(ctx context.Context, n *node.Node, now time.Time) (api.Measures, error) {
	totals, err := n.Catalog.Totals(ctx)
	if err != nil {
		return api.Measures{}, err
	}
	m := api.Measures{Jobs: totals.Jobs, Snapshots: totals.Snapshots, Contents: totals.Contents, Bytes: totals.Bytes}
	_, unusable := n.Vault(ctx)
	m.Ready = unusable == nil
	if err := l.measureDevices(ctx, n, &m, now); err != nil {
		return api.Measures{}, err
	}
	m.Care, err = l.care(ctx, n, now)
	return m, err
}

// measureDevices counts the devices, and measures each if the configuration wants that.
func (l *fleet) measureDevices(ctx context.Context, n *node.Node, m *api.Measures, now time.Time) error {
	served, err := n.Served()
	if err != nil {
		return err
	}
	mirrored, err := l.mirrored(ctx, n)
	if err != nil {
		return err
	}
	rules, each := l.protection(), l.config().Metrics.Devices
	return n.Catalog.Outlines(ctx, "", "", func(o catalog.State) {
		settle(&o, served)
		o.Mirrors = mirrored[o.Good.ID]
		protected := m.Ready && rules.Risks(o, now) == protect.Risks{}
		count(&m.Summary, protected, protect.LastFails(o), o.Last.Status == api.StatusRunning)
		if !each {
			return
		}
		d := api.DeviceMeasure{Device: o.Name, Protected: protected, LastSuccess: o.Good.Started}
		if o.Looked.After(d.LastSuccess) {
			d.LastSuccess = o.Looked
		}
		m.Devices = append(m.Devices, d)
	})
}

// Watcher is notified of the work of this process. Its functions must not wait.
type Watcher interface {
	// Ended is called when the backup or restore of a device has ended.
	Ended(operation, status string, c api.Cause, bytes int64, took time.Duration)
	// Transfer is called with each event of the TFTP server.
	Transfer(e tftp.Event)
}

// Watch notifies w. It is called once, before operations begin.
func (l *core) Watch(w Watcher) {
	l.watcher = w
	l.watch.add(w.Transfer)
}
