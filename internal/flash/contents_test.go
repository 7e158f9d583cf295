package flash

import (
	"strings"
	"testing"

	"flashwarden/internal/ios"
)

// dir is a listing of one directory. Names that end in / are directories.
func dir(p string, names ...string) ios.Listing {
	fs, _, _ := strings.Cut(p, ":")
	l := ios.Listing{FileSystem: fs + ":", Path: p, Free: -1}
	for _, n := range names {
		e := ios.Entry{Name: n, Size: 100, Type: ios.TypeFile}
		if name, ok := strings.CutSuffix(n, "/"); ok {
			e.Name, e.Type = name, ios.TypeDirectory
		}
		l.Entries = append(l.Entries, e)
	}
	return l
}

// with gives listings the table of their device.
func with(rows []ios.FileSystem, listings ...ios.Listing) []ios.Listing {
	for i := range listings {
		listings[i].Table = rows
	}
	return listings
}

func printed(files []File) string {
	var out []string
	for _, f := range files {
		p := f.String()
		if f.IsDir() {
			p += "/"
		}
		out = append(out, p)
	}
	return strings.Join(out, " ")
}

func TestContents(t *testing.T) {
	deleted := dir("flash:/", "x.bin", "gone.bin", "html/")
	deleted.Entries[1].Deleted = true
	deleted.Free = 77
	again := dir("bootflash:/", "x.bin")
	again.Free = 99
	c := Read(ios.Facts{}, with(table(t, "flash: bootflash:", "disk0:", "nvram:"),
		deleted, dir("flash:/html", "a.htm"), again, dir("disk0:/", "x.bin"), dir("nvram:/", "startup-config")))
	if got, want := printed(c.All()), "flash:/x.bin flash:/html/ flash:/html/a.htm disk0:/x.bin nvram:startup-config"; got != want {
		t.Errorf("all: %s", got)
	}
	if got, want := printed(c.Files("bootflash:")), "flash:/x.bin flash:/html/a.htm"; got != want {
		t.Errorf("files: %s", got)
	}
	if c.Free("bootflash:") != 77 || c.Free("disk0:") != -1 || c.Free("disk1:") != -1 {
		t.Errorf("free: %d, %d, %d", c.Free("bootflash:"), c.Free("disk0:"), c.Free("disk1:"))
	}
	for p, want := range map[string]string{
		"flash:x.bin": "flash:/x.bin", "bootflash:/x.bin": "flash:/x.bin", "disk0:x.bin": "disk0:/x.bin", "x.bin": "flash:/x.bin",
		"flash:/html/": "flash:/html", "nvram:/startup-config": "nvram:startup-config",
		"disk1:/x.bin": "", "flash:/gone.bin": "", "flash:/": "", "disk0:/html": "", "nvram:x.bin": "",
	} {
		f, ok := c.Entry(ParsePath(p))
		if ok != (want != "") || f.Found() != ok || ok && f.String() != want {
			t.Errorf("%s: %v, %t", p, f.Path, ok)
		}
		if g, isFile := c.File(ParsePath(p)); isFile != (ok && !f.IsDir()) || g.Found() != isFile {
			t.Errorf("%s: a file: %t", p, isFile)
		}
	}
}

// TestContentsWithAbsoluteNames has the list of show bootflash:, which marks no
// directories.
func TestContentsWithAbsoluteNames(t *testing.T) {
	c := Read(ios.Facts{}, []ios.Listing{{FileSystem: "bootflash:", Path: "bootflash:/", Free: -1, Entries: []ios.Entry{
		{Name: "/bootflash/"}, {Name: "/bootflash/core"}, {Name: "/bootflash/core/x"}, {Name: "/bootflash/empty/"}, {Name: "/lone"}, {},
	}}})
	if got, want := printed(c.All()), "bootflash:/core/ bootflash:/core/x bootflash:/empty/ bootflash:/lone"; got != want {
		t.Errorf("%s", got)
	}
}

func TestImage(t *testing.T) {
	c := Read(ios.Facts{}, with(table(t, "flash: bootflash:", "disk0:", "nvram:"),
		dir("flash:/", "a.bin", "own/", "bare/", "one/", "two/", "none/", "x.bin/"),
		dir("flash:/own", "own.bin", "other.bin"), dir("flash:/bare", "bare", "b.bin", "c.bin"), dir("flash:/one", "info", "z.bin"),
		dir("flash:/two", "y.bin", "z.bin"), dir("flash:/none", "info", "html.bin/"), dir("flash:/x.bin", "x-lanbase.bin"),
		dir("disk0:/", "d.bin"), dir("nvram:/", "n.bin")))
	for p, want := range map[string]string{
		"flash:a.bin": "flash:/a.bin", "bootflash:/a.bin": "flash:/a.bin", "disk0:d.bin": "disk0:/d.bin",
		"flash:own": "flash:/own/own.bin", "flash:/bare/": "flash:/bare/bare", "flash:one": "flash:/one/z.bin", "flash:x.bin": "flash:/x.bin/x-lanbase.bin",
		"flash:two": "", "flash:none": "", "disk0:a.bin": "", "flash:d.bin": "", "disk1:d.bin": "", "nvram:n.bin": "", "tftp://192.0.2.9/a.bin": "", "": "",
	} {
		f, ok := c.Image(ParsePath(p))
		if ok != (want != "") || ok && f.String() != want {
			t.Errorf("%q: %v, %t", p, f.Path, ok)
		}
	}
}
