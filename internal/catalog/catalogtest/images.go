package catalogtest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// testInspectedImages has images whose inspection some snapshots have, and older
// ones do not.
func testInspectedImages(t *testing.T, create New) {
	says := &api.Inspection{Format: "elf-zip", Version: "15.0(2)SE11", Verdict: api.ImageGood, Checks: []string{"zip-crc"}}
	inspected := File("flash:/x.bin", api.KindImage, "image")
	inspected.Image = says
	plain := File("flash:/x.bin", api.KindImage, "image")
	bad := File("flash:/y.bin", api.KindImage, "bad")
	bad.Image = &api.Inspection{Format: "elf-zip", Verdict: api.ImageBad, Failed: &api.InspectionFailure{Check: "zip-crc", At: 7, Expected: "1", Seen: "2"}}
	updated := Snapshot("sw2", 2, "flash:/x.bin", plain)
	updated.Facts.Version = "15.0(2)SE11"
	snapshots := []api.Snapshot{
		Snapshot("sw1", 0, "flash:/x.bin", plain), Snapshot("sw3", 1, "flash:/y.bin", bad), updated,
		Snapshot("sw1", 3, "flash:/x.bin", inspected), Snapshot("sw4", 4, "flash:/z.bin", File("flash:/z.bin", api.KindImage, "old")),
	}
	rebuilt := empty(t, create)
	if _, err := catalog.Rebuild(t.Context(), rebuilt, vaultOf(snapshots...), catalog.RebuildOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]catalog.Catalog{"indexed": indexAll(t, create, snapshots...), "rebuilt": rebuilt} {
		images, err := c.Images(t.Context())
		if err != nil || len(images) != 3 {
			t.Fatalf("%s: %+v, %v", name, images, err)
		}
		want := []api.Image{
			{Image: says, Disagreements: []string{"sw1 says that it runs 15.0(2)SE8, the file says that it is 15.0(2)SE11"}},
			{Image: bad.Image}, {},
		}
		for i, image := range images {
			if diff := cmp.Diff(want[i], api.Image{Image: image.Image, Disagreements: image.Disagreements}); diff != "" {
				t.Errorf("%s, %s: want(-) got(+):\n%s", name, image.Names, diff)
			}
		}
		for content, want := range map[string]*api.Inspection{"image": says, "old": nil, "nobody": nil} {
			if got, err := c.Inspected(t.Context(), sha(content)); err != nil || !cmp.Equal(got, want) {
				t.Errorf("%s: found in %s: %+v, %v", name, content, got, err)
			}
		}
	}
}

// testImageOfUnit: an image that only another unit of a device starts from belongs
// to the device. The version of the device is not that of the unit.
func testImageOfUnit(t *testing.T, create New) {
	other, lost := File("flash2:/old.bin", api.KindImage, "old"), missing("flash3:/gone.bin", api.KindImage, 9)
	other.Unit, lost.Unit = "switch 2", "switch 3"
	other.Image = &api.Inspection{Format: "elf-zip", Version: "12.2(55)SE", Verdict: api.ImageGood}
	c := indexAll(t, create, Snapshot("sw1", 0, "flash:/x.bin", File("flash:/x.bin", api.KindImage, "image"), other, lost))
	images, err := c.Images(t.Context())
	if err != nil || len(images) != 3 {
		t.Fatalf("%+v, %v", images, err)
	}
	for _, i := range images {
		if !cmp.Equal(i.Devices, []string{"sw1"}) || len(i.Disagreements) > 0 || i.Names[0] != "x.bin" && i.Version != "" {
			t.Errorf("%s: devices %q, version %q, %q", i.Names, i.Devices, i.Version, i.Disagreements)
		}
	}
}

// testImageOfOlderBackup: an image is not missing if an older backup of the same
// software has it. One with another size, or of another version, is missing.
func testImageOfOlderBackup(t *testing.T, create New) {
	kept := File("flash:/x.bin", api.KindImage, "image")
	lost := missing("flash:/x.bin", api.KindImage, kept.Size)
	same := Snapshot("sw1", 1, "flash:x.bin", lost)
	same.Status = api.StatusIncomplete
	grown := Snapshot("sw2", 3, "flash:/x.bin", missing("flash:/x.bin", api.KindImage, kept.Size+1))
	updated := Snapshot("sw3", 5, "flash:/x.bin", lost)
	updated.Facts.Version = "15.2(4)E10"
	older := Snapshot("sw1", 0, "flash:/x.bin", kept)
	c := indexAll(t, create, older, same,
		Snapshot("sw2", 2, "flash:/x.bin", kept), grown, Snapshot("sw3", 4, "flash:/x.bin", kept), updated)
	want := func(want ...string) {
		t.Helper()
		images, err := c.Images(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range images {
			got = append(got, fmt.Sprintf("%t %s", i.InVault, i.Devices))
		}
		if !cmp.Equal(got, want) {
			t.Errorf("%q; want %q", got, want)
		}
	}
	want("true [sw1]", "false [sw2]", "false [sw3]")
	// Without this older backup, sw1 has it no more.
	if err := c.Unindex(t.Context(), older.ID); err != nil {
		t.Fatal(err)
	}
	want("true []", "false [sw1 sw2]", "false [sw3]")
}

// testRememberedImage: an inspection is known before the snapshot is written.
func testRememberedImage(t *testing.T, create New) {
	c := empty(t, create)
	f := File("flash:/x.bin", api.KindImage, "image")
	for _, verdict := range []string{"", api.ImageUnknown, api.ImageGood, ""} {
		if f.Image = nil; verdict != "" {
			f.Image = &api.Inspection{Format: "elf", Verdict: verdict}
		}
		if err := c.Remember(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := c.Inspected(t.Context(), f.SHA256); err != nil || got == nil || got.Verdict != api.ImageGood {
		t.Errorf("%+v, %v", got, err)
	}
	// The MD5 is learnt later, by somebody who did not look into the file.
	late := File("flash:/late.bin", api.KindImage, "late")
	late.MD5, late.Image = "", &api.Inspection{Format: "elf", Verdict: api.ImageGood}
	if err := c.Remember(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	late.MD5, late.Image = weak("late"), nil
	if err := c.Remember(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Inspected(t.Context(), late.SHA256); err != nil || got == nil {
		t.Errorf("%+v, %v", got, err)
	}
	if _, known, err := c.Known(t.Context(), late.MD5, late.Size); err != nil || !known {
		t.Errorf("known %v, %v", known, err)
	}
}
