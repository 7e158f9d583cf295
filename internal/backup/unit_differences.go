package backup

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// unitWarnings says in which way units differ from the one whose image runs: what
// a stack or a pair of supervisors should not do. The next steps are in the order in which to
// type them.
func unitWarnings(f ios.Facts, image flash.File, found flash.Contents) []string {
	notes := stackNotes(f)
	for _, u := range found.OtherUnits(f, image) {
		if !u.Same.Found() {
			notes = append(notes, fmt.Sprintf("%s does not have the running image %s in %s%s", u.Name, image.Base(), u.FS, copyThere(image, u)))
		}
		if u.Start != "" && !found.SameOnUnits(u.Boots.Path, image.Path) {
			notes = append(notes, fmt.Sprintf("%s will boot %q, which is not the running image%s", u.Name, u.Start, bootThere(image, u)))
		}
	}
	return append(notes, versionNotes(f)...) // a reload helps only after the steps above
}

// copyThere is the next step for a unit without the image. Packages are more than one file.
func copyThere(image flash.File, u flash.Unit) string {
	if !strings.HasSuffix(image.Base(), ".bin") {
		return ""
	}
	return fmt.Sprintf("; on the device: `copy %s %s`", image.Path, image.On(u.FS))
}

// bootThere is the next step for a member of a stack that starts from another image.
func bootThere(image flash.File, u flash.Unit) string {
	if !strings.HasPrefix(u.Name, "switch ") || !strings.HasSuffix(image.Base(), ".bin") {
		return "; on the device: `show boot`"
	}
	return fmt.Sprintf("; on the device, in configuration mode: `boot system %s %s`", u.Name, image.On("flash:")) // each member calls its own flash so
}

// stackNotes returns notes about members that have not joined the stack.
func stackNotes(f ios.Facts) []string {
	var notes []string
	for _, s := range f.Stack {
		if s.State != "Ready" && s.State != "Provisioned" {
			notes = append(notes, fmt.Sprintf("switch %d is in the state %q; on the device: `show switch detail`", s.Number, s.State))
		}
	}
	return notes
}

// versionNotes returns notes about members that run other software than the active one.
func versionNotes(f ios.Facts) []string {
	i := slices.IndexFunc(f.Members, func(m ios.Member) bool { return m.Active })
	if i < 0 {
		return nil
	}
	var notes []string
	here := f.Members[i]
	for _, m := range f.Members {
		if m.Version != here.Version || m.Image != here.Image || m.Mode != here.Mode {
			notes = append(notes, fmt.Sprintf("switch %d runs %s, the active switch %d runs %s; when it is set to boot the same image, on the device: `reload slot %d`",
				m.Number, runs(m), here.Number, runs(here), m.Number))
		}
	}
	return notes
}

func runs(m ios.Member) string {
	return strings.TrimSpace(m.Version + " " + m.Image + " " + m.Mode)
}

// unitDifferences says where the files that a unit starts from are not those of
// the unit whose image runs, by their sizes and digests. It needs proved files:
// a file of the same name and size may still be another one.
func unitDifferences(files []api.File, s sight) []string {
	var notes []string
	for _, f := range files {
		p := flash.ParsePath(f.Path)
		if s.found.SameSystem(p.FS, s.image.FS) || s.found.Family(p.FS) != s.found.Family(s.image.FS) || !isSystem(f.Kind) {
			continue
		}
		if g, ok := fileAt(files, p.On(s.image.FS).String()); ok {
			notes = append(notes, differs(cmp.Or(s.found.Unit(p.FS), p.FS), f, g)...)
		}
	}
	return notes
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

// isSystem reports whether a device starts from files of this kind.
func isSystem(kind string) bool {
	return kind == api.KindImage || kind == api.KindPackage || kind == api.KindBootPointer
}
