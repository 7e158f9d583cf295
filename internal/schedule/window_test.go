package schedule_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"flashwarden/internal/schedule"
)

func window(t testing.TB, text string) schedule.Window {
	t.Helper()
	w, err := schedule.ParseWindow(text)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWindow(t *testing.T) {
	for _, c := range []struct{ window, zone, at, opens string }{ // times: RFC 3339
		{"", "UTC", "2026-11-28T12:00:00Z", "2026-11-28T12:00:00Z"},
		{"22:00-06:00", "UTC", "2026-11-28T22:00:00Z", "2026-11-28T22:00:00Z"},
		{"22:00-06:00", "UTC", "2026-11-28T05:59:59Z", "2026-11-28T05:59:59Z"},
		{"22:00-06:00", "UTC", "2026-11-28T06:00:00Z", "2026-11-28T22:00:00Z"},
		{"01:00-05:00", "UTC", "2026-11-28T05:00:00Z", "2026-11-29T01:00:00Z"},
		{"01:00-05:00", "UTC", "2026-11-28T00:10:00Z", "2026-11-28T01:00:00Z"},
		{"01:00 - 05:00", "Asia/Tokyo", "2026-11-28T12:00:00Z", "2026-11-28T16:00:00Z"},
		{"02:30-05:00", "Europe/Berlin", "2026-03-28T23:30:00Z", "2026-03-29T01:00:00Z"}, // 03:00, the first moment of the window
		{"02:10-02:50", "Europe/Berlin", "2026-03-28T23:30:00Z", "2026-03-30T00:10:00Z"}, // it does not exist on the 29th
		{"02:30-02:45", "Europe/Berlin", "2026-10-25T00:50:00Z", "2026-10-25T01:30:00Z"}, // its second time
		{"23:00-00:30", "America/New_York", "2026-11-28T12:00:00-05:00", "2026-11-28T23:00:00-05:00"},
	} {
		at, _ := time.Parse(time.RFC3339, c.at)
		opens, _ := time.Parse(time.RFC3339, c.opens)
		w := window(t, c.window)
		if got := w.Next(at, zone(t, c.zone)); !got.Equal(opens) {
			t.Errorf("%q in %s at %s: it opens at %s, want %s", c.window, c.zone, c.at, got.UTC(), opens.UTC())
		}
		if got := w.Contains(at, zone(t, c.zone)); got != at.Equal(opens) {
			t.Errorf("%q in %s contains %s: %v", c.window, c.zone, c.at, got)
		}
	}
}

// TestWindowOpens: a window always opens within two days, and at its opening work may
// start.
func TestWindowOpens(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"}
	windows := []string{"22:00-06:00", "02:10-02:50", "01:30-02:30", "23:59-00:01", "03:00-02:00"}
	rapid.Check(t, func(r *rapid.T) {
		z := zone(t, rapid.SampledFrom(zones).Draw(r, "zone"))
		w := window(t, rapid.SampledFrom(windows).Draw(r, "window"))
		at := time.Unix(rapid.Int64Range(1_300_000_000, 1_800_000_000).Draw(r, "at"), 0)
		opens := w.Next(at, z)
		if opens.Before(at) || opens.Sub(at) > 49*time.Hour || !w.Contains(opens, z) {
			r.Fatalf("%s after %s opens at %s", w, at.In(z), opens)
		}
	})
}

func TestWindowErrors(t *testing.T) {
	for text, want := range map[string]string{"22:00": "want HH:MM-HH:MM", "22-06:00": `"22" is not a time of day`, "22:00-6pm": `"6pm" is not a time of day`, "02:00-02:00": "is empty"} {
		if _, err := schedule.ParseWindow(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}
