// Package notify decides who gets which message about the fleet, and sends it: to a webhook, by
// email or to Alertmanager.
//
// The rules are pure: what holds now, what the catalog remembers and the time go in, messages
// come out. A message is about something that began or ended, so it is sent once, however long
// that lasts and however often the service starts.
package notify

import (
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/config"
	"flashwarden/internal/schedule"
)

// View is the fleet at one time.
type View struct {
	Time       time.Time
	Zone       *time.Location   // of the schedule
	Conditions []api.NotifyItem // what holds now: Event, Subject, Device and Cause
	Known      map[string]bool  // all subjects, also those without a condition
	// Turns returns when the devices are backed up. It is asked only if messages about devices
	// are due.
	Turns  func() ([]Turn, error)
	Spread time.Duration // within which the devices have their turns in one night
}

// Turn is when a device was, and will be, backed up.
type Turn struct {
	Ended time.Time // the end of its newest backup
	Busy  bool      // a backup of it waits or runs
	Due   time.Time // the next backup of the schedule; zero: none
}

// patience is how much longer than the spread of the schedule a message waits for devices that
// have not had their turn.
const patience = 30 * time.Minute

// holdsBack reports whether messages about devices wait: a night in which all devices fail is
// one message. They wait while devices have their turn that had none since the first of these
// messages was due.
func (v View) holdsBack(since time.Time) bool {
	if v.Time.Sub(since) >= v.Spread+patience {
		return false
	}
	turns, err := v.Turns()
	return err != nil || slices.ContainsFunc(turns, func(t Turn) bool {
		soon := !t.Due.IsZero() && t.Due.Sub(v.Time) < v.Spread
		return t.Ended.Before(since) && (t.Busy || soon)
	})
}

// key names a condition.
type key struct{ event, subject string }

// state is a notice with what holds now.
type state struct {
	catalog.Notice
	item  api.NotifyItem
	holds bool
}

// message is a message to one target, and what the catalog remembers once it is sent.
type message struct {
	event       string
	items       []api.NotifyItem
	put, forget []catalog.Notice
}

// decision is what becomes of the notices of one target at one time.
type decision struct {
	put, forget []catalog.Notice // before anything is sent
	messages    []message
}

// decide compares the present conditions with the messages that a target got.
func decide(target config.Notify, before []catalog.Notice, v View) decision {
	v.Time = v.Time.UTC().Truncate(time.Millisecond)
	d := decision{}
	states := d.follow(target, before, v)
	switch {
	case target.Type == config.Alertmanager:
		d.messages = alerts(states, v)
	case target.Quiet == schedule.Window{} || !target.Quiet.Contains(v.Time, v.Zone):
		d.messages = news(states, v)
		d.addSummary(target, before, v)
	}
	return d
}

// follow brings the notices up to date: new conditions enter, and ended ones leave if nobody
// heard of them.
func (d *decision) follow(target config.Notify, before []catalog.Notice, v View) (states []state) {
	holds := make(map[key]api.NotifyItem)
	for _, c := range v.Conditions {
		if slices.Contains(target.On, c.Event) {
			holds[key{c.Event, c.Subject}] = c
		}
	}
	seen := make(map[key]bool)
	for _, n := range before {
		if n.Event == api.NotifySummary {
			continue
		}
		k := key{n.Event, n.Subject}
		item, still := holds[k]
		seen[k] = true
		if s, keep := d.continued(target, state{n, item, still}, v); keep {
			states = append(states, s)
		}
	}
	for _, c := range v.Conditions {
		k := key{c.Event, c.Subject}
		if _, chosen := holds[k]; chosen && !seen[k] {
			seen[k] = true
			n := catalog.Notice{Target: target.Name, Event: c.Event, Subject: c.Subject, Began: v.Time}
			d.put = append(d.put, n)
			states = append(states, state{n, c, true})
		}
	}
	return states
}

