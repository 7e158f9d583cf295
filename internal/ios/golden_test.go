package ios

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

func golden(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestFacts reads whole devices, from the oldest switch to the newest.
func TestFacts(t *testing.T) {
	for _, test := range []struct {
		device string
		want   Facts
	}{
		{"c3500xl", Facts{
			Hostname: "closet-3", OS: "ios", Version: "12.0(5)WC10", Model: "WS-C3524-XL-EN", Serial: "FAB0438Q0VZ",
			Mode: "bundle", Image: "flash:c3500xl-c3h2s-mz.120-5.WC10.bin",
			BootPath:   "flash:c3500xl-c3h2s-mz.120-5.WC10.bin;flash:old/c3500xl-c3h2s-mz.120-5.WC7.bin",
			ConfigFile: "flash:config.text", ManualBoot: "no", Register: "0xF", Serials: []string{"FAB0438Q0VZ"},
		}},
		{"c3750", Facts{
			Hostname: "core-a", OS: "ios", Version: "15.0(2)SE8", Model: "WS-C3750G-24TS-E1U", Serial: "FOC1031Y2Q7",
			Mode:       "bundle",
			Image:      "flash:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin",
			BootPath:   "flash:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin",
			ConfigFile: "flash:/config.text", PrivateFile: "flash:/private-config.text", ManualBoot: "no", Register: "0xF",
			Serials: []string{"FOC1031Y2Q7", "FOC1031Y2S1"},
			Members: []Member{
				{Number: 1, Model: "WS-C3750G-24TS-1U", Version: "15.0(2)SE8", Image: "C3750-IPSERVICESK9-M", Active: true},
				{Number: 2, Model: "WS-C3750G-24TS-1U", Version: "15.0(2)SE8", Image: "C3750-IPSERVICESK9-M"},
			},
			Starts: []Start{{Unit: "switch 2", Path: "flash:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin", ManualBoot: "no"}},
		}},
		{"c9300", Facts{
			Hostname: "edge-9300", OS: "iosxe", Version: "17.09.04a", Model: "C9300-48P", Serial: "FCW2233A5ZV",
			Mode: "install", Image: "flash:packages.conf", BootPath: "flash:packages.conf;", ManualBoot: "no", Register: "0x102", Serials: []string{"FCW2233A5ZV"},
		}},
	} {
		version, err := ParseVersion(golden(t, test.device+"/show_version.txt"))
		if err != nil {
			t.Fatal(err)
		}
		boot, err := ParseBoot(golden(t, test.device+"/show_boot.txt"))
		if err != nil {
			t.Fatal(err)
		}
		if got := NewFacts(version, boot); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", test.device, got, test.want)
		}
	}
}

