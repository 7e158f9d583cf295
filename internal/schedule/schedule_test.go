package schedule_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"flashwarden/internal/schedule"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func parse(t testing.TB, text string) schedule.Schedule {
	t.Helper()
	s, err := schedule.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const layout = "2006-01-02 15:04 MST"

// TestNext: the runs after a moment.
func TestNext(t *testing.T) {
	for _, c := range []struct {
		name, words, zone, after string // after: RFC 3339
		want                     []string
	}{
		{"daily", "daily 02:00", "Europe/Berlin", "2026-11-28T02:00:00+01:00", []string{"2026-11-29 02:00 CET", "2026-11-30 02:00 CET"}},
		{"a moment before", "daily 02:00", "Europe/Berlin", "2026-11-28T01:59:59.999+01:00", []string{"2026-11-28 02:00 CET"}},
		{"weekly", "weekly Sun 04:00", "UTC", "2026-11-28T00:00:00Z", []string{"2026-11-29 04:00 UTC", "2026-12-06 04:00 UTC"}},
		{"weekly, in full", "Weekly MONDAY 4:05", "UTC", "2026-11-28T00:00:00Z", []string{"2026-11-30 04:05 UTC"}},
		{"cron", "15 2,14 * * 1-5", "UTC", "2026-11-27T03:00:00Z", []string{"2026-11-27 14:15 UTC", "2026-11-30 02:15 UTC"}},
		{"cron, either day", "0 0 13 * 5", "UTC", "2026-11-01T00:00:00Z", []string{"2026-11-06 00:00 UTC", "2026-11-13 00:00 UTC", "2026-11-20 00:00 UTC"}},
		{"a leap day", "0 0 29 2 *", "UTC", "2026-11-01T00:00:00Z", []string{"2028-02-29 00:00 UTC"}},
		{"every", "every 6h", "UTC", "2026-11-28T07:11:00Z", []string{"2026-11-28 12:00 UTC", "2026-11-28 18:00 UTC"}},
		{"every 10s", "every 10s", "UTC", "2026-11-28T07:10:55Z", []string{"2026-11-28 07:11 UTC"}},
		{"never", "never", "UTC", "2026-11-28T00:00:00Z", []string{"0001-01-01 00:00 UTC"}},
		{"clocks go forward", "daily 02:30", "Europe/Berlin", "2026-03-28T12:00:00+01:00", []string{"2026-03-29 03:00 CEST", "2026-03-30 02:30 CEST"}},
		{"clocks go back", "daily 02:30", "Europe/Berlin", "2026-10-24T12:00:00+02:00", []string{"2026-10-25 02:30 CEST", "2026-10-26 02:30 CET"}},
		{"between the two", "daily 02:30", "Europe/Berlin", "2026-10-25T02:45:00+02:00", []string{"2026-10-26 02:30 CET"}},
		{"after the second", "daily 02:30", "Europe/Berlin", "2026-10-25T02:15:00+01:00", []string{"2026-10-26 02:30 CET"}},
		{"every hour forward", "30 * * * *", "Europe/Berlin", "2026-03-29T01:00:00+01:00", []string{"2026-03-29 01:30 CET", "2026-03-29 03:00 CEST", "2026-03-29 03:30 CEST"}},
		{"every hour back", "30 * * * *", "Europe/Berlin", "2026-10-25T01:00:00+02:00",
			[]string{"2026-10-25 01:30 CEST", "2026-10-25 02:30 CEST", "2026-10-25 02:30 CET", "2026-10-25 03:30 CET"}},
		{"half an hour, Lord Howe", "daily 01:45", "Australia/Lord_Howe", "2026-04-04T12:00:00+11:00", []string{"2026-04-05 01:45 +11", "2026-04-06 01:45 +1030"}},
		{"a day without a 30th, Samoa", "daily 06:00", "Pacific/Apia", "2011-12-29T05:00:00-10:00", []string{"2011-12-29 06:00 -10", "2011-12-31 00:00 +14", "2011-12-31 06:00 +14"}},
		{"midnight that is missing", "daily 00:00", "Africa/Cairo", "2023-04-27T12:00:00+02:00", []string{"2023-04-28 01:00 EEST", "2023-04-29 00:00 EEST"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, c.after)
			if err != nil {
				t.Fatal(err)
			}
			s := parse(t, c.words)
			for _, want := range c.want {
				if at = s.Next(at, zone(t, c.zone)); at.Format(layout) != want {
					t.Fatalf("got %s, want %s", at.Format(layout), want)
				}
			}
		})
	}
}

