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

// dir makes a listing; names that end in / are directories.
func dir(p string, names ...string) ios.Listing {
	l := ios.Listing{FileSystem: flash.ParsePath(p).FS, Path: p}
	for _, n := range names {
		e := ios.Entry{Name: n, Size: 100, Type: ios.TypeFile}
		if n[len(n)-1] == '/' {
			e.Name, e.Type = n[:len(n)-1], ios.TypeDirectory
		}
		l.Entries = append(l.Entries, e)
	}
	return l
}

func TestSelect(t *testing.T) {
	running := "config " + api.RunningConfigPath
	for name, c := range map[string]struct {
		facts    ios.Facts
		listings []ios.Listing
		packages map[string][]string
		policy   api.Policy
		want     []string // kind and path, and the cause of a missing file
	}{
		"image beside its configuration": {
			ios.Facts{Image: "flash:c2960.bin"},
			[]ios.Listing{dir("flash:/", "c2960.bin", "old.bin", "config.text", "vlan.dat", "html/"), dir("flash:/html", "info", "a.htm"), dir("nvram:/", "startup-config", "private-config", "multiple-fs")},
			nil, api.PolicyRebuild,
			[]string{"image flash:/c2960.bin", "config flash:/config.text", "config nvram:startup-config", "vlan flash:/vlan.dat", running},
		},
		"image policy": {
			ios.Facts{Image: "flash:/c2960.bin"}, []ios.Listing{dir("flash:/", "c2960.bin", "config.text")}, nil, api.PolicyImage,
			[]string{"image flash:/c2960.bin"},
		},
		"all policy takes every file": {
			ios.Facts{Image: "flash:c2960.bin"}, []ios.Listing{dir("flash:/", "c2960.bin", "html/", "crashinfo"), dir("flash:/html", "a.htm")}, nil, api.PolicyAll,
			[]string{"image flash:/c2960.bin", "other flash:/crashinfo", "other flash:/html/a.htm", running},
		},
		"a patch is no image": {
			ios.Facts{Image: "flash:x.bin"}, []ios.Listing{dir("flash:/", "x.bin", "cat9k_iosxe.17.09.04a.CSCsim00001.SPA.smu.bin")}, nil, api.PolicyAll,
			[]string{"image flash:/x.bin", "package flash:/cat9k_iosxe.17.09.04a.CSCsim00001.SPA.smu.bin", running},
		},
		"a directory stands for the image inside": {
			ios.Facts{Image: "flash:/c3750-mz.150-2.SE8"},
			[]ios.Listing{dir("flash:/", "c3750-mz.150-2.SE8/"), dir("flash:/c3750-mz.150-2.SE8", "c3750-mz.150-2.SE8.bin", "info", "other.bin")}, nil, api.PolicyRebuild,
			[]string{"image flash:/c3750-mz.150-2.SE8/c3750-mz.150-2.SE8.bin", "other flash:/c3750-mz.150-2.SE8/info", running},
		},
		"a directory that ends in .bin": {
			ios.Facts{Image: "flash:/c2960.bin"}, []ios.Listing{dir("flash:/", "c2960.bin/"), dir("flash:/c2960.bin", "c2960-lanbase.bin")}, nil, api.PolicyImage,
			[]string{"image flash:/c2960.bin/c2960-lanbase.bin"},
		},
		"printed under another name of the file system": {
			ios.Facts{Image: "bootflash:packages.conf", Mode: "install"},
			[]ios.Listing{dir("flash:/", "packages.conf", "a.pkg", "b.pkg", "unused.pkg")}, map[string][]string{"flash:/packages.conf": {"a.pkg", "b.pkg"}}, api.PolicyImage,
			[]string{"package flash:/a.pkg", "package flash:/b.pkg", "boot-pointer flash:/packages.conf"},
		},
		"a package that is missing": {
			ios.Facts{Image: "flash:packages.conf", Mode: "install"},
			[]ios.Listing{dir("flash:/", "packages.conf", "a.pkg")}, map[string][]string{"flash:/packages.conf": {"a.pkg", "b.pkg"}}, api.PolicyImage,
			[]string{"package flash:/a.pkg", "package flash:/b.pkg source_missing", "boot-pointer flash:/packages.conf"},
		},
		"every stack member's copy, the running one first": {
			ios.Facts{Image: "flash2:/c3750.bin"},
			[]ios.Listing{dir("flash1:/", "c3750.bin", "vlan.dat"), dir("flash2:/", "c3750.bin")}, nil, api.PolicyRebuild,
			[]string{"image flash2:/c3750.bin", "image flash1:/c3750.bin", "vlan flash1:/vlan.dat", running},
		},
		"the same name on another disk": {
			ios.Facts{Image: "disk0:x.bin"}, []ios.Listing{dir("disk0:/", "y.bin"), dir("disk1:/", "x.bin")}, nil, api.PolicyImage,
			[]string{"image disk0:x.bin " + string(cause.ImageNotFound)},
		},
		"the same name on both disks": {
			ios.Facts{Image: "disk0:x.bin"}, []ios.Listing{dir("disk1:/", "x.bin"), dir("disk0:/", "x.bin")}, nil, api.PolicyImage,
			[]string{"image disk0:/x.bin"},
		},
		"the boot variable where show version names nothing here": {
			ios.Facts{Image: "tftp://192.0.2.9/x.bin", BootPath: "flash:gone.bin,12;flash:c1900.bin,12;"},
			[]ios.Listing{dir("flash0:/", "c1900.bin")}, nil, api.PolicyImage,
			[]string{"image flash0:/c1900.bin"},
		},
		"an image that is nowhere": {
			ios.Facts{Image: "flash:gone.bin"}, []ios.Listing{dir("flash:/", "config.text")}, nil, api.PolicyRebuild,
			[]string{"image flash:gone.bin " + string(cause.ImageNotFound), "config flash:/config.text", running},
		},
		"an image without an ending": {
			ios.Facts{Image: "disk0:s72033-adventerprisek9_wan-mz.122-18.SXF7"},
			[]ios.Listing{dir("disk0:/", "s72033-adventerprisek9_wan-mz.122-18.SXF7"), dir("const_nvram:/", "vlan.dat")}, nil, api.PolicyRebuild,
			[]string{"image disk0:/s72033-adventerprisek9_wan-mz.122-18.SXF7", "vlan const_nvram:vlan.dat", running},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range Select(seen{facts: c.facts, listings: c.listings, packages: c.packages}, c.policy) {
				line := f.Kind + " " + f.Path
				if f.Cause != "" {
					line += " " + string(f.Cause)
				}
				got = append(got, line)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestUnreadableRow has a listing with a line that cannot be read. It is a
// missing file, because a backup must not look complete.
func TestUnreadableRow(t *testing.T) {
	l := dir("flash:/", "x.bin")
	l.Unread = []string{`"3 -rw- odd config.text"`}
	for policy, want := range map[api.Policy]int{api.PolicyRebuild: 1, api.PolicyAll: 1, api.PolicyImage: 0} {
		n := 0
		for _, f := range Select(seen{facts: ios.Facts{Image: "flash:x.bin"}, listings: []ios.Listing{l}}, policy) {
			if f.Cause != "" {
				n++
				if f.Path != "flash:/" || f.Cause != cause.Internal || f.Hint == "" || !strings.Contains(f.Message, "odd config.text") {
					t.Errorf("%s: %+v", policy, f)
				}
			}
		}
		if n != want {
			t.Errorf("%s: %d missing, want %d", policy, n, want)
		}
	}
}

func TestDeletedEntriesAreNotSelected(t *testing.T) {
	l := dir("slot0:/", "x.bin")
	l.Entries[0].Deleted = true
	files := Select(seen{facts: ios.Facts{Image: "slot0:x.bin"}, listings: []ios.Listing{l}}, api.PolicyImage)
	if len(files) != 1 || files[0].Cause != cause.ImageNotFound || files[0].Kind != api.KindImage {
		t.Errorf("got %+v", files)
	}
}
