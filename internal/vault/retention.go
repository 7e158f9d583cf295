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

// outline holds the facts of one snapshot that a prune needs.
type outline struct {
	document  string
	previous  string
	device    string
	started   time.Time
	whole     bool // its status is ok
	received  bool // a file that the device sent by itself: no backup
	condemned bool // the record of an interrupted prune names it
	*software
	contents []uint32 // all that it names, by their numbers in an outliner
}

// software is that of a device at the time of a snapshot. Most snapshots of a
// device share one value.
type software struct {
	runs   []string // file names of the images and packages that the device ran
	images []image  // those that the vault has
}

// image is an image or a package in the vault.
type image struct {
	name string // of its file on the device
	sum  digest
}

// outliner makes outlines. It keeps once what many snapshots repeat.
type outliner struct {
	documents []string // the names of all documents, sorted
	devices   map[string]string
	software  map[string]*software
	contents  map[digest]uint32 // their numbers
}

func newOutliner(documents []string) outliner {
	return outliner{documents, map[string]string{}, map[string]*software{}, map[digest]uint32{}}
}

// document returns a name without keeping it, if a document has it.
func (o outliner) document(name string) string {
	if i, ok := slices.BinarySearch(o.documents, name); ok {
		return o.documents[i]
	}
	return name
}

// numbers returns the numbers of the contents that a snapshot names.
func (o outliner) numbers(s api.Snapshot) []uint32 {
	numbers := make([]uint32, 0, len(s.Files)+1)
	for f := range ContentsOf(s) {
		sum := digestOf(f.SHA256)
		n, ok := o.contents[sum]
		if !ok {
			n = uint32(len(o.contents))
			o.contents[sum] = n
		}
		numbers = append(numbers, n)
	}
	return numbers
}

func (o outliner) outline(s api.Snapshot) outline {
	device, ok := o.devices[s.Device]
	if !ok {
		device = strings.Clone(s.Device)
		o.devices[device] = device
	}
	w := softwareOf(s)
	if known, ok := o.software[w.key()]; ok {
		w = known
	} else {
		o.software[w.key()] = w
	}
	return outline{document: s.Document, previous: o.document(s.Previous), device: device, started: s.Started, whole: s.Status == api.StatusOK, received: s.Received(), software: w, contents: o.numbers(s)}
}

// key is equal for equal software.
func (w *software) key() string {
	var key strings.Builder
	for _, name := range w.runs {
		key.WriteString(name + "\x00")
	}
	for _, i := range w.images {
		key.WriteString("\x00" + i.name + "\x00" + string(i.sum[:]))
	}
	return key.String()
}

func softwareOf(s api.Snapshot) *software {
	w := &software{}
	for _, f := range s.Files {
		name := strings.Clone(fileName(f.Path))
		if f.SHA256 != "" && (f.Kind == api.KindImage || f.Kind == api.KindPackage) {
			w.images = append(w.images, image{name, digestOf(f.SHA256)})
		}
		if s.Facts.Mode == "install" && f.Kind == api.KindPackage {
			w.runs = append(w.runs, name)
		}
	}
	if s.Facts.Mode != "install" && s.Facts.Image != "" {
		w.runs = []string{strings.Clone(fileName(s.Facts.Image))}
	}
	return w
}

// fileName is the last part of a path on a device: x.bin of flash:/dir/x.bin.
func fileName(p string) string { return path.Base(p[strings.LastIndexByte(p, ':')+1:]) }

// keep returns the documents that a prune at this time keeps. gone says whether
// a device is to be forgotten.
func keep(r api.Retention, all []outline, now time.Time, gone func(device string) bool) map[string]bool {
	kept := make(map[string]bool)
	groups := make(map[string][]*outline) // files that a device sent have days and weeks of their own
	every := make([]*outline, len(all))
	for i := range all {
		o := &all[i]
		if every[i] = o; !gone(o.device) {
			key := fmt.Sprint(o.device, "\x00", o.received)
			groups[key] = append(groups[key], o)
		}
	}
	keepEnds(all, gone, kept)
	running := running{make(map[digest]bool), make(map[string]bool)}
	for _, group := range groups {
		group = newestFirst(group, now, kept)
		keepOfDevice(r, group, now, kept)
		running.add(group)
	}
	running.keep(every, kept)
	return kept
}

