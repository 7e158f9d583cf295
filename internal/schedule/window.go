package schedule

import (
	"fmt"
	"strings"
	"time"
)

// Window is the part of each day in which scheduled work may start. The zero value
// is the whole day.
type Window struct {
	words      string
	start, end int // minutes since midnight on the wall clock; start > end: across midnight
}

// ParseWindow reads "HH:MM-HH:MM". Empty: the whole day.
func ParseWindow(text string) (Window, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Window{}, nil
	}
	from, to, ok := strings.Cut(text, "-")
	if !ok {
		return Window{}, fmt.Errorf("window %q: want HH:MM-HH:MM, such as 22:00-06:00", text)
	}
	start, err := clock(strings.TrimSpace(from))
	if err != nil {
		return Window{}, fmt.Errorf("window %q: %w", text, err)
	}
	end, err := clock(strings.TrimSpace(to))
	if err != nil {
		return Window{}, fmt.Errorf("window %q: %w", text, err)
	}
	if start == end {
		return Window{}, fmt.Errorf("window %q is empty; leave it out for the whole day", text)
	}
	return Window{text, start, end}, nil
}

// String returns the words of the window.
func (w Window) String() string { return w.words }

// Contains reports whether work may start at t. The end does not belong to the window.
func (w Window) Contains(t time.Time, zone *time.Location) bool {
	t = t.In(zone)
	minute := t.Hour()*60 + t.Minute()
	switch {
	case w.start == w.end:
		return true
	case w.start < w.end:
		return minute >= w.start && minute < w.end
	}
	return minute >= w.start || minute < w.end
}

// Next returns the first moment from t on at which work may start.
func (w Window) Next(t time.Time, zone *time.Location) time.Time {
	if w.Contains(t, zone) {
		return t
	}
	year, month, day := t.In(zone).Date()
	for d := range 3 {
		wall := time.Date(year, month, day+d, w.start/60, w.start%60, 0, 0, time.UTC)
		first, second := moments(wall, zone)
		for _, open := range []time.Time{first, second} {
			if !open.Before(t) && w.Contains(open, zone) {
				return open
			}
		}
	}
	return t // a window that lies wholly in the gap of this day and of no other: do not wait for ever
}
