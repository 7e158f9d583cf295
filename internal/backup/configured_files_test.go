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

// TestConfiguredFiles selects the files that a configuration names, and reports
// the others.
func TestConfiguredFiles(t *testing.T) {
	listings := []ios.Listing{
		dir("flash:/", "a.bin", "old.bin", "login.htm", "site.text", "site.dat", "vlan.dat", "leases.db", "html/", "policies/", "dir.bin/", "key.lic", "phone.sbn"),
		dir("flash:/policies", "watch.tcl"), dir("flash:/html", "home.htm", "c2960.bin", "js/"), dir("flash:/html/js", "bar.js"), dir("flash:/dir.bin", "dir.bin"),
		dir("nvram:/", "startup-config", "private-config", "IOS-Self-Sig#1.cer"),
	}
	tests := map[string]struct {
		lines string
		want  []string // files beside those of an empty configuration
		notes string
	}{
		"nothing":            {"!", nil, ""},
		"pages":              {"ip admission proxy http login page file flash:login.htm", []string{"other flash:/login.htm"}, ""},
		"startup-config":     {"boot config flash:/site.text", []string{"other flash:/site.text"}, ""},
		"VLANs":              {"vtp file site.dat", []string{"vlan flash:/site.dat"}, ""},
		"policy":             {"event manager directory user policy flash:/policies\nevent manager policy watch.tcl", []string{"other flash:/policies/watch.tcl"}, ""},
		"tftp-server":        {"tftp-server flash:phone.sbn", []string{"other flash:/phone.sbn"}, ""},
		"one twice":          {"tftp-server flash:phone.sbn\ntftp-server flash:/phone.sbn 10", []string{"other flash:/phone.sbn"}, ""},
		"image":              {"boot system flash:/a.bin\nboot system flash:/old.bin", nil, "flash:/old.bin (another image)"},
		"image in directory": {"boot system flash:/dir.bin", nil, "flash:/dir.bin (another image)"},
		"directory":          {"ip http path flash:/html", []string{"other flash:/html/home.htm", "other flash:/html/js/bar.js"}, ""},
		"library":            {"event manager directory user library flash:/policies/", []string{"other flash:/policies/watch.tcl"}, ""},
		"file system":        {"ip http path flash:", nil, ""},
		"gone":               {"tftp-server flash:gone", nil, "flash:gone (not on the device)"},
		"bindings":           {"ip dhcp database flash:/leases.db", nil, "flash:/leases.db (changes all the time)"},
		"no bindings yet":    {"ip dhcp database flash:/new.db", nil, ""},
		"server":             {"ip dhcp database tftp://192.0.2.9/x", nil, ""},
		"no path":            {"ipv6 address 2001:DB8::1/64", nil, ""},
		"certificates":       {"crypto pki certificate chain A\n certificate ca 01 nvram:IOS-Self-Sig#1.cer", nil, "the private keys of the certificates cannot be copied"},
		"quiet":              {"file prompt quiet", nil, "`file prompt quiet`"},
	}
	d := seen{facts: ios.Facts{Image: "flash:a.bin"}, listings: listings}
	plain := Select(d, api.PolicyRebuild)
	found := flash.Read(d.facts, listings)
	for _, always := range []string{"nvram:IOS-Self-Sig#1.cer", "flash:/key.lic"} {
		if !slices.ContainsFunc(plain, func(f api.File) bool { return f.Path == always }) {
			t.Errorf("%s is not selected", always)
		}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d.config = "!\nversion 15.0\nhostname sw1\n" + test.lines + "\nend\n"
			files := Select(d, api.PolicyRebuild)
			var got []string
			for _, f := range files {
				if !slices.ContainsFunc(plain, func(p api.File) bool { return p.Path == f.Path }) {
					got = append(got, f.Kind+" "+f.Path)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			notes := configNotes(d.config, files, found)
			if (test.notes == "") != (len(notes) == 0) || !strings.Contains(strings.Join(notes, "\n"), test.notes) {
				t.Errorf("notes %q, want %q", notes, test.notes)
			}
		})
	}
	for _, policy := range []api.Policy{api.PolicyImage, api.PolicyAll} {
		d.config = "boot system flash:/old.bin\n"
		if notes := configNotes(d.config, Select(d, policy), found); (len(notes) == 0) != (policy == api.PolicyAll) {
			t.Errorf("%s: notes %q", policy, notes)
		}
	}
}

