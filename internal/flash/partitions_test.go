package flash

import (
	"testing"

	"flashwarden/internal/ios"
)

// TestPartitions keeps the partitions of a flash apart, and finds an image whose
// path names no partition.
func TestPartitions(t *testing.T) {
	listings := []ios.Listing{
		{FileSystem: "flash:1:", Path: "flash:1:", Free: 100, Entries: []ios.Entry{{Name: "igs-i-l.110-9", Size: 3000}, {Name: "same", Size: 1}}},
		{FileSystem: "flash:2:", Path: "flash:2:", Free: 200, Entries: []ios.Entry{{Name: "c2500-i-l.112-9", Size: 4000}, {Name: "same", Size: 2}}},
	}
	for image, want := range map[string]string{
		"flash:c2500-i-l.112-9": "flash:2:c2500-i-l.112-9", "flash:1:igs-i-l.110-9": "flash:1:igs-i-l.110-9", "igs-i-l.110-9": "flash:1:igs-i-l.110-9",
		"flash:gone": "", "flash:same": "", // nobody knows which one
	} {
		f := ios.Facts{Image: image}
		c := Read(f, listings)
		got, how := Running(f, c)
		if got.String() != want || (how == Runs) != (want != "") {
			t.Errorf("%s: %q, %d", image, got, how)
		}
	}
	c := Read(ios.Facts{}, listings)
	if c.SameSystem("flash:1:", "flash:2:") || c.Free("flash:2:") != 200 || len(c.Files("flash:1:")) != 2 {
		t.Errorf("%+v", c)
	}
	if p := ParsePath("flash:2:d/x"); p.FS != "flash:2:" || p.Rel != "d/x" || p.String() != "flash:2:d/x" {
		t.Errorf("%+v", p)
	}
}
