package warden

import (
	"testing"
	"time"

	"flashwarden/internal/config"
	"flashwarden/internal/schedule"
)

// TestLimitsFollowTheWindow lets the schedule start at any time without a window, and else
// from its begin.
func TestLimitsFollowTheWindow(t *testing.T) {
	c := config.Default()
	c.Schedule.Zone = time.UTC
	noon := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	if l := limits(c, noon); !l.Schedule.IsZero() || l.Jobs != 8 || l.Kept != 2 {
		t.Errorf("without a window: %+v", l)
	}
	var err error
	if c.Schedule.Window, err = schedule.ParseWindow("22:00-06:00"); err != nil {
		t.Fatal(err)
	}
	if l := limits(c, noon); !l.Schedule.Equal(noon.Add(10 * time.Hour)) {
		t.Errorf("at noon: %+v", l)
	}
	if l := limits(c, noon.Add(11*time.Hour)); !l.Schedule.IsZero() {
		t.Errorf("within the window: %+v", l)
	}
	c.Backup.Parallel = 2
	if l := limits(c, noon); l.Kept != 1 {
		t.Errorf("of two, %d are kept for persons", l.Kept)
	}
}
