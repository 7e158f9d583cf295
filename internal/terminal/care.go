package terminal

import (
	"strings"
	"time"

	"flashwarden/api"
)

// careText has a block for each task of the vault whose last run failed or that is late, and a
// line for the others: when they ran last, and when they run next.
func (s Status) careText(l Layout, now time.Time) string {
	var b strings.Builder
	var others []string
	for _, c := range s.Care {
		if !c.Failed && c.LateSince == nil {
			if text := careTimes(c, now); text != "" {
				others = append(others, text)
			}
			continue
		}
		if c.Failed {
			b.WriteString(l.Prose("", "The "+l.Palette.Paint(Bad, "last "+careName(c)+" failed")+", "+Ago(*c.LastRun, now)))
			b.WriteString(l.Prose("  ", OneLine(c.Message)))
		}
		if c.LateSince != nil {
			b.WriteString(l.Prose("", "The "+l.Palette.Paint(Bad, careName(c)+" is late")+": it was due "+Ago(*c.LateSince, now)))
		}
		if c.Hint != "" {
			b.WriteString(l.Prose("  ", "next: "+Printable(c.Hint)))
		}
		if text := careTimes(c, now); text != "" {
			b.WriteString(l.Prose("  ", text))
		}
		b.WriteString("\n")
	}
	if len(others) > 0 {
		b.WriteString(l.Prose("", "Vault: "+strings.Join(others, "; ")))
	}
	return b.String()
}

// careName is the name of a task: check, prune, mirror offsite.
func careName(c api.Care) string {
	if c.Name == "" {
		return c.Task
	}
	return c.Task + " " + OneLine(c.Name)
}

// careTimes says when a task last succeeded, and when it runs next: last prune 8 minutes ago,
// next in 6 days.
func careTimes(c api.Care, now time.Time) string {
	var parts []string
	switch {
	case c.LastSuccess != nil:
		good := "last "
		if c.Failed {
			good = "last good "
		}
		parts = append(parts, good+careName(c)+" "+Ago(*c.LastSuccess, now))
	case c.LastRun != nil:
		parts = append(parts, careName(c)+" never succeeded")
	}
	if c.NextRun != nil {
		when := "within a minute"
		if wait := c.NextRun.Sub(now); wait >= time.Minute {
			when = "in " + Age(wait)
		}
		next := "next "
		if len(parts) == 0 {
			next = careName(c) + " next "
		}
		parts = append(parts, next+when)
	}
	return strings.Join(parts, ", ")
}
