package backup

import (
	"fmt"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// whyNoImage is the error for a running image that is in no listing.
func whyNoImage(f ios.Facts, found flash.Contents) error {
	message := fmt.Sprintf("the running image %q is in no listing of the device", f.Image)
	fix := api.Say("it was removed or renamed after the start, and the device may not start again: look with ").Type(api.OnDevice, "dir all-filesystems").
		Say(", put the image back with ").Type(api.OnDevice, "copy tftp: flash:")
	if flash.IsNetwork(flash.ParsePath(f.Image).FS) {
		message = fmt.Sprintf("the device started over the network, from %q, and keeps no copy", f.Image)
		fix = api.Say("keep that file yourself, or put it into flash so that a backup finds it: ").Type(api.OnDevice, "copy tftp: flash:").
			Say(", ").Type(api.OnDevice, "boot system flash:NAME").Say(", ").Type(api.OnDevice, "write memory")
	}
	if f.BootPath == "" {
		message += "; BOOT names nothing"
	} else {
		message += fmt.Sprintf("; nor is the image that BOOT names, %q", f.BootPath)
	}
	if others := otherImages(found); len(others) > 0 {
		message += "; there are " + strings.Join(others, ", ")
	}
	return cause.New(cause.ImageNotFound, message, fix)
}

// otherImages are files in flash that look like images: at most five.
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
