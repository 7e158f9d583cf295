package terminal

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bytes formats a number of bytes with one decimal: 18.3 MB. Its units are
// decimal, as Cisco and the makers of disks count. A negative number is unknown.
func Bytes(n int64) string {
	if n < 0 {
		return "?"
	}
	return decimal(float64(n))
}

// decimal is the shortest unit in which n has at most three digits before the
// point.
func decimal(n float64) string {
	if n < 999.5 {
		return fmt.Sprintf("%.0f B", n)
	}
	units := []string{"kB", "MB", "GB", "TB", "PB", "EB"}
	n /= 1000
	for n >= 999.95 && len(units) > 1 {
		n, units = n/1000, units[1:]
	}
	return fmt.Sprintf("%.1f %s", n, units[0])
}

// ExactBytes is Bytes with the number beside it: 18.3 MB (18,286,080 bytes).
func ExactBytes(n int64) string {
	if n < 1000 {
		return Bytes(n)
	}
	return fmt.Sprintf("%s (%s bytes)", Bytes(n), Thousands(n))
}

// Thousands formats a number with a comma before each group of three digits.
func Thousands(n int64) string {
	digits, sign := strconv.FormatInt(n, 10), ""
	if n < 0 {
		digits, sign = digits[1:], "-"
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Rate formats a number of bytes per second: 38 MB/s, 3.8 MB/s.
func Rate(perSecond float64) string {
	if math.IsNaN(perSecond) || perSecond < 0 || math.IsInf(perSecond, 0) {
		return "?"
	}
	number, unit, _ := strings.Cut(decimal(perSecond), " ")
	if whole, _, found := strings.Cut(number, "."); found && len(whole) > 1 {
		number = whole // a rate is never so exact
	}
	return number + " " + unit + "/s"
}

// Duration formats a time span to the precision that a person needs: 45 s,
// 3 min, 2 h 10 min. A negative span counts as none.
func Duration(d time.Duration) string {
	d = max(d, 0)
	switch seconds := int64(d.Round(time.Second) / time.Second); {
	case seconds < 60:
		return fmt.Sprintf("%d s", seconds)
	case seconds < 3600-30:
		return fmt.Sprintf("%d min", (seconds+30)/60)
	default:
		minutes := (seconds + 30) / 60
		if minutes%60 == 0 {
			return fmt.Sprintf("%d h", minutes/60)
		}
		return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
	}
}

// Age formats how long ago something was, in its largest whole unit: now,
// 5 minutes, 3 hours, 1 day, 40 days. A time in the future is now, because the
// clocks of two hosts differ a little.
func Age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return Count(int(d/time.Minute), "minute")
	case d < 24*time.Hour:
		return Count(int(d/time.Hour), "hour")
	}
	return Count(int(d/(24*time.Hour)), "day")
}

// Ago is how long ago something was: 3 hours ago, just now.
func Ago(t, now time.Time) string {
	if age := Age(now.Sub(t)); age != "now" {
		return age + " ago"
	}
	return "just now"
}

// LocalTime formats a time in the local zone, with the name of the zone.
func LocalTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }

// TimeAndAge formats a time and how long ago it was: 2026-11-22 15:15:03 CET (3
// days ago).
func TimeAndAge(t, now time.Time) string { return fmt.Sprintf("%s (%s)", LocalTime(t), Ago(t, now)) }

// Count formats a number of things, with an s for all numbers but one: 1 day,
// 3 days.
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
