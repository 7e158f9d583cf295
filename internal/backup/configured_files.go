package backup

import (
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// addConfigured adds the files that the configuration names, and those in
// directories that it names. Others that it names
// stay out, and configNotes reports them: images beside those that boot, because
// they are large and nothing runs them, and files that the device writes all the
// time, because they change while they are copied.
func (s *selection) addConfigured(named []ios.ConfigFile) {
	for _, c := range named {
		if c.Use != ios.Reads && c.Use != ios.VLANs {
			continue
		}
		kind := api.KindOther
		if c.Use == ios.VLANs {
			kind = api.KindVLAN
		}
		if l, ok := s.found.Entry(flash.ParsePath(c.Path)); ok {
			for _, f := range s.found.Below(l) {
				if l.Path == f.Path || kindOf(f.Rel) == api.KindOther { // a directory may hold images, too
					s.add(f, kind)
				}
			}
		}
	}
}

// configNotes names what the configuration needs beside the files of the backup.
func configNotes(config string, selected []api.File, found flash.Contents) []string {
	var notes, left []string
	for _, c := range ios.ParseConfigFiles(config) {
		if why := whyLeft(c, selected, found); why != "" {
			left = append(left, c.Path+" ("+why+")")
		}
	}
	if len(left) > 0 {
		notes = append(notes, fmt.Sprintf("the configuration names files that this backup does not have: %s", strings.Join(left, ", ")))
	}
	if boot, err := ios.ParseBootConfig(config); err == nil && boot.FilePrompt == "quiet" {
		notes = append(notes, "the device has `file prompt quiet`: it overwrites and erases files without a question. A restore refuses it; `no file prompt` brings the questions back")
	}
	if ios.HasCertificates(config) {
		notes = append(notes, "the private keys of the certificates cannot be copied from the device; after a rebuild, enroll the certificates again")
	}
	return notes
}

// whyLeft returns why a file that the configuration names is not selected; empty
// if it is, or if it is no file.
func whyLeft(c ios.ConfigFile, selected []api.File, found flash.Contents) string {
	p := flash.ParsePath(c.Path)
	if !found.Listed(p.FS) || p.Rel == "" {
		return ""
	}
	l, ok := found.Entry(p)
	if ok && c.Use == ios.Boots && l.IsDir() {
		l, ok = found.Image(p)
	}
	has := slices.ContainsFunc(selected, func(f api.File) bool { return f.Path == l.String() })
	switch {
	case has && ok:
		return ""
	case !ok && c.Use == ios.Writes: // not yet written
		return ""
	case !ok:
		return "not on the device"
	case l.IsDir():
		return ""
	case c.Use == ios.Boots:
		return "another image"
	case c.Use == ios.Writes:
		return "changes all the time"
	}
	return ""
}
