package restore

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/flash"
)

// directories is the directories that a plan depends on: the outermost one of
// each file system, and those of every file that is written, is deleted, or
// could be booted. Elsewhere a device writes by itself: traces, crash dumps.
func directories(v view, files []api.PlannedFile, removals []api.PlanStep) []flash.Path {
	var out []flash.Path
	add := func(p flash.Path) {
		p.FS = v.Canonical(p.FS)
		for {
			p = p.Dir()
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
			if p.Rel == "" {
				return
			}
		}
	}
	for _, f := range v.All() {
		add(flash.Path{FS: f.FS, Rel: ""})
	}
	for _, f := range files {
		add(flash.ParsePath(f.Path))
	}
	for _, s := range removals {
		add(flash.ParsePath(s.Path))
	}
	for _, p := range v.bootable() {
		add(p)
	}
	return out
}

// see is the part of a view that a plan depends on.
func see(v view, in []flash.Path) api.Seen {
	seen := api.Seen{Facts: v.facts.API(), Boot: []api.BootUnit{}, Listings: []api.Listing{}}
	for _, u := range v.boot.Units {
		seen.Boot = append(seen.Boot, api.BootUnit{Unit: u.Unit, Next: append([]string{}, u.NextStartFiles()...), Register: cmp.Or(u.ConfigRegisterNext, u.ConfigRegister),
			Manual: u.ManualBoot != nil && *u.ManualBoot})
	}
	all := v.All()
	for _, dir := range in {
		l := api.Listing{Path: dir.String(), Total: -1, Free: v.Free(dir.FS), Entries: []api.Entry{}}
		for _, f := range all {
			if f.Dir() == dir {
				l.Entries = append(l.Entries, api.Entry{Name: f.Base(), Size: f.Entry.Size, Directory: f.IsDir(), Modified: f.Entry.Modified})
			}
		}
		seen.Listings = append(seen.Listings, l)
	}
	return seen
}

// changed says how a device differs from the one that a plan saw. A file whose
// size or time differs counts if the plan depends on its content: others, as
// logs, may grow.
func changed(p api.Plan, now view) []string {
	var in []flash.Path
	for _, l := range p.Seen.Listings {
		in = append(in, flash.ParsePath(l.Path))
	}
	seen := see(now, in)
	out := changedFacts(p.Seen.Facts, seen.Facts)
	if !slices.EqualFunc(p.Seen.Boot, seen.Boot, func(a, b api.BootUnit) bool {
		return a.Unit == b.Unit && slices.Equal(a.Next, b.Next) && a.Register == b.Register && a.Manual == b.Manual
	}) {
		out = append(out, fmt.Sprintf("it boots %s next, and %s when the plan was made", bootText(seen.Boot), bootText(p.Seen.Boot)))
	}
	matters := important(p, now)
	for i, l := range p.Seen.Listings {
		out = append(out, changedEntries(l, seen.Listings[i], matters)...)
	}
	return out
}

func changedFacts(before, now api.Facts) []string {
	var out []string
	for _, f := range []struct{ what, before, now string }{
		{"serial number", before.Serial, now.Serial}, {"model", before.Model, now.Model}, {"host name", before.Hostname, now.Hostname},
		{"software", before.OS + " " + before.Version, now.OS + " " + now.Version},
		{"running image", before.Image, now.Image}, {"mode", before.Mode, now.Mode},
	} {
		if f.before != f.now {
			out = append(out, fmt.Sprintf("its %s is %q, and was %q", f.what, f.now, f.before))
		}
	}
	return out
}

func bootText(units []api.BootUnit) string {
	var words []string
	for _, u := range units {
		words = append(words, fmt.Sprintf("%q (%s)", strings.Join(u.Next, ";"), u.Unit))
	}
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

// important returns the files whose content a plan depends on.
func important(p api.Plan, now view) func(flash.Path) bool {
	files := now.bootable()
	for _, f := range p.Files {
		files = append(files, flash.ParsePath(f.Path))
	}
	for _, s := range p.Steps {
		files = append(files, flash.ParsePath(s.Path))
	}
	return func(p flash.Path) bool { return slices.Contains(files, p) }
}

// changedEntries compares two listings of one directory.
func changedEntries(before, now api.Listing, matters func(flash.Path) bool) []string {
	var out []string
	dir := flash.ParsePath(now.Path)
	old := make(map[string]api.Entry)
	for _, e := range before.Entries {
		old[e.Name] = e
	}
	for _, e := range now.Entries {
		was, there := old[e.Name]
		delete(old, e.Name)
		file := dir.Join(e.Name)
		switch {
		case !there:
			out = append(out, file.String()+" is new")
		case was.Directory != e.Directory, matters(file) && !e.Directory && was != e:
			out = append(out, file.String()+" has changed")
		}
	}
	for _, e := range before.Entries {
		if _, gone := old[e.Name]; gone {
			out = append(out, dir.Join(e.Name).String()+" is gone")
		}
	}
	return out
}
