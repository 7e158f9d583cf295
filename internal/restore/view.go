package restore

import (
	"context"
	"path"
	"slices"
	"strings"

	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// view is what a device is and has.
type view struct {
	flash.Contents

	facts    ios.Facts
	boot     ios.Boot
	table    []ios.FileSystem // show file systems; none where the device has no such command
	packages []string         // that the running provisioning file names; none where the device runs no such file
}

// look reads a view. also is a file system that may not be among those that a
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
	listings, err := dev.Files(ctx)
	if err != nil {
		return v, err
	}
	if len(listings) > 0 {
		v.table = listings[0].Table
	}
	v.Contents = flash.Read(v.facts, listings)
	if also != "" && !v.Listed(also) {
		more, err := dev.List(ctx, also)
		if err != nil {
			return v, err
		}
		v.Contents = flash.Read(v.facts, append(listings, more...))
	}
	v.packages, err = packages(ctx, dev, v)
	return v, err
}

// packages reads the names of the packages that the device runs.
func packages(ctx context.Context, dev Device, v view) ([]string, error) {
	running, ok := v.running()
	if !ok || running.Base() != "packages.conf" {
		return nil, nil
	}
	text, err := dev.Text(ctx, running.String())
	if err != nil {
		return nil, err
	}
	return ios.ParsePackages(text)
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
// same one.
func (v view) mayBe(p, at flash.Path) bool {
	return p.Rel == at.Rel && p.Rel != "" && (v.SameOnUnits(p, at) || !v.Apart(p.FS, at.FS))
}

// inUse says why a file must not be deleted or replaced; "" when it may be.
func (v view) inUse(file string) string {
	p := flash.ParsePath(file)
	running, ok := v.running()
	if !ok {
		running.Path = flash.ParsePath(v.facts.Image)
	}
	switch {
	case v.mayBe(p, running.Path):
		return "the device runs it"
	case ok && slices.ContainsFunc(v.packages, func(name string) bool { return v.mayBe(p, running.Dir().Join(name)) }):
		return "the device runs it, as a package of " + running.String()
	}
	for _, u := range v.boot.Units {
		if slices.ContainsFunc(v.upToFirst(u.NextStartFiles()), func(next flash.Path) bool { return v.mayBe(p, next) }) {
			return "the device boots it next"
		}
	}
	return ""
}

// upToFirst is the places of the files that are booted next, up to the first
// one that is there.
func (v view) upToFirst(next []string) []flash.Path {
	var out []flash.Path
	for _, n := range next {
		p := flash.ParsePath(n)
		if image, there := v.Image(p); there {
			return append(out, image.Path)
		}
		out = append(out, p)
	}
	return out
}

// bootable is the files that the device could start from: the running image,
// the images that BOOT names, as far as they are there, and files that look
// like an image.
func (v view) bootable() []flash.Path {
	var out []flash.Path
	add := func(f flash.File, there bool) {
		if there && !slices.Contains(out, f.Path) {
			out = append(out, f.Path)
		}
	}
	add(v.running())
	for _, n := range v.next() {
		add(v.Image(flash.ParsePath(n)))
	}
	for _, f := range v.All() {
		add(f, !f.IsDir() && flash.KeepsImages(f.FS) && (path.Ext(f.Rel) == ".bin" && !ios.IsPatch(f.Rel) || f.Base() == "packages.conf"))
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
