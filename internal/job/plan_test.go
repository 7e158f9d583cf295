package job_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"flashwarden/internal/catalog"
	"flashwarden/internal/job"
	"flashwarden/internal/schedule"
)

func cadence(t interface{ Fatal(...any) }, text, window string, spread time.Duration) job.Cadence {
	s, err := schedule.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	w, err := schedule.ParseWindow(window)
	if err != nil {
		t.Fatal(err)
	}
	return job.Cadence{Schedule: s, Zone: time.UTC, Spread: spread, Window: w}
}

func TestNext(t *testing.T) {
	at := func(text string) time.Time {
		if text == "" {
			return time.Time{}
		}
		parsed, err := time.Parse("2006-01-02 15:04", "2026-"+text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for name, test := range map[string]struct {
		schedule, window     string
		skip                 bool
		slot, tried, failing string
		since, now           string
		wantSlot, wantDue    string
		rest                 bool
	}{
		"a new device":             {schedule: "daily 02:00", since: "11-20 12:00", now: "11-20 12:00", wantSlot: "11-21 02:00", wantDue: "11-21 02:00"},
		"the next night":           {schedule: "daily 02:00", slot: "11-20 02:00", since: "11-01 12:00", now: "11-20 12:00", wantSlot: "11-21 02:00", wantDue: "11-21 02:00"},
		"due now":                  {schedule: "daily 02:00", slot: "11-20 02:00", since: "11-01 12:00", now: "11-21 02:00", wantSlot: "11-21 02:00", wantDue: "11-21 02:00"},
		"missed, made up for once": {schedule: "daily 02:00", slot: "11-10 02:00", since: "11-20 12:00", now: "11-20 12:00", wantSlot: "11-20 02:00", wantDue: "11-20 02:00"},
		"missed and skipped":       {schedule: "daily 02:00", skip: true, slot: "11-10 02:00", since: "11-20 12:00", now: "11-20 12:00", wantSlot: "11-21 02:00", wantDue: "11-21 02:00"},
		"a slot in the future":     {schedule: "daily 02:00", slot: "12-30 02:00", since: "11-01 12:00", now: "11-20 12:00", wantSlot: "11-21 02:00", wantDue: "11-21 02:00"},
		"outside the window":       {schedule: "daily 12:00", window: "22:00-06:00", slot: "11-19 12:00", since: "11-01 12:00", now: "11-20 12:00", wantSlot: "11-20 12:00", wantDue: "11-20 22:00"},
		"never":                    {schedule: "never", since: "11-20 12:00", now: "11-20 12:00"},
		"fails for three hours": {schedule: "every 10m", slot: "11-20 12:00", failing: "11-20 09:00", tried: "11-20 12:00", since: "11-01 00:00", now: "11-20 12:01",
			wantSlot: "11-20 12:10", wantDue: "11-20 15:00", rest: true},
		"fails for a week": {schedule: "every 10m", slot: "11-20 12:00", failing: "11-13 09:00", tried: "11-20 12:00", since: "11-01 00:00", now: "11-20 12:01",
			wantSlot: "11-20 12:10", wantDue: "11-21 00:00", rest: true},
		"tried in the future": {schedule: "daily 02:00", slot: "11-20 02:00", failing: "11-20 01:00", tried: "12-30 12:00", since: "11-01 00:00", now: "11-20 12:01",
			wantSlot: "11-21 02:00", wantDue: "11-21 02:00"},
		"rests into the day": {schedule: "daily 02:00", window: "22:00-06:00", slot: "11-20 02:00", failing: "11-19 02:00", tried: "11-20 20:00", since: "11-01 00:00", now: "11-20 21:00",
			wantSlot: "11-21 02:00", wantDue: "11-21 22:00", rest: true},
		"fails, but is due later": {schedule: "daily 02:00", slot: "11-20 02:00", failing: "11-20 01:00", tried: "11-20 02:00", since: "11-01 00:00", now: "11-20 12:01",
			wantSlot: "11-21 02:00", wantDue: "11-21 02:00"},
	} {
		t.Run(name, func(t *testing.T) {
			c := cadence(t, test.schedule, test.window, 0)
			c.Skip = test.skip
			p, ok := c.Next(catalog.Turn{Device: "sw1", Slot: at(test.slot), Tried: at(test.tried), Failing: at(test.failing)}, at(test.since), at(test.now))
			if ok != (test.wantSlot != "") || !p.Slot.Equal(at(test.wantSlot)) || !p.Due.Equal(at(test.wantDue)) || p.Rest != test.rest {
				t.Errorf("%+v, %v", p, ok)
			}
		})
	}
}

// TestTurnsAfterAWrongClock finds a slot of years ahead, with the spread of the default.
func TestTurnsAfterAWrongClock(t *testing.T) {
	for i := range 5 {
		c := cadence(t, "daily 02:00", "", 2*time.Hour)
		device := catalog.Turn{Device: fmt.Sprint("sw", i), Slot: now.AddDate(10, 0, 0)}
		turns, since := 0, now
		for at := now; at.Before(now.AddDate(0, 0, 10)); at = at.Add(5 * time.Minute) {
			if p, ok := c.Next(device, since, at); ok && !p.Due.After(at) {
				device.Slot = p.Slot
				turns++
			}
		}
		if turns < 10 || turns > 11 {
			t.Errorf("%d turns in ten days", turns)
		}
	}
}

// TestSkipAfterARestartEachNight restarts the service between the slot and its moments.
func TestSkipAfterARestartEachNight(t *testing.T) {
	for i := range 5 {
		c := cadence(t, "daily 02:00", "", 2*time.Hour)
		c.Skip = true
		device := catalog.Turn{Device: fmt.Sprint("sw", i)}
		turns, since := 0, now
		for at := now; at.Before(now.AddDate(0, 0, 10)); at = at.Add(5 * time.Minute) {
			if p, ok := c.Next(device, since, at); ok && !p.Due.After(at) {
				device.Slot = p.Slot
				turns++
			}
			if at.Hour() == 2 && at.Minute() == 10 {
				since = at
			}
		}
		if turns < 10 || turns > 11 {
			t.Errorf("%s: %d turns in ten days", device.Device, turns)
		}
	}
}

// TestDenseSchedules plans a fleet with schedules of many slots. It computes few of those
// that have passed since the last turns, and most of them once for all devices.
func TestDenseSchedules(t *testing.T) {
	for _, text := range []string{"* * * * *", "*/5 0-6 * * *", "* 0-6 * * *", "* * 1 * *"} {
		c := cadence(t, text, "", 0)
		c.Slots = make(job.Slots)
		at := now.Add(10 * time.Hour)
		for i := range 100 {
			if _, ok := c.Next(catalog.Turn{Device: fmt.Sprint("sw", i), Slot: now.AddDate(0, 0, -40)}, now, at); !ok {
				t.Errorf("%s: no turn", text)
			}
		}
		if n := len(c.Slots); n > 3*24*60 {
			t.Errorf("%s: computed %d slots", text, n)
		}
	}
}

// TestEveryTurnOnce follows a schedule for some days, with a service that is down at times.
func TestEveryTurnOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"daily 02:30", "every 6h", "every 7m", "weekly Sun 02:30", "30 1-3 * * *", "0 0 1 * *"}).Draw(t, "schedule")
		c := cadence(t, text, "", time.Duration(rapid.IntRange(0, 7200).Draw(t, "spread"))*time.Second)
		zone, err := time.LoadLocation(rapid.SampledFrom([]string{"UTC", "Europe/Amsterdam", "Australia/Lord_Howe"}).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		c.Zone = zone
		now := time.Date(2026, 10, rapid.IntRange(1, 31).Draw(t, "day"), 0, 0, 0, 0, time.UTC)
		since := now
		device := catalog.Turn{Device: fmt.Sprint("sw", rapid.IntRange(0, 50).Draw(t, "device"))}
		for range 30 {
			if rapid.Bool().Draw(t, "down") {
				now = now.Add(time.Duration(rapid.IntRange(1, 5000).Draw(t, "minutes")) * time.Minute)
				since = now
			}
			p, ok := c.Next(device, since, now)
			switch {
			case !ok:
				t.Fatal("no next turn")
			case !p.Slot.After(device.Slot):
				t.Fatalf("slot %v after slot %v", p.Slot, device.Slot)
			case p.Due.Before(p.Slot) || p.Due.Sub(p.Slot) > c.Spread:
				t.Fatalf("due %v for slot %v", p.Due, p.Slot)
			case p.Due.After(now) && !p.Slot.After(now.Add(-c.Spread)) && c.Spread == 0:
				t.Fatalf("slot %v is due at %v, and it is %v", p.Slot, p.Due, now)
			}
			// Nothing between the last turn and this one that was due later than the start.
			if next := c.Schedule.Next(p.Slot, zone); !next.IsZero() && next.Add(c.Spread).Before(now) && next.After(since) {
				t.Fatalf("slot %v is left out", next)
			}
			device.Slot = p.Slot
			if p.Due.After(now) {
				now = p.Due
			}
		}
	})
}

