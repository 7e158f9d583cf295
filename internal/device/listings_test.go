package device

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
)

const fileSystems3750 = `File Systems:

     Size(b)     Free(b)      Type  Flags  Prefixes
*   32514048    11530240     flash     rw   flash: flash1:
    32514048    12530240     flash     rw   flash2:
           -           -    opaque     rw   bs:
           -           -    opaque     rw   vb:
      524288      519386     nvram     rw   nvram:
           -           -   network     rw   tftp:
           -           -    opaque     rw   null:
`

// list returns the output of dir for one directory.
func list(path string, entries ...string) string {
	text := "Directory of " + path + "\n\n"
	for i, e := range entries {
		kind := "-rwx"
		if strings.HasSuffix(e, "/") {
			kind, e = "drwx", strings.TrimSuffix(e, "/")
		}
		text += fmt.Sprintf("%5d  %s  %8d   Mar 1 1993 00:09:35 +00:00  %s\n", i+2, kind, 100+i, e)
	}
	return text + "\n32514048 bytes total (11530240 bytes free)\n\n"
}

func paths(listings []ios.Listing) []string {
	var all []string
	for _, l := range listings {
		all = append(all, l.Path)
	}
	return all
}

func TestFiles(t *testing.T) {
	d, f := on(map[string]string{
		"show version":             showVersion,
		"show file systems":        fileSystems3750,
		"dir /recursive flash:":    list("flash:/", "vlan.dat", "html/") + strings.Replace(list("flash:/html", "x.htm"), "32514048", "32514048", 1),
		"dir /recursive flash2:":   list("flash2:/", "vlan.dat"),
		"dir nvram:":               list("nvram:/", "startup-config"),
		"show boot":                showBoot,
		"dir /recursive crashinfo": "must not be asked",
	})
	if _, err := d.Facts(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.typed = nil
	got, err := d.Files(t.Context())
	if err != nil || !slices.Equal(paths(got), []string{"flash:/", "flash:/html", "flash2:/", "nvram:/"}) || len(d.Skipped()) > 0 {
		t.Errorf("listings %q, %v, skipped %v", paths(got), err, d.Skipped())
	}
	if want := []string{"show file systems", "dir /recursive flash:", "dir /recursive flash2:", "dir nvram:"}; !slices.Equal(f.typed, want) {
		t.Errorf("typed %q", f.typed)
	}
}

// TestFilesOfAPair lists the flash of the other switch of a StackWise Virtual pair
// once, although the table has it twice. The rows are those of a real pair.
func TestFilesOfAPair(t *testing.T) {
	d, f := on(map[string]string{
		"show file systems": "*  11250098176    3785482240      disk     rw   bootflash: flash:\n   11250171904    2152726528      disk     rw   bootflash-1:\n" +
			"    1651507200     159383552      disk     rw   crashinfo-1:\n   11250098176    2152091648      disk     rw   stby-bootflash:\n",
		"dir /recursive bootflash:":   list("bootflash:/", "packages.conf"),
		"dir /recursive bootflash-1:": list("bootflash-1:/", "packages.conf"),
	})
	got, err := d.Files(t.Context())
	if err != nil || !slices.Equal(paths(got), []string{"bootflash:/", "bootflash-1:/"}) || !slices.Equal(got[0].Table[1].Prefixes, []string{"bootflash-1:", "stby-bootflash:"}) {
		t.Errorf("listings %q, %v; table %+v", paths(got), err, got)
	}
	if want := []string{"show file systems", "dir /recursive bootflash:", "dir /recursive bootflash-1:"}; !slices.Equal(f.typed, want) {
		t.Errorf("typed %q", f.typed)
	}
}

// TestFilesWithAnUnreadableRow keeps a listing with a line that cannot be read,
// also of the file system with the running image.
func TestFilesWithAnUnreadableRow(t *testing.T) {
	const odd = "    ?  -rw-  <damaged>  odd.txt\n"
	for name, recursive := range map[string]string{"recursive": list("flash:/", "vlan.dat") + odd, "one by one": invalid} {
		d, _ := on(map[string]string{
			"show version": showVersion, "show file systems": "*   32514048    11530240     flash     rw   flash: flash1:\n", "show boot": showBoot,
			"dir /recursive flash:": recursive, "dir flash:": list("flash:/", "vlan.dat", "html/") + odd, "dir flash:/html": list("flash:/html", "x.htm"),
		})
		if _, err := d.Facts(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := d.Files(t.Context())
		if err != nil || len(got) == 0 || len(got[0].Unread) != 1 || got[0].Entries[0].Name != "vlan.dat" || len(d.Skipped()) > 0 {
			t.Errorf("%s: %+v, %v, skipped %v", name, got, err, d.Skipped())
		}
	}
}

// TestUnreadableRowElsewhere keeps the listing of a directory with such a line, and a
// recursive listing with one on a device without any other list.
func TestUnreadableRowElsewhere(t *testing.T) {
	const odd = "    ?  -rw-  <damaged>  odd.txt\n"
	for name, c := range map[string]struct {
		says map[string]string
		path string
	}{
		"a directory": {map[string]string{"dir flash:": list("flash:/", "html/"), "dir flash:/html": list("flash:/html", "x.htm") + odd}, "flash:/html"},
		"no other":    {map[string]string{"dir /recursive flash:": list("flash:/", "x.htm") + odd}, "flash:/"},
	} {
		d, _ := on(c.says)
		got, err := d.List(t.Context(), "flash:")
		if err != nil || len(got) == 0 {
			t.Fatalf("%s: %+v, %v", name, got, err)
		}
		last := got[len(got)-1]
		if last.Path != c.path || len(last.Unread) != 1 || last.Entries[0].Name != "x.htm" || len(d.Skipped()) > 0 {
			t.Errorf("%s: %+v, skipped %v", name, got, d.Skipped())
		}
	}
}

// TestFilesOfPartitions lists a partitioned flash. Its partitions are no names of
// flash:, but file systems of their own.
func TestFilesOfPartitions(t *testing.T) {
	d, _ := on(map[string]string{
		"show version": showVersion, "show file systems": "*    8388608    1000000     flash     rw   flash:\n", "show boot": showBoot,
		"show flash": "System flash directory, partition 1:\nFile  Length   Name/status\n  1   10  a\n[74 bytes used, 926 available, 1000 total]\n" +
			"System flash directory, partition 2:\nFile  Length   Name/status\n  1   10  b\n[74 bytes used, 926 available, 1000 total]\n",
	})
	if _, err := d.Facts(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := d.Files(t.Context())
	if err != nil || !slices.Equal(paths(got), []string{"flash:1:", "flash:2:"}) {
		t.Fatalf("%q, %v", paths(got), err)
	}
	if names := got[0].Table[0].Prefixes; !slices.Equal(names, []string{"flash:"}) {
		t.Errorf("names %q", names)
	}
}

// TestFilesCarryTheTable checks that every listing says which names are one
// file system, including names that only the header of a listing shows.
func TestFilesCarryTheTable(t *testing.T) {
	const table = "*  972046336  855478272  disk  rw  flash:#\n" +
		"   32514048   12530240  disk  rw  disk0: slot0:\n" +
		"     524288     519386  nvram  rw  nvram:\n"
	says := map[string]string{
		"show file systems":     table,
		"dir /recursive flash:": list("sdflash:/", "vlan.dat", "html/") + list("sdflash:/html", "x.htm"),
		"dir /recursive disk0:": list("disk0:/", "x.bin"),
		"dir nvram:":            list("nvram:/", "startup-config"),
	}
	d, _ := on(says)
	got, err := d.Files(t.Context())
	if err != nil || len(got) != 4 {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, l := range got {
		var rows []string
		for _, r := range l.Table {
			rows = append(rows, strings.Join(r.Prefixes, " "))
		}
		if want := []string{"flash: sdflash:", "disk0: slot0:", "nvram:"}; !slices.Equal(rows, want) {
			t.Errorf("%s: table %q", l.Path, rows)
		}
	}
	delete(says, "show file systems")
	d, _ = on(says)
	says["dir flash:"] = list("flash:/", "x.bin")
	if got, err = d.Files(t.Context()); err != nil || len(got) == 0 || got[0].Table != nil {
		t.Errorf("without a table: %+v, %v", got, err)
	}
}

// TestFilesOneByOne tests software without dir /recursive and show file
// systems.
func TestFilesOneByOne(t *testing.T) {
	d, f := on(map[string]string{
		"dir flash:":           list("flash:/", "x.bin", "html/", "a b/", "loop/", "bad/"),
		"dir flash:/html":      list("flash:/html/", "more/", "x.htm"),
		"dir flash:/html/more": list("flash:/html/more/", "y.htm"),
		"dir flash:/loop":      list("flash:/", "x.bin", "html/", "loop/"),
		"dir flash:/bad":       "%Error opening flash:/bad (Permission denied)\n",
		"dir nvram:":           list("nvram:/", "startup-config"),
	})
	got, err := d.Files(t.Context())
	if want := []string{"flash:/", "flash:/html/", "flash:/html/more/", "nvram:/"}; err != nil || !slices.Equal(paths(got), want) {
		t.Errorf("listings %q, %v", paths(got), err)
	}
	var skipped []string
	for _, s := range d.Skipped() {
		skipped = append(skipped, s.Path+" "+string(cause.Of(s.Err)))
	}
	if want := []string{"flash:/a b command_rejected", "flash:/bad not_permitted_on_device"}; !slices.Equal(skipped, want) {
		t.Errorf("skipped %q", skipped)
	}
	if slices.ContainsFunc(f.typed, func(c string) bool { return strings.Contains(c, "a b") }) {
		t.Errorf("typed %q", f.typed)
	}
}

func TestFilesShowFlash(t *testing.T) {
	d, _ := on(map[string]string{"show flash": `System flash directory:
File  Length   Name/status
  1   3459720  master/igs-bfpx.100-4.3
[3459784 bytes used, 734520 available, 4194304 total]
`})
	got, err := d.Files(t.Context())
	if err != nil || len(got) != 1 || len(got[0].Entries) != 1 || got[0].Entries[0].Size != 3459720 {
		t.Errorf("%+v, %v", got, err)
	}
	if s := d.Skipped(); len(s) != 1 || s[0].Path != "nvram:" {
		t.Errorf("skipped %v", s)
	}
}

// TestFilesShowBootflash tests an account that may not use dir. show bootflash:
// lists all directories at once, with absolute paths.
func TestFilesShowBootflash(t *testing.T) {
	d, f := on(map[string]string{
		"show file systems": "*  14244356096  13755338752  disk  rw  bootflash:\n",
		"show bootflash": `-#- --length-- ---------date/time--------- path
  1       4096 Oct 12 2020 07:23:32 +00:00 /bootflash/
  2       4096 Apr 20 2017 23:31:44 +00:00 /bootflash/core
  3          1 Oct 12 2020 07:24:10 +00:00 /bootflash/core/.callhome

13755338752 bytes available (489017344 bytes used)
`})
	got, err := d.Files(t.Context())
	if err != nil || len(got) != 1 || got[0].FilePath(got[0].Entries[2]) != "bootflash:/core/.callhome" {
		t.Errorf("%+v, %v", got, err)
	}
	if want := []string{"show file systems", "dir /recursive bootflash:", "dir bootflash:", "show bootflash"}; !slices.Equal(f.typed, want) {
		t.Errorf("typed %q", f.typed)
	}
}

func TestFilesFail(t *testing.T) {
	const gone = "%Error opening flash:/ (No such device)\n"
	tests := []struct {
		name  string
		says  map[string]string
		fails string
		want  cause.Cause
	}{
		{"the running image's", map[string]string{"show file systems": fileSystems3750, "dir /recursive flash:": gone, "dir flash:": gone,
			"dir /recursive flash2:": list("flash2:/"), "dir nvram:": list("nvram:/")}, "", cause.SourceMissing},
		{"nothing", map[string]string{}, "", cause.CommandRejected},
		{"lost at the table", map[string]string{}, "show file systems", cause.SessionLost},
		{"lost at the first", map[string]string{"show file systems": fileSystems3750}, "dir /recursive flash:", cause.SessionLost},
		{"lost at another", map[string]string{"show file systems": fileSystems3750, "dir /recursive flash:": list("flash:/")}, "dir nvram:", cause.SessionLost},
		{"lost in a directory", map[string]string{"dir flash:": list("flash:/", "html/")}, "dir flash:/html", cause.SessionLost},
	}
	for _, test := range tests {
		d, f := on(test.says)
		f.fails[test.fails] = errLost
		if got, err := d.Files(t.Context()); cause.Of(err) != test.want || got != nil {
			t.Errorf("%s: %q, %v", test.name, paths(got), err)
		}
	}
}

// TestFilesImageDirectory tests a device that refuses to list the directory of
// the running image.
func TestFilesImageDirectory(t *testing.T) {
	d, _ := on(map[string]string{
		"show version": showVersion, "dir flash:": list("flash:/", "c3750-ipservicesk9-mz.150-2.SE8/"),
		"dir flash:/c3750-ipservicesk9-mz.150-2.SE8": "% Authorization failed.\n",
	})
	if _, err := d.Facts(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Files(t.Context()); cause.Of(err) != cause.NotPermittedOnDevice {
		t.Errorf("error %v", err)
	}
}

// TestChoose tests which file systems of real tables a backup reads.
func TestChoose(t *testing.T) {
	const cat9k = `
       Size(b)       Free(b)      Type  Flags  Prefixes
             -             -    opaque     rw   system:
    1651314688    1561067520      disk     rw   crashinfo: crashinfo-1:
    1651314688    1561067520      disk     rw   crashinfo-2: stby-crashinfo:
*  11353194496    9936510976      disk     rw   flash: bootflash: flash-1:
   11353194496    9936510976      disk     rw   flash-2: stby-flash:
    3846701056    3758395392      disk     ro   webui:
    8067874816    8067874816  usbflash     rw   usbflash0:
             -             -    opaque     ro   tar:
             -             -   network     rw   tftp:
       2097152       2057602     nvram     rw   nvram:
       2097152       2057602     nvram     rw   stby-nvram:
             -             -      obfl     rw   obfl:
`
	const c841 = `
       Size(b)       Free(b)      Type  Flags  Prefixes
             -             -    opaque     rw   system:
      262144       255180     nvram     rw   nvram:
*  1024557056   903905280  usbflash     rw   usbflash0: sdflash: flash:
`
	const c6500 = `
       Size(b)       Free(b)      Type  Flags  Prefixes
       1964024       1918071     nvram     rw   nvram:
        129004        126280     nvram     rw   const_nvram:
*    512065536      27852800      disk     rw   disk0:
    1024589824     512000000      disk     rw   sup-bootdisk:
             0     100663296      disk     ro   sup-image:
             0     100663296      disk     ro   slavesup-image:
    1024589824     512000000      disk     rw   slavesup-bootdisk:
       1964024       1918071     nvram     rw   slavenvram:
        129004        126280     nvram     rw   slaveconst_nvram:
`
	const isr = `
       Size(b)       Free(b)      Type  Flags  Prefixes
*    255488000     184086528      disk     rw   flash0: flash:#
             -             -      disk     rw   flash1:
        262136        255180     nvram     rw   nvram:
`
	tests := []struct{ name, table, image, want string }{
		{"6500", c6500, "sup-bootdisk:x", "nvram: const_nvram: disk0: sup-bootdisk:* slavesup-bootdisk:"},
		{"ISR of the second generation", isr, "flash0:x.bin", "flash0:* flash1: nvram:"},
		{"ISR of the second generation, as typed", isr, "flash:x.bin", "flash:* flash1: nvram:"},
		{"3750 stack", fileSystems3750, "flash:/x.bin", "flash:* flash2: nvram:"},
		{"3750 member 2", fileSystems3750, "flash2:/x.bin", "flash: flash2:* nvram:"},
		{"Catalyst 9000", cat9k, "flash:packages.conf", "flash:* flash-2: nvram:"},
		{"Catalyst 9000 by another name", cat9k, "bootflash:packages.conf", "bootflash:* flash-2: nvram:"},
		{"image from the network", cat9k, "tftp://192.0.2.1/x", "flash:* flash-2: nvram:"},
		{"image on a stick", cat9k, "usbflash0:x.bin", "flash: flash-2: usbflash0:* nvram:"},
		{"flash is a card", c841, "flash:c800m.bin", "nvram: flash:*"},
		{"nothing known", c841, "", "nvram: usbflash0:*"},
	}
	for _, test := range tests {
		table, err := ios.ParseFileSystems(test.table)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, fs := range choose(table, test.image) {
			mark := ""
			if fs.running {
				mark = "*"
			}
			got = append(got, fs.name+mark)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// TestFilesUnlisted tells a file system that is there and cannot be listed from an
// empty slot.
func TestFilesUnlisted(t *testing.T) {
	d, _ := on(map[string]string{
		"show file systems": "*   32514048    11530240     flash     rw   flash:\n   32514048    11530240     flash     rw   flash2:\n" +
			"          -           -     flash     rw   slot0:\n   100   50   what is this row of the table\n",
		"dir /recursive flash:": list("flash:/", "vlan.dat"),
	})
	if _, err := d.Files(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]bool)
	for _, s := range d.Skipped() {
		got[s.Path] = s.System
	}
	if want := map[string]bool{"flash2:": true, "slot0:": false, "show file systems": true}; !maps.Equal(got, want) {
		t.Errorf("skipped %v, want %v", got, want)
	}
}

// TestFilesAsked ends at a question, although other file systems could be listed.
func TestFilesAsked(t *testing.T) {
	for _, c := range []cause.Cause{cause.UnsafePrompt, cause.PromptUnrecognised} {
		d, f := on(map[string]string{"show file systems": fileSystems3750, "dir /recursive flash:": list("flash:/", "vlan.dat")})
		f.fails["dir /recursive flash2:"] = cause.New(c, "the device asked something", nil)
		if _, err := d.Files(t.Context()); cause.Of(err) != c || f.typed[len(f.typed)-1] != "dir /recursive flash2:" {
			t.Errorf("%v after %q", err, f.typed)
		}
	}
}

// TestFilesEndLost: a list of a file system that does not end with its space has lost
// lines, perhaps with files.
func TestFilesEndLost(t *testing.T) {
	whole := list("flash:/", "vlan.dat", "html/") + list("flash:/html/", "x.htm")
	cut := strings.SplitAfter(whole, "vlan.dat\n")[0]
	for text, lost := range map[string]bool{whole: false, cut: true, "Directory of flash:/\n\nNo files in directory\n\n": false} {
		for _, command := range []string{"dir /recursive flash:", "dir flash:"} {
			d, _ := on(map[string]string{command: text, "dir flash:/html": list("flash:/html/", "x.htm"), "dir nvram:": list("nvram:/", "startup-config")})
			got, err := d.Files(t.Context())
			if err != nil || slices.ContainsFunc(got, func(l ios.Listing) bool { return len(l.Unread) > 0 }) != lost {
				t.Errorf("%s of %q: %+v, %v", command, text, got, err)
			}
		}
	}
}
