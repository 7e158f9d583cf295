package warden

import (
	"cmp"
	"context"
	"time"

	"flashwarden/api"
	"flashwarden/internal/node"
)

const (
	// recordEvery is how often the numbers of the present day are recorded.
	recordEvery = time.Hour
	// daysShown is how many days Days returns by itself.
	daysShown = 90
	// runsInHistory is how many runs of a device its history has.
	runsInHistory = 100
)

// RunChronicle records the numbers of each day until ctx ends. Several machines may do so: they
// have the same numbers.
func (l *fleet) RunChronicle(ctx context.Context, ready func()) error {
	n, err := l.open(ctx)
	if err != nil {
		return err
	}
	ready()
	next := time.NewTicker(recordEvery)
	defer next.Stop()
	for {
		if err := l.recordDay(ctx, n, time.Now()); err != nil && ctx.Err() == nil {
			l.log().Warn("the numbers of this hour are missing in the plots of the page", "err", err)
		}
		select {
		case <-next.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// recordDay records the numbers of now.
func (l *fleet) recordDay(ctx context.Context, n *node.Node, now time.Time) error {
	m, err := l.measure(ctx, n, now)
	if err != nil {
		return err
	}
	return n.Catalog.PutDay(ctx, api.Day{Date: now.UTC().Format(time.DateOnly), Devices: int64(m.Summary.Devices), Protected: int64(m.Summary.Protected),
		Snapshots: m.Snapshots, Contents: m.Contents, Bytes: m.Bytes})
}

// Days returns the fleet and the vault in numbers, for each day that the service ran.
func (l *fleet) Days(ctx context.Context, s api.DaySelect) ([]api.Day, error) {
	n, err := l.begin(ctx, reading, "read the numbers of the days")
	if err != nil {
		return nil, err
	}
	return n.Catalog.Days(ctx, time.Now().AddDate(0, 0, 1-cmp.Or(s.Days, daysShown)))
}

// DeviceHistory returns a device over time.
func (l *devices) DeviceHistory(ctx context.Context, name api.Named) (h api.DeviceHistory, err error) {
	n, err := l.beginOnDevice(ctx, reading, "show the history of a device", name.Name)
	if err != nil {
		return h, err
	}
	if _, err := n.Catalog.Device(ctx, name.Name); err != nil {
		return h, err
	}
	if h.FlashUse, err = n.Catalog.FlashUse(ctx, name.Name, time.Now().AddDate(-1, 0, 0)); err != nil {
		return h, err
	}
	h.Runs, err = runs(ctx, n, name.Name, runsInHistory)
	return h, err
}
