package backup

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

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

// kindOrder ranks kinds: the first is saved first, and its absence matters most.
var kindOrder = []string{
	api.KindImage, api.KindPackage, api.KindBootPointer,
	api.KindConfig, api.KindVLAN, api.KindOther,
}

// seen is what a device showed, as far as it decides which files are saved.
type seen struct {
	facts    ios.Facts
	listings []ios.Listing
	packages map[string][]string // names in the provisioning files of a device in install mode, by the path of each file
	config   string              // the running-config; empty if it could not be read, or was not needed
}

// Select picks the files that policy takes: the image first, the running-config
// last. An image that is nowhere to be found is a file with the cause
// image_not_found, so that the rest is still saved.
func Select(d seen, policy api.Policy) []api.File {
	s := selection{facts: d.facts, found: flash.Read(d.facts, d.listings)}
	s.addSystem(d.packages)
	if policy == api.PolicyRebuild || policy == api.PolicyAll {
		s.addRebuild()
		s.addConfigured(ios.ParseConfigFiles(d.config))
	}
	if policy == api.PolicyAll {
		s.addAll()
	}
	if policy != api.PolicyImage {
		s.addUnread(d.listings)
	}
	slices.SortStableFunc(s.files, func(a, b api.File) int {
		return slices.Index(kindOrder, a.Kind) - slices.Index(kindOrder, b.Kind)
	})
	if policy != api.PolicyImage {
		s.files = append(s.files, api.File{Path: api.RunningConfigPath, Kind: api.KindConfig, Size: -1})
	}
	return s.files
}

// selection is a Select under way.
type selection struct {
	facts ios.Facts
	found flash.Contents
	files []api.File
	image flash.File // what the device runs; zero when not found
}

func (s *selection) add(l flash.File, kind string) {
	p := l.String()
	if slices.ContainsFunc(s.files, func(f api.File) bool { return f.Path == p }) {
		return
	}
	s.files = append(s.files, api.File{Path: p, Kind: kind, Size: l.Entry.Size})
}

// addSystem adds what boots, and what boots every other unit.
func (s *selection) addSystem(packages map[string][]string) {
	l, how := flash.Running(s.facts, s.found)
	if how == flash.NotFound {
		s.addMissing(s.facts.Image, api.KindImage, whyNoImage(s.facts, s.found))
		return
	}
	s.image = l
	for _, m := range s.found.OnEveryUnit(l) {
		s.addBoots(m, packages)
	}
	for _, u := range s.found.OtherUnits(s.facts, l) {
		if u.Boots.Found() {
			before := len(s.files)
			s.addBoots(u.Boots, packages)
			if i := before; i < len(s.files) && s.files[i].Kind == api.KindImage {
				s.files[i].Unit = u.Name
			}
		}
	}
}

// addBoots adds a file that a unit starts from, with all that it names. One without
// content is a missing one: no unit starts from it.
func (s *selection) addBoots(l flash.File, packages map[string][]string) {
	names, ok := packages[l.String()]
	if l.Entry.Size == 0 {
		s.addMissing(l.String(), api.KindImage, cause.New(cause.ImageNotFound, l.String()+" is empty: it has 0 bytes, and no device starts from it",
			api.Say("put the image back: ").Type(api.OnDevice, "copy tftp: "+l.FS)))
		return
	}
	if !ok && !isBootPointer(l.Rel) {
		s.add(l, api.KindImage)
		return
	}
	s.add(l, api.KindBootPointer)
	s.addInstalled(l, names)
}

// addMissing adds a file that should be there and is not, with the reason.
func (s *selection) addMissing(path, kind string, why error) {
	f := api.File{Path: path, Kind: kind, Size: -1}
	note(&f, why)
	s.files = append(s.files, f)
}

// addUnread adds a missing file for each directory whose listing has lines that
// cannot be read: nobody knows which files they name.
func (s *selection) addUnread(listings []ios.Listing) {
	for _, l := range listings {
		if len(l.Unread) > 0 {
			s.addMissing(l.Path, api.KindOther, cause.New(cause.Internal,
				fmt.Sprintf("the listing of %s has a line that cannot be read, and the file in it may be missing here: %s", l.Path, l.Unread[0]),
				api.Say("compare the files of this backup with ").Type(api.OnDevice, "dir "+l.Path).Say(" on the device, and report the line")))
		}
	}
}

func (s *selection) addRebuild() {
	imageDir := path.Dir(s.image.Rel)
	for _, l := range s.found.All() {
		kind, ok := rebuildNames[path.Base(l.Rel)]
		dir := path.Dir(l.Rel)
		switch {
		case l.IsDir():
		case l.FS == "nvram:":
			if l.Rel == "startup-config" {
				s.add(l, api.KindConfig)
			} else if path.Ext(l.Rel) == ".cer" {
				s.add(l, api.KindOther)
			}
		case ok && (dir == "." || dir == imageDir):
			s.add(l, kind)
		case path.Ext(l.Rel) == ".lic": // licences
			s.add(l, api.KindOther)
		}
	}
	for _, p := range []string{s.facts.ConfigFile, s.facts.PrivateFile} {
		if l, ok := s.found.File(flash.ParsePath(p)); ok && p != "" {
			s.add(l, api.KindConfig)
		}
	}
}

func (s *selection) addAll() {
	for _, l := range s.found.All() {
		if flash.KeepsImages(l.FS) && !l.IsDir() {
			s.add(l, kindOf(l.Rel))
		}
	}
}

// kindOf returns the kind of a file, by its name.
func kindOf(rel string) string {
	base := path.Base(rel)
	switch kind, ok := rebuildNames[base]; {
	case ok:
		return kind
	case isBootPointer(rel):
		return api.KindBootPointer
	case strings.HasSuffix(base, ".pkg"), ios.IsPatch(rel):
		return api.KindPackage
	case strings.HasSuffix(base, ".bin"):
		return api.KindImage
	}
	return api.KindOther
}

// isBootPointer recognises a provisioning file by its name: packages.conf, or
// that of an image with another ending.
func isBootPointer(rel string) bool {
	base, ok := strings.CutSuffix(path.Base(rel), ".conf")
	if !ok {
		return false
	}
	_, named := ios.ParseImageName(base)
	return named || base == "packages"
}
