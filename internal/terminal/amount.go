package terminal

import (
	"fmt"
	"strings"
	"time"

	"flashwarden/api"
)

// Amount shows on one line how many bytes of an operation are done: read 1.0 GB of 2.0 GB,
// 38 MB/s, 27 s left.
type Amount struct {
	Word string // the work on the bytes: read

	last  api.Event
	speed meter
}

// Add enters an event. It prints nothing once: the result of the operation says more.
func (a *Amount) Add(e api.Event, now time.Time) []string {
	a.last = e
	a.speed.add(now, e.Bytes)
	return nil
}

// Lines returns the line; none before the first byte and after the last one.
func (a *Amount) Lines(size Size, now time.Time, _ Palette) []string {
	done, all := a.last.Bytes, a.last.Size
	if size.Columns < 2 || done >= all {
		return nil
	}
	parts := []string{fmt.Sprintf("%s %s of %s", a.Word, Bytes(done), Bytes(all))}
	if rate := a.speed.rate(now); rate > 0 {
		left := time.Duration(float64(all-done) / rate * float64(time.Second))
		parts = append(parts, Rate(rate), Duration(left)+" left")
	}
	return []string{Cut(strings.Join(parts, ", "), size.Columns-1)}
}
