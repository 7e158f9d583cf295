package catalog

import (
	"cmp"
	"iter"
	"slices"

	"flashwarden/api"
	"flashwarden/internal/flash"
)

// Kept returns the number and the bytes of the files that the vault holds.
func Kept(s api.Snapshot) (files int, bytes int64) {
	for _, f := range s.Files {
		if f.SHA256 != "" {
			files++
			bytes += f.Size
		}
	}
	return files, bytes
}

// Running reports for each file of s whether the device ran it.
//
// In bundle mode that is the image that show version names; a stack has it on
// each member, under the same path in another file system. In install mode it
// is every package that packages.conf names, and backup selects no others.
func Running(s api.Snapshot) []bool {
	running := make([]bool, len(s.Files))
	if s.Facts.Image == "" {
		return running
	}
	image, systems := flash.ParsePath(s.Facts.Image), systemsOf(s)
	for i, f := range s.Files {
		if s.Facts.Mode == "install" {
			running[i] = f.Kind == api.KindPackage
			continue
		}
		running[i] = f.Kind == api.KindImage && systems.SameOnUnits(image, flash.ParsePath(f.Path))
	}
	return running
}

// systemsOf is the file systems that a snapshot names. It does not keep the
// table of the device, but its image is written as the listings have it.
func systemsOf(s api.Snapshot) flash.Systems {
	var names []string
	for _, l := range s.Listings {
		names = append(names, flash.ParsePath(l.Path).FS)
	}
	for _, f := range s.Files {
		names = append(names, flash.ParsePath(f.Path).FS)
	}
	return flash.Named(names...)
}

// SortImages returns the images, and the texts in them, in the order of Images,
// each text once.
func SortImages(images iter.Seq[*api.Image]) []api.Image {
	list := []api.Image{}
	for i := range images {
		slices.Sort(i.Names)
		i.Names = slices.Compact(i.Names)
		slices.Sort(i.Devices)
		i.Devices = slices.Compact(i.Devices)
		slices.Sort(i.Disagreements)
		i.Disagreements = slices.Compact(i.Disagreements)
		list = append(list, *i)
	}
	slices.SortFunc(list, func(a, b api.Image) int {
		return cmp.Or(cmp.Compare(a.Names[0], b.Names[0]), cmp.Compare(a.Version, b.Version), cmp.Compare(a.SHA256, b.SHA256))
	})
	return list
}