// turns is a store of which the planner needs two methods.
type turns struct {
	job.Store
	mu     sync.Mutex
	slots  map[string]time.Time
	added  []catalog.Job
	broken error
	full   error // of AddJobs
	rounds int
}

func (s *turns) turns(context.Context) (list []catalog.Turn, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rounds++
	for device, slot := range s.slots {
		list = append(list, catalog.Turn{Device: device, Slot: slot})
	}
	return list, s.broken
}

func (s *turns) AddJobs(_ context.Context, jobs ...catalog.Job) ([]catalog.Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full != nil {
		return nil, s.full
	}
	for _, j := range jobs {
		s.slots[j.Device] = j.Slot
		j.Created = time.Now()
		s.added = append(s.added, j)
	}
	return jobs, nil
}

// TestPlanner runs a planner for a day and an hour, in a time of its own.
func TestPlanner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &turns{slots: map[string]time.Time{"sw1": {}, "sw2": {}}}
		log := &lines{}
		p := job.NewPlanner(job.Planner{Queue: job.New(job.Options{Store: s}), Turns: s.turns, Log: slog.New(slog.NewTextHandler(log, nil)),
			Cadence: func(c catalog.Turn) job.Cadence {
				if c.Device == "sw2" {
					return cadence(t, "every 10s", "", time.Hour)
				}
				return cadence(t, "every 6h", "", time.Hour)
			},
			Job: func(c catalog.Turn) (j catalog.Job) {
				j.Device = c.Device
				return j
			}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx, func() {}) }()
		time.Sleep(25*time.Hour + time.Second) // the last one is up to an hour late
		count, late := map[string]int{}, time.Duration(0)
		s.mu.Lock()
		for _, j := range s.added {
			count[j.Device]++
			late = max(late, j.Created.Sub(j.Due))
		}
		s.added, s.broken = nil, errors.New("the database is gone")
		s.mu.Unlock()
		if count["sw1"] != 5 || count["sw2"] < 8999 || count["sw2"] > 9001 || late > 0 {
			t.Errorf("%v jobs, at most %v late", count, late)
		}
		time.Sleep(time.Hour)
		s.mu.Lock()
		s.broken = nil
		s.mu.Unlock()
		time.Sleep(time.Minute)
		s.mu.Lock()
		if len(s.added) < 5 {
			t.Errorf("%d jobs after the fault", len(s.added))
		}
		s.mu.Unlock()
		if gone := log.with("the database is gone"); len(gone) != 1 {
			t.Errorf("log:\n%s", strings.Join(gone, ""))
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestPlannerCannotAdd fills the disk: the planner does not turn in circles.
func TestPlannerCannotAdd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &turns{slots: map[string]time.Time{"sw1": {}}, full: errors.New("disk full")}
		p := job.NewPlanner(job.Planner{Queue: job.New(job.Options{Store: s}), Turns: s.turns, Log: slog.New(slog.DiscardHandler),
			Cadence: func(catalog.Turn) job.Cadence { return cadence(t, "every 10s", "", 0) },
			Job:     func(catalog.Turn) (j catalog.Job) { return j }})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx, func() {}) }()
		time.Sleep(10 * time.Minute)
		s.mu.Lock()
		if s.rounds > 200 {
			t.Errorf("%d rounds in ten minutes", s.rounds)
		}
		s.mu.Unlock()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestPlannerChanged shortens a schedule: the planner need not wait for its horizon.
func TestPlannerChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &turns{slots: map[string]time.Time{"sw1": {}}}
		text := make(chan string, 1)
		text <- "daily 02:00"
		p := job.NewPlanner(job.Planner{Queue: job.New(job.Options{Store: s}), Turns: s.turns, Log: slog.New(slog.DiscardHandler),
			Cadence: func(catalog.Turn) job.Cadence {
				now := <-text
				text <- now
				return cadence(t, now, "", 0)
			},
			Job: func(c catalog.Turn) catalog.Job { return catalog.Job{} }})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx, func() {}) }()
		synctest.Wait()
		<-text
		text <- "every 10s"
		p.Changed()
		time.Sleep(10*time.Second + time.Millisecond)
		synctest.Wait()
		s.mu.Lock()
		if len(s.added) == 0 {
			t.Error("no job")
		}
		s.mu.Unlock()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestSharedSlots plans many devices with schedules of their own with one memory: each gets
// the turn that it gets alone.
func TestSharedSlots(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		slots := make(job.Slots)
		now := time.Date(2026, 10, 24, 20, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 48*60).Draw(t, "now")) * time.Minute)
		for i := range rapid.IntRange(1, 20).Draw(t, "devices") {
			c := cadence(t, rapid.SampledFrom([]string{"daily 02:00", "daily 02:30", "every 6h", "0 2 * * 1-5", "never"}).Draw(t, "schedule"), "", 2*time.Hour)
			c.Zone, c.Skip = rapid.SampledFrom([]*time.Location{time.UTC, zone}).Draw(t, "zone"), rapid.Bool().Draw(t, "skip")
			turn := catalog.Turn{Device: fmt.Sprint("sw", i)}
			if rapid.Bool().Draw(t, "had a turn") {
				turn.Slot = now.Add(-time.Duration(rapid.IntRange(0, 72*60).Draw(t, "slot")) * time.Minute)
			}
			since := now.Add(-time.Duration(rapid.IntRange(0, 72*60).Draw(t, "since")) * time.Minute)
			alone, aloneOK := c.Next(turn, since, now)
			c.Slots = slots
			if shared, ok := c.Next(turn, since, now); shared != alone || ok != aloneOK {
				t.Fatalf("%s: %+v %t, alone %+v %t", turn.Device, shared, ok, alone, aloneOK)
			}
		}
	})
}

