package vault

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"flashwarden/api"
)

// outline is what a prune knows of one snapshot.
type outline struct {
	document string
	previous string
	device   string
	started  time.Time
	whole    bool     // its status is ok
	received bool     // a file that the device sent by itself: no backup
	runs     []string // file names of what the device ran
	images   []string // file names of the images and packages that the vault has
}

func outlineOf(s api.Snapshot) outline {
	o := outline{document: s.Document, previous: s.Previous, device: s.Device, started: s.Started,
		whole: s.Status == api.StatusOK, received: s.Received()}
	for _, f := range s.Files {
		name := fileName(f.Path)
		if f.SHA256 != "" && (f.Kind == api.KindImage || f.Kind == api.KindPackage) {
			o.images = append(o.images, name)
		}
		if s.Facts.Mode == "install" && f.Kind == api.KindPackage {
			o.runs = append(o.runs, name)
		}
	}
	if s.Facts.Mode != "install" && s.Facts.Image != "" {
		o.runs = []string{fileName(s.Facts.Image)}
	}
	return o
}

// fileName is the last part of a path on a device: x.bin of flash:/dir/x.bin.
func fileName(p string) string { return path.Base(p[strings.LastIndexByte(p, ':')+1:]) }

// keep returns the documents that a prune at this time keeps. gone says whether
// a device is to be forgotten.
func keep(r api.Retention, all []outline, now time.Time, gone func(device string) bool) map[string]bool {
	kept := make(map[string]bool)
	groups := make(map[string][]outline) // files that a device sent have days and weeks of their own
	for _, o := range all {
		if !gone(o.device) {
			key := fmt.Sprint(o.device, "\x00", o.received)
			groups[key] = append(groups[key], o)
		}
	}
	running := make(map[string]bool)
	for _, group := range groups {
		group = newestFirst(group, now, kept)
		keepOfDevice(r, group, now, kept)
		if len(group) > 0 {
			for _, name := range group[0].runs {
				running[name] = true
			}
		}
	}
	keepRunning(all, running, kept)
	return kept
}

// newestFirst sorts the snapshots of a device. One that is dated in the future
// is kept, and counts for nothing: our clock was wrong then, or is wrong now.
func newestFirst(group []outline, now time.Time, kept map[string]bool) []outline {
	past := group[:0:0]
	for _, o := range group {
		if o.started.After(now) {
			kept[o.document] = true
			continue
		}
		past = append(past, o)
	}
	slices.SortFunc(past, func(a, b outline) int {
		return cmp.Or(b.started.Compare(a.started), cmp.Compare(b.document, a.document))
	})
	return past
}

// keepOfDevice marks the snapshots of one device that are kept.
func keepOfDevice(r api.Retention, newest []outline, now time.Time, kept map[string]bool) {
	for i, o := range newest {
		if i == 0 || i < r.Last || now.Sub(o.started) < r.Within {
			kept[o.document] = true
		}
	}
	if i := slices.IndexFunc(newest, func(o outline) bool { return o.whole }); i >= 0 {
		kept[newest[i].document] = true
	}
	for _, period := range []struct {
		count int
		of    func(time.Time) string
	}{
		{r.Daily, func(t time.Time) string { return t.Format("2006-01-02") }},
		{r.Weekly, func(t time.Time) string { year, week := t.ISOWeek(); return fmt.Sprint(year, "-", week) }},
		{r.Monthly, func(t time.Time) string { return t.Format("2006-01") }},
		{r.Yearly, func(t time.Time) string { return t.Format("2006") }},
	} {
		keepPeriods(newest, period.count, period.of, now.Location(), kept)
	}
}

// keepPeriods marks the newest snapshot of each of the last count periods that
// have any.
func keepPeriods(newest []outline, count int, of func(time.Time) string, zone *time.Location, kept map[string]bool) {
	last := ""
	for _, o := range newest {
		period := of(o.started.In(zone))
		if period == last {
			continue
		}
		if count--; count < 0 {
			return
		}
		last = period
		kept[o.document] = true
	}
}

// keepRunning marks the newest snapshot with each running image that no kept
// snapshot has.
func keepRunning(all []outline, running map[string]bool, kept map[string]bool) {
	for _, o := range all {
		if kept[o.document] {
			for _, name := range o.images {
				delete(running, name)
			}
		}
	}
	byTime := slices.Clone(all)
	slices.SortFunc(byTime, func(a, b outline) int { return b.started.Compare(a.started) })
	for _, o := range byTime {
		for _, name := range o.images {
			if running[name] {
				kept[o.document] = true
				delete(running, name)
			}
		}
	}
}
