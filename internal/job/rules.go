// Package job decides which work may start now, and when failed work is tried again.
// The rules are pure functions: jobs, limits and the time go in, decisions come out.
package job

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// Waiting is a job that waits for its turn.
type Waiting struct {
	ID     string
	Device string    // empty: the job is on no device
	Site   string    // of the device; empty: none
	Link   string    // the thin line that its transfers cross; empty: none
	Login  string    // whose logins are counted together: site and credential
	Person bool      // a person waits for it
	Added  time.Time // if that is in the future, the clock was wrong, and Due does not count
	Due    time.Time // not before this time
}

// Running is a job that has started.
type Running struct {
	Device, Site, Link string
	Person             bool
}

// Limits say how much runs at the same time. 0: no limit.
type Limits struct {
	Jobs    int           // in all
	Kept    int           // of Jobs, for jobs of persons only
	PerSite int           // a site; the schedule leaves one free
	PerLink int           // a link
	Login   time.Duration // between two logins of one site and credential

	Schedule time.Time // jobs of the schedule on devices do not start before this time; zero: they may
}

// Startable returns the jobs that may start now, in their order: those of persons
// first, then by the time since when they are due. logins has the time of the newest
// login of each Waiting.Login. again is when the next job may start if nothing else
// happens; zero: not before a job ends or a new one comes.
func Startable(waiting []Waiting, running []Running, logins map[string]time.Time, l Limits, now time.Time) (start []Waiting, again time.Time) {
	start, _, again = decide(waiting, running, logins, l, now)
	return start, again
}

// decide is Startable, and says of the other jobs why they wait, by their IDs.
func decide(waiting []Waiting, running []Running, logins map[string]time.Time, l Limits, now time.Time) (start []Waiting, waits map[string]string, again time.Time) {
	taken := count(running)
	last, waits := make(map[string]time.Time), make(map[string]string)
	for _, w := range inTurn(waiting) {
		if why := taken.against(w, l); why != "" {
			waits[w.ID] = why
			continue
		}
		login, ok := last[w.Login]
		if !ok {
			login = logins[w.Login]
		}
		if at := earliest(w, login, l, now); at.After(now) {
			if again.IsZero() || at.Before(again) {
				again = at
			}
			waits[w.ID] = untilTime(w, login, l, at)
			continue
		}
		taken.add(Running{w.Device, w.Site, w.Link, w.Person})
		last[w.Login] = now
		start = append(start, w)
	}
	return start, waits, again
}

// untilTime says what a job waits for that may not start before a time.
func untilTime(w Waiting, login time.Time, l Limits, at time.Time) string {
	switch {
	case w.Login != "" && at.Equal(login.Add(l.Login)):
		return fmt.Sprintf("logins at its site as the same user are %s apart", l.Login)
	case at.Equal(l.Schedule):
		return "the window of the schedule"
	}
	return "its next try"
}

// inTurn sorts jobs: those of persons first, then by Due, then by ID.
func inTurn(waiting []Waiting) []Waiting {
	return slices.SortedFunc(slices.Values(waiting), func(a, b Waiting) int {
		switch {
		case a.Person != b.Person && a.Person:
			return -1
		case a.Person != b.Person:
			return 1
		}
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID))
	})
}

// earliest returns when a job may start, as far as only time decides. A login that is
// dated in the future does not count: then the clock was wrong.
func earliest(w Waiting, login time.Time, l Limits, now time.Time) time.Time {
	at := w.Due
	if w.Added.After(now) {
		at = now
	}
	if !w.Person && w.Device != "" && l.Schedule.After(at) {
		at = l.Schedule
	}
	if w.Login == "" || login.IsZero() || login.After(now) {
		return at
	}
	if free := login.Add(l.Login); free.After(at) {
		at = free
	}
	return at
}

// load counts what runs.
type load struct {
	all, schedule int // on devices
	others        int // on none
	devices       map[string]bool
	sites, links  map[string]int
	scheduled     map[string]int // of sites, for the schedule
}

