package job_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/job"
)

var now = time.Date(2026, 11, 28, 2, 0, 0, 0, time.UTC)

func ids(list []job.Waiting) []string {
	names := []string{}
	for _, w := range list {
		names = append(names, w.ID)
	}
	return names
}

func TestStartable(t *testing.T) {
	due := now.Add(-time.Hour)
	for name, c := range map[string]struct {
		waiting []job.Waiting
		running []job.Running
		logins  map[string]time.Time
		limits  job.Limits
		want    []string
		again   time.Duration // from now; 0: none
	}{
		"in the order of time": {waiting: []job.Waiting{{ID: "b", Device: "b", Due: due.Add(1)}, {ID: "a", Device: "a", Due: due}, {ID: "c", Device: "c", Due: due}}, want: []string{"a", "c", "b"}},
		"a person first":       {waiting: []job.Waiting{{ID: "a", Device: "a", Due: due}, {ID: "b", Device: "b", Due: now, Person: true}}, limits: job.Limits{Jobs: 1}, want: []string{"b"}},
		"one job a device": {waiting: []job.Waiting{{ID: "a", Device: "x", Due: due}, {ID: "b", Device: "x", Due: due, Person: true}, {ID: "c", Device: "y", Due: due}},
			running: []job.Running{{Device: "y"}}, want: []string{"b"}},
		"one job without a device": {waiting: []job.Waiting{{ID: "mirror", Due: due.Add(1)}, {ID: "check", Due: due}, {ID: "a", Device: "a", Due: now}}, want: []string{"check", "a"}},
		"beside another one":       {waiting: []job.Waiting{{ID: "check", Due: due}}, running: []job.Running{{}}, want: []string{}},
		"without a device, whatever the devices do": {waiting: []job.Waiting{{ID: "check", Due: due}}, running: []job.Running{{Device: "x"}},
			limits: job.Limits{Jobs: 1, Schedule: now.Add(time.Hour)}, want: []string{"check"}},
		"a device, whatever else runs": {waiting: []job.Waiting{{ID: "a", Device: "a", Due: due}}, running: []job.Running{{}}, limits: job.Limits{Jobs: 1}, want: []string{"a"}},
		"not yet due":                  {waiting: []job.Waiting{{ID: "a", Device: "a", Due: now.Add(time.Minute)}, {ID: "b", Device: "b", Due: now.Add(time.Hour)}}, want: []string{}, again: time.Minute},
		"a slot of the site is kept for persons": {waiting: []job.Waiting{{ID: "a", Device: "a", Site: "s", Due: due}, {ID: "b", Device: "b", Site: "s", Due: now, Person: true}},
			running: []job.Running{{Device: "x", Site: "s"}, {Device: "y", Site: "s"}}, limits: job.Limits{PerSite: 3}, want: []string{"b"}},
		"the schedule outside its window": {waiting: []job.Waiting{{ID: "a", Device: "a", Due: due}, {ID: "b", Device: "b", Due: due, Person: true}},
			limits: job.Limits{Schedule: now.Add(time.Hour)}, want: []string{"b"}, again: time.Hour},
		"added by a clock that was ahead": {waiting: []job.Waiting{{ID: "a", Device: "a", Added: now.Add(time.Hour), Due: now.Add(time.Hour)}}, want: []string{"a"}},
		"a slot is kept for persons": {waiting: []job.Waiting{{ID: "a", Device: "a", Due: due}, {ID: "b", Device: "b", Due: due}, {ID: "c", Device: "c", Due: due}},
			running: []job.Running{{Device: "p", Person: true}}, limits: job.Limits{Jobs: 4, Kept: 2}, want: []string{"a", "b"}},
		"and a person gets it": {waiting: []job.Waiting{{ID: "p", Device: "p", Due: due, Person: true}}, running: []job.Running{{Device: "a"}, {Device: "b"}},
			limits: job.Limits{Jobs: 3, Kept: 1}, want: []string{"p"}},
		"one slot in all": {waiting: []job.Waiting{{ID: "a", Device: "a", Due: due}}, limits: job.Limits{Jobs: 1, Kept: 1}, want: []string{"a"}},
		"per site": {waiting: []job.Waiting{{ID: "a", Device: "a", Site: "ams", Due: due}, {ID: "b", Device: "b", Site: "ber", Due: due}, {ID: "c", Device: "c", Due: due}},
			running: []job.Running{{Device: "x", Site: "ams"}}, limits: job.Limits{PerSite: 1}, want: []string{"b", "c"}},
		"per link": {waiting: []job.Waiting{{ID: "a", Device: "a", Link: "wan", Due: due}, {ID: "b", Device: "b", Link: "wan", Due: due}}, limits: job.Limits{PerLink: 1}, want: []string{"a"}},
		"one login a second": {waiting: []job.Waiting{{ID: "a", Device: "a", Login: "ams/ops", Due: due}, {ID: "b", Device: "b", Login: "ams/ops", Due: due}, {ID: "c", Device: "c", Login: "ber/ops", Due: due}},
			logins: map[string]time.Time{"ber/ops": now.Add(-300 * time.Millisecond)}, limits: job.Limits{Login: time.Second}, want: []string{"a"}, again: 700 * time.Millisecond},
		"a person logs in first": {waiting: []job.Waiting{{ID: "a", Device: "a", Login: "ops", Due: due}, {ID: "p", Device: "p", Login: "ops", Due: now, Person: true}},
			limits: job.Limits{Login: time.Second}, want: []string{"p"}, again: time.Second},
		"a login in the future": {waiting: []job.Waiting{{ID: "a", Device: "a", Login: "ops", Due: due}}, logins: map[string]time.Time{"ops": now.Add(time.Hour)},
			limits: job.Limits{Login: time.Second}, want: []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			start, again := job.Startable(c.waiting, c.running, c.logins, c.limits, now)
			if got := ids(start); !slices.Equal(got, c.want) {
				t.Errorf("%v start, want %v", got, c.want)
			}
			if (c.again == 0) != again.IsZero() || c.again != 0 && !again.Equal(now.Add(c.again)) {
				t.Errorf("again at %v, want after %v", again, c.again)
			}
		})
	}
}