// keepEnds marks the end of each device's chain, and the last complete backup before it: the
// newest ones whatever the clock said.
func keepEnds(all []outline, gone func(device string) bool, kept map[string]bool) {
	devices := make(map[string][]*outline)
	for i := range all {
		if !gone(all[i].device) {
			devices[all[i].device] = append(devices[all[i].device], &all[i])
		}
	}
	for _, group := range devices {
		chain := make(map[string]*outline, len(group))
		named := make(map[string]bool, len(group))
		for _, o := range group {
			chain[o.document], named[o.previous] = o, true
		}
		for o := chain[endOf(group, named)]; o != nil; o = chain[o.previous] {
			if o.whole && !o.received || !named[o.document] {
				kept[o.document] = true
			}
			delete(chain, o.document) // a ring would have no end
			if o.whole && !o.received {
				break
			}
		}
	}
}

// endOf returns the newest document of a device: the one that no other document names as
// the one before it; empty if no document names another. If there are several, a document
// that names another comes first.
func endOf(group []*outline, named map[string]bool) string {
	end := ""
	for _, o := range group {
		if o.previous != "" && !named[o.document] {
			end = max(end, o.document)
		}
	}
	return end
}

// newestFirst sorts the snapshots of a device. One that is dated in the future
// is kept, and counts for nothing: our clock was wrong then, or is wrong now.
func newestFirst(group []*outline, now time.Time, kept map[string]bool) []*outline {
	past := group[:0:0]
	for _, o := range group {
		if o.started.After(now) {
			kept[o.document] = true
			continue
		}
		past = append(past, o)
	}
	slices.SortFunc(past, func(a, b *outline) int {
		return cmp.Or(b.started.Compare(a.started), cmp.Compare(b.document, a.document))
	})
	return past
}

// keepOfDevice marks the snapshots of one device that are kept. Retention does not
// keep a condemned one.
func keepOfDevice(r api.Retention, newest []*outline, now time.Time, kept map[string]bool) {
	if len(newest) > 0 {
		kept[newest[0].document] = true
	}
	if i := slices.IndexFunc(newest, func(o *outline) bool { return o.whole }); i >= 0 {
		kept[newest[i].document] = true
	}
	newest = slices.DeleteFunc(slices.Clone(newest), func(o *outline) bool { return o.condemned })
	for i, o := range newest {
		if i < r.Last || now.Sub(o.started) < r.Within {
			kept[o.document] = true
		}
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

// keepPeriods marks one snapshot of each of the last count periods that have
// any: the newest complete one, else the newest.
func keepPeriods(newest []*outline, count int, of func(time.Time) string, zone *time.Location, kept map[string]bool) {
	chosen := make(map[string]*outline)
	for _, o := range newest {
		period := of(o.started.In(zone))
		best, begun := chosen[period]
		switch {
		case !begun && len(chosen) == count:
			continue // of an older period, or of one that the clock came back to
		case !begun || o.whole && !best.whole:
			chosen[period] = o
		}
	}
	for _, o := range chosen {
		kept[o.document] = true
	}
}

// running is the software that devices run.
type running struct {
	sums  map[digest]bool // of images that the vault has
	names map[string]bool // of files that no snapshot of the device has
}

// add enters the images that a device runs: for each the newest content that a
// snapshot of this device has under its name.
func (r running) add(newest []*outline) {
	if len(newest) == 0 {
		return
	}
	for _, name := range newest[0].runs {
		if sum, ok := contentNamed(newest, name); ok {
			r.sums[sum] = true
		} else {
			r.names[name] = true
		}
	}
}

// contentNamed returns the first content with the name.
func contentNamed(snapshots []*outline, name string) (digest, bool) {
	for _, o := range snapshots {
		for _, i := range o.images {
			if i.name == name {
				return i.sum, true
			}
		}
	}
	return digest{}, false
}

// keep marks the newest snapshot with each running image that no kept snapshot
// has.
func (r running) keep(all []*outline, kept map[string]bool) {
	done := func(o *outline) {
		for _, i := range o.images {
			delete(r.sums, i.sum)
			delete(r.names, i.name)
		}
	}
	for _, o := range all {
		if kept[o.document] {
			done(o)
		}
	}
	byTime := slices.Clone(all)
	slices.SortFunc(byTime, func(a, b *outline) int { return b.started.Compare(a.started) })
	for _, o := range byTime {
		if slices.ContainsFunc(o.images, func(i image) bool { return r.sums[i.sum] || r.names[i.name] }) {
			kept[o.document] = true
			done(o)
		}
	}
}
