// Package live keeps the newest events of the service for readers who follow at their own
// pace. A reader is only a place in the ring: it costs no memory, and delays nobody.
package live

import (
	"crypto/rand"
	"strconv"
	"strings"
	"sync"
)

// Scope is a group and a site of a device.
type Scope struct{ Group, Site string }

// Event is one event, encoded once for all readers.
type Event struct {
	Kind   string
	Job    string // the ID; empty: of no job
	Device string // empty: of no device
	// Scopes are those of the device, if the inventory may not have it any more: before and
	// after the change. None: the inventory knows them.
	Scopes []Scope
	Data   []byte
}

// Ring holds the newest events. Make one with New.
type Ring struct {
	events, bytes int    // limits
	run           string // other rings have other IDs

	mu      sync.Mutex
	next    uint64 // the place of the next event
	list    []Event
	held    int // bytes of list
	changed chan struct{}
}

// New returns a ring for so many events, of so many bytes in all.
func New(events, bytes int) *Ring {
	return &Ring{events: events, bytes: bytes, run: strings.ToLower(rand.Text()[:10]), changed: make(chan struct{})}
}

// Publish adds an event. It never waits.
func (r *Ring) Publish(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, e)
	r.next++
	r.held += len(e.Data)
	drop := 0
	for len(r.list)-drop > r.events || r.held > r.bytes {
		r.held -= len(r.list[drop].Data)
		r.list[drop] = Event{} // append moves the list only now and then
		drop++
	}
	r.list = r.list[drop:]
	r.wake()
}

// Forget drops all events: every reader learns that it has missed some.
func (r *Ring) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list, r.held = nil, 0
	r.next++
	r.wake()
}

// wake wakes all readers. The caller holds r.mu.
func (r *Ring) wake() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// Place returns the place behind the newest event.
func (r *Ring) Place() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next
}

// After returns the events from a place on, and the place behind them. ok is false if some of
// them are gone; then next is the place behind the newest one. changed is closed when there is
// a newer event.
func (r *Ring) After(place uint64) (events []Event, next uint64, ok bool, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := r.next - uint64(len(r.list))
	if place < first || place > r.next {
		return nil, r.next, false, r.changed
	}
	return append(events, r.list[place-first:]...), r.next, true, r.changed
}

// ID is the name of a place for clients.
func (r *Ring) ID(place uint64) string { return r.run + "-" + strconv.FormatUint(place, 10) }

// Find is the opposite of ID. ok is false for a place in another ring.
func (r *Ring) Find(id string) (place uint64, ok bool) {
	run, number, _ := strings.Cut(id, "-")
	place, err := strconv.ParseUint(number, 10, 64)
	return place, err == nil && run == r.run
}
