package backup

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// TestUnits reads stacks and pairs of supervisors: the files taken of each
// unit, and the notes about it.
func TestUnits(t *testing.T) {
	stack := func(versions ...string) (members []ios.Member) {
		for i, v := range versions {
			members = append(members, ios.Member{Number: i + 1, Version: v, Image: "C3750-M", Active: i == 0})
		}
		return members
	}
	for name, c := range map[string]struct {
		facts    ios.Facts
		listings []ios.Listing
		packages map[string][]string
		want     []string // kind and path
		notes    []string
	}{
		"a stack with one image": {
			facts: ios.Facts{Image: "flash:/a.bin", Members: stack("15.0", "15.0"), Starts: []ios.Start{{Unit: "switch 2", Path: "flash:/a.bin"}},
				Stack: []ios.StackSwitch{{Number: 1, State: "Ready"}, {Number: 2, State: "Ready"}, {Number: 3, State: "Provisioned"}}},
			listings: []ios.Listing{dir("flash:/", "a.bin"), dir("flash2:/", "a.bin")},
			want:     []string{"image flash:/a.bin", "image flash2:/a.bin"},
		},
		"a member without the image": {
			facts:    ios.Facts{Image: "flash:/a.bin"},
			listings: []ios.Listing{dir("flash:/", "a.bin"), dir("flash-2:/", "config.text")},
			want:     []string{"image flash:/a.bin"},
			notes:    []string{"switch 2 does not have the running image a.bin in flash-2:; on the device: `copy flash:/a.bin flash-2:/a.bin`"},
		},
		"a member that runs and boots another image": {
			facts: ios.Facts{Image: "flash:/a.bin", Members: stack("15.0", "12.2"), Starts: []ios.Start{{Unit: "switch 2", Path: "flash:/old.bin"}},
				Stack: []ios.StackSwitch{{Number: 2, State: "V-Mismatch"}}},
			listings: []ios.Listing{dir("flash:/", "a.bin"), dir("flash2:/", "a.bin", "old.bin")},
			want:     []string{"image flash:/a.bin", "image flash2:/a.bin", "image flash2:/old.bin of switch 2"},
			notes: []string{"switch 2 is in the state \"V-Mismatch\"; on the device: `show switch detail`",
				"switch 2 will boot \"flash:/old.bin\", which is not the running image; on the device, in configuration mode: `boot system switch 2 flash:/a.bin`",
				"switch 2 runs 12.2 C3750-M, the active switch 1 runs 15.0 C3750-M; when it is set to boot the same image, on the device: `reload slot 2`"},
		},
		"a member whose BOOT names a missing file": {
			facts:    ios.Facts{Image: "flash:/a.bin", Starts: []ios.Start{{Unit: "switch 2", Path: "flash:/gone.bin"}}},
			listings: []ios.Listing{dir("flash:/", "a.bin"), dir("flash2:/", "a.bin")},
			want:     []string{"image flash:/a.bin", "image flash2:/a.bin"},
			notes:    []string{"switch 2 will boot \"flash:/gone.bin\", which is not the running image; on the device, in configuration mode: `boot system switch 2 flash:/a.bin`"},
		},
		"the second member is the active one": {
			facts:    ios.Facts{Image: "flash2:/a.bin"},
			listings: []ios.Listing{dir("flash:/", "b.bin"), dir("flash2:/", "a.bin")},
			want:     []string{"image flash2:/a.bin"},
			notes:    []string{"flash: does not have the running image a.bin in flash:; on the device: `copy flash2:/a.bin flash:/a.bin`"},
		},
		"two supervisors": {
			facts:    ios.Facts{Image: "sup-bootdisk:x", Starts: []ios.Start{{Unit: "standby", Path: "sup-bootdisk:x,12;"}}},
			listings: []ios.Listing{dir("sup-bootdisk:/", "x"), dir("slavesup-bootdisk:/", "x"), dir("slavedisk0:/", "y")},
			want:     []string{"image sup-bootdisk:/x", "image slavesup-bootdisk:/x"},
		},
		"the slots of a router are no members": {
			facts:    ios.Facts{Image: "flash0:x.bin"},
			listings: []ios.Listing{dir("flash0:/", "x.bin"), dir("flash1:/", "y.bin"), dir("usbflash0:/", "x.bin")},
			want:     []string{"image flash0:/x.bin"},
		},
		"install mode, each member with its own packages": {
			facts:    ios.Facts{Image: "flash:packages.conf", Mode: "install"},
			listings: []ios.Listing{dir("flash:/", "packages.conf", "a.pkg"), dir("flash-2:/", "packages.conf", "a.pkg", "b.pkg")},
			packages: map[string][]string{"flash:/packages.conf": {"a.pkg"}, "flash-2:/packages.conf": {"b.pkg", "c.pkg"}},
			want: []string{"package flash:/a.pkg", "package flash-2:/b.pkg", "package flash-2:/c.pkg source_missing",
				"boot-pointer flash:/packages.conf", "boot-pointer flash-2:/packages.conf"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range Select(seen{facts: c.facts, listings: c.listings, packages: c.packages}, api.PolicyImage) {
				text := strings.TrimSpace(f.Kind + " " + f.Path + " " + string(f.Cause))
				if f.Unit != "" {
					text += " of " + f.Unit
				}
				got = append(got, text)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			found := flash.Read(c.facts, c.listings)
			image, how := flash.Running(c.facts, found)
			if how != flash.Runs {
				t.Fatalf("running image %+v, %d", image, how)
			}
			if d := cmp.Diff(c.notes, unitWarnings(c.facts, image, found)); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestUnitsWithOtherContent compares proved files: a file of the same name
// may be another one.
func TestUnitsWithOtherContent(t *testing.T) {
	f := func(p, md5 string, size int64) api.File {
		return api.File{Path: p, Kind: api.KindImage, MD5: md5, Size: size}
	}
	for name, c := range map[string]struct {
		here  string
		files []api.File
		want  string // the one note; empty: none
	}{
		"the same":            {"flash:", []api.File{f("flash:/a", "1", 9), f("flash2:/a", "1", 9)}, ""},
		"another digest":      {"flash:", []api.File{f("flash:/a", "1", 9), f("flash2:/a", "2", 9)}, "switch 2 holds another file: flash2:/a has MD5 2, flash:/a has 1"},
		"another size":        {"flash-2:", []api.File{f("flash-2:/a", "1", 9), f("flash-1:/a", "2", 8)}, "switch 1 holds another file: flash-1:/a has 8 bytes, flash-2:/a has 9"},
		"no digest":           {"flash:", []api.File{f("flash:/a", "1", 9), f("flash2:/a", "", 9)}, ""},
		"another file":        {"flash:", []api.File{f("flash:/a", "1", 9), f("flash2:/b", "2", 8)}, ""},
		"another file system": {"flash:", []api.File{f("flash:/a", "1", 9), f("stby-bootflash:/a", "2", 8)}, ""},
		"a configuration":     {"flash:", []api.File{{Path: "flash:/c", Kind: api.KindConfig, Size: 1}, {Path: "flash2:/c", Kind: api.KindConfig, Size: 2}}, ""},
	} {
		s := sight{image: flash.File{Path: flash.Path{FS: c.here, Rel: "a"}}}
		if got := strings.Join(unitDifferences(c.files, s), "; "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestImagesInOddPlaces finds the running image, or says what to do.
func TestImagesInOddPlaces(t *testing.T) {
	absolute := ios.Listing{FileSystem: "bootflash:", Path: "bootflash:/", Entries: []ios.Entry{
		{Name: "/bootflash/"}, {Name: "/bootflash/core", Size: 4096}, {Name: "/bootflash/core/x", Size: 1}, {Name: "/bootflash/isr.bin", Size: 9},
	}}
	for name, c := range map[string]struct {
		facts   ios.Facts
		listing ios.Listing
		want    string // empty: not found
		runs    bool
		says    []string // of the message and the hint when it is not found
	}{
		"absolute in the listing":      {ios.Facts{Image: "bootflash:/isr.bin"}, absolute, "bootflash:/isr.bin", true, nil},
		"absolute in show version":     {ios.Facts{Image: "/bootflash/isr.bin"}, absolute, "bootflash:/isr.bin", true, nil},
		"absolute directory":           {ios.Facts{Image: "bootflash:core"}, absolute, "", false, []string{`"bootflash:core" is in no listing`, "BOOT names nothing", "there are bootflash:/isr.bin", "dir all-filesystems"}},
		"booted over the network":      {ios.Facts{Image: "tftp://192.0.2.9/a.bin", BootPath: "flash:gone,12;flash:/b.bin,12;"}, dir("flash:/", "b.bin"), "flash:/b.bin", false, nil},
		"booted over the network only": {ios.Facts{Image: "tftp://192.0.2.9/a.bin", BootPath: "flash:gone"}, dir("flash:/", "config.text"), "", false, []string{"started over the network", `nor is the image that BOOT names, "flash:gone"`, "copy tftp: flash:"}},
		"removed since the start":      {ios.Facts{Image: "flash:a.bin"}, dir("flash:/", "c2600-i-mz.122-12e", "html/"), "", false, []string{`"flash:a.bin" is in no listing`, "there are flash:/c2600-i-mz.122-12e", "may not start again"}},
		"doubled slashes":              {ios.Facts{Image: "flash://a.bin"}, dir("flash:/", "a.bin"), "flash:/a.bin", true, nil},
	} {
		found := flash.Read(c.facts, []ios.Listing{c.listing})
		image, how := flash.Running(c.facts, found)
		if (how == flash.NotFound) != (c.want == "") || (how == flash.Runs) != c.runs || image.Found() && image.String() != c.want {
			t.Errorf("%s: %s, how %d", name, image, how)
		}
		err := whyNoImage(c.facts, found)
		message, hint := err.Error(), cause.Hint(err)
		for _, part := range c.says {
			if !strings.Contains(message+hint, part) {
				t.Errorf("%s: no %q in\n%s\n%s", name, part, message, hint)
			}
		}
	}
}

// TestNotesOfUnits backs a stack up whose second member has another image
// under the same name: result and snapshot say so, and both images are kept.
func TestNotesOfUnits(t *testing.T) {
	b := newBench(t, func(_ int, d *fakeDevice) error {
		d.flash["flash2:c2960.bin"] = slices.Repeat([]byte("IMAGE"), 4000)
		return nil
	})
	defer b.close()
	r := b.backup(Options{})
	wantResult(t, r, api.StatusOK, "")
	if len(r.Notes) != 1 || !strings.HasPrefix(r.Notes[0], "switch 2 holds another file: flash2:/c2960.bin has MD5 ") {
		t.Errorf("notes %q", r.Notes)
	}
	s, err := b.Vault.Snapshot(t.Context(), r.Snapshot)
	must(t, err)
	if !slices.Equal(s.Notes, r.Notes) || file(t, r, "flash2:/c2960.bin").SHA256 == file(t, r, "flash:/c2960.bin").SHA256 {
		t.Errorf("snapshot %+v", s)
	}
	b.wantClean()
}

// TestUnreadablePointerOfAMember still saves the packages of the others.
func TestUnreadablePointerOfAMember(t *testing.T) {
	b := newBench(t, func(_ int, d *fakeDevice) error {
		d.facts = ios.Facts{Hostname: "sw1", OS: "iosxe", Mode: "install", Image: "flash:packages.conf"}
		d.flash = map[string][]byte{"packages.conf": []byte("iso a.pkg\n"), "a.pkg": []byte("a"), "flash2:packages.conf": []byte("iso a.pkg\n"), "flash2:a.pkg": []byte("a")}
		d.reading = func(p string) (string, error) {
			if strings.HasPrefix(p, "flash2:") {
				return "", cause.New(cause.SourceMissing, "%Error opening flash2:", nil)
			}
			return "iso a.pkg\n", nil
		}
		return nil
	})
	defer b.close()
	r := b.Backup(b.t.Context(), api.Device{Name: "sw1"}, Options{Policy: api.PolicyImage})
	wantResult(t, r, api.StatusIncomplete, cause.SourceMissing)
	if file(t, r, "flash:/a.pkg").SHA256 == "" || file(t, r, "flash2:/*.pkg").Cause == "" || file(t, r, "flash2:/packages.conf").SHA256 == "" {
		t.Errorf("files %+v", r.Files)
	}
}
