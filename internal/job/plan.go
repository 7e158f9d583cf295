package job

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"flashwarden/internal/catalog"
	"flashwarden/internal/schedule"
)

// Cadence says when the schedule gives a device its turn.
type Cadence struct {
	Schedule schedule.Schedule
	Zone     *time.Location
	Spread   time.Duration // at most; but less than the time between two slots
	Window   schedule.Window
	Skip     bool // turns that were missed are not made up for
	Slots    Slots
}

// Slots remembers the slots that a planning has computed: most devices share them. A nil
// one remembers nothing.
type Slots map[slotAfter]time.Time

// slotAfter is the question for the first slot of a schedule after a time.
type slotAfter struct {
	schedule schedule.Schedule
	zone     *time.Location
	after    int64 // nanoseconds since 1970
}

// after returns the first slot after a time.
func (c Cadence) after(t time.Time) time.Time {
	if c.Slots == nil {
		return c.Schedule.Next(t, c.Zone)
	}
	key := slotAfter{c.Schedule, c.Zone, t.UnixNano()}
	slot, ok := c.Slots[key]
	if !ok {
		slot = c.Schedule.Next(t, c.Zone)
		c.Slots[key] = slot
	}
	return slot
}

// Planned is the next turn of a device.
type Planned struct {
	Slot time.Time // of the schedule
	Due  time.Time // when its job may start
	Rest bool      // it is later than the schedule because the device has failed for long
}

// Next returns the next turn of a device. since is when the service started. ok is false
// if the device never gets one. If several slots have passed, their last one counts. A
// slot in the future does not: then the clock was wrong.
func (c Cadence) Next(t catalog.Turn, since, now time.Time) (p Planned, ok bool) {
	after, missed := t.Slot, c.Skip
	if after.IsZero() {
		after, missed = since.Add(-c.Spread-1), true
	}
	if after.After(now) {
		after = now.Add(-c.Spread - 1)
	}
	slot := c.after(after)
	if slot.IsZero() {
		return Planned{}, false
	}
	late := c.spread(t.Device, slot)
	if start := since.Add(-late); missed && slot.Before(start) {
		slot = c.after(start.Add(-1))
	}
	if past := now.Add(-late); slot.Before(past) { // others may have passed since
		slot = c.newest(slot, past)
	}
	p = Planned{Slot: slot, Due: slot.Add(late)}
	if rested := t.Tried.Add(Rest(t.Failing, t.Tried)); !t.Tried.After(now) && rested.After(p.Due) {
		p.Due, p.Rest = rested, true
	}
	p.Due = c.Window.Next(p.Due, c.Zone)
	return p, true
}

// spread is how much later than its slot a device is due.
func (c Cadence) spread(device string, slot time.Time) time.Duration {
	limit := c.Spread
	if next := c.after(slot); !next.IsZero() {
		limit = min(limit, next.Sub(slot))
	}
	return schedule.Spread(device, limit)
}

// newest returns the last slot up to a time; first is one before that.
func (c Cadence) newest(first, until time.Time) (slot time.Time) {
	for _, back := range []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, daily, 8 * daily, 32 * daily, 370 * daily} {
		for next := c.after(until.Add(-back)); !next.IsZero() && !next.After(until); next = c.after(next) {
			slot = next
		}
		if !slot.IsZero() {
			return slot
		}
	}
	return first
}

// Late returns when something was due that last began at a time, and whether that is long ago:
// more than the time until the slot after it, but at least an hour and at most a day.
func (c Cadence) Late(last, now time.Time) (due time.Time, late bool) {
	due = c.after(last)
	return due, c.Overdue(due, now)
}

// Overdue reports whether the work of a slot should have begun long ago; see Late.
func (c Cadence) Overdue(slot, now time.Time) bool {
	if slot.IsZero() {
		return false
	}
	patience := daily
	if next := c.after(slot); !next.IsZero() {
		patience = min(max(next.Sub(slot), time.Hour), daily)
	}
	return now.Sub(slot) > patience
}

// Planner gives devices and tasks their turns.
type Planner struct {
	Queue   *Queue
	Turns   func(ctx context.Context) ([]catalog.Turn, error) // of everything in the schedule
	Cadence func(catalog.Turn) Cadence
	Job     func(catalog.Turn) catalog.Job // what to do, with its Kind; its Slot and Due are set here
	Log     *slog.Logger

	changed chan struct{}
}

// horizon is how far ahead the planner plans. Then it reads the inventory and the results
// again.
const horizon = time.Minute

// NewPlanner returns a planner. Run makes it work.
func NewPlanner(p Planner) *Planner {
	p.changed = make(chan struct{}, 1)
	return &p
}

// Changed lets the planner read the inventory and the schedule again now.
func (p *Planner) Changed() {
	select {
	case p.changed <- struct{}{}:
	default: // it will
	}
}

// Run adds jobs to the queue until ctx ends.
func (p *Planner) Run(ctx context.Context, ready func()) error {
	since := time.Now()
	var following fault
	ready()
	for ctx.Err() == nil {
		turns, err := p.Turns(ctx)
		if err == nil {
			err = p.follow(ctx, turns, since)
		}
		if err != nil {
			p.wait(ctx, horizon/12)
		}
		if ctx.Err() == nil {
			following.report(p.Log, err, "the schedule cannot be followed", "the schedule is followed again")
		}
	}
	return nil
}

// turn is the next turn of a device or a task.
type turn struct {
	of   catalog.Turn
	next Planned
}

// follow adds the jobs that become due until the horizon.
func (p *Planner) follow(ctx context.Context, turns []catalog.Turn, since time.Time) error {
	now := time.Now()
	end := now.Add(horizon)
	var next []turn
	slots := make(Slots)
	for _, t := range turns {
		c := p.Cadence(t)
		c.Slots = slots
		if planned, ok := c.Next(t, since, now); ok && planned.Due.Before(end) {
			next = append(next, turn{t, planned})
		}
	}
	for {
		var err error
		if next, err = p.add(ctx, next, since, end); err != nil {
			return err
		}
		slices.SortFunc(next, func(a, b turn) int { return a.next.Due.Compare(b.next.Due) })
		until := end
		if len(next) > 0 {
			until = next[0].next.Due
		}
		if p.wait(ctx, time.Until(until)) || !time.Now().Before(end) {
			return nil
		}
	}
}

// add adds the jobs that are due, and returns the turns that remain until end.
func (p *Planner) add(ctx context.Context, next []turn, since, end time.Time) ([]turn, error) {
	now := time.Now()
	var jobs []catalog.Job
	var later []turn
	for _, t := range next {
		if t.next.Due.After(now) {
			later = append(later, t)
			continue
		}
		j := p.Job(t.of)
		j.Slot, j.Due = t.next.Slot, t.next.Due
		jobs = append(jobs, j)
		t.of.Slot = t.next.Slot
		if planned, ok := p.Cadence(t.of).Next(t.of, since, now); ok && planned.Due.Before(end) {
			later = append(later, turn{t.of, planned})
		}
	}
	if len(jobs) == 0 {
		return later, nil
	}
	_, err := p.Queue.Add(ctx, jobs...)
	return later, err
}

// wait waits for a time. It reports whether something ended it before.
func (p *Planner) wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return true
	case <-p.changed:
		return true
	case <-timer.C:
		return false
	}
}