func TestVersionOfStack(t *testing.T) {
	v, err := ParseVersion(golden(t, "c3750/show_version.txt"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Member{
		{Number: 1, Model: "WS-C3750G-24TS-1U", Version: "15.0(2)SE8", Image: "C3750-IPSERVICESK9-M", Active: true},
		{Number: 2, Model: "WS-C3750G-24TS-1U", Version: "15.0(2)SE8", Image: "C3750-IPSERVICESK9-M"},
	}
	if !slices.Equal(v.Members, want) {
		t.Errorf("members %+v", v.Members)
	}
	if serials := []string{"FOC1031Y2Q7", "FOC1031Y2S1"}; !slices.Equal(v.Serials(), serials) {
		t.Errorf("serials %v, want %v", v.Serials(), serials)
	}
}

func TestBootOfClassicSwitches(t *testing.T) {
	boot, err := ParseBoot(golden(t, "c3500xl/show_boot.txt"))
	if err != nil {
		t.Fatal(err)
	}
	files := []string{"flash:c3500xl-c3h2s-mz.120-5.WC10.bin", "flash:old/c3500xl-c3h2s-mz.120-5.WC7.bin"}
	if len(boot.Units) != 1 || !slices.Equal(boot.Units[0].Files, files) {
		t.Errorf("units %+v", boot.Units)
	}
	if m := boot.Units[0].ManualBoot; m == nil || *m {
		t.Error("manual boot is not read as no")
	}
	stack, err := ParseBoot(golden(t, "c3750/show_boot.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if len(stack.Units) != 2 || stack.Units[0].Unit != "active" || stack.Units[1].Unit != "switch 2" {
		t.Errorf("units %+v", stack.Units)
	}
	if stack.Units[1].PrivateConfigFile != "flash:/private-config.text" {
		t.Errorf("private config of switch 2: %q", stack.Units[1].PrivateConfigFile)
	}
}

func TestDirOfSwitches(t *testing.T) {
	for _, test := range []struct {
		file, command string
		want          []Listing
	}{
		{"c3500xl/dir_flash.txt", "dir flash:", []Listing{{
			FileSystem: "flash:", Path: "flash:/", Total: 3612672, Free: 1224704, Used: -1,
			Entries: []Entry{
				{2, "c3500xl-c3h2s-mz.120-5.WC10.bin", 1809168, TypeFile, "-rwx", "Sep 24 2004 12:29:37", false},
				{3, "env_vars", 319, TypeFile, "-rwx", "Sep 24 2004 12:28:25", false},
				{4, "html", 704, TypeDirectory, "drwx", "Sep 24 2004 12:30:17", false},
				{5, "info", 109, TypeFile, "-rwx", "Sep 24 2004 12:30:18", false},
				{18, "config.text", 6547, TypeFile, "-rwx", "Feb 12 2019 16:47:22", false},
				{113, "vlan.dat", 2212, TypeFile, "-rwx", "Dec 13 2019 12:31:05", false},
				{16, "info.ver", 109, TypeFile, "-rwx", "Sep 24 2004 12:30:18", false},
			},
		}}},
		{"c3750/dir_recursive.txt", "dir /all /recursive flash:", []Listing{
			{
				FileSystem: "flash:", Path: "flash:/", Total: -1, Free: -1, Used: -1,
				Entries: []Entry{
					{2, "multiple-fs", 1048, TypeFile, "-rwx", "Mar 1 1993 00:01:38 +00:00", false},
					{3, "c3750-ipservicesk9-mz.150-2.SE8", 192, TypeDirectory, "drwx", "Mar 1 1993 00:09:35 +00:00", false},
					{465, "config.text", 9124, TypeFile, "-rwx", "Oct 12 2022 08:00:51 +00:00", false},
					{466, "private-config.text", 1916, TypeFile, "-rwx", "Oct 12 2022 08:00:51 +00:00", false},
					{467, "vlan.dat", 916, TypeFile, "-rwx", "Mar 1 1993 00:07:13 +00:00", false},
				},
			},
			{
				FileSystem: "flash:", Path: "flash:/c3750-ipservicesk9-mz.150-2.SE8", Total: -1, Free: -1, Used: -1,
				Entries: []Entry{
					{4, "html", 4160, TypeDirectory, "drwx", "Mar 1 1993 00:03:55 +00:00", false},
					{463, "c3750-ipservicesk9-mz.150-2.SE8.bin", 18286080, TypeFile, "-rwx", "Mar 1 1993 00:09:35 +00:00", false},
					{464, "info", 522, TypeFile, "-rwx", "Mar 1 1993 00:09:35 +00:00", false},
				},
			},
			{
				FileSystem: "flash:", Path: "flash:/c3750-ipservicesk9-mz.150-2.SE8/html", Total: -1, Free: -1, Used: -1,
				Entries: []Entry{
					{5, "redirect.htm", 1018, TypeFile, "-rwx", "Mar 1 1993 00:03:55 +00:00", false},
					{6, `"start page".shtml`, 6143, TypeFile, "-rwx", "Mar 1 1993 00:03:56 +00:00", false},
				},
			},
			{FileSystem: "flash:", Path: "flash:/empty", Total: 32514048, Free: 11628544, Used: -1},
		}},
	} {
		got, err := ParseDir(test.command, golden(t, test.file))
		if err != nil {
			t.Errorf("%s: %v", test.file, err)
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", test.file, got, test.want)
		}
	}
}

// TestInstallMode finds every package of packages.conf in the listing.
func TestInstallMode(t *testing.T) {
	packages, err := ParsePackages(golden(t, "c9300/packages.conf"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"cat9k-rpboot.17.09.04a.SPA.pkg", "cat9k-rpbase.17.09.04a.SPA.pkg",
		"cat9k-espbase.17.09.04a.SPA.pkg", "cat9k-cc_srdriver.17.09.04a.SPA.pkg",
	}
	if !slices.Equal(packages, want) {
		t.Errorf("packages %v, want %v", packages, want)
	}
	listings, err := ParseDir("dir flash:", golden(t, "c9300/dir_flash.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if len(listings) != 1 || listings[0].Free != 9106432000 {
		t.Fatalf("listings %+v", listings)
	}
	for _, name := range packages {
		found := slices.ContainsFunc(listings[0].Entries, func(e Entry) bool {
			return listings[0].FilePath(e) == "flash:/"+name && e.Type == TypeFile && e.Size > 0
		})
		if !found {
			t.Errorf("%s is not in the listing", name)
		}
	}
	if left := listings[0].Entries[6]; left.Index != 20 || left.Name != "vlan.dat" {
		t.Errorf("the entry with an index at the left is %+v", left)
	}
	if _, err := ParsePackages("# only.pkg a comment.pkg\n"); err == nil {
		t.Error("a packages.conf without packages is no error")
	}
}
