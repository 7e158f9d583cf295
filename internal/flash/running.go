package flash

import (
	"cmp"
	"slices"
	"strings"

	"flashwarden/internal/ios"
	"flashwarden/internal/lazyregexp"
)

// How says why an image counts as that of a device.
type How int

// The ways to find the image of a device.
const (
	NotFound How = iota
	Boots        // BOOT names it, and what runs is in no listing
	Runs         // show version names it
)

// Running finds the image that the device runs: by show version, else by the
// BOOT variable.
func Running(f ios.Facts, c Contents) (File, How) {
	if image, ok := c.Image(ParsePath(f.Image)); ok {
		return image, Runs
	}
	if image, ok := c.First(BootPaths(f.BootPath)); ok {
		return image, Boots
	}
	return File{}, NotFound
}

var bootOption = lazyregexp.New(`,\d*$`)

// BootPaths parts a BOOT list, "flash:a,12;flash:b,12;", into its paths in the
// order tried.
func BootPaths(list string) []Path {
	var out []Path
	for p := range strings.SplitSeq(list, ";") {
		if p = bootOption.ReplaceAllString(strings.TrimSpace(p), ""); p != "" {
			out = append(out, ParsePath(p))
		}
	}
	return out
}

// First is the first image of a BOOT list that is there.
func (c Contents) First(paths []Path) (File, bool) {
	for _, p := range paths {
		if image, ok := c.Image(p); ok {
			return image, true
		}
	}
	return File{}, false
}

// OnEveryUnit is a file with the same file on every other unit that has it.
func (c Contents) OnEveryUnit(f File) []File {
	all := []File{f}
	for _, fs := range c.Siblings(f.FS) {
		if other, ok := c.File(f.On(fs)); ok {
			all = append(all, other)
		}
	}
	return all
}

// Unit is one more member of a stack, or the second supervisor, as far as its
// flash is listed.
type Unit struct {
	Name  string // "switch 2", "standby"; the file system where its name has no unit
	FS    string // its flash beside the one with the running image: flash2:
	Same  File   // the running image there, if it is there
	Boots File   // the image that it starts from, by its own BOOT, if that is known and there
	Start string // its BOOT; empty where it is not known
}

// OtherUnits finds the units beside the one whose image is given, in the order of
// the listings.
func (c Contents) OtherUnits(f ios.Facts, image File) []Unit {
	var units []Unit
	for _, fs := range c.Siblings(image.FS) {
		names := c.UnitNames(fs)
		u := Unit{Name: cmp.Or(c.Unit(fs), fs), FS: fs}
		u.Same, _ = c.File(image.On(fs)) // the zero File is none
		i := slices.IndexFunc(f.Starts, func(s ios.Start) bool { return slices.Contains(names, s.Unit) })
		if i >= 0 {
			u.Start = f.Starts[i].Path
			u.Boots = c.bootsOn(u.Name, u.Start)
		}
		units = append(units, u)
	}
	return units
}

// bootsOn is the first image of a unit's own BOOT list that is there. flash:
// in it is the flash of that unit.
func (c Contents) bootsOn(unit, list string) File {
	for _, p := range BootPaths(list) {
		fs, ok := c.OnUnit(unit, p.FS)
		if !ok {
			continue
		}
		if image, ok := c.Image(p.On(fs)); ok {
			return image
		}
	}
	return File{}
}