func count(running []Running) *load {
	l := &load{devices: make(map[string]bool), sites: make(map[string]int), links: make(map[string]int), scheduled: make(map[string]int)}
	for _, r := range running {
		l.add(r)
	}
	return l
}

func (l *load) add(r Running) {
	if r.Device == "" {
		l.others++
		return
	}
	l.all++
	if !r.Person {
		l.schedule++
		l.scheduled[r.Site]++
	}
	l.devices[r.Device] = true
	l.sites[r.Site]++
	l.links[r.Link]++
}

// against says why a job may not start beside those that run; empty: it may.
func (l *load) against(w Waiting, limits Limits) string {
	switch {
	case w.Device == "" && l.others > 0: // one at a time, because each reads or writes much of the vault's disk
		return "another task works on the vault"
	case w.Device == "":
		return ""
	case l.devices[w.Device]: // one job a device, whoever asks
		return "another job works on the device"
	case limits.Jobs > 0 && l.all >= limits.Jobs:
		return fmt.Sprintf("all slots are taken (%d at once)", limits.Jobs)
	case limits.Jobs > 0 && !w.Person && l.schedule >= max(1, limits.Jobs-limits.Kept):
		return fmt.Sprintf("all slots of the schedule are taken (%d at once)", max(1, limits.Jobs-limits.Kept))
	case w.Site != "" && limits.PerSite > 0 && l.sites[w.Site] >= limits.PerSite:
		return fmt.Sprintf("all slots of the site %s are taken (%d at once)", w.Site, limits.PerSite)
	case w.Site != "" && limits.PerSite > 0 && !w.Person && l.scheduled[w.Site] >= max(1, limits.PerSite-1):
		return fmt.Sprintf("all slots of the schedule at the site %s are taken (%d at once)", w.Site, max(1, limits.PerSite-1))
	case w.Link != "" && limits.PerLink > 0 && l.links[w.Link] >= limits.PerLink:
		return fmt.Sprintf("all slots of its link are taken (%d at once)", limits.PerLink)
	}
	return ""
}

// lasting are the causes that stay until a person has done something. To try again
// could do harm: a wrong password locks accounts.
var lasting = []api.Cause{cause.AuthFailed, cause.EnableFailed, cause.UnsafePrompt, cause.UnsafeBoot, cause.HostKeyChanged, cause.HostKeyUnknown, cause.HostKeyWeak,
	cause.NoCommonAlgorithm, cause.UnsupportedDevice, cause.NotPermittedOnDevice, cause.TransportRestricted, cause.Cancelled}

// unreached are the causes of a device that could not be reached, perhaps for a moment.
var unreached = []api.Cause{cause.ConnectTimeout, cause.ConnectRefused, cause.SessionLost}

const (
	soon     = time.Minute     // the first wait after unreached
	first    = 5 * time.Minute // the first wait after other causes
	maxTries = 5               // of one job; then the next try is the next job of the schedule
	daily    = 24 * time.Hour
)

// Retry returns how long after its failure a job is tried again. tries is how often it
// was tried, at least 1. again is false if it is not tried again. The wait grows by
// three each time, and by up to a quarter more, which depends on the device: a site
// that was cut off does not return all at once.
func Retry(c api.Cause, tries int, device string) (wait time.Duration, again bool) {
	if c == "" || slices.Contains(lasting, c) || tries >= maxTries {
		return 0, false
	}
	wait = first
	if slices.Contains(unreached, c) {
		wait = soon
	}
	for range tries - 1 {
		wait *= 3
	}
	return wait + time.Duration(share(device)*float64(wait)/4), true
}

// share returns a number from 0 to 1 that depends on the name alone.
func share(name string) float64 {
	h := fnv.New32a()
	h.Write([]byte(name)) // never fails
	return float64(h.Sum32()) / (1 << 32)
}

// Rest returns how long the schedule leaves a device alone after its last try, if it
// has failed since a time: as long as it has failed so far, at most half a day. So a
// device that is gone costs little, and a daily schedule stays a daily one.
func Rest(failing, tried time.Time) time.Duration {
	if failing.IsZero() || !tried.After(failing) {
		return 0
	}
	return min(tried.Sub(failing), daily/2)
}
