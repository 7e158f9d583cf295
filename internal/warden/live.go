package warden

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/live"
)

// Limits of the events that are kept for readers who were away for a moment.
const (
	liveKept      = 4096    // events
	liveKeptBytes = 8 << 20 // of all of them
)

// manyChanges is how many jobs that change at once are no events any more: readers read
// the present state anew.
const manyChanges = 500

// liveEvents makes events of what happens, for all readers.
type liveEvents struct {
	ring *live.Ring

	mu      sync.Mutex
	readers int
	why     string // the events before gone were forgotten
	gone    uint64
	moving  map[file]*moving // the transfers that run
	running map[string]int   // the jobs that were last seen running, and their attempts
}

// file is one file of a job.
type file struct{ job, path string }

// moving is a transfer that runs.
type moving struct {
	event api.TransferEvent // the newest, sent or not
	sent  time.Time
	past  []sample // of the last seconds, the oldest first
}

// sample is how far a transfer was at a time.
type sample struct {
	at    time.Time
	bytes int64
}

func newLiveEvents() *liveEvents {
	return &liveEvents{ring: live.New(liveKept, liveKeptBytes), moving: make(map[file]*moving), running: make(map[string]int)}
}

// publish adds an event. Its data has texts and numbers only.
func (v *liveEvents) publish(kind, job, device string, data any, scopes ...live.Scope) {
	text, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	v.ring.Publish(live.Event{Kind: kind, Job: job, Device: device, Scopes: scopes, Data: text})
}

// anew has every reader read everything again.
func (v *liveEvents) anew(why string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.why = why
	v.ring.Forget()
	v.gone = v.ring.Place()
}

// jobs reports jobs as they are now.
func (v *liveEvents) jobs(jobs ...catalog.Job) {
	many := len(jobs) > manyChanges
	for _, j := range jobs {
		if v.note(j) && !many {
			j.Result = nil
			v.publish(api.LiveJob, j.ID, j.Device, api.JobEvent{Job: j.Job})
			if api.Ended(j.State) && j.Attempts > 0 && j.Device != "" {
				v.device(api.DeviceRun, j.Device)
			}
		}
	}
	if many {
		v.anew(fmt.Sprintf("%d jobs have changed at once", len(jobs)))
	}
}

// startsWithin is how long after it was added a job may be reported, although it has
// started meanwhile.
const startsWithin = 5 * time.Second

// note remembers which jobs run. It reports false for a job as it was before it started.
func (v *liveEvents) note(j catalog.Job) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if j.State == api.JobRunning {
		v.running[j.ID] = j.Attempts
		return true
	}
	if attempts, ok := v.running[j.ID]; ok && j.Attempts < attempts && j.State == api.JobQueued && time.Since(j.Created) < startsWithin {
		return false
	}
	delete(v.running, j.ID)
	for f := range v.moving {
		if f.job == j.ID {
			delete(v.moving, f)
		}
	}
	return true
}

// progress returns a function that passes the events of a job on to its client and to all
// readers.
func (v *liveEvents) progress(j catalog.Job, events func(api.Event)) func(api.Event) {
	return func(e api.Event) {
		if events != nil {
			events(e)
		}
		switch e.Step {
		case api.StepQueued, api.StepDone: // the states of the job say it
		case api.StepLogin, api.StepLook, api.StepChange, api.StepReload, api.StepTry:
			v.publish(api.LiveJob, j.ID, j.Device, api.JobEvent{Job: j.Job, Step: e.Step, File: e.File})
		default:
			if e.Step == api.StepKept || e.Step == api.StepProved {
				e.Bytes = max(e.Bytes, e.Size) // all of it, wherever it came from
			}
			v.transfer(api.TransferEvent{Job: j.ID, Device: j.Device, Step: e.Step, File: e.File, Bytes: e.Bytes, Size: e.Size, Retransmits: e.Retransmits}, time.Now())
		}
	}
}

// permit returns a function that reports the transfers of an offer or a reception. Requests
// that were refused may be those of anybody.
func (v *liveEvents) permit(p *permit) func(api.Event) {
	return func(e api.Event) {
		if e.Step != api.StepRefused {
			v.transfer(api.TransferEvent{Device: p.Device, Step: e.Step, File: e.File, Bytes: e.Bytes, Size: e.Size, Error: e.Error}, time.Now())
		}
	}
}

// betweenTransferEvents is the least time between two events of one file that only moves on.
const betweenTransferEvents = 500 * time.Millisecond

