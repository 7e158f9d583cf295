package tftp

import "testing"

// TestUnprovedQueueForgets has a peer at the front that never answers and never leaves,
// because it repeats its request. The sessions behind it, which are proved, are not kept.
func TestUnprovedQueueForgets(t *testing.T) {
	var q unprovedQueue
	first, last := &session{}, &session{}
	q.push(first)
	for range 1000 {
		s := &session{}
		q.push(s)
		q.drop(s)
	}
	q.push(last)
	if n := len(q.queue); n > 100 {
		t.Errorf("the queue keeps %d sessions, 2 of them unproved", n)
	}
	q.drop(first)
	q.drop(last)
	if len(q.queue) != 0 || q.count != 0 {
		t.Errorf("the queue keeps %d sessions, and counts %d, want none", len(q.queue), q.count)
	}
}
