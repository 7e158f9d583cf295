package job

import (
	"context"
	"sync"
	"time"

	"flashwarden/api"
)

// watch reports to a client of Await why its jobs wait.
type watch struct {
	queue  *Queue
	events func(api.Event) // nil: nobody listens
	began  time.Time

	mu      sync.Mutex
	started map[string]bool   // jobs of which an event came
	said    map[string]string // why a job waits, as it was reported last
}

// setWaits keeps why jobs wait.
func (q *Queue) setWaits(waits map[string]string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waits = waits
}

// waitsFor says why a job waits; empty: the last decision did not see it.
func (q *Queue) waitsFor(id string) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waits[id]
}

// event passes on an event of a job that runs.
func (w *watch) event(id string, e api.Event) {
	w.mu.Lock()
	w.started[id] = true
	w.mu.Unlock()
	if w.events != nil {
		w.events(e)
	}
}

// sayWhy reports of each job that waits why it does, if that has changed. In the first
// moments it says nothing: mostly the job starts at once.
func (w *watch) sayWhy(ctx context.Context, ids []string) {
	if w.events == nil || time.Since(w.began) < 2*w.queue.Poll {
		return
	}
	for _, id := range ids {
		why := w.queue.waitsFor(id)
		if w.has(id) || why == "" && len(ids) > 1 { // one alone is worth a question to the catalog
			continue
		}
		if why != "" && w.said[id] == why {
			continue
		}
		j, err := w.queue.Store.Job(ctx, id)
		if err != nil || j.State != api.JobQueued {
			continue
		}
		if why == "" {
			why = w.queue.worksOn(ctx, j.Device)
		}
		if w.said[id] != why {
			w.said[id] = why
			w.events(api.Event{Time: time.Now(), Device: j.Device, Job: id, Step: api.StepQueued, Why: why})
		}
	}
}

// has reports whether a job has started.
func (w *watch) has(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.started[id]
}

// worksOn says what a job waits for that no decision saw: then other work has its device,
// or jobs with the same login come first.
func (q *Queue) worksOn(ctx context.Context, device string) string {
	page, err := q.Store.Jobs(ctx, api.JobSelect{State: api.JobRunning, Device: device, Limit: 1})
	if err == nil && len(page.Jobs) > 0 {
		return "the job " + page.Jobs[0].ID + " works on the device"
	}
	return "other work on the device, or other jobs before it"
}