// continued is a notice of before; it is forgotten if keep is false.
func (d *decision) continued(target config.Notify, s state, v View) (next state, keep bool) {
	tellsEnd := target.Type == config.Alertmanager || slices.Contains(target.On, api.NotifyRecovered)
	switch {
	case s.holds && s.Ended.IsZero():
		return s, true
	case s.holds: // it ended and began again before anybody heard of it
		s.Ended = time.Time{}
	case s.Sent.IsZero() || !v.Known[s.Subject] || !slices.Contains(target.On, s.Event) || !tellsEnd:
		d.forget = append(d.forget, s.Notice)
		return s, false
	case !s.Ended.IsZero():
		return s, true
	default:
		s.Ended = v.Time
	}
	d.put = append(d.put, s.Notice)
	return s, true
}

// news are the messages about what began and ended, one for each event.
func news(states []state, v View) (messages []message) {
	for _, event := range api.NotifyEvents() {
		m, first := message{event: event}, time.Time{}
		for _, s := range states {
			at, told := s.Began, s.Notice
			switch {
			case event == api.NotifyRecovered && !s.Ended.IsZero():
				at = s.Ended
				m.forget = append(m.forget, told)
			case event == s.Event && s.holds && s.Sent.IsZero():
				told.Sent = v.Time
				m.put = append(m.put, told)
			default:
				continue
			}
			m.items = append(m.items, itemOf(s))
			if first.IsZero() || at.Before(first) {
				first = at
			}
		}
		if len(m.items) > 0 && !(aboutDevices(event) && v.holdsBack(first)) {
			messages = append(messages, m)
		}
	}
	return messages
}

// aboutDevices reports whether messages about an event wait for the end of a night.
func aboutDevices(event string) bool {
	return event != api.NotifyCareFailed && event != api.NotifyImageDiffers
}

// itemOf is the condition of a notice, also after its end.
func itemOf(s state) api.NotifyItem {
	i := s.item
	if !s.holds {
		i = api.NotifyItem{Event: s.Event, Subject: s.Subject, Device: deviceOf(s.Event, s.Subject)}
	}
	i.Since = s.Began
	return i
}

// deviceOf is the device that a notice is about; empty: none.
func deviceOf(event, subject string) string {
	if event == api.NotifyCareFailed || event == api.NotifyImageDiffers {
		return ""
	}
	return subject
}

// alerts are the messages to Alertmanager, which wants to hear again and again what holds. It
// collects, repeats and keeps quiet by itself.
func alerts(states []state, v View) (messages []message) {
	firing, ended := make(map[string]*message), message{event: api.NotifyRecovered}
	for _, s := range states {
		if !s.holds {
			ended.items, ended.forget = append(ended.items, itemOf(s)), append(ended.forget, s.Notice)
			continue
		}
		m := firing[s.Event]
		if m == nil {
			m = &message{event: s.Event}
			firing[s.Event] = m
		}
		m.items = append(m.items, itemOf(s))
		if told := s.Notice; told.Sent.IsZero() {
			told.Sent = v.Time
			m.put = append(m.put, told)
		}
	}
	for _, event := range api.NotifyEvents() {
		if m := firing[event]; m != nil {
			messages = append(messages, *m)
		}
	}
	if len(ended.items) > 0 {
		messages = append(messages, ended)
	}
	return messages
}

// addSummary adds the daily summary if its time has come. The first time of a target only
// begins the count, so that a new target gets no summary at once. If several were missed, the
// newest one is sent.
func (d *decision) addSummary(target config.Notify, before []catalog.Notice, v View) {
	if !slices.Contains(target.On, api.NotifySummary) {
		return
	}
	told := catalog.Notice{Target: target.Name, Event: api.NotifySummary, Began: v.Time, Sent: v.Time}
	i := slices.IndexFunc(before, func(n catalog.Notice) bool { return n.Event == api.NotifySummary })
	if i < 0 {
		d.put = append(d.put, told)
		return
	}
	last := before[i].Sent
	if last.After(v.Time) { // the clock was wrong
		last = v.Time.Add(-24 * time.Hour)
	}
	if due := target.Summary.Next(last, v.Zone); !due.IsZero() && !due.After(v.Time) {
		d.messages = append(d.messages, message{event: api.NotifySummary, put: []catalog.Notice{told}})
	}
}
