package terminal

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"flashwarden/api"
)

// Status is the fleet at a glance, for people.
type Status struct {
	api.Status
	Whole bool // it has every device of the inventory
	Named bool // the devices were asked for by name: those without any problem are shown too
}

// Sort puts the devices at risk first, then those whose last backup failed, then
// those with warnings, each in natural order.
func (s Status) Sort() {
	slices.SortStableFunc(s.Devices, func(a, b api.DeviceStatus) int {
		return cmp.Or(cmp.Compare(statusRank(a), statusRank(b)), api.CompareNames(a.Device, b.Device))
	})
}

func statusRank(d api.DeviceStatus) int {
	switch {
	case !d.Protected:
		return 0
	case d.LastFails:
		return 1
	case len(d.Warnings) > 0:
		return 2
	}
	return 3
}

// Format returns a block for each reason for attention with the devices that have
// it, and the summary.
func (s Status) Format(l Layout, now time.Time) string {
	s.Sort()
	var groups groups
	for _, d := range s.Devices {
		if kind := s.kind(d, l.Palette); kind != "" {
			groups.add(d.Device, kind, statusReasons(d, now)).more += d.More
		}
	}
	var b strings.Builder
	for _, g := range groups {
		g.joinBackups(l, s.Whole && (g.count() == s.Summary.Devices || g.count() > mostTogether))
		head := OneLine(g.devices[0]) + " is " + g.kind
		if len(g.devices) > 1 {
			head = Count(g.count(), "device") + " are " + g.kind + ": " + g.names(api.Do("status").With("json", ""))
		}
		b.WriteString(l.Prose("", head) + g.body(l) + "\n")
	}
	if len(s.Devices) == 1 && s.Named {
		text := strings.TrimSuffix(b.String(), "\n")
		if next := s.next(now); next != "" {
			text += l.Prose("  ", "Next backup "+next)
		}
		return text
	}
	return b.String() + s.careText(l, now) + l.Prose("", s.summary(l.Palette, now))
}

// kind says in which state a device is; empty if there is nothing to say.
func (s Status) kind(d api.DeviceStatus, paint Palette) string {
	switch warnings := len(d.Warnings); {
	case !d.Protected:
		return paint.Paint(Bad, "at risk")
	case d.LastFails && d.LastFailure != nil:
		return "protected, but the " + paint.Paint(Warn, "last backup failed")
	case warnings > 0:
		return "protected, with " + paint.Paint(Warn, Count(warnings, "warning"))
	case s.Named:
		return paint.Paint(Good, "protected")
	}
	return ""
}

// statusReasons returns why a device needs attention, or what protects it.
func statusReasons(d api.DeviceStatus, now time.Time) []reason {
	var list []reason
	for _, r := range d.Reasons {
		list = append(list, reason{text: r.Message, hint: r.Hint})
	}
	switch f := d.LastFailure; {
	case !d.Protected:
	case d.LastFails && f != nil:
		list = append(list, reason{text: Ago(f.Started, now) + ": " + cmp.Or(f.Message, f.Status), hint: f.Hint})
	case len(d.Warnings) == 0:
		list = append(list, reason{text: protectedBy(d, now)})
	}
	for _, w := range d.Warnings {
		list = append(list, reason{text: w})
	}
	return list
}

// protectedBy names the backup that protects a device.
func protectedBy(d api.DeviceStatus, now time.Time) string {
	text := "Last complete backup never"
	if d.LastBackup != nil {
		text = "Last complete backup " + Ago(*d.LastBackup, now)
	}
	if d.LastLook != nil && d.LastBackup != nil && d.LastLook.After(*d.LastBackup) {
		text += ", unchanged since, looked " + Ago(*d.LastLook, now)
	}
	if d.Version != "" {
		text += fmt.Sprintf("; version %s, image %s", d.Version, d.Image)
	}
	return text
}

// joinBackups makes one command of those next steps of a group that back one device
// up; all: it backs up all devices of the inventory, because the group has
// them all, or too many to name.
func (g *group) joinBackups(l Layout, all bool) {
	call, ok := l.backups(g.devices, g.count())
	together := api.Fix{{Call: &call}}.String()
	if all {
		together = api.Do("backup").With("all", "").String()
	}
	if len(g.devices) == 1 || !all && !ok {
		return
	}
	for i, r := range g.reasons {
		if r.hint == api.Do("backup", g.devices[0]).String() {
			g.reasons[i].hint, g.reasons[i].own = together, false
		}
	}
}

// next says when the next backup begins, and for which device, or why at that time; empty
// if none is planned.
func (s Status) next(now time.Time) string {
	if s.Summary.NextRun == nil {
		return ""
	}
	when := "within a minute"
	if wait := s.Summary.NextRun.Sub(now); wait >= time.Minute {
		when = "in " + Age(wait)
	}
	if s.Summary.Devices == 1 && len(s.Devices) == 1 {
		return when + ": " + OneLine(s.Devices[0].NextWhy)
	}
	return when + ": " + OneLine(s.Summary.NextDevice)
}

// summary is the last line: 40 devices: 38 protected, 2 at risk; last backup
// failed on 1.
func (s Status) summary(paint Palette, now time.Time) string {
	sum := s.Summary
	risk := fmt.Sprintf("%d at risk", sum.AtRisk)
	if sum.AtRisk > 0 {
		risk = paint.Paint(Bad, risk)
	}
	parts := []string{fmt.Sprintf("%s: %d protected, %s", Count(sum.Devices, "device"), sum.Protected, risk)}
	if sum.Failed > 0 {
		parts = append(parts, fmt.Sprintf("last backup failed on %d", sum.Failed))
	}
	if sum.Running > 0 {
		parts = append(parts, fmt.Sprintf("%d being backed up now", sum.Running))
	}
	if next := s.next(now); next != "" {
		parts = append(parts, "next backup "+next)
	}
	return strings.Join(parts, "; ")
}
