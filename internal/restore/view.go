package restore

import (
	"context"
	"path"
	"slices"
	"strings"

	"flashwarden/internal/backup"
	"flashwarden/internal/ios"
)

// view is what a device is and has.
type view struct {
	facts    ios.Facts
	boot     ios.Boot
	listings []ios.Listing
	packages []string // the running packages.conf names; nil: not asked, or none
}

// look reads a view. also is a file system that is not among those that a
// backup lists; empty: none.
func look(ctx context.Context, dev Device, also string) (view, error) {
	var v view
	var err error
	if v.facts, err = dev.Facts(ctx); err != nil {
		return v, err
	}
	if v.boot, err = dev.Boot(ctx); err != nil {
		return v, err
	}
	if v.listings, err = dev.Files(ctx); err != nil {
		return v, err
	}
	if also != "" && !v.has(also) {
		more, err := dev.List(ctx, also)
		if err != nil {
			return v, err
		}
		v.listings = append(v.listings, more...)
	}
	running, ok := v.running()
	if !ok || path.Base(relPath(running)) != "packages.conf" {
		return v, nil
	}
	text, err := dev.Text(ctx, running)
	if err != nil {
		return v, err
	}
	v.packages, err = ios.ParsePackages(text)
	return v, err
}

// entry finds a file or directory.
func (v view) entry(p string) (ios.Entry, bool) {
	for _, l := range v.listings {
		for _, e := range l.Entries {
			if !e.Deleted && ios.CleanPath(l.FilePath(e)) == ios.CleanPath(p) {
				return e, true
			}
		}
	}
	return ios.Entry{}, false
}

// has reports whether a file system was listed.
func (v view) has(fs string) bool {
	return slices.ContainsFunc(v.listings, func(l ios.Listing) bool { return l.FileSystem == fs })
}

// free is the room in a file system; -1 where the device does not say.
func (v view) free(fs string) int64 {
	for _, l := range v.listings {
		if l.FileSystem == fs && l.Free >= 0 {
			return l.Free
		}
	}
	return -1
}

// files is the paths of every file of a file system, with their sizes.
func (v view) files(fs string) map[string]int64 {
	out := make(map[string]int64)
	for _, l := range v.listings {
		if l.FileSystem != fs {
			continue
		}
		for _, e := range l.Entries {
			if e.Type != ios.TypeDirectory && !e.Deleted {
				out[ios.CleanPath(l.FilePath(e))] = e.Size
			}
		}
	}
	return out
}

// members is the file systems that are fs on the members of a stack or on the
// other supervisor, fs itself first.
func (v view) members(fs string) []string {
	family, _ := ios.Unit(fs)
	out := []string{fs}
	for _, l := range v.listings {
		if other, _ := ios.Unit(l.FileSystem); other == family && !slices.Contains(out, l.FileSystem) {
			out = append(out, l.FileSystem)
		}
	}
	return out
}

// stacked reports whether the device is a stack of several switches. flash1:
// beside flash0: is a slot of a router.
func (v view) stacked() bool {
	return !v.has("flash0:") && slices.ContainsFunc(v.listings, func(l ios.Listing) bool {
		_, unit := ios.Unit(l.FileSystem)
		return strings.HasPrefix(unit, "switch ")
	})
}

// isMember reports whether fs is that of another unit than the one that
// answers.
func isMember(fs string) bool {
	_, unit := ios.Unit(fs)
	return unit != ""
}

// running is where the running image lies.
func (v view) running() (string, bool) { return backup.RunningImagePath(v.facts, v.listings) }

// next is what the device boots next, in the order tried, of the unit that
// answers.
func (v view) next() []string {
	if len(v.boot.Units) == 0 {
		return nil
	}
	return v.boot.Units[0].NextStartFiles()
}

// inUse says why a file must not be deleted or replaced; "" when it may be.
func (v view) inUse(p string) string {
	rel := relPath(p)
	running, ok := v.running()
	switch {
	case !ok && rel == relPath(v.facts.Image), ok && rel == relPath(running):
		return "the device runs it"
	case ok && slices.ContainsFunc(v.packages, func(name string) bool { return rel == path.Join(path.Dir(relPath(running)), name) }):
		return "the device runs it, as a package of " + running
	}
	for _, n := range v.next() {
		if _, there := v.entryAnywhere(n); there {
			if rel == relPath(n) {
				return "the device boots it next"
			}
			return ""
		}
	}
	return ""
}

// entryAnywhere is entry in any file system: BOOT names an alias at times.
func (v view) entryAnywhere(p string) (ios.Entry, bool) {
	if e, ok := v.entry(p); ok {
		return e, true
	}
	for _, l := range v.listings {
		if e, ok := v.entry(l.FileSystem + "/" + relPath(p)); ok && e.Type != ios.TypeDirectory {
			return e, true
		}
	}
	return ios.Entry{}, false
}

// bootable is the files that the device could start from: what it runs and
// what BOOT names, as far as they are there, and what looks like an image.
func (v view) bootable() []string {
	var out []string
	add := func(p string) {
		if _, there := v.entryAnywhere(p); there && p != "" && !slices.Contains(out, ios.CleanPath(p)) {
			out = append(out, ios.CleanPath(p))
		}
	}
	if running, ok := v.running(); ok {
		add(running)
	}
	for _, n := range v.next() {
		add(n)
	}
	for _, l := range v.listings {
		for p := range v.files(l.FileSystem) {
			if strings.HasSuffix(p, ".bin") || path.Base(p) == "packages.conf" {
				add(p)
			}
		}
	}
	return out
}