// TestEveryDayOnce: a daily schedule runs once for each day of several years, in zones
// with and without clock changes, at the first moment that is not before its time.
func TestEveryDayOnce(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/Santiago", "Asia/Kathmandu"} {
		z := zone(t, name)
		for _, clock := range []string{"00:00", "00:30", "01:45", "02:00", "02:30", "03:00", "23:59"} {
			s := parse(t, "daily "+clock)
			day := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
			at := time.Date(2023, 12, 31, 23, 59, 59, 0, z)
			for range 3 * 365 {
				at = s.Next(at, z)
				if got, want := at.Format("2006-01-02"), day.Format("2006-01-02"); got != want {
					t.Fatalf("%s, daily %s: it runs on %s, want %s", name, clock, at, want)
				}
				if at.Format("15:04") < clock || at.Add(-time.Minute).Format("2006-01-02 15:04") >= day.Format("2006-01-02 ")+clock {
					t.Fatalf("%s, daily %s: it runs at %s", name, clock, at)
				}
				day = day.AddDate(0, 0, 1)
			}
		}
	}
}

// TestNextIsFirst: no run lies between a moment and the next run.
func TestNextIsFirst(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"}
	words := []string{"daily 02:30", "*/7 * * * *", "*/20 1-3 * * *", "0 3 * * 0", "every 45m", "weekly Sun 02:15"}
	rapid.Check(t, func(r *rapid.T) {
		z := zone(t, rapid.SampledFrom(zones).Draw(r, "zone"))
		s := parse(t, rapid.SampledFrom(words).Draw(r, "words"))
		at := time.Unix(rapid.Int64Range(1_300_000_000, 1_800_000_000).Draw(r, "at"), 0)
		next := s.Next(at, z)
		if !next.After(at) {
			r.Fatalf("the run after %s is %s", at, next)
		}
		between := at.Add(time.Duration(rapid.Int64Range(0, int64(next.Sub(at))-1).Draw(r, "between")))
		if got := s.Next(between, z); !got.Equal(next) {
			r.Fatalf("after %s comes %s, but after %s comes %s", at, next, between, got)
		}
	})
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":               "is empty",
		"sometimes":      "unknown form",
		"daily":          "unknown form",
		"daily 25:00":    `"25:00" is not a time of day`,
		"daily 2am":      `"2am" is not a time of day`,
		"weekly Son 2:0": `"son" is not a day`,
		"every 6":        `"6" is not a duration`,
		"every 9s":       "the shortest interval is 10s",
		"every -1h":      "the shortest interval is 10s",
		"61 * * * *":     "61",
		"0 0 30 2 *":     "there is no such day",
		"* * * * * *":    "unknown form",
		"@daily":         "unknown form",
	} {
		if _, err := schedule.Parse(text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "daily 02:00") {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func TestString(t *testing.T) {
	for text, want := range map[string]string{" daily  02:00 ": "daily 02:00", "Never": "never", "0 2 * * 1-5": "0 2 * * 1-5"} {
		if s := parse(t, text); s.String() != want || s.Never() != (want == "never") {
			t.Errorf("%q: %q, never %v", text, s, s.Never())
		}
	}
	if s := (schedule.Schedule{}); s.String() != "never" || !s.Never() || !s.Next(time.Now(), time.UTC).IsZero() {
		t.Error("the zero value is sometimes due")
	}
}

// TestSpread: a device has its place, and similar names are apart.
func TestSpread(t *testing.T) {
	var quarters [4]int
	for i := range 400 {
		d := schedule.Spread("sw"+strings.Repeat("x", i), 2*time.Hour)
		if d < 0 || d >= 2*time.Hour || d != schedule.Spread("sw"+strings.Repeat("x", i), 2*time.Hour) {
			t.Fatalf("device %d: %v", i, d)
		}
		quarters[d/(30*time.Minute)]++
	}
	for _, n := range quarters {
		if n < 60 {
			t.Errorf("devices in the quarters of the spread: %v", quarters)
			break
		}
	}
	if schedule.Spread("sw1", 0) != 0 || schedule.Spread("sw1", time.Millisecond) != 0 {
		t.Error("no spread is wanted")
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"daily 02:00", "weekly Sun 04:00", "every 6h", "never", "*/5 0-6,22 1 JAN MON-FRI", "L * * * *"} {
		f.Add(text)
	}
	at := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	berlin := zone(f, "Europe/Berlin")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := schedule.Parse(text)
		if err != nil {
			return
		}
		again, err := schedule.Parse(s.String())
		if err != nil || !again.Next(at, berlin).Equal(s.Next(at, berlin)) {
			t.Errorf("%q becomes %q: %v", text, s, err)
		}
		if next := s.Next(at, berlin); !s.Never() && !next.After(at) {
			t.Errorf("%q: the run after %s is %s", text, at, next)
		}
	})
}