// TestLate: what did not begin is late when the next turn has passed too, but at the latest
// after a day.
func TestLate(t *testing.T) {
	at := func(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, time.UTC) }
	for _, test := range []struct {
		schedule  string
		last, now time.Time
		due       time.Time
		late      bool
	}{
		{"daily 05:00", at(20, 5), at(21, 6), at(21, 5), false},
		{"daily 05:00", at(20, 5), at(22, 6), at(21, 5), true},
		{"weekly Sun 04:00", at(15, 4), at(22, 6), at(22, 4), false},
		{"weekly Sun 04:00", at(15, 4), at(23, 6), at(22, 4), true},
		{"every 1m", at(20, 5).Add(-time.Minute), at(20, 6), at(20, 5), false},
		{"every 1m", at(20, 5).Add(-time.Minute), at(20, 7), at(20, 5), true},
		{"daily 05:00", at(25, 5), at(22, 6), at(26, 5), false},
		{"never", at(1, 5), at(22, 6), time.Time{}, false},
	} {
		due, late := cadence(t, test.schedule, "", 0).Late(test.last, test.now)
		if !due.Equal(test.due) || late != test.late {
			t.Errorf("%s: due %v, late %v; want %v, %v", test.schedule, due, late, test.due, test.late)
		}
	}
}
