package backup

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/ios"
)

// locate flattens listings into entries with their places. Entries that are
// marked deleted are left out. Where the format of a listing does not tell
// directories, those are known by what lies below them.
func locate(listings []ios.Listing) []located {
	var out []located
	parents := make(map[string]bool)
	for _, l := range listings {
		for _, e := range l.Entries {
			fs, rel := splitPath(l.FilePath(e))
			if e.Deleted || e.Name == "" || rel == "" {
				continue
			}
			if fs == "" {
				fs = l.FileSystem
			}
			out = append(out, located{fs: fs, rel: rel, entry: e})
			parents[fs+path.Dir(rel)] = true
		}
	}
	for i, l := range out {
		if l.entry.Type == ios.TypeUnknown && (parents[l.fs+l.rel] || strings.HasSuffix(l.entry.Name, "/")) {
			out[i].entry.Type = ios.TypeDirectory
		}
	}
	return out
}

// splitPath parts "flash:/dir/x" or "flash:x" into "flash:" and "dir/x".
// Doubled and trailing slashes are not kept.
func splitPath(p string) (fs, rel string) {
	fs, rel, ok := strings.Cut(p, ":")
	if !ok {
		return "", strings.Trim(p, "/")
	}
	return fs + ":", strings.TrimPrefix(path.Clean("/"+rel), "/")
}

// RunningImage finds the file that the device runs: by show version, else by
// the BOOT variable; runs is false for the latter. A path that is a directory
// stands for the image inside.
func RunningImage(f ios.Facts, found []located) (image located, runs, ok bool) {
	if l, ok := resolve(f.Image, found); ok {
		return l, true, true
	}
	l, ok := firstOf(bootFiles(f.BootPath), found)
	return l, false, ok
}

// firstOf is the first file of a BOOT list that is there.
func firstOf(paths []string, found []located) (located, bool) {
	for _, p := range paths {
		if l, ok := resolve(p, found); ok {
			return l, true
		}
	}
	return located{}, false
}

var network = regexp.MustCompile(`^(?i:tftp|ftp|rcp|scp|sftp|https?|mop):`)

// fromNetwork tells an image that was loaded over the network: tftp://….
func fromNetwork(image string) bool { return network.MatchString(image) }

// whyNoImage says what was seen of a running image that is nowhere, and what
// to do.
func whyNoImage(f ios.Facts, found []located) (message, hint string) {
	message = fmt.Sprintf("the running image %q is in no listing of the device", f.Image)
	hint = "it was removed or renamed after the start, and the device may not start again: look with `dir all-filesystems`, put the image back with `copy tftp: flash:`"
	if fromNetwork(f.Image) {
		message = fmt.Sprintf("the device started over the network, from %q, and keeps no copy", f.Image)
		hint = "keep that file yourself, or put it into flash so that a backup finds it: `copy tftp: flash:`, `boot system flash:NAME`, `write memory`"
	}
	if f.BootPath == "" {
		message += "; BOOT names nothing"
	} else {
		message += fmt.Sprintf("; nor is what BOOT names, %q", f.BootPath)
	}
	if others := otherImages(found); len(others) > 0 {
		message += "; there are " + strings.Join(others, ", ")
	}
	return message, hint
}

// otherImages are files in flash that look like images, to tell of them: at
// most five.
func otherImages(found []located) []string {
	var out []string
	for _, l := range found {
		_, named := ios.ParseImageName(l.rel)
		if l.entry.Type != ios.TypeDirectory && isFlash(l.fs) && len(out) < 5 && (named || kindOf(l.rel) == api.KindImage) {
			out = append(out, l.path())
		}
	}
	return out
}

// RunningImagePath is where the running image lies; ok is false for one that
// is not in flash.
func RunningImagePath(f ios.Facts, listings []ios.Listing) (p string, ok bool) {
	l, runs, ok := RunningImage(f, locate(listings))
	return l.path(), runs && ok
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
	fs, rel := splitPath(ios.Mounted(p))
	if rel == "" || fromNetwork(p) {
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
