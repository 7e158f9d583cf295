package backup

import (
	"fmt"
	"testing"
	"time"
)

// TestReverifySpread lets a fleet that was backed up in one night look daily: each device
// is due at least once in every period, at the same distance, and no day has many.
func TestReverifySpread(t *testing.T) {
	const devices, days, period = 3000, 120, 30
	began := time.Date(2026, 1, 1, 2, 0, 0, 0, time.UTC)
	due := make([]int, days)
	for n := range devices {
		name, last := fmt.Sprintf("sw-%04d", n), began
		for day := 1; day < days; day++ {
			now := began.AddDate(0, 0, day)
			if !ReverifyDue(name, last, now, period*24*time.Hour) {
				continue
			}
			due[day]++
			if gap := now.Sub(last); last != began && gap != period*24*time.Hour || gap > period*24*time.Hour {
				t.Fatalf("%s is due after %v", name, gap)
			}
			last = now
		}
	}
	for day := 1; day < days; day++ {
		if n := due[day]; n < devices/period*6/10 || n > devices/period*14/10 {
			t.Errorf("day %d: %d devices of %d", day, n, devices)
		}
	}
}

func TestReverifyDue(t *testing.T) {
	now := time.Date(2026, 1, 1, 2, 0, 0, 0, time.UTC)
	const period = 30 * 24 * time.Hour
	for name, c := range map[string]struct {
		last   time.Time
		period time.Duration
		want   bool
	}{
		"never":                  {now.AddDate(-1, 0, 0), 0, false},
		"just now":               {now, period, false},
		"a period ago":           {now.Add(-period), period, true},
		"a clock that went back": {now.Add(2 * period), period, false},
		"before 1970":            {time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC), period, true},
	} {
		if got := ReverifyDue("sw1", c.last, now, c.period); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestTurns(t *testing.T) {
	if _, ok := Turns(nil).Take(); !ok {
		t.Error("a nil Turns sets a limit")
	}
	turns := NewTurns(2)
	first, ok1 := turns.Take()
	_, ok2 := turns.Take()
	_, ok3 := turns.Take()
	if !ok1 || !ok2 || ok3 {
		t.Errorf("%t %t %t; want two turns", ok1, ok2, ok3)
	}
	first()
	if _, ok := turns.Take(); !ok {
		t.Error("a turn that was given back is not free")
	}
}
