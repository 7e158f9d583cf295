package restore

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/ios"
)

// otherPlatform refuses an image that was made for other hardware, or that not all
// switches of a stack can run: such a unit would stay in its boot loader. The names
// decide: those of the image, of the running one, and of the images in the table of
// show version. If the file name says nothing, the name in the image decides, and if
// there is none, the series of the models. An image that this device has run before is
// right.
func (p planning) otherPlatform(image api.File) *api.Problem {
	by := api.Say("leave out ").Option("set_boot", "").Say(", and set the boot lines by hand if you are sure")
	captured := p.selection.Snapshot.Facts
	if families := p.view.families(); len(families) > 1 {
		why := refusal(fmt.Sprintf("the switches of this stack run images of several platforms (%s), and no image boots on all of them", strings.Join(families, ", ")), by)
		return &why
	}
	if captured.Serial == p.view.facts.Serial && p.view.sameOnUnits(image.Path, captured.Image) {
		return nil
	}
	want, runs := platformOf(image), platformOf(api.File{Path: p.view.facts.Image})
	was, is := series(captured.Model), series(p.view.facts.Model)
	switch {
	case want != "" && want == runs:
		return nil
	case want != "" && runs != "":
		why := refusal(fmt.Sprintf("%s is for the platform %s, but %s runs an image for %s, and may not start from it", image.Path, want, p.device.Name, runs), by)
		return &why
	case was != "" && is != "" && was != is:
		why := refusal(fmt.Sprintf("%s is of a %s, but %s is a %s, and nothing shows that it can start from this image", image.Path, captured.Model, p.device.Name, p.view.facts.Model), by)
		return &why
	}
	return nil
}

// platformOf is the platform of an image by its file name, else by the name in it;
// empty where it is not known.
func platformOf(image api.File) string {
	if named, ok := ios.ParseImageName(image.Path); ok {
		return named.Platform
	}
	if image.Image != nil {
		return strings.ToLower(image.Image.Family)
	}
	return ""
}

var digits = regexp.MustCompile(`\d+`)

// series is the number of a series in the name of a model: 3750 of WS-C3750G-24TS-1U.
func series(model string) string { return digits.FindString(model) }

// families is the platforms of the images that the switches of a stack run, each
// once: C3750E for C3750E-UNIVERSALK9-M.
func (v view) families() []string {
	var found []string
	for _, m := range v.facts.Members {
		if family, _, ok := strings.Cut(m.Image, "-"); ok && !slices.Contains(found, family) {
			found = append(found, family)
		}
	}
	return found
}