// TestConfigIsReadOnce backs up a device whose configuration names a file.
func TestConfigIsReadOnce(t *testing.T) {
	reads := 0
	b := newBench(t, func(_ int, d *fakeDevice) error {
		d.flash["login.htm"] = []byte("<html>")
		d.config = func() (string, error) {
			reads++
			return "hostname sw1\nip admission proxy http login page file flash:login.htm\nfile prompt quiet\nend\n", nil
		}
		return nil
	})
	defer b.close()
	r := b.backup(Options{Policy: api.PolicyRebuild})
	wantResult(t, r, api.StatusOK, "")
	if f := file(t, r, "flash:/login.htm"); f.SHA256 == "" || reads != 1 || len(r.Notes) != 1 {
		t.Errorf("%+v, %d reads, notes %q", f, reads, r.Notes)
	}
	if r = b.backup(Options{Policy: api.PolicyImage}); r.Status != api.StatusOK || reads != 1 {
		t.Errorf("the policy image read the configuration: %s, %d reads", r.Status, reads)
	}
	b.wantClean()
}

// TestConfigIsLost has a session that ends while the configuration is read. The
// image is saved in a new one.
func TestConfigIsLost(t *testing.T) {
	b := newBench(t, func(n int, d *fakeDevice) error {
		d.config = func() (string, error) {
			if n == 0 {
				return "", errLost
			}
			return "", cause.New(cause.NotPermittedOnDevice, "level 7", nil)
		}
		return nil
	})
	defer b.close()
	r := b.backup(Options{Policy: api.PolicyRebuild})
	wantResult(t, r, api.StatusIncomplete, cause.NotPermittedOnDevice)
	if f := file(t, r, "flash:/c2960.bin"); f.SHA256 == "" || r.Attempts != 1 || len(b.devices) != 2 {
		t.Errorf("%+v after %d attempts and %d sessions", f, r.Attempts, len(b.devices))
	}
}

func TestPlaceOfTheImage(t *testing.T) {
	table := []ios.FileSystem{{Default: true, Type: "disk", Prefixes: []string{"disk0:"}}, {Type: "disk", Prefixes: []string{"disk1:"}}}
	listings := []ios.Listing{dir("disk0:/", "x.bin"), dir("disk1:/", "y.bin")}
	for i := range listings {
		listings[i].Table = table
	}
	for image, want := range map[string]string{"disk0:x.bin": "", "disk1:y.bin": "the running image is on disk1:, not on disk0:, the default file system"} {
		found := flash.Read(ios.Facts{Image: image}, listings)
		f, _ := found.Image(flash.ParsePath(image))
		if got := strings.Join(placeNotes(f, true, found), ""); got != want {
			t.Errorf("%s: %q", image, got)
		}
	}
}

// TestNamedSystems finds the file systems that are not listed, and on which the
// configuration or BOOT names a file; the others are noted if they have files.
func TestNamedSystems(t *testing.T) {
	table := []ios.FileSystem{
		{Default: true, Type: "disk", Prefixes: []string{"flash:"}, Size: 100, Free: 10}, {Type: "disk", Prefixes: []string{"crashinfo:"}, Size: 100, Free: 10},
		{Type: "usbflash", Prefixes: []string{"usbflash0:"}, Size: 100, Free: 10}, {Type: "disk", Prefixes: []string{"usbflash1:"}, Size: 100, Free: 100},
		{Type: "usbflash", Prefixes: []string{"usb1:"}, Size: -1, Free: -1}, {Type: "network", Prefixes: []string{"tftp:"}}, {Type: "opaque", Prefixes: []string{"system:"}},
	}
	listings := []ios.Listing{dir("flash:/", "a.bin")}
	listings[0].Table = table
	const config = "tftp-server usbflash0:phone.sbn\nboot system tftp://192.0.2.9/x\nip http path usb1:\nlogging file system:x\n"
	f := ios.Facts{Image: "flash:a.bin", BootPath: "flash:a.bin;usbflash1:b.bin", Starts: []ios.Start{{Unit: "standby", Path: "crashinfo:c.bin"}}}
	found := flash.Read(f, listings)
	if got, want := namedSystems(f, config, table, found.Systems), []string{"usbflash1:", "crashinfo:", "usbflash0:"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := unlistedNotes(table, found); len(got) != 1 || !strings.Contains(got[0], "usbflash0: (90 bytes in use)") || strings.Contains(got[0], "crashinfo") || strings.Contains(got[0], "usb1") {
		t.Errorf("%q", got)
	}
	listings = append(listings, dir("usbflash0:/", "phone.sbn"))
	if got := unlistedNotes(table, flash.Read(f, listings)); len(got) != 0 {
		t.Errorf("after it was listed: %q", got)
	}
}
