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

// Risks are the reasons why a device is at risk, by their words, the most important
// first. "" stands for a rule that the device keeps, so the zero Risks mean that it is
// protected.
type Risks [6]string

// Risks returns why a device is at risk at this time.
func (r Rules) Risks(s catalog.State, now time.Time) Risks {
	return Risks{r.age(s, now), image(s), imageBad(s), damage(s), r.proof(s, now), riskIf(s.Good.ID != "" && r.notMirrored(s), api.RiskMirror)}
}

// Judge returns the reasons why a device is at risk at this time in words, the most
// important first; none (an empty list, not nil) means that it is protected.
func (r Rules) Judge(s catalog.State, now time.Time) []api.Reason {
	reasons := []api.Reason{}
	for _, risk := range r.Risks(s, now) {
		if risk != "" {
			reason := r.reason(risk, s, now)
			reason.Reason, reason.Hint = risk, reason.Fix.String()
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

// localTime is a time in the zone of this host, with its name.
func localTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") }

// age judges when the device was last backed up completely.
func (r Rules) age(s catalog.State, now time.Time) string {
	switch age := now.Sub(seen(s)); {
	case s.Newest.ID == "" && s.Good.ID == "":
		return api.RiskNever
	case s.Good.ID == "":
		return api.RiskIncomplete
	case age < -ahead:
		return api.RiskFuture
	case age >= r.Within:
		return api.RiskOld
	}
	return ""
}

// seen is when the newest complete backup was made, or a look confirmed it.
func seen(s catalog.State) time.Time {
	if s.Looked.After(s.Good.Started) {
		return s.Looked
	}
	return s.Good.Started
}

// image judges whether the backup has what the device runs.
func image(s catalog.State) string { return riskIf(s.Good.ID != "" && !s.Holds, api.RiskImage) }

// imageBad judges whether the device can start from the backup.
func imageBad(s catalog.State) string {
	return riskIf(s.Good.ID != "" && s.ImageBad, api.RiskImageBad)
}

// damage judges whether the vault still has the backup.
func damage(s catalog.State) string { return riskIf(s.Good.ID != "" && s.Damaged, api.RiskDamaged) }

// proof judges when the vault's copy was last read.
func (r Rules) proof(s catalog.State, now time.Time) string {
	age := now.Sub(s.Proved)
	return riskIf(s.Good.ID != "" && !s.Damaged && (age < -ahead || age >= r.ProvedWithin), api.RiskUnproved)
}

func riskIf(found bool, risk string) string {
	if found {
		return risk
	}
	return ""
}

// reason puts a risk of a device into words, with the next step.
func (r Rules) reason(risk string, s catalog.State, now time.Time) api.Reason {
	switch risk {
	case api.RiskNever:
		return because("No backup yet", s, now)
	case api.RiskIncomplete:
		return because(fmt.Sprintf("No complete backup; the newest one, made %s, lacks files", ago(now.Sub(s.Newest.Started))), s, now)
	case api.RiskOld:
		return because(fmt.Sprintf("Last complete backup %s; the limit is %s", ago(now.Sub(seen(s))), span(r.Within)), s, now)
	case api.RiskFuture:
		return api.Reason{Message: "The last complete backup is dated in the future: " + localTime(seen(s)), Fix: checkClock().Do("backup", s.Name)}
	case api.RiskImage:
		message := "The last complete backup does not have the image that the device runs"
		if s.Image != "" {
			message += fmt.Sprintf(": %s, version %s", s.Image, s.Version)
		}
		return because(message, s, now)
	case api.RiskImageBad:
		return api.Reason{Message: "The image in the last complete backup is damaged, as it is on the device: its own checksums are wrong",
			Fix: api.Say("put a good image on the device before it restarts, then run ").Do("backup", s.Name)}
	case api.RiskDamaged:
		return api.Reason{Message: "The vault's copy of the last complete backup is damaged or incomplete",
			Fix: api.Say("copy every file again: ").Do("backup", s.Name).With("recopy", "")}
	case api.RiskMirror:
		return r.lacking(s)
	}
	return r.unproved(s, now)
}

// notMirrored reports whether a copy of the vault lacks the backup.
func (r Rules) notMirrored(s catalog.State) bool {
	return slices.ContainsFunc(r.Mirrors, func(m Mirror) bool { return !slices.Contains(s.Mirrors, m.Target) })
}

// lacking names the copies of the vault that lack the backup.
func (r Rules) lacking(s catalog.State) api.Reason {
	var lack []string
	for _, m := range r.Mirrors {
		if !slices.Contains(s.Mirrors, m.Target) {
			lack = append(lack, m.Name)
		}
	}
	message := fmt.Sprintf("The mirror %s does not have the last complete backup", lack[0])
	if len(lack) > 1 {
		message = fmt.Sprintf("The mirrors %s do not have the last complete backup", strings.Join(lack, ", "))
	}
	return api.Reason{Message: message, Fix: api.Do("mirror", lack[0])}
}

// unproved says since when the vault's copy was not read.
func (r Rules) unproved(s catalog.State, now time.Time) api.Reason {
	reason := api.Reason{Message: "The vault's copy of the last complete backup was never read again", Fix: api.Do("check").With("read_data", "")}
	switch age := now.Sub(s.Proved); {
	case age < -ahead:
		reason.Message = "The last read of the vault's copy of the last complete backup is dated in the future: " + localTime(s.Proved)
		reason.Fix = checkClock().Do("check").With("read_data", "")
	case !s.Proved.IsZero():
		reason.Message = fmt.Sprintf("The vault's copy of the last complete backup was last read %s; the limit is %s", ago(age), span(r.ProvedWithin))
	}
	return reason
}

// checkClock begins the next step after a date in the future.
func checkClock() api.Fix {
	return api.Say("check the clock of this host (").Type(api.OnHost, "timedatectl").Say("), then run ")
}

// because returns a reason that another backup ends. It adds the failure of the newest
// backup, if there is one, and has the next step of that.
func because(message string, s catalog.State, now time.Time) api.Reason {
	reason := api.Reason{Message: message, Fix: api.Do("backup", s.Name)}
	if !LastFails(s) {
		return reason
	}
	reason.Cause = s.Failed.Cause
	reason.Message += fmt.Sprintf(". The last try failed %s: %s", roughly(now.Sub(s.Failed.Started)), s.Failed.Message)
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

// ago is how long ago something was: just now, 3 hours ago.
func ago(d time.Duration) string {
	if d < time.Minute {
		return "just now"
	}
	return span(d) + " ago"
}

// roughly is ago in one unit, where no limit makes the second one interesting.
func roughly(d time.Duration) string {
	for _, unit := range []time.Duration{24 * time.Hour, time.Hour} {
		if d >= unit {
			return ago(d.Truncate(unit))
		}
	}
	return ago(d)
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
