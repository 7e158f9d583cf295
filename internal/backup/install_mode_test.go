package backup

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// TestInstallMode selects the system of devices in install mode: the
// provisioning file whatever its name, its packages, patches, and the image that
// they were installed from.
func TestInstallMode(t *testing.T) {
	const (
		conf = "cat3k_caa-universalk9.16.12.05.SPA.conf"
		base = "cat3k_caa-universalk9.16.12.05.SPA.bin"
		smu  = "cat3k_caa-universalk9.16.12.05.CSCvk69552.SPA.smu.bin"
		apsp = "cat3k_caa-universalk9.16.12.05.CSCvk11111.SPA.apsp.bin"
		pkg  = "cat3k_caa-rpbase.16.12.05.SPA.pkg"
	)
	installed := func(state, name string) []ios.InstallLocation {
		return []ios.InstallLocation{{Location: "Switch 1", Packages: []ios.InstallPackage{
			{Type: "IMG", State: "C", FilenameVersion: "16.12.5.0.1"}, {Type: "SMU", State: state, FilenameVersion: name}}}}
	}
	facts := ios.Facts{OS: "iosxe", Image: "flash:" + conf, Mode: "install", Version: "16.12.05"}
	with := func(install []ios.InstallLocation) ios.Facts {
		f := facts
		f.Install = install
		return f
	}
	packages := map[string][]string{"flash:/" + conf: {pkg}}
	for name, c := range map[string]struct {
		facts    ios.Facts
		listings []ios.Listing
		packages map[string][]string
		want     []string
	}{
		"another name": {facts, []ios.Listing{dir("flash:/", conf, pkg, "packages.conf", "other.pkg")}, packages,
			[]string{"package flash:/" + pkg, "boot-pointer flash:/" + conf}},
		"the base image": {facts, []ios.Listing{dir("flash:/", conf, pkg, base, "cat3k_caa-universalk9.16.09.01.SPA.bin")}, packages,
			[]string{"image flash:/" + base, "package flash:/" + pkg, "boot-pointer flash:/" + conf}},
		"the base image by its packages": {ios.Facts{OS: "iosxe", Image: "flash:packages.conf", Mode: "install", Version: "03.06.06E"},
			[]ios.Listing{dir("flash:/", "packages.conf", pkg, base)}, map[string][]string{"flash:/packages.conf": {pkg}},
			[]string{"image flash:/" + base, "package flash:/" + pkg, "boot-pointer flash:/packages.conf"}},
		"a committed SMU": {with(installed("C", "flash:"+smu)), []ios.Listing{dir("flash:/", conf, pkg, smu, apsp)}, packages,
			[]string{"package flash:/" + pkg, "package flash:/" + smu, "boot-pointer flash:/" + conf}},
		"an activated SMU": {with(installed("U", "flash:"+smu)), []ios.Listing{dir("flash:/", conf, pkg, smu)}, packages,
			[]string{"package flash:/" + pkg, "package flash:/" + smu, "boot-pointer flash:/" + conf}},
		"an inactive SMU": {with(installed("I", "flash:"+smu)), []ios.Listing{dir("flash:/", conf, pkg, smu)}, packages,
			[]string{"package flash:/" + pkg, "boot-pointer flash:/" + conf}},
		"a SMU that is missing": {with(installed("C", "flash:"+smu)), []ios.Listing{dir("flash:/", conf, pkg)}, packages,
			[]string{"package flash:/" + pkg, "package flash:/" + smu + " source_missing", "boot-pointer flash:/" + conf}},
		"patches of a device that does not list them": {facts, []ios.Listing{dir("flash:/", conf, pkg, smu, apsp)}, packages,
			[]string{"package flash:/" + pkg, "package flash:/" + smu, "package flash:/" + apsp, "boot-pointer flash:/" + conf}},
		"a stack": {with(installed("C", "flash:"+smu)), []ios.Listing{dir("flash:/", conf, pkg, smu), dir("flash-2:/", conf, pkg, smu)},
			map[string][]string{"flash:/" + conf: {pkg}, "flash-2:/" + conf: {pkg}},
			[]string{"package flash:/" + pkg, "package flash:/" + smu, "package flash-2:/" + pkg, "package flash-2:/" + smu,
				"boot-pointer flash:/" + conf, "boot-pointer flash-2:/" + conf}},
		"a unit that starts from another file": {ios.Facts{OS: "iosxe", Image: "flash:packages.conf", Mode: "install", Starts: []ios.Start{{Unit: "switch 2", Path: "flash:" + conf}}},
			[]ios.Listing{dir("flash:/", "packages.conf", "a.pkg"), dir("flash-2:/", conf, "b.pkg")},
			map[string][]string{"flash:/packages.conf": {"a.pkg"}, "flash-2:/" + conf: {"b.pkg"}},
			[]string{"package flash:/a.pkg", "package flash-2:/b.pkg", "boot-pointer flash:/packages.conf", "boot-pointer flash-2:/" + conf}},
		"a name without an ending": {ios.Facts{OS: "iosxe", Image: "bootflash:golden"}, []ios.Listing{dir("bootflash:/", "golden", "a.pkg")},
			map[string][]string{"bootflash:/golden": {"a.pkg"}}, []string{"package bootflash:/a.pkg", "boot-pointer bootflash:/golden"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range Select(seen{facts: c.facts, listings: c.listings, packages: c.packages}, api.PolicyImage) {
				got = append(got, strings.TrimSpace(f.Kind+" "+f.Path+" "+string(f.Cause)))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestReadPackages decides by the content of a file, and reads no image.
func TestReadPackages(t *testing.T) {
	const text = "#! /usr/binos/bin/packages_conf.sh\nboot  rp 0 0   rp_boot  a.pkg\n"
	for name, c := range map[string]struct {
		facts ios.Facts
		size  int64
		text  string
		read  bool
		want  map[string][]string
		cause cause.Cause // of packages that are not known
	}{
		"packages.conf":            {ios.Facts{OS: "iosxe", Image: "flash:packages.conf"}, 7000, text, true, map[string][]string{"flash:/packages.conf": {"a.pkg"}}, ""},
		"another .conf":            {ios.Facts{OS: "iosxe", Image: "flash:x.SPA.conf"}, 7000, text, true, map[string][]string{"flash:/x.SPA.conf": {"a.pkg"}}, ""},
		"a large .conf":            {ios.Facts{OS: "iosxe", Image: "flash:golden.conf"}, 90_000, text, true, map[string][]string{"flash:/golden.conf": {"a.pkg"}}, ""},
		"the mode decides":         {ios.Facts{OS: "iosxe", Image: "flash:golden", Mode: "install"}, 90_000, text, true, map[string][]string{"flash:/golden": {"a.pkg"}}, ""},
		"the text decides":         {ios.Facts{OS: "iosxe", Image: "flash:golden", Mode: "bundle"}, 7000, text, true, map[string][]string{"flash:/golden": {"a.pkg"}}, ""},
		"a text of another":        {ios.Facts{OS: "iosxe", Image: "flash:golden", Mode: "bundle"}, 7000, "hello\n", true, map[string][]string{}, ""},
		"an image":                 {ios.Facts{OS: "iosxe", Image: "flash:x.bin", Mode: "bundle"}, 400_000_000, "", false, map[string][]string{}, ""},
		"an image in install mode": {ios.Facts{OS: "iosxe", Image: "flash:x.bin", Mode: "install"}, 400_000_000, "", false, map[string][]string{}, ""},
		"an empty .conf":           {ios.Facts{OS: "iosxe", Image: "flash:x.conf", Mode: "install"}, 20, "# nothing\n", true, map[string][]string{"flash:/x.conf": nil}, cause.ImageNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			l := dir("flash:/", flash.ParsePath(c.facts.Image).Rel)
			l.Entries[0].Size = c.size
			found := flash.Read(c.facts, []ios.Listing{l})
			image, _ := flash.Running(c.facts, found)
			read := false
			d := &fakeDevice{reading: func(string) (string, error) { read = true; return c.text, nil }}
			packages, missing, err := readPackages(t.Context(), d, c.facts, image, found)
			if err != nil || read != c.read {
				t.Errorf("read %t, %v", read, err)
			}
			if diff := cmp.Diff(c.want, packages); diff != "" {
				t.Error(diff)
			}
			if c.cause == "" && len(missing) > 0 || c.cause != "" && (len(missing) != 1 || missing[0].Cause != c.cause) {
				t.Errorf("missing %+v", missing)
			}
		})
	}
}

// TestPatchWarnings warns of patches that a restart undoes.
func TestPatchWarnings(t *testing.T) {
	f := ios.Facts{Install: []ios.InstallLocation{{Location: "Switch 1 2", Packages: []ios.InstallPackage{
		{Type: "IMG", State: "C", FilenameVersion: "17.9.4.0"}, {Type: "SMU", State: "U", FilenameVersion: "flash:a.smu.bin"},
		{Type: "SMU", State: "D", FilenameVersion: "flash:b.smu.bin"}, {Type: "SMU", State: "I", FilenameVersion: "flash:c.smu.bin"}}}}}
	want := []string{
		"SMU flash:a.smu.bin is activated and not committed: the device goes back to its committed software unless somebody types install commit",
		"SMU flash:b.smu.bin is deactivated and not committed: the device goes back to its committed software unless somebody types install commit",
	}
	if d := cmp.Diff(want, patchWarnings(f)); d != "" {
		t.Error(d)
	}
}

// TestPackagesChange: somebody installs software while the backup runs. The provisioning
// file that is saved decides which packages are needed, not the one that was shown.
func TestPackagesChange(t *testing.T) {
	const before, after = "boot rp 0 0 rp_boot a.17.09.04.pkg\n", "boot rp 0 0 rp_boot a.17.09.05.pkg\n"
	for name, c := range map[string]struct {
		saved, missing string
	}{
		"as shown":          {before, ""},
		"other packages":    {after, "flash:/a.17.09.05.pkg"},
		"no package at all": {strings.Repeat("#", len(before)), "flash:/*.pkg"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(_ int, d *fakeDevice) error {
				d.facts = ios.Facts{OS: "iosxe", Version: "17.09.04", Mode: "install", Image: "flash:packages.conf"}
				d.flash = map[string][]byte{"packages.conf": []byte(c.saved), "a.17.09.04.pkg": []byte("package")}
				d.reading = func(string) (string, error) { return before, nil }
				return nil
			})
			defer b.close()
			r := b.backup(Options{})
			if c.missing == "" {
				wantResult(t, r, api.StatusOK, "")
				return
			}
			wantResult(t, r, api.StatusIncomplete, cause.SourceMissing)
			if f := file(t, r, c.missing); !strings.Contains(f.Message, "changed while the backup ran") {
				t.Errorf("%+v", f)
			}
		})
	}
}

// TestEmptyImage: no device starts from a file without content, on no unit.
func TestEmptyImage(t *testing.T) {
	member := ios.Facts{OS: "ios", Version: "15.0(2)SE8", Mode: "bundle", Image: "flash:c2960.bin"}
	packages := ios.Facts{OS: "iosxe", Version: "17.09.04", Mode: "install", Image: "flash:packages.conf"}
	for name, c := range map[string]struct {
		facts ios.Facts
		flash map[string][]byte
		cause cause.Cause
		empty string
	}{
		"of the device": {member, map[string][]byte{"c2960.bin": nil, "flash2:c2960.bin": []byte("image")}, cause.ImageNotFound, "flash:/c2960.bin"},
		"of a member":   {member, map[string][]byte{"c2960.bin": []byte("image"), "flash2:c2960.bin": nil}, cause.ImageNotFound, "flash2:/c2960.bin"},
		"a package":     {packages, map[string][]byte{"packages.conf": []byte("boot rp 0 0 rp_boot a.pkg b.pkg\n"), "a.pkg": nil, "b.pkg": []byte("b")}, cause.SourceMissing, "flash:/a.pkg"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(_ int, d *fakeDevice) error {
				d.facts, d.flash = c.facts, c.flash
				return nil
			})
			defer b.close()
			r := b.backup(Options{})
			wantResult(t, r, api.StatusIncomplete, c.cause)
			if f := file(t, r, c.empty); !strings.Contains(f.Message, "empty") {
				t.Errorf("%+v", f)
			}
		})
	}
}
