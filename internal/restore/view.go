package restore

import (
	"context"
	"path"
	"slices"
	"strings"

	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// view is what a device is and has.
type view struct {
	flash.Contents

	name         string // of the device
	facts        ios.Facts
	boot         ios.Boot
	config       ios.BootConfig
	saved        *ios.BootConfig         // of the startup-config; nil: the device does not show it
	romVariables ios.ROMVariables        // of a Catalyst with IOS-XE that shows them
	table        []ios.FileSystem        // show file systems; none where the device has no such command
	provisioned  map[flash.Path][]string // the packages that each provisioning file names from which a unit runs or starts
}

// look reads a view of the device of a name. also names file systems that may not
// be among those that a backup lists. One that is not there stays unlisted.
func look(ctx context.Context, dev *line, name string, also []string) (view, error) {
	v := view{name: name}
	var err error
	if v.facts, err = dev.Facts(ctx); err != nil {
		return v, err
	}
	v.boot = dev.BootOfFacts()
	if v.config, err = dev.BootConfig(ctx); err != nil {
		return v, err
	}
	if v.saved, err = dev.saved(ctx); err != nil {
		return v, err
	}
	if v.facts.OS == "iosxe" && v.catalyst() {
		if v.romVariables, err = dev.ROMVariables(ctx); err != nil {
			return v, err
		}
	}
	listings, err := dev.Files(ctx)
	if err != nil {
		return v, err
	}
	if len(listings) > 0 {
		v.table = listings[0].Table
	}
	v.Contents = flash.Read(v.facts, listings)
	for _, fs := range also {
		known := func(r ios.FileSystem) bool { return slices.Contains(r.Prefixes, fs) }
		if v.Listed(fs) || !slices.ContainsFunc(v.table, known) { // a received file has a file system of ours
			continue
		}
		more, err := dev.List(ctx, fs)
		if ctx.Err() != nil || cause.Of(err) == cause.SessionLost {
			return v, err
		}
		listings = append(listings, more...)
		v.Contents = flash.Read(v.facts, listings)
	}
	v.provisioned, err = provisioning(ctx, dev, v)
	return v, err
}

// entry finds a file or directory.
func (v view) entry(p string) (flash.File, bool) { return v.Entry(flash.ParsePath(p)) }

// same reports whether two paths mean one file.
func (v view) same(a, b string) bool { return v.Same(flash.ParsePath(a), flash.ParsePath(b)) }

// running is the running image by show version. ok is false for an image that
// is not in flash.
func (v view) running() (flash.File, bool) {
	image, how := flash.Running(v.facts, v.Contents)
	return image, how == flash.Runs
}

// next is the list of what the device boots next, in the order tried, of the
// unit that answers.
func (v view) next() []string {
	if len(v.boot.Units) == 0 {
		return nil
	}
	return v.boot.Units[0].NextStartFiles()
}

// mayBe reports whether a path may mean the file at, or the same file of
// another unit. It protects files: a file that is not proved to be another one is the
// same one. Disks are like those of DOS (Cisco, "Using CompactFlash Memory Cards"), where
// X.BIN and x.bin are one file.
func (v view) mayBe(p, at flash.Path) bool {
	if p.Rel == "" || !strings.EqualFold(p.Rel, at.Rel) {
		return false
	}
	at.Rel = p.Rel
	return v.SameOnUnits(p, at) || !v.Apart(p.FS, at.FS)
}

// inUse says why a file must not be deleted or replaced; "" when it may be.
func (v view) inUse(file string) string {
	p := flash.ParsePath(file)
	running, ok := v.running()
	if !ok {
		running.Path = flash.ParsePath(v.facts.Image)
	}
	switch as := v.asPackageOf(p, running.Path); {
	case v.mayBe(p, running.Path):
		return "the device runs it"
	case ok && as != "":
		return "the device runs it, " + as
	case v.isPatchInForce(p):
		return "the device runs it, as a patch that `show install summary` shows"
	}
	for _, l := range v.loaders() {
		if why := v.inUseOn(l, p); why != "" {
			return why
		}
	}
	return ""
}

// inUseOn says why a unit needs a file, for its next start or because it may
// run it.
func (v view) inUseOn(l loader, p flash.Path) string {
	who := l.unit
	if l.own {
		who = "the device"
	}
	for _, next := range v.upToFirst(l, l.next) {
		switch as := v.asPackageOf(p, next); {
		case v.mayBe(p, next):
			return who + " boots it next"
		case as != "":
			return who + " boots it next, " + as
		}
	}
	for _, next := range v.upToFirst(l, v.savedFiles(l)) {
		if v.mayBe(p, next) || v.asPackageOf(p, next) != "" {
			return who + " boots it by the startup-config"
		}
	}
	if l.own {
		return ""
	}
	at, ok := v.at(l, flash.ParsePath(v.facts.Image))
	if _, there := v.File(at); ok && there {
		return "" // it runs the same image, which mayBe protects
	}
	for _, started := range v.upToFirst(l, l.started) {
		if v.mayBe(p, started) || v.asPackageOf(p, started) != "" {
			return who + " runs it"
		}
	}
	if slices.Contains(v.images(l), p) && len(v.upToFirst(l, l.started)) == 0 {
		return who + " may run it: the device does not show which image that unit runs"
	}
	return ""
}

// asPackageOf says how p belongs to a provisioning file: it may be a package that
// the file names. If that file could not be read, every package beside it may be.
// It is empty for a file that does not belong to it.
func (v view) asPackageOf(p, pointer flash.Path) string {
	pointer.FS = v.Canonical(pointer.FS)
	packages, read := v.provisioned[pointer]
	isIt := func(name string) bool { return v.mayBe(p, pointer.Dir().Join(name)) }
	switch {
	case slices.ContainsFunc(packages, isIt):
		return "as a package of " + pointer.String()
	case !read && path.Ext(pointer.Rel) == ".conf" && path.Ext(p.Rel) == ".pkg" && isIt(p.Base()):
		return "perhaps as a package of " + pointer.String() + ", which cannot be read"
	}
	return ""
}

// isPatchInForce reports whether p may be a patch that the device runs, or that it
// needs to go back to its committed software.
func (v view) isPatchInForce(p flash.Path) bool {
	for _, location := range v.facts.Install {
		for _, patch := range location.Packages {
			if !patch.Inactive() && strings.Contains(patch.FilenameVersion, ":") && v.mayBe(p, flash.ParsePath(patch.FilenameVersion)) {
				return true
			}
		}
	}
	return false
}

// upToFirst is the places of the files that a unit tries, up to the first one
// that it can start.
func (v view) upToFirst(l loader, tries []string) []flash.Path {
	var out []flash.Path
	for _, file := range tries {
		at, ok := v.at(l, flash.ParsePath(file))
		if !ok {
			continue
		}
		image, there := v.Image(at)
		if !there {
			out = append(out, at)
			continue
		}
		out = append(out, image.Path)
		if v.canStart(image) {
			break
		}
	}
	return out
}

// bootable is the images of all units, and files that look like one elsewhere:
// a plan depends on their content.
func (v view) bootable() []flash.Path {
	var out []flash.Path
	add := func(p flash.Path) {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	for _, l := range v.loaders() {
		for _, p := range v.images(l) {
			add(p)
		}
	}
	for _, f := range v.All() {
		if flash.KeepsImages(f.FS) && (looksLikeImage(f) && !ios.IsPatch(f.Rel) || path.Ext(f.Rel) == ".conf") && !f.IsDir() {
			add(f.Path)
		}
	}
	return out
}

// sameOnUnits reports whether two paths mean one file, or the same file of two
// units: show boot of each unit names its own flash.
func (v view) sameOnUnits(a, b string) bool {
	return v.SameOnUnits(flash.ParsePath(a), flash.ParsePath(b))
}

// within reports whether a path is the file or directory dir, or lies in it. A
// boot line may leave the file system out: it means flash:.
func (v view) within(p, dir flash.Path) bool {
	if dir.FS == "" {
		dir.FS = "flash:"
	}
	return v.SameSystem(p.FS, dir.FS) && strings.HasPrefix(p.Rel+"/", dir.Rel+"/")
}
