package restore

import (
	"context"
	"slices"
	"strings"

	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// view is what a device is and has.
type view struct {
	facts    ios.Facts
	boot     ios.Boot
	listings []ios.Listing
	found    flash.Contents // of the listings
	packages []string       // the running packages.conf names; nil: not asked, or none
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
	v.found = flash.Read(v.facts, v.listings)
	if also != "" && !v.found.Listed(also) {
		more, err := dev.List(ctx, also)
		if err != nil {
			return v, err
		}
		v.listings = append(v.listings, more...)
		v.found = flash.Read(v.facts, v.listings)
	}
	running, ok := v.running()
	if !ok || running.Base() != "packages.conf" {
		return v, nil
	}
	text, err := dev.Text(ctx, running.String())
	if err != nil {
		return v, err
	}
	v.packages, err = ios.ParsePackages(text)
	return v, err
}

// entry finds a file or directory.
func (v view) entry(p string) (flash.File, bool) { return v.found.Entry(flash.ParsePath(p)) }

// same reports whether two paths mean one file.
func (v view) same(a, b string) bool { return v.found.Same(flash.ParsePath(a), flash.ParsePath(b)) }

// within reports whether p is the file or directory dir, or lies in it. A boot
// line may leave the file system out: it means flash:.
func (v view) within(p, dir flash.Path) bool {
	if dir.FS == "" {
		dir.FS = "flash:"
	}
	return v.found.SameSystem(p.FS, dir.FS) && strings.HasPrefix(p.Rel+"/", dir.Rel+"/")
}

// table is show file systems of the device; nil where it is not known.
func (v view) table() []ios.FileSystem {
	for _, l := range v.listings {
		if l.Table != nil {
			return l.Table
		}
	}
	return nil
}

// running is where the running image lies; ok is false where it is in no flash.
func (v view) running() (p flash.Path, ok bool) {
	f, how := flash.Running(v.facts, v.found)
	return f.Path, how == flash.Runs
}

// next is what the device boots next, in the order tried, of the unit that
// answers.
func (v view) next() []string {
	if len(v.boot.Units) == 0 {
		return nil
	}
	return v.boot.Units[0].NextStartFiles()
}

// inUse says why a file must not be deleted or replaced; "" when it may be.
func (v view) inUse(path string) string {
	p := flash.ParsePath(path)
	running, ok := v.running()
	if !ok {
		running = flash.ParsePath(v.facts.Image)
	}
	switch {
	case v.mayBe(p, running):
		return "the device runs it"
	case ok && slices.ContainsFunc(v.packages, func(name string) bool { return v.mayBe(p, running.Dir().Join(name)) }):
		return "the device runs it, as a package of " + running.String()
	}
	for _, n := range v.next() {
		if v.mayBe(p, flash.ParsePath(n)) {
			return "the device boots it next"
		}
		if _, there := v.entry(n); there {
			return ""
		}
	}
	return ""
}

// mayBe reports whether p is the file used, or the same file on another unit,
// or cannot be told from it: a file is protected until its file system is
// proved to be another one.
func (v view) mayBe(p, used flash.Path) bool {
	return p.Rel != "" && p.Rel == used.Rel && (v.found.SameOnUnits(p, used) || !v.found.Apart(p.FS, used.FS))
}

// bootable is the files that the device could start from: what it runs and
// what BOOT names, as far as they are there, and what looks like an image.
func (v view) bootable() []string {
	var out []string
	add := func(p flash.Path) {
		if f, there := v.found.Entry(p); there && !slices.Contains(out, f.String()) {
			out = append(out, f.String())
		}
	}
	if running, ok := v.running(); ok {
		add(running)
	}
	for _, n := range v.next() {
		add(flash.ParsePath(n))
	}
	for _, f := range v.found.All() {
		if !f.IsDir() && (strings.HasSuffix(f.Rel, ".bin") || f.Base() == "packages.conf") {
			add(f.Path)
		}
	}
	return out
}
