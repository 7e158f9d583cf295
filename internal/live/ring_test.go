package live_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"flashwarden/internal/live"
)

func publish(r *live.Ring, from, to int) {
	for i := from; i < to; i++ {
		r.Publish(live.Event{Data: fmt.Append(nil, i)})
	}
}

func texts(events []live.Event) string {
	var all []string
	for _, e := range events {
		all = append(all, string(e.Data))
	}
	return strings.Join(all, " ")
}

// TestRing gives each reader every event behind its place, or says that some are gone.
func TestRing(t *testing.T) {
	r := live.New(4, 1000)
	publish(r, 0, 3)
	place, ok := r.Find(r.ID(1))
	if !ok || place != 1 {
		t.Fatalf("place %d, %t", place, ok)
	}
	events, next, ok, changed := r.After(place)
	if texts(events) != "1 2" || next != 3 || !ok {
		t.Errorf("%q, next %d, %t", texts(events), next, ok)
	}
	select {
	case <-changed:
		t.Error("changed without an event")
	default:
	}
	publish(r, 3, 6)
	<-changed
	if events, _, ok, _ := r.After(next); texts(events) != "3 4 5" || !ok {
		t.Errorf("%q, %t", texts(events), ok)
	}
	if events, next, ok, _ := r.After(1); len(events) != 0 || next != 6 || ok {
		t.Errorf("a place that is gone: %q, next %d, %t", texts(events), next, ok)
	}
	if _, next, ok, _ := r.After(99); next != 6 || ok {
		t.Errorf("a place that never was: next %d, %t", next, ok)
	}
	for _, id := range []string{live.New(4, 9).ID(3), "", "x", r.ID(3) + "x"} {
		if _, ok := r.Find(id); ok {
			t.Errorf("found %q", id)
		}
	}
	r.Forget()
	if _, next, ok, _ := r.After(6); ok || next != 7 {
		t.Errorf("after Forget: next %d, %t", next, ok)
	}
}

// TestRingIsBounded holds neither more events nor more bytes than it may.
func TestRingIsBounded(t *testing.T) {
	r := live.New(100, 20)
	for range 50 {
		r.Publish(live.Event{Data: slices.Repeat([]byte("x"), 5)})
	}
	if _, _, ok, _ := r.After(45); ok {
		t.Error("more than 20 bytes are held")
	}
	if events, _, ok, _ := r.After(46); !ok || len(events) != 4 {
		t.Errorf("%d events, %t", len(events), ok)
	}
	r.Publish(live.Event{Data: slices.Repeat([]byte("x"), 50)})
	if _, _, ok, _ := r.After(r.Place()); !ok {
		t.Error("the newest place is gone")
	}
	publish(r, 0, 3)
	if events, _, ok, _ := r.After(r.Place() - 3); !ok || texts(events) != "0 1 2" {
		t.Errorf("after a large event: %q, %t", texts(events), ok)
	}
}
