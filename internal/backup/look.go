package backup

import (
	"context"
	"fmt"

	"flashwarden/api"
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
	config := j.readConfig(ctx, d)
	var unlisted []string
	if s.listings, unlisted, err = listNamed(ctx, d, s.facts, config, s.listings); err != nil {
		return s, err
	}
	s.found = flash.Read(s.facts, s.listings)
	var how flash.How
	s.image, how = flash.Running(s.facts, s.found)
	s.runs = how == flash.Runs
	skipped := append(d.Skipped(), unlisted...)
	s.unsure = len(skipped) > 0 || config == "" && j.opts.Policy != api.PolicyImage
	s.warnings = append(skipped, imageWarnings(s.facts, s.image, how, s.found)...)
	packages, missing, err := readPackages(ctx, d, s.facts, s.image, s.found)
	if err != nil {
		return s, err
	}
	s.selected = append(missing, Select(seen{s.facts, s.listings, packages, config}, j.opts.Policy)...)
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

// readConfig returns the running-config, for the files that it names. An error
// is not lost: the running-config is one of the files of the backup, and is
// tried again as such.
func (j job) readConfig(ctx context.Context, d Device) string {
	if j.opts.Policy == api.PolicyImage {
		return ""
	}
	config, err := d.RunningConfig(ctx)
	if err != nil {
		j.log().Debug("no running-config", "device", j.device.Name, "err", err)
	}
	return string(config)
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
