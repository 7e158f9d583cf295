package warden

import (
	"context"
	"errors"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/node"
	"flashwarden/internal/protect"
)

// problem is why a device needs attention. Devices with one problem are at risk for the
// same reasons, and their last backups failed with one cause. The zero problem is none.
type problem struct {
	risks  protect.Risks
	fails  bool
	cause  api.Cause
	warned bool
}

// affected are the devices with one problem.
type affected struct {
	first []string // at most api.MostNamed of them, in natural order
	more  int      // how many there are beside
}

// add enters a device.
func (a *affected) add(name string) {
	at, _ := slices.BinarySearchFunc(a.first, name, api.CompareNames)
	if at < api.MostNamed {
		a.first = slices.Insert(a.first, at, name)
	}
	if len(a.first) > api.MostNamed {
		a.first = a.first[:api.MostNamed]
	}
}

// brief returns the status of the devices of a group or site that need attention. It reads
// only outlines of the others: most of a large fleet needs none.
func (l *fleet) brief(ctx context.Context, n *node.Node, s api.Select, now time.Time) (api.Status, error) {
	summary, problems, err := l.problems(ctx, n, s, now)
	if err != nil {
		return api.Status{}, err
	}
	var names []string
	more := make(map[string]int) // by the last device that is named
	for _, a := range problems {
		names = append(names, a.first...)
		more[a.first[len(a.first)-1]] = a.more
	}
	status := api.Status{Devices: []api.DeviceStatus{}}
	if len(names) > 0 {
		status, err = l.full(ctx, n, api.Select{Names: names}, now)
	}
	if errors.Is(err, catalog.ErrNotFound) { // one was removed meanwhile
		return l.full(ctx, n, s, now)
	}
	if err != nil {
		return api.Status{}, err
	}
	for i := range status.Devices {
		status.Devices[i].More = more[status.Devices[i].Device]
	}
	status.Summary = summary
	return status, nil
}

// problems counts the devices of a group or site, and finds those that need attention.
func (l *fleet) problems(ctx context.Context, n *node.Node, s api.Select, now time.Time) (sum api.StatusSummary, all map[problem]*affected, err error) {
	served, err := n.Served()
	if err != nil {
		return sum, nil, err
	}
	mirrored, err := l.mirrored(ctx, n)
	if err != nil {
		return sum, nil, err
	}
	rules, reverify := l.protection(), l.config().Schedule.Reverify
	all = make(map[problem]*affected)
	err = n.Catalog.Outlines(ctx, s.Group, s.Site, func(o catalog.State) {
		settle(&o, served)
		o.Mirrors = mirrored[o.Good.ID]
		p := problem{risks: rules.Risks(o, now), fails: protect.LastFails(o), warned: len(o.Warnings)+len(overdue(o, reverify, now)) > 0}
		if p.fails {
			p.cause = o.Failed.Cause
		}
		count(&sum, p.risks == protect.Risks{}, p.fails, o.Last.Status == api.StatusRunning)
		if p == (problem{}) {
			return
		}
		a := all[p]
		if a == nil {
			a = new(affected)
			all[p] = a
		}
		a.add(o.Name)
		a.more++
	})
	for _, a := range all {
		a.more -= len(a.first)
	}
	return sum, all, err
}
