package backup

import (
	"path"
	"strings"

	"flashwarden/internal/ios"
)

// locate flattens listings into entries with their places. Entries that are
// marked deleted are left out.
func locate(listings []ios.Listing) []located {
	var out []located
	for _, l := range listings {
		_, dir := splitPath(l.Path)
		for _, e := range l.Entries {
			if e.Deleted || e.Name == "" {
				continue
			}
			rel := strings.TrimPrefix(path.Join(dir, e.Name), "/")
			out = append(out, located{fs: l.FileSystem, rel: rel, entry: e})
		}
	}
	return out
}

// splitPath parts "flash:/dir/x" or "flash:x" into "flash:" and "dir/x".
func splitPath(p string) (fs, rel string) {
	fs, rel, ok := strings.Cut(p, ":")
	if !ok {
		return "", strings.Trim(p, "/")
	}
	return fs + ":", strings.Trim(rel, "/")
}

// RunningImage finds the file that the device runs: by show version, else by
// the BOOT variable. A path that is a directory stands for the image inside.
func RunningImage(f ios.Facts, found []located) (located, bool) {
	for _, p := range append([]string{f.Image}, bootFiles(f.BootPath)...) {
		if l, ok := resolve(p, found); ok {
			return l, true
		}
	}
	return located{}, false
}

// bootFiles parts a BOOT list: "flash:a,12;flash:b,12;".
func bootFiles(list string) []string {
	var out []string
	for p := range strings.SplitSeq(list, ";") {
		p, _, _ = strings.Cut(strings.TrimSpace(p), ",")
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}

// resolve finds the file that p names, in its own file system first, else in
// any other: devices print one flash under several names.
func resolve(p string, found []located) (located, bool) {
	fs, rel := splitPath(p)
	if rel == "" || strings.HasPrefix(rel, "/") {
		return located{}, false
	}
	for _, anywhere := range []bool{false, true} {
		for _, l := range found {
			if l.rel != rel || !isFlash(l.fs) || (l.fs != fs && !anywhere) {
				continue
			}
			if l.entry.Type == ios.TypeDirectory {
				return imageInside(l, found)
			}
			return l, true
		}
	}
	return located{}, false
}

// imageInside finds the image in a directory: the file of the directory's own
// name, else the only one that ends in .bin.
func imageInside(dir located, found []located) (located, bool) {
	var bins []located
	base := strings.TrimSuffix(path.Base(dir.rel), ".bin")
	for _, l := range found {
		if l.fs != dir.fs || path.Dir(l.rel) != dir.rel || l.entry.Type == ios.TypeDirectory {
			continue
		}
		if name := path.Base(l.rel); name == base+".bin" || name == base {
			return l, true
		}
		if strings.HasSuffix(l.rel, ".bin") {
			bins = append(bins, l)
		}
	}
	if len(bins) == 1 {
		return bins[0], true
	}
	return located{}, false
}
