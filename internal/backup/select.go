package backup

import (
	"path"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
)

// The file systems that have no directories.
const (
	nvram      = "nvram:"
	constNVRAM = "const_nvram:" // of a 6500: vlan.dat
)

// RunningConfigPath is where IOS keeps the configuration in force.
const RunningConfigPath = "system:running-config"

// rebuildNames are the files beside the image that a switch is rebuilt from,
// with their kinds.
var rebuildNames = map[string]string{
	"config.text":         api.KindConfig,
	"private-config.text": api.KindConfig,
	"vlan.dat":            api.KindVLAN,
	"multiple-fs":         api.KindOther,
	"env_vars":            api.KindOther,
	"info":                api.KindOther,
	"info.ver":            api.KindOther,
}

// kindOrder ranks kinds: what is saved first, and whose absence matters most.
var kindOrder = []string{
	api.KindImage, api.KindPackage, api.KindBootPointer,
	api.KindConfig, api.KindVLAN, api.KindOther,
}

// located is an entry with its place: the file system and the path below it.
type located struct {
	fs, rel string
	entry   ios.Entry
}

// path is the entry's path as IOS takes it: flash:/dir/x.bin, and
// nvram:startup-config, which has no directories.
func (l located) path() string {
	if l.fs == nvram || l.fs == constNVRAM {
		return l.fs + l.rel
	}
	return l.fs + "/" + l.rel
}

// Select picks the files that policy takes from the listings: the image
// first, the running-config last. packages are the names in packages.conf, by
// the file system that it is in, for a device in install mode. An image that is
// nowhere to be found is a file with the cause image_not_found, so that the
// rest is still saved.
func Select(f ios.Facts, listings []ios.Listing, packages map[string][]string, policy api.Policy) []api.File {
	s := selection{facts: f, found: locate(listings)}
	s.addSystem(packages)
	if policy == api.PolicyRebuild || policy == api.PolicyAll {
		s.addRebuild()
	}
	if policy == api.PolicyAll {
		s.addAll()
	}
	slices.SortStableFunc(s.files, func(a, b api.File) int {
		return slices.Index(kindOrder, a.Kind) - slices.Index(kindOrder, b.Kind)
	})
	if policy != api.PolicyImage {
		s.files = append(s.files, api.File{Path: RunningConfigPath, Kind: api.KindConfig, Size: -1})
	}
	return s.files
}

// selection is a Select under way.
type selection struct {
	facts ios.Facts
	found []located
	files []api.File
	image located // what the device runs; zero when not found
}

func (s *selection) add(l located, kind string) {
	p := l.path()
	if slices.ContainsFunc(s.files, func(f api.File) bool { return f.Path == p }) {
		return
	}
	s.files = append(s.files, api.File{Path: p, Kind: kind, Size: l.entry.Size})
}

// addSystem adds what boots, and what boots every other unit.
func (s *selection) addSystem(packages map[string][]string) {
	l, _, ok := RunningImage(s.facts, s.found)
	if !ok {
		message, hint := whyNoImage(s.facts, s.found)
		s.files = append(s.files, api.File{Path: s.facts.Image, Kind: api.KindImage, Size: -1,
			Cause: cause.ImageNotFound, Message: message, Hint: hint})
		return
	}
	s.image = l
	kind := kindOfSystem(l.rel)
	for _, m := range onEveryUnit(l, s.found) {
		s.add(m, kind)
		for _, name := range packages[m.fs] {
			s.addPackage(m, name)
		}
	}
	for _, u := range otherUnits(s.facts, l, s.found) {
		if u.boots.rel != "" {
			s.add(u.boots, kindOfSystem(u.boots.rel))
		}
	}
}

// addPackage adds a package that the boot pointer of a unit names.
func (s *selection) addPackage(pointer located, name string) {
	rel := path.Join(path.Dir(pointer.rel), name)
	if l, ok := at(pointer.fs, rel, s.found); ok {
		s.add(l, api.KindPackage)
		return
	}
	p := located{fs: pointer.fs, rel: rel}.path()
	s.files = append(s.files, api.File{
		Path: p, Kind: api.KindPackage, Size: -1, Cause: cause.SourceMissing,
		Message: "packages.conf names " + p + ", which is in no listing of the device",
		Hint:    "see `show install summary` on the device",
	})
}

func (s *selection) addRebuild() {
	imageDir := path.Dir(s.image.rel)
	for _, l := range s.found {
		kind, ok := rebuildNames[path.Base(l.rel)]
		dir := path.Dir(l.rel)
		switch {
		case l.entry.Type == ios.TypeDirectory:
		case l.fs == nvram:
			if l.rel == "startup-config" {
				s.add(l, api.KindConfig)
			}
		case ok && (dir == "." || dir == imageDir):
			s.add(l, kind)
		}
	}
}

func (s *selection) addAll() {
	for _, l := range s.found {
		if isFlash(l.fs) && l.entry.Type != ios.TypeDirectory {
			s.add(l, kindOf(l.rel))
		}
	}
}

// kindOf tells a file's kind by its name.
func kindOf(rel string) string {
	base := path.Base(rel)
	switch kind, ok := rebuildNames[base]; {
	case ok:
		return kind
	case isBootPointer(rel):
		return api.KindBootPointer
	case strings.HasSuffix(base, ".pkg"):
		return api.KindPackage
	case strings.HasSuffix(base, ".bin"):
		return api.KindImage
	}
	return api.KindOther
}

// kindOfSystem is the kind of what a unit boots.
func kindOfSystem(rel string) string {
	if isBootPointer(rel) {
		return api.KindBootPointer
	}
	return api.KindImage
}

func isBootPointer(rel string) bool { return path.Base(rel) == "packages.conf" }

// isFlash tells a file system that holds files for good from nvram: and the
// like.
func isFlash(fs string) bool { return !strings.Contains(fs, "nvram") }
