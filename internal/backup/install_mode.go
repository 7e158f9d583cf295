package backup

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// A device in install mode starts from a provisioning file, a text that names
// packages. It need not be called packages.conf: the text decides.
const (
	largestPointer = 1 << 20  // bytes of a provisioning file
	smallestImage  = 32 << 10 // bytes; no image is smaller
)

// mayPoint reports whether the file that a device runs may be a provisioning
// file, so that its text must be read. An image is never read: more prints all
// of it.
func mayPoint(f ios.Facts, l flash.File) bool {
	size := l.Entry.Size
	switch {
	case isBootPointer(l.Rel) || path.Ext(l.Rel) == ".conf":
		return true
	case f.OS != "iosxe" || size < 0:
		return false
	case f.Mode == "install":
		return size < largestPointer
	}
	return size < smallestImage
}

// readPackages reads which packages the provisioning file of each unit names, by
// the path of that file. A file whose text names none, and whose name does not
// say that it must, is an image. A provisioning file that cannot be read gives a
// missing file, so that the rest is still taken; an error is one of the session.
func readPackages(ctx context.Context, d Device, f ios.Facts, image flash.File, found flash.Contents) (packages map[string][]string, missing []api.File, err error) {
	packages = make(map[string][]string)
	for _, pointer := range pointers(f, image, found) {
		names, err := packagesOf(ctx, d, pointer)
		switch {
		case endsVisit(cause.Of(err)):
			return nil, nil, err
		case err != nil && path.Ext(pointer.Rel) != ".conf":
			continue
		case err != nil:
			f := api.File{Path: pointer.Dir().Join("*.pkg").String(), Kind: api.KindPackage, Size: -1}
			note(&f, err)
			missing = append(missing, f)
		}
		packages[pointer.String()] = names
	}
	return packages, missing, nil
}

// pointers are the files that may be provisioning files: the one that runs, on
// every unit, and those that other units start from.
func pointers(f ios.Facts, image flash.File, found flash.Contents) []flash.File {
	if !image.Found() {
		return nil
	}
	all := found.OnEveryUnit(image)
	for _, u := range found.OtherUnits(f, image) {
		known := func(l flash.File) bool { return l.Path == u.Boots.Path }
		if u.Boots.Found() && !slices.ContainsFunc(all, known) {
			all = append(all, u.Boots)
		}
	}
	return slices.DeleteFunc(all, func(l flash.File) bool { return !mayPoint(f, l) })
}

// packagesOf reads which packages one provisioning file names.
func packagesOf(ctx context.Context, d Device, pointer flash.File) ([]string, error) {
	text, err := d.Text(ctx, pointer.String())
	if err != nil {
		return nil, err
	}
	names, err := ios.ParsePackages(text)
	if err != nil {
		return nil, cause.Wrap(cause.ImageNotFound, err, "read "+pointer.String(),
			api.Say("compare ").Type(api.OnDevice, "more "+pointer.String()).Say(" with ").Type(api.OnDevice, "show install summary").Say(" on the device"))
	}
	return names, nil
}

// addInstalled adds what a provisioning file stands for: its packages, the
// patches that are in force, and the image that they were installed from, if it
// is beside them.
func (s *selection) addInstalled(pointer flash.File, names []string) {
	for _, name := range names {
		s.addPackage(pointer.Dir().Join(name), pointer.Base()+" names")
	}
	s.addPatches(pointer)
	versions := map[string]bool{s.facts.Version: true}
	for _, name := range names {
		if i, ok := ios.ParseImageName(name); ok {
			versions[i.Version] = true
		}
	}
	for _, l := range s.beside(pointer) {
		i, ok := ios.ParseImageName(l.Rel)
		if ok && i.Version != "" && versions[i.Version] && path.Ext(l.Rel) == ".bin" {
			s.add(l, api.KindImage)
		}
	}
}

// addPatches adds the patches that show install summary shows as committed or
// activated. A device that does not show them runs, for all we know, every patch
// beside its packages.
func (s *selection) addPatches(pointer flash.File) {
	if len(s.facts.Install) == 0 {
		for _, l := range s.beside(pointer) {
			if ios.IsPatch(l.Rel) {
				s.add(l, api.KindPackage)
			}
		}
		return
	}
	for _, location := range s.facts.Install {
		for _, p := range location.Packages {
			at := flash.ParsePath(p.FilenameVersion)
			if p.InForce() && strings.Contains(p.FilenameVersion, ":") {
				s.addPackage(at.On(pointer.FS), "show install summary names")
			}
		}
	}
}

// beside are the files in the directory of a file.
func (s *selection) beside(l flash.File) []flash.File {
	return slices.DeleteFunc(s.found.Files(l.FS), func(f flash.File) bool { return f.Dir() != l.Dir() })
}

// addPackage adds a package that the device names.
func (s *selection) addPackage(at flash.Path, who string) {
	l, ok := s.found.File(at)
	if ok && l.Entry.Size != 0 {
		s.add(l, api.KindPackage)
		return
	}
	what := ", which is in no listing of the device"
	if ok {
		what = ", which is empty"
	}
	s.addMissing(at.String(), api.KindPackage, cause.New(cause.SourceMissing, who+" "+at.String()+what,
		api.Say("see ").Type(api.OnDevice, "show install summary").Say(" on the device")))
}

// installNote says what the image of a device in install mode is.
func installNote(pointer flash.File, files []api.File) string {
	for _, f := range files {
		if p := flash.ParsePath(f.Path); f.Kind == api.KindImage && f.Cause == "" && p.Dir() == pointer.Dir() {
			return fmt.Sprintf("install mode: %s and its packages together are the image; they were installed from %s", pointer.Base(), p.Base())
		}
	}
	return fmt.Sprintf("install mode: there is no single bootable .bin; %s and its packages together are the image", pointer.Base())
}

// patchWarnings names software that the next restart may undo.
func patchWarnings(f ios.Facts) []string {
	var out []string
	for _, location := range f.Install {
		for _, p := range location.Packages {
			if p.State == "U" || p.State == "D" {
				out = append(out, fmt.Sprintf("%s %s is %s and not committed: the device goes back to its committed software unless somebody types install commit",
					p.Type, p.FilenameVersion, map[string]string{"U": "activated", "D": "deactivated"}[p.State]))
			}
		}
	}
	return out
}
