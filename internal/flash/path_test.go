package flash

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestPath(t *testing.T) {
	for text, want := range map[string]struct {
		path    Path
		printed string
	}{
		"flash:x.bin":              {Path{"flash:", "x.bin"}, "flash:/x.bin"},
		"flash:/x.bin":             {Path{"flash:", "x.bin"}, "flash:/x.bin"},
		"flash://d//x.bin":         {Path{"flash:", "d/x.bin"}, "flash:/d/x.bin"},
		"flash:/d/./x.bin":         {Path{"flash:", "d/x.bin"}, "flash:/d/x.bin"},
		"flash:/d/../x.bin":        {Path{"flash:", "x.bin"}, "flash:/x.bin"},
		"flash:/../x.bin":          {Path{"flash:", "x.bin"}, "flash:/x.bin"},
		"flash:/d/":                {Path{"flash:", "d"}, "flash:/d"},
		"flash:":                   {Path{"flash:", ""}, "flash:/"},
		"/bootflash/x.bin":         {Path{"bootflash:", "x.bin"}, "bootflash:/x.bin"},
		"/vol/usb0/a/b":            {Path{"usb0:", "a/b"}, "usb0:/a/b"},
		"nvram:/startup-config":    {Path{"nvram:", "startup-config"}, "nvram:startup-config"},
		"const_nvram:vlan.dat":     {Path{"const_nvram:", "vlan.dat"}, "const_nvram:vlan.dat"},
		"stby-nvram:/x":            {Path{"stby-nvram:", "x"}, "stby-nvram:x"},
		"system:running-config":    {Path{"system:", "running-config"}, "system:running-config"},
		"tftp://192.0.2.9//a/x":    {Path{"tftp:", "//192.0.2.9//a/x"}, "tftp://192.0.2.9//a/x"},
		"tftp:/a/x 192.0.2.9":      {Path{"tftp:", "/a/x 192.0.2.9"}, "tftp:/a/x 192.0.2.9"},
		"HTTPS://h/x":              {Path{"HTTPS:", "//h/x"}, "HTTPS://h/x"},
		"x.bin":                    {Path{"", "x.bin"}, "x.bin"},
		"/x.bin":                   {Path{"", "x.bin"}, "x.bin"},
		"":                         {Path{}, ""},
		"flash:/a b":               {Path{"flash:", "a b"}, "flash:/a b"},
		"disk0:/x:y":               {Path{"disk0:", "x:y"}, "disk0:/x:y"},
		"usbflash0:/x/y/../../z":   {Path{"usbflash0:", "z"}, "usbflash0:/z"},
		"sup-bootdisk:s72033-mz.1": {Path{"sup-bootdisk:", "s72033-mz.1"}, "sup-bootdisk:/s72033-mz.1"},
	} {
		got := ParsePath(text)
		if got != want.path || got.String() != want.printed {
			t.Errorf("%q: %#v, printed %q", text, got, got)
		}
	}
}

func TestPartsOfPaths(t *testing.T) {
	p := ParsePath("flash:/d/e/x.bin")
	if p.Base() != "x.bin" || p.Dir() != (Path{"flash:", "d/e"}) || p.Dir().Dir().Dir() != (Path{"flash:", ""}) {
		t.Errorf("%s: %q in %v", p, p.Base(), p.Dir())
	}
	if root := (Path{FS: "flash:"}); root.Base() != "" || root.Dir() != root || root.Join("d") != (Path{"flash:", "d"}) {
		t.Errorf("root: %q in %v", root.Base(), root.Dir())
	}
	if got := p.Dir().Join("/y").On("flash2:"); got != (Path{"flash2:", "d/e/y"}) {
		t.Errorf("%v", got)
	}
}

// TestWhereImagesLie separates flash from the rest.
func TestWhereImagesLie(t *testing.T) {
	for fs, want := range map[string]bool{
		"flash:": true, "disk0:": true, "slavebootflash:": true, "usbflash0:": true, "harddisk:": true,
		"nvram:": false, "const_nvram:": false, "slaveconst_nvram:": false, "system:": false, "tftp:": false, "SCP:": false, "mop:": false,
	} {
		if KeepsImages(fs) != want {
			t.Errorf("%s: %t", fs, !want)
		}
	}
}

// checkPath has a path mean the same when it is printed and read again.
func checkPath(t rapid.TB, text string) {
	p := ParsePath(text)
	again := ParsePath(p.String())
	if again != p || again.String() != p.String() {
		t.Fatalf("%q: %#v, printed %q, read again %#v", text, p, p, again)
	}
	if p.Rel != "" && !(Systems{}).Same(p, again) {
		t.Fatalf("%q: not the same when printed", text)
	}
	if !IsNetwork(p.FS) && (strings.HasPrefix(p.Rel, "/") || strings.HasSuffix(p.Rel, "/") || strings.Contains(p.Rel, "//")) {
		t.Fatalf("%q: slashes in %#v", text, p)
	}
	if !IsNetwork(p.FS) && p.Rel != "" && p.Dir().Join(p.Base()) != p {
		t.Fatalf("%q: %v and %q are not %v", text, p.Dir(), p.Base(), p)
	}
}

func TestPathsPrintedAndReadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := rapid.SampledFrom([]string{"", "flash:", "nvram:", "tftp:", "system:", "flash-2:", "/bootflash", "/vol/usb0", ":"}).Draw(t, "fs")
		rel := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"/", "a", "b.bin", ".", "..", ":", " "})).Draw(t, "rel"), "")
		checkPath(t, fs+rel)
	})
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{"flash:/d/x.bin", "nvram:startup-config", "/bootflash/x", "//x/y", "tftp://h//x", "/x:y", "/vol:/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if utf8.ValidString(text) {
			checkPath(t, text)
		}
	})
}

// TestNamed finds a file by the names that a user may type for it.
func TestNamed(t *testing.T) {
	for _, test := range []struct {
		path, name string
		want       bool
	}{
		{"flash:/dir/x.bin", "x.bin", true},
		{"flash:/dir/x.bin", "dir/x.bin", true},
		{"flash:/dir/x.bin", "/dir/x.bin", true},
		{"flash:/dir/x.bin", "flash:dir/x.bin", true},
		{"flash:/dir/x.bin", "flash2:/dir/x.bin", false},
		{"flash:/dir/x.bin", "dir", false},
		{"flash:/dir/x.bin", "bin", false},
		{"flash:/dir/x.bin", "", false},
		{"nvram:startup-config", "startup-config", true},
	} {
		if got := ParsePath(test.path).Named(test.name); got != test.want {
			t.Errorf("%s named %q: %t", test.path, test.name, got)
		}
	}
}

// TestDirsEnd walks up from a file to the outermost directory.
func TestDirsEnd(t *testing.T) {
	for _, file := range []string{"flash:/a/b/x.bin", "nvram:startup-config", "tftp:/x.bin", "tftp://192.0.2.1/a/x.bin", "x.bin", ""} {
		dir := ParsePath(file)
		for range 9 {
			dir = dir.Dir()
		}
		if dir.Rel != "" {
			t.Errorf("%s: the outermost directory is %q", file, dir.Rel)
		}
	}
}
