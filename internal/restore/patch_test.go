package restore

import (
	"testing"

	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// TestPatchDoesNotBoot counts no patch as a file that the device could start
// from, although it ends in .bin.
func TestPatchDoesNotBoot(t *testing.T) {
	facts := ios.Facts{Image: "flash:/a.bin"}
	l := ios.Listing{FileSystem: "flash:", Path: "flash:/", Entries: []ios.Entry{
		{Name: "a.bin", Type: ios.TypeFile}, {Name: "cat9k_iosxe.17.09.04a.CSCvk69552.SPA.smu.bin", Type: ios.TypeFile}}}
	v := view{facts: facts, Contents: flash.Read(facts, []ios.Listing{l})}
	if got := v.bootable(); len(got) != 1 || got[0].Rel != "a.bin" {
		t.Errorf("bootable are %v", got)
	}
}
