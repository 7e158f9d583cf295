package job

import (
	"slices"
	"sync"

	"flashwarden/api"
)

// feed passes on what happens to jobs in this process. The zero feed is ready.
type feed struct {
	mu  sync.Mutex
	all map[*subscriber]bool
}

type subscriber struct {
	jobs    []string
	events  func(job string, e api.Event)
	changes chan struct{}
}

// subscribe passes on the events of jobs until unsubscribe is called. events must return at
// once. changes receives a value after the state of any job has changed.
func (f *feed) subscribe(jobs []string, events func(job string, e api.Event)) (changes <-chan struct{}, unsubscribe func()) {
	s := &subscriber{jobs: jobs, events: events, changes: make(chan struct{}, 1)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = make(map[*subscriber]bool)
	}
	f.all[s] = true
	return s.changes, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.all, s)
	}
}

// event passes on an event of a job.
func (f *feed) event(job string, e api.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.all {
		if s.events != nil && slices.Contains(s.jobs, job) {
			s.events(job, e)
		}
	}
}

// changed says that the state of a job has changed.
func (f *feed) changed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.all {
		select {
		case s.changes <- struct{}{}:
		default:
		}
	}
}
