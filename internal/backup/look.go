package backup

import (
	"context"
	"fmt"

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
	s.found = flash.Read(s.facts, s.listings)
	var how flash.How
	s.image, how = flash.Running(s.facts, s.found)
	s.runs = how == flash.Runs
	s.warnings = append(d.Skipped(), imageWarnings(s.facts, s.image, how, s.found)...)
	var packages map[string][]string
	if isBootPointer(s.image.Rel) {
		s.notes = []string{"install mode: there is no single bootable .bin; packages.conf and its packages together are the image"}
		packages, s.selected, err = readPackages(ctx, d, s.found.OnEveryUnit(s.image))
	}
	s.selected = append(s.selected, Select(s.facts, s.listings, packages, j.opts.Policy)...)
	return s, err
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
	return append(warnings, unitWarnings(f, image, found)...)
}

// readPackages reads which packages the boot pointer of each unit names, by its
// file system. A pointer that cannot be read gives a missing file, so that the
// rest is still taken; an error is one of the session.
func readPackages(ctx context.Context, d Device, pointers []flash.File) (packages map[string][]string, missing []api.File, err error) {
	packages = make(map[string][]string)
	for _, pointer := range pointers {
		names, err := packagesOf(ctx, d, pointer)
		switch {
		case endsVisit(cause.Of(err)):
			return nil, nil, err
		case err != nil:
			f := api.File{Path: pointer.Dir().Join("*.pkg").String(), Kind: api.KindPackage, Size: -1}
			note(&f, err)
			missing = append(missing, f)
		}
		packages[pointer.FS] = names
	}
	return packages, missing, nil
}

// packagesOf reads which packages one boot pointer names.
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
