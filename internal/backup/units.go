package backup

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/ios"
)

// unit is one more member of a stack, or the second supervisor, as far as its
// flash is listed.
type unit struct {
	name  string  // "switch 2", "standby"; the file system where its name tells neither
	fs    string  // its flash beside the one with the running image: flash2:
	same  located // the running image there; zero where it is not
	boots located // what it starts from, by its own BOOT; zero where that is not told or not there
	start string  // its BOOT; empty where that is not told
}

// otherUnits finds the units beside the one whose image runs, in the order of
// the listings.
func otherUnits(f ios.Facts, image located, found []located) []unit {
	var units []unit
	for _, fs := range siblings(image.fs, found) {
		_, name := ios.Unit(fs)
		u := unit{name: cmp.Or(name, fs), fs: fs}
		u.same, _ = at(fs, image.rel, found)
		if i := slices.IndexFunc(f.Starts, func(s ios.Start) bool { return s.Unit == name }); i >= 0 {
			u.start = f.Starts[i].Path
			u.boots, _ = firstOf(bootFiles(u.start), only(fs, found))
		}
		units = append(units, u)
	}
	return units
}

// siblings are the file systems that are to other units what fs is to this
// one.
func siblings(fs string, found []located) []string {
	own, _ := ios.Unit(fs)
	var out []string
	for _, l := range found {
		if other, _ := ios.Unit(l.fs); l.fs != fs && other == own && !slices.Contains(out, l.fs) {
			out = append(out, l.fs)
		}
	}
	return out
}

func only(fs string, found []located) []located {
	return slices.DeleteFunc(slices.Clone(found), func(l located) bool { return l.fs != fs })
}

// at finds a file of one file system.
func at(fs, rel string, found []located) (located, bool) {
	i := slices.IndexFunc(found, func(l located) bool {
		return l.fs == fs && l.rel == rel && l.entry.Type != ios.TypeDirectory
	})
	if i < 0 {
		return located{}, false
	}
	return found[i], true
}

// onEveryUnit is the running image with the same on every other unit.
func onEveryUnit(image located, found []located) []located {
	all := []located{image}
	for _, fs := range siblings(image.fs, found) {
		if l, ok := at(fs, image.rel, found); ok {
			all = append(all, l)
		}
	}
	return all
}

// unitNotes says in which way units differ from the one whose image runs: what
// a stack or a pair of supervisors should not do.
func unitNotes(f ios.Facts, image located, found []located) []string {
	notes := append(stackNotes(f), versionNotes(f)...)
	for _, u := range otherUnits(f, image, found) {
		if u.same.rel == "" {
			notes = append(notes, fmt.Sprintf("%s does not hold %s, which runs here: it is not in %s", u.name, path.Base(image.rel), u.fs))
		}
		if u.start != "" && u.boots.rel != image.rel {
			notes = append(notes, fmt.Sprintf("%s starts from %q next, which is not the image that runs here", u.name, u.start))
		}
	}
	return notes
}

// stackNotes tells of members that have not joined the stack.
func stackNotes(f ios.Facts) []string {
	var notes []string
	for _, s := range f.Stack {
		if s.State != "Ready" && s.State != "Provisioned" {
			notes = append(notes, fmt.Sprintf("switch %d is in the state %q", s.Number, s.State))
		}
	}
	return notes
}

// versionNotes tells of members that run something else than the active one.
func versionNotes(f ios.Facts) []string {
	i := slices.IndexFunc(f.Members, func(m ios.Member) bool { return m.Active })
	if i < 0 {
		return nil
	}
	var notes []string
	here := f.Members[i]
	for _, m := range f.Members {
		if m.Version != here.Version || m.Image != here.Image || m.Mode != here.Mode {
			notes = append(notes, fmt.Sprintf("switch %d runs %s, the active switch %d runs %s", m.Number, runs(m), here.Number, runs(here)))
		}
	}
	return notes
}

func runs(m ios.Member) string {
	return strings.TrimSpace(m.Version + " " + m.Image + " " + m.Mode)
}

// compareUnits notes where what a unit starts from is not what it is here, by
// the sizes and the digests of the files. It is called when those are proved:
// a file of the same name and size may still be another one.
func (r *run) compareUnits() {
	for _, f := range r.result.Files {
		fs, rel := splitPath(f.Path)
		own, name := ios.Unit(fs)
		if here, _ := ios.Unit(r.image.fs); fs == r.image.fs || own != here || !isSystem(f.Kind) {
			continue
		}
		if g, ok := fileAt(r.result.Files, located{fs: r.image.fs, rel: rel}.path()); ok {
			r.result.Notes = append(r.result.Notes, differs(cmp.Or(name, fs), f, g)...)
		}
	}
}

func fileAt(files []api.File, path string) (api.File, bool) {
	i := slices.IndexFunc(files, func(f api.File) bool { return f.Path == path })
	if i < 0 {
		return api.File{}, false
	}
	return files[i], true
}

// differs says in which way the file of a unit is not the one here.
func differs(unit string, f, here api.File) []string {
	switch {
	case f.Size >= 0 && here.Size >= 0 && f.Size != here.Size:
		return []string{fmt.Sprintf("%s holds another file: %s has %d bytes, %s has %d", unit, f.Path, f.Size, here.Path, here.Size)}
	case f.MD5 != "" && here.MD5 != "" && f.MD5 != here.MD5:
		return []string{fmt.Sprintf("%s holds another file: %s has MD5 %s, %s has %s", unit, f.Path, f.MD5, here.Path, here.MD5)}
	}
	return nil
}

// isSystem tells the kinds of files that a device starts from.
func isSystem(kind string) bool {
	return kind == api.KindImage || kind == api.KindPackage || kind == api.KindBootPointer
}
