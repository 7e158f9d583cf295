package tftp

import (
	"container/heap"
	"time"
)

// timerEntry is a session's place in its loop's timers.
type timerEntry struct {
	at     time.Time // when the loop checks the session; zero: not queued
	index  int
	queued bool
}

// timers is a heap of the sessions of a loop, ordered by the time of their next
// check. Every packet moves a deadline to a later time; that does not change the
// heap. The check then finds that it is too early and queues the session again.
type timers []*session

// Len implements heap.Interface.
func (t timers) Len() int { return len(t) }

// Less implements heap.Interface: earlier checks come first.
func (t timers) Less(i, j int) bool { return t[i].timer.at.Before(t[j].timer.at) }

// Swap implements heap.Interface.
func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].timer.index, t[j].timer.index = i, j
}

// Push implements heap.Interface.
func (t *timers) Push(x any) {
	s := x.(*session)
	s.timer.index, s.timer.queued = len(*t), true
	*t = append(*t, s)
}

// Pop implements heap.Interface.
func (t *timers) Pop() any {
	old := *t
	s := old[len(old)-1]
	old[len(old)-1] = nil
	*t = old[:len(old)-1]
	s.timer.queued = false
	return s
}

// set queues a session for its deadline and reports whether it is now the first.
func (t *timers) set(s *session) bool {
	switch {
	case s.clock.deadline.IsZero():
		return false
	case !s.timer.queued:
		s.timer.at = s.clock.deadline
		heap.Push(t, s)
	case s.clock.deadline.Before(s.timer.at):
		s.timer.at = s.clock.deadline
		heap.Fix(t, s.timer.index)
	default:
		return false
	}
	return s.timer.index == 0
}

// remove removes a session from the heap.
func (t *timers) remove(s *session) {
	if s.timer.queued {
		heap.Remove(t, s.timer.index)
	}
}

// due removes and returns the first session whose check is due. If none is due, it
// returns nil and the time of the next check (zero: none).
func (t *timers) due(now time.Time) (*session, time.Time) {
	if len(*t) == 0 {
		return nil, time.Time{}
	}
	s := (*t)[0]
	if s.timer.at.After(now) {
		return nil, s.timer.at
	}
	heap.Pop(t)
	return s, time.Time{}
}