// TestStartableProperties: no limit is passed, and no job waits for nothing.
func TestStartableProperties(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		small := rapid.IntRange(0, 3)
		name := func(kind string) string { return fmt.Sprint(kind, small.Draw(r, kind)) }
		limits := job.Limits{Jobs: rapid.IntRange(0, 8).Draw(r, "jobs"), Kept: small.Draw(r, "kept"), PerSite: small.Draw(r, "per site"), PerLink: small.Draw(r, "per link"),
			Login: time.Duration(small.Draw(r, "login")) * time.Second}
		var waiting []job.Waiting
		logins := map[string]time.Time{}
		for i := range rapid.IntRange(0, 20).Draw(r, "waiting") {
			w := job.Waiting{ID: fmt.Sprint(i), Device: fmt.Sprint(rapid.IntRange(0, 9).Draw(r, "device")), Site: name("site"), Link: name("link"), Login: name("login"),
				Person: rapid.Bool().Draw(r, "person"), Due: now.Add(time.Duration(rapid.IntRange(-3, 1).Draw(r, "due")) * time.Second)}
			waiting = append(waiting, w)
			logins[w.Login] = now.Add(-time.Duration(rapid.IntRange(0, 3).Draw(r, "login ago")) * time.Second)
		}
		start, again := job.Startable(waiting, nil, logins, limits, now)
		devices, sites, links, login, scheduled := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, 0
		bySchedule := map[string]int{} // of sites
		for _, w := range start {
			devices[w.Device]++
			sites[w.Site]++
			links[w.Link]++
			login[w.Login]++
			if !w.Person {
				scheduled++
				bySchedule[w.Site]++
			}
			if w.Due.After(now) || limits.Login > 0 && now.Sub(logins[w.Login]) < limits.Login {
				r.Fatalf("%s starts too soon", w.ID)
			}
		}
		full := func(n map[string]int, key string, limit int) bool {
			if limit > 0 && n[key] > limit {
				r.Fatalf("%d of %s run, the limit is %d", n[key], key, limit)
			}
			return limit > 0 && n[key] >= limit
		}
		for _, w := range waiting {
			if slices.ContainsFunc(start, func(s job.Waiting) bool { return s.ID == w.ID }) {
				continue
			}
			blocked := full(devices, w.Device, 1)
			blocked = full(sites, w.Site, limits.PerSite) || blocked
			blocked = limits.PerSite > 0 && !w.Person && full(bySchedule, w.Site, max(1, limits.PerSite-1)) || blocked
			blocked = full(links, w.Link, limits.PerLink) || blocked
			blocked = limits.Jobs > 0 && (len(start) >= limits.Jobs || !w.Person && scheduled >= max(1, limits.Jobs-limits.Kept)) || blocked
			early := w.Due.After(now) || limits.Login > 0 && (login[w.Login] > 0 || now.Sub(logins[w.Login]) < limits.Login)
			if !blocked && !early {
				r.Fatalf("%s waits for nothing", w.ID)
			}
			if !blocked && (again.IsZero() || !again.After(now)) {
				r.Fatalf("%s waits for time, and the next look is at %v", w.ID, again)
			}
		}
		if limits.Jobs > 0 && len(start) > limits.Jobs {
			r.Fatalf("%d jobs start, the limit is %d", len(start), limits.Jobs)
		}
	})
}

func TestRetry(t *testing.T) {
	for _, c := range []struct {
		cause      api.Cause
		tries      int
		least      time.Duration
		triedAgain bool
	}{
		{cause.ConnectTimeout, 1, time.Minute, true},
		{cause.ConnectTimeout, 3, 9 * time.Minute, true},
		{cause.Stalled, 1, 5 * time.Minute, true},
		{cause.NoRequest, 2, 15 * time.Minute, true},
		{cause.NoRequest, 5, 0, false},
		{cause.AuthFailed, 1, 0, false},
		{cause.TransportRestricted, 1, 0, false},
		{cause.UnsafePrompt, 1, 0, false},
		{cause.HostKeyChanged, 1, 0, false},
		{cause.Cancelled, 1, 0, false},
	} {
		wait, again := job.Retry(c.cause, c.tries, "sw1")
		if again != c.triedAgain || wait < c.least || wait > c.least+c.least/4 {
			t.Errorf("%s after %d tries: again %v after %v, want %v after %v and up to a quarter more", c.cause, c.tries, again, wait, c.triedAgain, c.least)
		}
	}
	one, _ := job.Retry(cause.Stalled, 1, "sw1")
	other, _ := job.Retry(cause.Stalled, 1, "sw2")
	if one == other {
		t.Error("two devices return at the same moment")
	}
}

func TestRest(t *testing.T) {
	hours := func(n int) time.Time { return now.Add(time.Duration(n) * time.Hour) }
	for _, c := range []struct {
		failing, tried time.Time
		want           time.Duration
	}{
		{time.Time{}, hours(0), 0},
		{hours(0), hours(0), 0},
		{hours(0), hours(2), 2 * time.Hour},
		{hours(0), hours(20), 12 * time.Hour},
		{hours(0), hours(500), 12 * time.Hour},
	} {
		if got := job.Rest(c.failing, c.tried); got != c.want {
			t.Errorf("failing since %v, tried at %v: rest %v, want %v", c.failing, c.tried, got, c.want)
		}
	}
}
