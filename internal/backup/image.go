package backup

import (
	"fmt"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// whyNoImage says what was seen of a running image that is nowhere, and what
// to do.
func whyNoImage(f ios.Facts, found flash.Contents) (message, hint string) {
	message = fmt.Sprintf("the running image %q is in no listing of the device", f.Image)
	hint = "it was removed or renamed after the start, and the device may not start again: look with `dir all-filesystems`, put the image back with `copy tftp: flash:`"
	if flash.IsNetwork(flash.ParsePath(f.Image).FS) {
		message = fmt.Sprintf("the device started over the network, from %q, and keeps no copy", f.Image)
		hint = "keep that file yourself, or put it into flash so that a backup finds it: `copy tftp: flash:`, `boot system flash:NAME`, `write memory`"
	}
	if f.BootPath == "" {
		message += "; BOOT names nothing"
	} else {
		message += fmt.Sprintf("; nor is what BOOT names, %q", f.BootPath)
	}
	if others := otherImages(found); len(others) > 0 {
		message += "; there are " + strings.Join(others, ", ")
	}
	return message, hint
}

// otherImages are files in flash that look like images, to tell of them: at
// most five.
func otherImages(found flash.Contents) []string {
	var out []string
	for _, f := range found.All() {
		_, named := ios.ParseImageName(f.Rel)
		if !f.IsDir() && flash.KeepsImages(f.FS) && len(out) < 5 && (named || kindOf(f.Rel) == api.KindImage) {
			out = append(out, f.String())
		}
	}
	return out
}
