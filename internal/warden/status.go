package warden

import (
	"cmp"
	"context"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/catalog"
	"flashwarden/internal/node"
	"flashwarden/internal/protect"
)

// Status reports which of the devices that q selects are protected, and why the
// others are not.
func (l *fleet) Status(ctx context.Context, q api.StatusQuery) (api.Status, error) {
	n, s, err := l.beginOn(ctx, reading, "read the status", q.Select)
	if err != nil {
		return api.Status{}, err
	}
	// No device is protected by a vault whose disk is missing.
	if _, err := n.Vault(ctx); err != nil {
		return api.Status{}, err
	}
	now := time.Now()
	var status api.Status
	if q.Brief && len(s.Names) == 0 {
		status, err = l.brief(ctx, n, s, now)
	} else {
		status, err = l.full(ctx, n, s, now)
	}
	if err != nil {
		return api.Status{}, err
	}
	if status.Summary.Devices == 0 && (s.Group != "" || s.Site != "") {
		return api.Status{}, noneMatches(ctx, n, s)
	}
	if err := l.addNextRuns(ctx, n, &status, s, now); err != nil {
		return api.Status{}, err
	}
	return status, l.addCare(ctx, n, &status, s, now)
}

// full returns the status of all devices that s selects.
func (l *fleet) full(ctx context.Context, n *node.Node, s api.Select, now time.Time) (api.Status, error) {
	states, err := l.states(ctx, n, s)
	if err != nil {
		return api.Status{}, err
	}
	return l.judge(states, now), nil
}

// judge puts those at risk first, then those whose last backup failed.
func (l *fleet) judge(states []catalog.State, now time.Time) api.Status {
	status, rules := api.Status{Devices: make([]api.DeviceStatus, 0, len(states)), Care: []api.Care{}}, l.protection()
	for _, state := range states {
		d := l.statusOf(state, rules, now)
		status.Devices = append(status.Devices, d)
		count(&status.Summary, d.Protected, d.LastFails, d.Running)
	}
	rank := func(d api.DeviceStatus) int {
		switch {
		case !d.Protected:
			return 0
		case d.LastFails:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(status.Devices, func(a, b api.DeviceStatus) int { return cmp.Compare(rank(a), rank(b)) })
	return status
}

// count counts a device.
func count(s *api.StatusSummary, protected, fails, running bool) {
	for _, one := range []struct {
		is bool
		n  *int
	}{{true, &s.Devices}, {protected, &s.Protected}, {!protected, &s.AtRisk}, {fails, &s.Failed}, {running, &s.Running}} {
		if one.is {
			*one.n++
		}
	}
}

// protection returns the rules of the configuration.
func (l *fleet) protection() protect.Rules {
	c := l.config()
	rules := protect.Rules{Within: c.Protect.Within, ProvedWithin: c.Protect.ProvedWithin}
	for _, m := range c.Mirrors {
		rules.Mirrors = append(rules.Mirrors, protect.Mirror{Name: m.Name, Target: m.Target})
	}
	return rules
}

func (l *fleet) statusOf(s catalog.State, rules protect.Rules, now time.Time) api.DeviceStatus {
	reasons := rules.Judge(s, now)
	warnings := append(append([]string{}, s.Warnings...), overdue(s, l.config().Schedule.Reverify, now)...)
	return api.DeviceStatus{Device: s.Name, Site: s.Site, Group: s.Group, Protected: len(reasons) == 0, Reasons: reasons,
		Running: s.Last.Status == api.StatusRunning, LastFails: protect.LastFails(s), Warnings: warnings, Known: known(s)}
}

// reverifyLate is how long the digests of a device may wait for a turn until status shows it.
const reverifyLate = 7 * 24 * time.Hour

// overdue warns of a device whose digests should have been asked for long ago, every reverify:
// only looks confirmed its backup since, which compare names, sizes and times.
func overdue(s catalog.State, reverify time.Duration, now time.Time) []string {
	if reverify == 0 || s.Good.ID == "" || !s.Looked.After(s.Good.Started) {
		return nil
	}
	due := backup.ReverifyAt(s.Name, s.Good.Started, reverify)
	if now.Sub(due) < reverifyLate {
		return nil
	}
	return []string{"its digests have been due since " + due.Local().Format(time.DateOnly) + ", and were not compared yet: " +
		api.Say("back the device up with ").Do("backup", s.Name).Say(", or let more devices compute digests at once with ").Set("schedule.reverify-parallel", "").String()}
}

// states returns the states of devices. A run that no process carries out any
// more is interrupted.
func (l *fleet) states(ctx context.Context, n *node.Node, s api.Select) ([]catalog.State, error) {
	served, err := n.Served()
	if err != nil {
		return nil, err
	}
	states, err := n.Catalog.States(ctx, s)
	if err != nil {
		return nil, err
	}
	mirrored, err := l.mirrored(ctx, n)
	if err != nil {
		return nil, err
	}
	for i := range states {
		settle(&states[i], served)
		states[i].Mirrors = mirrored[states[i].Good.ID]
	}
	return states, nil
}

// mirrored returns which copies of the vault have a snapshot; nil: none are configured.
func (l *fleet) mirrored(ctx context.Context, n *node.Node) (map[string][]string, error) {
	if len(l.config().Mirrors) == 0 {
		return nil, nil
	}
	return n.Catalog.Mirrored(ctx)
}

func settle(s *catalog.State, served bool) {
	if s.Last.Status == api.StatusRunning && !served {
		s.Last.Status = api.StatusInterrupted
		s.Failed = &api.Run{Device: s.Name, Kind: api.RunBackup, Status: api.StatusInterrupted, Started: s.Last.Started}
	}
	if s.Failed != nil {
		*s.Failed = settled(*s.Failed, served)
	}
}

// runs returns the newest runs of a device, newest first.
func runs(ctx context.Context, n *node.Node, device string, most int) ([]api.Run, error) {
	served, err := n.Served()
	if err != nil {
		return nil, err
	}
	list, err := n.Catalog.Runs(ctx, device, most)
	for i := range list {
		list[i] = settled(list[i], served)
	}
	return list, err
}

// settled returns a run as it is to be shown.
func settled(r api.Run, served bool) api.Run {
	if r.Status == api.StatusRunning && !served {
		r.Status = api.StatusInterrupted
	}
	if r.Status == api.StatusInterrupted {
		r.Message, r.Hint = "flashwarden ended before this run did", api.Do(r.Kind, r.Device).String()
	}
	return r
}

// known returns a state in the form of the faces.
func known(s catalog.State) api.Known {
	return api.Known{Model: s.Model, Version: s.Version, Image: s.Image, LastSnapshot: s.Good.ID, LastBackup: pointer(s.Good.Started),
		LastLook: pointer(s.Looked), Proved: pointer(s.Proved), LastFailure: s.Failed}
}

// pointer is nil for the zero time, which is null in JSON.
func pointer(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
