package flash

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"flashwarden/internal/ios"
)

// File is a file or directory that a device has listed. The zero File is none.
type File struct {
	Path
	Entry ios.Entry
}

// Found reports whether there is such a file.
func (f File) Found() bool { return f.Rel != "" }

// IsDir reports whether it is a directory.
func (f File) IsDir() bool { return f.Entry.Type == ios.TypeDirectory }

// Contents is everything that a device has listed.
type Contents struct {
	Systems
	files []File
	free  map[string]int64 // by canonical name
}

// Read puts listings together. Entries that are marked deleted are left out.
// Where the format of a listing does not mark directories, those with entries
// below them are recognized.
func Read(f ios.Facts, listings []ios.Listing) Contents {
	c := Contents{Systems: NewSystems(f, listings), free: make(map[string]int64)}
	seen, parents := make(map[Path]bool), make(map[Path]bool)
	for _, l := range listings {
		fs := c.Canonical(l.FileSystem)
		if _, known := c.free[fs]; !known && l.Free >= 0 {
			c.free[fs] = l.Free
		}
		for _, e := range l.Entries {
			p := ParsePath(l.FilePath(e))
			if p.FS == "" {
				p.FS = l.FileSystem
			}
			p.FS = c.Canonical(p.FS)
			if e.Deleted || e.Name == "" || p.Rel == "" || seen[p] {
				continue
			}
			seen[p], parents[p.Dir()] = true, true
			c.files = append(c.files, File{p, e})
		}
	}
	for i, f := range c.files {
		if f.Entry.Type == ios.TypeUnknown && (parents[f.Path] || strings.HasSuffix(f.Entry.Name, "/")) {
			c.files[i].Entry.Type = ios.TypeDirectory
		}
	}
	return c
}

// After is the contents once files were removed and others were added.
func (c Contents) After(removed []Path, added []File) Contents {
	c.files = slices.DeleteFunc(c.All(), func(f File) bool {
		gone := func(p Path) bool { return c.Same(p, f.Path) }
		return slices.ContainsFunc(removed, gone) || slices.ContainsFunc(added, func(a File) bool { return c.Same(a.Path, f.Path) })
	})
	c.files = append(c.files, added...)
	return c
}

// All is every file and directory, in the order listed.
func (c Contents) All() []File { return slices.Clone(c.files) }

// Files is the files of one file system, without directories, in the order
// listed.
func (c Contents) Files(fs string) []File {
	fs = c.Canonical(fs)
	return slices.DeleteFunc(c.All(), func(f File) bool { return f.FS != fs || f.IsDir() })
}

// Below is a file itself, or all files in a directory and in those below it.
func (c Contents) Below(f File) []File {
	if !f.IsDir() {
		return []File{f}
	}
	return slices.DeleteFunc(c.Files(f.FS), func(in File) bool { return !strings.HasPrefix(in.Rel, f.Rel+"/") })
}

// Entry finds a file or directory.
func (c Contents) Entry(p Path) (File, bool) {
	i := slices.IndexFunc(c.files, func(f File) bool { return c.Same(f.Path, p) })
	if i < 0 {
		return c.inPartition(p)
	}
	return c.files[i], true
}

// inPartition finds a file whose path names no partition. It finds nothing if two
// partitions have a file of this name.
func (c Contents) inPartition(p Path) (File, bool) {
	var found []File
	for _, f := range c.files {
		if f.Rel == p.Rel && f.Rel != "" && partitionOf(f.FS, p.FS) {
			found = append(found, f)
		}
	}
	if len(found) != 1 {
		return File{}, false
	}
	return found[0], true
}

// partitionOf reports whether fs is a partition of the file system whole. No
// name means flash:.
func partitionOf(fs, whole string) bool {
	n := ios.Partition(fs)
	return n != "" && fs == cmp.Or(whole, "flash:")+n+":"
}

// File finds a file that is no directory.
func (c Contents) File(p Path) (File, bool) {
	f, ok := c.Entry(p)
	if !ok || f.IsDir() {
		return File{}, false
	}
	return f, true
}

// Free is the free bytes of a file system; -1 where the device does not print
// them.
func (c Contents) Free(fs string) int64 {
	if free, ok := c.free[c.Canonical(fs)]; ok {
		return free
	}
	return -1
}

// Image finds the image that a path names. A path that is a directory stands
// for the image inside.
func (c Contents) Image(p Path) (File, bool) {
	f, ok := c.Entry(p)
	switch {
	case !ok || !KeepsImages(f.FS):
		return File{}, false
	case f.IsDir():
		return c.imageInside(f)
	}
	return f, true
}

// imageInside finds the image in a directory: the file of the directory's own
// name, else the only one that ends in .bin.
func (c Contents) imageInside(dir File) (File, bool) {
	var bins []File
	base := strings.TrimSuffix(dir.Base(), ".bin")
	for _, f := range c.files {
		if f.Dir() != dir.Path || f.IsDir() {
			continue
		}
		if name := f.Base(); name == base+".bin" || name == base {
			return f, true
		}
		if path.Ext(f.Rel) == ".bin" && !ios.IsPatch(f.Rel) {
			bins = append(bins, f)
		}
	}
	if len(bins) == 1 {
		return bins[0], true
	}
	return File{}, false
}
