package backup

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// sight is all that a device showed, and what to take of it.
type sight struct {
	steps    int // of the way that were reached: 1 with the facts, 2 with the listings
	facts    ios.Facts
	listings []ios.Listing
	found    flash.Contents // of the listings
	image    flash.File     // what the device runs, or would start from; zero: not found
	runs     bool           // the device runs image
	selected []api.File
	notes    []string // for people
	warnings []string // what needs a person's attention
	unsure   bool     // something was not listed or not read, or the files are from several attempts: no look may stand for this backup
}

// look reads what the device is and has, and selects the files.
func (j job) look(ctx context.Context, d Device) (s sight, err error) {
	j.tell(api.Event{Device: j.device.Name, Step: api.StepLook})
	if s.facts, err = d.Facts(ctx); err != nil {
		return s, err
	}
	s.steps++
	if s.listings, err = d.Files(ctx); err != nil {
		return s, err
	}
	s.steps++
	config, err := j.readConfig(ctx, d)
	if err != nil {
		return s, err
	}
	var unlisted []string
	if s.listings, unlisted, err = listNamed(ctx, d, s.facts, config, s.listings); err != nil {
		return s, err
	}
	s.found = flash.Read(s.facts, s.listings)
	var how flash.How
	s.image, how = flash.Running(s.facts, s.found)
	s.runs = how == flash.Runs
	skipped, whole := j.notListed(d.Skipped())
	s.unsure = len(skipped)+len(unlisted) > 0 || config == "" && j.opts.Policy != api.PolicyImage
	s.warnings = slices.Concat(skipped, unlisted, imageWarnings(s.facts, s.image, how, s.found))
	packages, missing, err := readPackages(ctx, d, s.facts, s.image, s.found)
	if err != nil {
		return s, err
	}
	s.selected = slices.Concat(missing, Select(seen{s.facts, s.listings, packages, config}, j.opts.Policy), whole)
	if _, ok := packages[s.image.String()]; ok {
		s.notes = []string{installNote(s.image, s.selected)}
	}
	s.notes = append(s.notes, placeNotes(s.image, s.runs, s.found)...)
	s.notes = append(s.notes, configNotes(config, s.selected, s.found)...)
	if j.opts.Policy != api.PolicyImage && len(s.listings) > 0 {
		s.notes = append(s.notes, unlistedNotes(s.listings[0].Table, s.found)...)
	}
	return s, nil
}

// notListed returns warnings about what was not listed, and a missing file for each
// whole file system: a backup without the files of one is not complete. Images do not
// lie in nvram:.
func (j job) notListed(skipped []Skipped) (warnings []string, missing []api.File) {
	for _, s := range skipped {
		warnings = append(warnings, fmt.Sprintf("%s was not listed: %v", s.Path, s.Err))
		if !s.System || j.opts.Policy == api.PolicyImage && !flash.KeepsImages(s.Path) {
			continue
		}
		command := s.Path // show file systems
		if strings.HasSuffix(s.Path, ":") {
			command = "dir " + s.Path
		}
		f := api.File{Path: s.Path, Kind: api.KindOther, Size: -1}
		note(&f, cause.Wrap(cause.Of(s.Err), s.Err, s.Path+" was not listed, so that its files are missing here",
			api.Say("look at the output on the device: ").Type(api.OnDevice, command)))
		missing = append(missing, f)
	}
	return warnings, missing
}

// readConfig returns the running-config, for the files that it names. It is one of
// the files of the backup, and is tried again as such, so that an error is not lost.
// A question of the device ends the attempt.
func (j job) readConfig(ctx context.Context, d Device) (string, error) {
	if j.opts.Policy == api.PolicyImage {
		return "", nil
	}
	config, err := d.RunningConfig(ctx)
	switch cause.Of(err) {
	case cause.UnsafePrompt, cause.PromptUnrecognised:
		return "", err
	case "":
	default:
		j.log().Debug("no running-config", "device", j.device.Name, "err", err)
	}
	return string(config), nil
}

// imageWarnings names unusual things about the image and the units that should
// run it too.
func imageWarnings(f ios.Facts, image flash.File, how flash.How, found flash.Contents) []string {
	var warnings []string
	if how == flash.NotFound {
		return nil
	}
	if how == flash.Boots {
		warnings = append(warnings, fmt.Sprintf("the running image %q is in no flash of the device; the backup has the image that BOOT names, %s", f.Image, image))
	}
	return append(append(warnings, unitWarnings(f, image, found)...), patchWarnings(f)...)
}

// placeNotes names the file system of a running image that is not on the default
// one, from which the device would look for an image without a boot line.
func placeNotes(image flash.File, runs bool, found flash.Contents) []string {
	standard := found.Canonical("")
	if !runs || !found.Listed(standard) || found.SameSystem(image.FS, standard) {
		return nil
	}
	return []string{fmt.Sprintf("the running image is on %s, not on %s, the default file system", image.FS, standard)}
}
