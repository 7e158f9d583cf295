// Package schedule says when work is due: schedules in words and as cron
// expressions, windows, and a stable spread. It is pure: it reads no clock.
//
// A schedule has wall-clock times. On the day on which the clocks go forward, a time
// that does not exist falls on the first moment after the gap. On the day on which
// they go back, a time that exists twice counts once, the first time. Only a schedule
// of every hour runs in both of the two hours.
package schedule

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/netresearch/go-cron"
)

// Shortest is the shortest interval of `every`.
const Shortest = 10 * time.Second

// Schedule says when something is due. The zero value is never due.
type Schedule struct {
	words string
	every time.Duration
	cron  *cron.SpecSchedule // evaluated in UTC: its times are those of a wall clock
}

// forms are the forms of a schedule, for errors.
const forms = `want "daily 02:00", "weekly Sun 02:00", "every 6h", "never", or five fields as of cron, such as "0 2 * * 1-5"`

// Parse reads "daily HH:MM", "weekly DAY HH:MM", "every DURATION", "never", or the five
// fields of crontab(5).
func Parse(text string) (Schedule, error) {
	s := Schedule{words: strings.Join(strings.Fields(text), " ")}
	fields := strings.Fields(strings.ToLower(text))
	var err error
	switch {
	case len(fields) == 0:
		err = errors.New("the schedule is empty")
	case len(fields) == 1 && fields[0] == "never":
		return Schedule{words: "never"}, nil
	case len(fields) == 2 && fields[0] == "every":
		s.every, err = interval(fields[1])
	case len(fields) == 2 && fields[0] == "daily":
		s.cron, err = at(fields[1], "*")
	case len(fields) == 3 && fields[0] == "weekly":
		s.cron, err = weekly(fields[1], fields[2])
	case len(fields) == 5:
		s.cron, err = expression(s.words)
	default:
		err = errors.New("unknown form")
	}
	if err != nil {
		return Schedule{}, fmt.Errorf("schedule %q: %w; %s", text, err, forms)
	}
	return s, nil
}

// interval reads the time between two runs. Days are written as 24h.
func interval(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a duration such as 90m or 6h", text)
	case d < Shortest:
		return 0, fmt.Errorf("the shortest interval is %v", Shortest)
	}
	return d, nil
}

// clock reads HH:MM, as minutes since midnight.
func clock(text string) (int, error) {
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time of day such as 02:00", text)
	}
	return t.Hour()*60 + t.Minute(), nil
}

func at(timeOfDay, weekday string) (*cron.SpecSchedule, error) {
	minutes, err := clock(timeOfDay)
	if err != nil {
		return nil, err
	}
	return expression(fmt.Sprintf("%d %d * * %s", minutes%60, minutes/60, weekday))
}

func weekly(day, timeOfDay string) (*cron.SpecSchedule, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := strings.ToLower(d.String()); day == name || day == name[:3] {
			return at(timeOfDay, fmt.Sprint(int(d)))
		}
	}
	return nil, fmt.Errorf("%q is not a day such as Sun or Monday", day)
}

// parser reads crontab(5): if day of month and day of week are both limited, either
// one is enough.
var parser = cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.DowOrDom)

func expression(text string) (*cron.SpecSchedule, error) {
	parsed, err := parser.Parse(text)
	if err != nil {
		return nil, err
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, errors.New("unknown form")
	}
	spec.Location = time.UTC
	if spec.Next(time.Unix(0, 0).UTC()).IsZero() {
		return nil, errors.New("there is no such day")
	}
	return spec, nil
}

// String returns the words of the schedule.
func (s Schedule) String() string {
	if s.words == "" {
		return "never"
	}
	return s.words
}

// Never reports whether nothing is ever due.
func (s Schedule) Never() bool { return s.cron == nil && s.every == 0 }

// Next returns the first time after a moment at which something is due, in zone. It
// is zero if that is never. Intervals count from the year 1 in UTC, so they do not
// depend on when the program was started.
func (s Schedule) Next(after time.Time, zone *time.Location) time.Time {
	switch {
	case s.every > 0:
		return after.Truncate(s.every).Add(s.every).In(zone)
	case s.cron == nil:
		return time.Time{}
	}
	var next time.Time
	wall := onWall(after.In(zone))
	if changesNear(after.In(zone)) {
		wall = wall.Add(-oneChange)
	}
	for {
		wall = s.cron.Next(wall)
		if wall.IsZero() {
			return next
		}
		first, second := moments(wall, zone)
		if !next.IsZero() && !first.Before(next) {
			return next
		}
		next = earlier(next, first, after)
		if s.everyHour() {
			next = earlier(next, second, after)
		}
	}
}

// oneChange is more than clocks go back at once: a whole day in Kwajalein in 1969.
const oneChange = 25 * time.Hour

// changesNear reports whether the clocks of the zone of t change around t.
func changesNear(t time.Time) bool {
	start, end := t.ZoneBounds()
	return !start.IsZero() && t.Sub(start) < 2*oneChange || !end.IsZero() && end.Sub(t) < 2*oneChange
}

// earlier returns the earlier of next and t, if t is after a moment.
func earlier(next, t, after time.Time) time.Time {
	if t.After(after) && (next.IsZero() || t.Before(next)) {
		return t
	}
	return next
}

const allHours = 1<<24 - 1

func (s Schedule) everyHour() bool { return s.cron.Hour&allHours == allHours }

// onWall returns what a wall clock shows, as a time in UTC.
func onWall(t time.Time) time.Time {
	year, month, day := t.Date()
	return time.Date(year, month, day, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// moments returns when a wall clock in zone shows a time. In a gap, both are the end
// of the gap. When the time exists once, both are equal.
func moments(wall time.Time, zone *time.Location) (first, second time.Time) {
	year, month, day := wall.Date()
	guess := time.Date(year, month, day, wall.Hour(), wall.Minute(), wall.Second(), 0, zone)
	// The offsets that are in force around this time, at most one change apart.
	_, before := guess.Add(-26 * time.Hour).Zone()
	_, after := guess.Add(26 * time.Hour).Zone()
	first = wall.Add(-time.Duration(before) * time.Second).In(zone)
	second = wall.Add(-time.Duration(after) * time.Second).In(zone)
	firstShows, secondShows := onWall(first).Equal(wall), onWall(second).Equal(wall)
	switch {
	case firstShows && secondShows:
		return first, second
	case firstShows:
		return first, first
	case secondShows:
		return second, second
	}
	start, end := guess.ZoneBounds()
	if onWall(guess).Before(wall) { // before the gap
		return end, end
	}
	return start, start
}

// Spread returns how much later than its schedule a device is due, below limit. It
// depends on the name alone, so a device has its place in every night.
func Spread(name string, limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(name)) // never fails
	seconds := uint64(max(1, limit/time.Second))
	return time.Duration(mix(h.Sum64())%seconds) * time.Second
}

// mix spreads the hashes of similar names (the finalizer of MurmurHash3).
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
