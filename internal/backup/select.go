package backup

import (
	"path"
	"slices"
	"strings"

	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/vault"
)

// Policy says which files a backup takes.
type Policy string

// The policies.
const (
	Image   Policy = "image"   // what boots: the image, or packages.conf and its packages
	Rebuild Policy = "rebuild" // and what else the device cannot be rebuilt without
	All     Policy = "all"     // every file in flash
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
	"config.text":         vault.KindConfig,
	"private-config.text": vault.KindConfig,
	"vlan.dat":            vault.KindVLAN,
	"multiple-fs":         vault.KindOther,
	"env_vars":            vault.KindOther,
	"info":                vault.KindOther,
	"info.ver":            vault.KindOther,
}

// kindOrder ranks kinds: what is saved first, and whose absence matters most.
var kindOrder = []string{
	vault.KindImage, vault.KindPackage, vault.KindBootPointer,
	vault.KindConfig, vault.KindVLAN, vault.KindOther,
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
func Select(f ios.Facts, listings []ios.Listing, packages map[string][]string, policy Policy) []vault.File {
	s := selection{facts: f, found: locate(listings)}
	s.addSystem(packages)
	if policy == Rebuild || policy == All {
		s.addRebuild()
	}
	if policy == All {
		s.addAll()
	}
	slices.SortStableFunc(s.files, func(a, b vault.File) int {
		return slices.Index(kindOrder, a.Kind) - slices.Index(kindOrder, b.Kind)
	})
	if policy != Image {
		s.files = append(s.files, vault.File{Path: RunningConfigPath, Kind: vault.KindConfig, Size: -1})
	}
	return s.files
}

// selection is a Select under way.
type selection struct {
	facts ios.Facts
	found []located
	files []vault.File
	image located // what the device runs; zero when not found
}

func (s *selection) add(l located, kind string) {
	p := l.path()
	if slices.ContainsFunc(s.files, func(f vault.File) bool { return f.Path == p }) {
		return
	}
	s.files = append(s.files, vault.File{Path: p, Kind: kind, Size: l.entry.Size})
}

// addSystem adds what boots, and what boots every other unit.
func (s *selection) addSystem(packages map[string][]string) {
	l, _, ok := RunningImage(s.facts, s.found)
	if !ok {
		message, hint := whyNoImage(s.facts, s.found)
		s.files = append(s.files, vault.File{Path: s.facts.Image, Kind: vault.KindImage, Size: -1,
			Cause: string(cause.ImageNotFound), Message: message, Hint: hint})
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
		s.add(l, vault.KindPackage)
		return
	}
	p := located{fs: pointer.fs, rel: rel}.path()
	s.files = append(s.files, vault.File{
		Path: p, Kind: vault.KindPackage, Size: -1, Cause: string(cause.SourceMissing),
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
				s.add(l, vault.KindConfig)
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
		return vault.KindBootPointer
	case strings.HasSuffix(base, ".pkg"):
		return vault.KindPackage
	case strings.HasSuffix(base, ".bin"):
		return vault.KindImage
	}
	return vault.KindOther
}

// kindOfSystem is the kind of what a unit boots.
func kindOfSystem(rel string) string {
	if isBootPointer(rel) {
		return vault.KindBootPointer
	}
	return vault.KindImage
}

func isBootPointer(rel string) bool { return path.Base(rel) == "packages.conf" }

// isFlash tells a file system that holds files for good from nvram: and the
// like.
func isFlash(fs string) bool { return !strings.Contains(fs, "nvram") }
