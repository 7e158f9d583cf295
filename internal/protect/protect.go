// Package protect decides whether a device is protected, and if not, why. It is
// pure: the state of the device, the rules and the time go in, reasons come
// out. Every face shows these reasons.
//
// A device is protected when its newest complete backup, or a look that
// confirmed it, is young enough, has the image that the device runs, undamaged,
// was read and compared lately, and is in each mirror.
package protect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// Rules say how old things may be, and where they must be.
type Rules struct {
	Within       time.Duration // the newest complete backup, or a look
	ProvedWithin time.Duration // the last time that its content was read and compared
	Mirrors      []Mirror      // the copies of the vault that must have the newest complete backup
}

// Mirror is a copy of the vault, as the configuration names it.
type Mirror struct{ Name, Target string }

// ahead is how far in the future a backup or a proof may be dated: clocks differ.
// One further ahead would hide for long that no newer one is made.
const ahead = 24 * time.Hour

// Judge returns the reasons why a device is at risk at this time, the most
// important first; none (an empty list, not nil) means that it is protected.
func (r Rules) Judge(s catalog.State, now time.Time) []api.Reason {
	reasons := []api.Reason{}
	for _, rule := range []func(catalog.State, time.Time) (api.Reason, bool){r.age, image, imageBad, damage, r.proof, r.mirrors} {
		if reason, found := rule(s, now); found {
			reason.Hint = reason.Fix.String()
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

// localTime is a time in the zone of this host, with its name.
func localTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") }

// age judges when the device was last backed up completely.
func (r Rules) age(s catalog.State, now time.Time) (api.Reason, bool) {
	seen := s.Good.Started
	if s.Looked.After(seen) {
		seen = s.Looked
	}
	var reason api.Reason
	switch age := now.Sub(seen); {
	case s.Newest.ID == "" && s.Good.ID == "":
		reason = api.Reason{Reason: api.RiskNever, Message: "No backup yet"}
	case s.Good.ID == "":
		reason = api.Reason{Reason: api.RiskIncomplete, Message: fmt.Sprintf("No complete backup; the newest one, made %s, lacks files", ago(now.Sub(s.Newest.Started)))}
	case age < -ahead:
		return api.Reason{Reason: api.RiskFuture, Message: "The last complete backup is dated in the future: " + localTime(seen),
			Fix: checkClock().Do("backup", s.Name)}, true
	case age >= r.Within:
		reason = api.Reason{Reason: api.RiskOld, Message: fmt.Sprintf("Last complete backup %s; the limit is %s", ago(age), span(r.Within))}
	default:
		return api.Reason{}, false
	}
	return because(reason, s, now), true
}

// checkClock begins the next step after a date in the future.
func checkClock() api.Fix {
	return api.Say("check the clock of this host (").Type(api.OnHost, "timedatectl").Say("), then run ")
}

// image judges whether the backup has what the device runs.
func image(s catalog.State, now time.Time) (api.Reason, bool) {
	if s.Good.ID == "" || s.Holds {
		return api.Reason{}, false
	}
	message := "The last complete backup does not have the image that the device runs"
	if s.Image != "" {
		message += fmt.Sprintf(": %s, version %s", s.Image, s.Version)
	}
	return because(api.Reason{Reason: api.RiskImage, Message: message}, s, now), true
}

// imageBad judges whether the device can start from the backup.
func imageBad(s catalog.State, _ time.Time) (api.Reason, bool) {
	if s.Good.ID == "" || !s.ImageBad {
		return api.Reason{}, false
	}
	return api.Reason{Reason: api.RiskImageBad, Message: "The image in the last complete backup is damaged, as it is on the device: its own checksums are wrong",
		Fix: api.Say("put a good image on the device before it restarts, then run ").Do("backup", s.Name)}, true
}

// because adds to a reason the failure of the newest backup, if there is one, and
// the next step: that of the failure, else another backup.
func because(reason api.Reason, s catalog.State, now time.Time) api.Reason {
	reason.Fix = api.Do("backup", s.Name)
	if !LastFails(s) {
		return reason
	}
	reason.Cause = s.Failed.Cause
	reason.Message += fmt.Sprintf(". The last try failed %s: %s", ago(now.Sub(s.Failed.Started)), s.Failed.Message)
	if s.Failed.Hint != "" {
		reason.Fix = api.Say("%s", s.Failed.Hint)
	}
	return reason
}

// LastFails reports whether the newest backup run that ended did not succeed.
func LastFails(s catalog.State) bool {
	switch {
	case s.Failed == nil:
		return false
	case s.Last.Status == api.StatusRunning: // the one before it ended
		return s.Failed.Started.After(s.Good.Started) && s.Failed.Started.After(s.Looked)
	}
	return !(api.Run{Status: s.Last.Status}).Succeeded()
}

// damage judges whether the vault still has the backup.
func damage(s catalog.State, _ time.Time) (api.Reason, bool) {
	if s.Good.ID == "" || !s.Damaged {
		return api.Reason{}, false
	}
	return api.Reason{Reason: api.RiskDamaged, Message: "The vault's copy of the last complete backup is damaged or incomplete",
		Fix: api.Say("copy every file again: ").Do("backup", s.Name).With("recopy", "")}, true
}

// proof judges when the vault's copy was last read.
func (r Rules) proof(s catalog.State, now time.Time) (api.Reason, bool) {
	age := now.Sub(s.Proved)
	if s.Good.ID == "" || s.Damaged || (age >= -ahead && age < r.ProvedWithin) {
		return api.Reason{}, false
	}
	reason := api.Reason{Reason: api.RiskUnproved, Message: "The vault's copy of the last complete backup was never read again",
		Fix: api.Do("check").With("read_data", "")}
	switch {
	case age < -ahead:
		reason.Message = "The last read of the vault's copy of the last complete backup is dated in the future: " + localTime(s.Proved)
		reason.Fix = checkClock().Do("check").With("read_data", "")
	case !s.Proved.IsZero():
		reason.Message = fmt.Sprintf("The vault's copy of the last complete backup was last read %s; the limit is %s", ago(age), span(r.ProvedWithin))
	}
	return reason, true
}

// mirrors judges whether each copy of the vault has the backup.
func (r Rules) mirrors(s catalog.State, _ time.Time) (api.Reason, bool) {
	var lack []string
	for _, m := range r.Mirrors {
		if !slices.Contains(s.Mirrors, m.Target) {
			lack = append(lack, m.Name)
		}
	}
	if s.Good.ID == "" || len(lack) == 0 {
		return api.Reason{}, false
	}
	message := fmt.Sprintf("The mirror %s does not have the last complete backup", lack[0])
	if len(lack) > 1 {
		message = fmt.Sprintf("The mirrors %s do not have the last complete backup", strings.Join(lack, ", "))
	}
	return api.Reason{Reason: api.RiskMirror, Message: message, Fix: api.Do("mirror", lack[0])}, true
}

// ago is how long ago something was: just now, 3 hours ago.
func ago(d time.Duration) string {
	if d < time.Minute {
		return "just now"
	}
	return span(d) + " ago"
}

// span is a time in words, in at most two units, rounded down: 8 days 1 hour, 3
// hours, 20 minutes.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 30*day:
		return units(d/day, "day")
	case d >= day:
		return units(d/day, "day") + more(d%day/time.Hour, "hour")
	case d >= time.Hour:
		return units(d/time.Hour, "hour") + more(d%time.Hour/time.Minute, "minute")
	}
	return units(d/time.Minute, "minute")
}

// more is a second unit; nothing for zero.
func more(n time.Duration, unit string) string {
	if n == 0 {
		return ""
	}
	return " " + units(n, unit)
}

func units(n time.Duration, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