// transfer reports the progress of one file.
func (v *liveEvents) transfer(e api.TransferEvent, now time.Time) {
	e.Time = now.UTC()
	v.mu.Lock()
	key := file{e.Job, e.File}
	m, known := v.moving[key]
	if !known || m.event.Step != e.Step {
		m = &moving{}
		v.moving[key] = m
	}
	e.Rate = m.rate(sample{now, e.Bytes})
	m.event = e
	send := now.Sub(m.sent) >= betweenTransferEvents || e.Size > 0 && e.Bytes >= e.Size
	if send {
		m.sent = now
	}
	if e.Step == api.StepEnded {
		delete(v.moving, key)
	}
	v.mu.Unlock()
	if send {
		v.publish(api.LiveTransfer, e.Job, e.Device, e)
	}
}

// ratePeriod is the time over which the rate of a transfer is measured.
const ratePeriod = 5 * time.Second

// rate notes how far the transfer is, and returns its bytes per second.
func (m *moving) rate(now sample) int64 {
	if last := len(m.past) - 1; last > 0 && now.at.Sub(m.past[last-1].at) < betweenTransferEvents {
		m.past[last] = now // few samples are enough
	} else {
		m.past = append(m.past, now)
	}
	for len(m.past) > 2 && now.at.Sub(m.past[1].at) >= ratePeriod {
		m.past = m.past[1:]
	}
	first := m.past[0]
	if took := now.at.Sub(first.at); took > 0 && now.bytes > first.bytes {
		return int64(float64(now.bytes-first.bytes) / took.Seconds())
	}
	return 0
}

// device reports a change of a device. The scopes are those before and after it; none: the
// inventory has them.
func (v *liveEvents) device(change, name string, scopes ...live.Scope) {
	v.publish(api.LiveDevice, "", name, api.DeviceEvent{Time: time.Now().UTC(), Device: name, Change: change}, scopes...)
}

func scopeOf(d api.Device) live.Scope { return live.Scope{Group: d.Group, Site: d.Site} }

// snapshot reports a new snapshot. A look makes none.
func (v *liveEvents) snapshot(device, id, status string) {
	if id != "" && (status == api.StatusOK || status == api.StatusIncomplete) {
		v.vault(api.VaultEvent{Change: api.VaultSnapshot, Device: device, Snapshot: id})
	}
}

// vault reports a change of the vault.
func (v *liveEvents) vault(e api.VaultEvent) {
	e.Time = time.Now().UTC()
	v.publish(api.LiveVault, "", e.Device, e)
}

// betweenLooks is how often the catalog is asked for jobs that others have changed.
const betweenLooks = 2 * time.Second

// watchJobs reports jobs that other processes have changed, until ctx ends. It asks only
// while somebody reads.
func (l *queue) watchJobs(ctx context.Context) {
	every := time.NewTicker(betweenLooks)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if !l.live.hasReaders() {
			continue
		}
		if err := l.lookForChanges(ctx); err != nil && ctx.Err() == nil {
			l.log().Debug("jobs of other machines are not known", "err", err)
		}
	}
}

func (v *liveEvents) hasReaders() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.readers > 0
}

// mostRunning is more jobs than may run at once.
const mostRunning = 2000

// lookForChanges reports the jobs that run and were not known to, and those that do not any
// more.
func (l *queue) lookForChanges(ctx context.Context) error {
	n, err := l.open(ctx)
	if err != nil {
		return err
	}
	before := l.live.known() // first: what starts meanwhile is in the page
	page, err := n.Catalog.Jobs(ctx, api.JobSelect{State: api.JobRunning, Limit: mostRunning})
	if err != nil {
		return err
	}
	for _, j := range page.Jobs {
		attempts, known := before[j.ID]
		delete(before, j.ID)
		if !known || attempts != j.Attempts {
			l.live.jobs(catalog.Job{Job: j})
		}
	}
	for id := range before {
		if j, err := n.Catalog.Job(ctx, id); err == nil && j.State != api.JobRunning && l.live.stillKnown(id) {
			l.live.jobs(j)
		}
	}
	return nil
}

// known returns the jobs that were last seen running.
func (v *liveEvents) known() map[string]int {
	v.mu.Lock()
	defer v.mu.Unlock()
	known := make(map[string]int, len(v.running))
	for id, attempts := range v.running {
		known[id] = attempts
	}
	return known
}

func (v *liveEvents) stillKnown(id string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, known := v.running[id]
	return known
}
