package ios

import (
	"reflect"
	"strings"
	"testing"

	"flashwarden/internal/cause"
)

// TestEntryFormats has one line of every listing format.
func TestEntryFormats(t *testing.T) {
	for _, test := range []struct {
		name, line string
		want       Entry
	}{
		{"switch", "113  -rwx        2212   Dec 13 2019 12:31:05  vlan.dat",
			Entry{113, "vlan.dat", 2212, TypeFile, "-rwx", "Dec 13 2019 12:31:05", false}},
		{"router with offset", "  407  -rw-    58969072   May 9 2022 00:42:58 +09:00  c800m-universalk9-mz.SPA.157-3.M.bin",
			Entry{407, "c800m-universalk9-mz.SPA.157-3.M.bin", 58969072, TypeFile, "-rw-", "May 9 2022 00:42:58 +09:00", false}},
		{"no date", "190  ----           5                    <no date>  private-config",
			Entry{190, "private-config", 5, TypeFile, "----", "", false}},
		{"blank date", "    1  -rw-    15183868                c2600-ik9o3s3-mz.122-15.T9.bin",
			Entry{1, "c2600-ik9o3s3-mz.122-15.T9.bin", 15183868, TypeFile, "-rw-", "", false}},
		{"date placeholder", "    2  -rwx    11832960   <date>               c2960-lanbasek9-mz.150-2.SE.bin",
			Entry{2, "c2960-lanbasek9-mz.150-2.SE.bin", 11832960, TypeFile, "-rwx", "", false}},
		{"no size, no name", "    0  dr--   <no size>                    <no date>",
			Entry{0, "", -1, TypeDirectory, "dr--", "", false}},
		{"no size", "    2  dr-x   <no size>                    <no date>  memory",
			Entry{2, "memory", -1, TypeDirectory, "dr-x", "", false}},
		{"index at the left", "20      -rw-  5929                 Feb 6 2024 09:10:11 +00:00  a b.txt",
			Entry{20, "a b.txt", 5929, TypeFile, "-rw-", "Feb 6 2024 09:10:11 +00:00", false}},
		{"no index", "  -rw-    15183868       c3560-ipbase-mz.122-44.SE.bin",
			Entry{-1, "c3560-ipbase-mz.122-44.SE.bin", 15183868, TypeFile, "-rw-", "", false}},
		{"disk", "1     45832792 Jul 02 2015 22:03:42 c1900-universalk9-mz.SPA.151-4.M.bin",
			Entry{1, "c1900-universalk9-mz.SPA.151-4.M.bin", 45832792, TypeUnknown, "", "Jul 02 2015 22:03:42", false}},
		{"disk with a fraction of a second", "160  473808711 Dec 13 2024 04:56:47.0000000000 +00:00 cat9k_lite_iosxe.17.09.06a.SPA.bin",
			Entry{160, "cat9k_lite_iosxe.17.09.06a.SPA.bin", 473808711, TypeUnknown, "", "Dec 13 2024 04:56:47.0000000000 +00:00", false}},
		{"class A", "  1   5427700  c2600-i-mz.122-12e.bin", Entry{1, "c2600-i-mz.122-12e.bin", 5427700, TypeUnknown, "", "", false}},
		{"class A, name with directories", "  1   3459720  master/igs-bfpx.100-4.3", Entry{1, "master/igs-bfpx.100-4.3", 3459720, TypeUnknown, "", "", false}},
		{"class A, deleted", "  2   1711088  dirt/images/c3600-i-mz [deleted]", Entry{2, "dirt/images/c3600-i-mz", 1711088, TypeUnknown, "", "", true}},
		{"class A of a simulator", "  3   486899872isr4300-universalk9.16.06.04.SPA.bin",
			Entry{3, "isr4300-universalk9.16.06.04.SPA.bin", 486899872, TypeUnknown, "", "", false}},
		{"class B", "2   .. image        C2BDD16F 22A8D24   33 36199852 Jun 26 2006 19:17:23 +01:00 c6k222-pk9sv-mz.122-17d.SXB10.bin",
			Entry{2, "c6k222-pk9sv-mz.122-17d.SXB10.bin", 36199852, TypeUnknown, "", "Jun 26 2006 19:17:23 +01:00", false}},
		{"class B, deleted", "  6 .D ffffffff 61aee4a3  395bb0   20       28 Jul 10 2007 14:44:13 spec.txt",
			Entry{6, "spec.txt", 28, TypeUnknown, "", "Jul 10 2007 14:44:13", true}},
		{"boot loader, size first", "2      85053068  -rw-     c1900-universalk9-mz.SPA.151-4.M.bin",
			Entry{2, "c1900-universalk9-mz.SPA.151-4.M.bin", 85053068, TypeFile, "-rw-", "", false}},
		{"boot loader, nine letters", "-rwxrwxrwx   490586943   cat9k_lite_iosxe.17.09.01.SPA.bin",
			Entry{-1, "cat9k_lite_iosxe.17.09.01.SPA.bin", 490586943, TypeFile, "-rwxrwxrwx", "", false}},
		{"ASA", "97     -rwx  108563072    06:43:00 Jun 30 2018  asa982-lfbff-k8.SPA",
			Entry{97, "asa982-lfbff-k8.SPA", 108563072, TypeFile, "-rwx", "06:43:00 Jun 30 2018", false}},
		{"NX-OS directory", "      4096    Apr 20 10:23:05 2017  .patch/", Entry{-1, ".patch", 4096, TypeDirectory, "", "Apr 20 10:23:05 2017", false}},
		{"NX-OS file called flash:", "  70076928    Apr 24 17:25:03 2018  flash:", Entry{-1, "flash:", 70076928, TypeFile, "", "Apr 24 17:25:03 2018", false}},
	} {
		got, ok := parseEntry(test.line, true)
		if !ok || got != test.want {
			t.Errorf("%s:\n got %+v %v\nwant %+v", test.name, got, ok, test.want)
		}
	}
}

func TestParseDir(t *testing.T) {
	entry := func(name string) Entry {
		return Entry{1, name, 10, TypeFile, "-rw-", "Mar 1 1993 00:01:38", false}
	}
	line := "    1  -rw-          10   Mar 1 1993 00:01:38  "
	for _, test := range []struct {
		name, command, text string
		want                []Listing
	}{
		{"the command names the file system", "show bootflash", line + "x\n\n13755338752 bytes available (489017344 bytes used)\n",
			[]Listing{{"bootflash:", "bootflash:/", []Entry{entry("x")}, 14244356096, 13755338752, 489017344, nil, nil}}},
		{"plain dir", "dir", line + "x\n", []Listing{{"flash:", "flash:/", []Entry{entry("x")}, -1, -1, -1, nil, nil}}},
		{"the output names another file system", "dir flash:", "Directory of sdflash:/\n\n" + line + "x\n",
			[]Listing{{"sdflash:", "sdflash:/", []Entry{entry("x")}, -1, -1, -1, nil, nil}}},
		{"negative free space", "dir", line + "x\n\n-185270272 bytes available (5 bytes used)\n",
			[]Listing{{"flash:", "flash:/", []Entry{entry("x")}, -185270267, -185270272, 5, nil, nil}}},
		{"class A", "show flash:", "\nSystem flash directory:\nFile  Length   Name/status\n  1   10  x\n" +
			"[9939304 bytes used, 6313624 available, 16252928 total]\n16384K bytes of processor board System flash (Read/Write)\n",
			[]Listing{{"flash:", "flash:/", []Entry{{Index: 1, Name: "x", Size: 10}}, 16252928, 6313624, 9939304, nil, nil}}},
		{"echo, prompt and messages are passed by", "dir flash:",
			"sw1#dir flash:\nDirectory of flash:/\n\n" + line + "x\n000123: *Mar  1 00:01:39.123 UTC: %SYS-5-CONFIG_I: Configured from console\n" + line + "y\n\nsw1#\n",
			[]Listing{{"flash:", "flash:/", []Entry{entry("x"), entry("y")}, -1, -1, -1, nil, nil}}},
		{"a header alone makes no listing", "dir /all /recursive flash:/x", "Directory of flash:/x\n\nDirectory of flash:/\n\n" + line + "x\n",
			[]Listing{{"flash:", "flash:/", []Entry{entry("x")}, -1, -1, -1, nil, nil}}},
		{"all file systems", "dir all-filesystems", "Directory of null:/\n\nNo space information available\nDirectory of nvram:/\n\n" + line + "x\n\n100 bytes total (-5 bytes free)\n",
			[]Listing{{"null:", "null:/", nil, -1, -1, -1, nil, nil}, {"nvram:", "nvram:/", []Entry{entry("x")}, 100, -5, -1, nil, nil}}},
		{"brackets of dir /all", "dir /all slot0:", "Directory of slot0:/\n" + line + "[gone.bin]\n",
			[]Listing{{"slot0:", "slot0:/", []Entry{{1, "gone.bin", 10, TypeFile, "-rw-", "Mar 1 1993 00:01:38", true}}, -1, -1, -1, nil, nil}}},
		{"a name in brackets without /all", "dir slot0:", line + "[x]\n", []Listing{{"slot0:", "slot0:/", []Entry{entry("[x]")}, -1, -1, -1, nil, nil}}},
		{"a name wrapped at 80 columns", "dir", line + strings.Repeat("n", 80-len(line)) + "\nrest.bin\n",
			[]Listing{{"flash:", "flash:/", []Entry{entry(strings.Repeat("n", 80-len(line)) + "rest.bin")}, -1, -1, -1, nil, nil}}},
		{"carriage returns", "dir", line + "x\r\r\n\r\n", []Listing{{"flash:", "flash:/", []Entry{entry("x")}, -1, -1, -1, nil, nil}}},
	} {
		got, err := ParseDir(test.command, test.text)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: error %v\n got %+v\nwant %+v", test.name, err, got, test.want)
		}
	}
}

func TestParseDirErrors(t *testing.T) {
	for _, test := range []struct {
		name, text string
		cause      cause.Cause
		says       string
	}{
		{"missing", "%Error opening flash:/x (No such file or directory)\n", cause.SourceMissing, "%Error opening flash:/x (No such file or directory)"},
		{"no such command", "dir /all /recursive\n            ^\n% Invalid input detected at '^' marker.\n", cause.CommandRejected, "% Invalid input detected"},
		{"not allowed", "Command authorization failed.\n", cause.NotPermittedOnDevice, "Command authorization failed."},
		{"unknown line", "Directory of flash:/\n\n  hello world, what is this\n", cause.Internal, `"hello world, what is this"`},
		{"words after a line of 80 columns", "    1  -rw-          10   Mar 1 1993 00:01:38  " + strings.Repeat("n", 33) + "\nnot a name\n", cause.Internal, `"not a name"`},
		{"a long line alone", "Directory of flash:/\n\nword\n", cause.Internal, `"word"`},
		{"nothing", "\n\n", cause.Internal, "no directory"},
	} {
		_, err := ParseDir("dir flash:", test.text)
		if cause.Of(err) != test.cause || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error %v", test.name, err)
		}
		if len(err.Error()) > 300 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the error is long: %q", test.name, err)
		}
	}
}

// TestParseDirPartial checks that the listings before a refusing file system
// are kept.
func TestParseDirPartial(t *testing.T) {
	got, err := ParseDir("dir all-filesystems", "Directory of flash:/\n\nNo files in directory\n\nDirectory of usb0:/\n%Error opening usb0:/ (No such device)\n")
	if cause.Of(err) != cause.SourceMissing || len(got) != 1 || got[0].Path != "flash:/" {
		t.Errorf("listings %+v, error %v", got, err)
	}
}

func TestFilePath(t *testing.T) {
	for _, test := range []struct{ path, name, want string }{
		{"flash:/", "x.bin", "flash:/x.bin"},
		{"flash:/html", "x.htm", "flash:/html/x.htm"},
		{"bootflash:/test/", "x", "bootflash:/test/x"},
		{"bootflash:/", "/bootflash/core/x", "bootflash:/core/x"},
		{"usb0:/", "/vol/usb0/System Volume Information", "usb0:/System Volume Information"},
		{"disk0:", "x", "disk0:x"},
	} {
		fileSystem, _, _ := strings.Cut(test.path, ":")
		l := Listing{FileSystem: fileSystem + ":", Path: test.path}
		if got := l.FilePath(Entry{Name: test.name}); got != test.want {
			t.Errorf("%s + %s = %s, want %s", test.path, test.name, got, test.want)
		}
	}
}

func TestMounted(t *testing.T) {
	for path, want := range map[string]string{
		"/bootflash/auto-s": "bootflash:/auto-s", "/vol/usb0/a/b": "usb0:/a/b", "/bootflash/": "bootflash:/",
		"flash:/x": "flash:/x", "x.bin": "x.bin", "/x": "/x",
	} {
		if got := Mounted(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestCleanPath(t *testing.T) {
	for path, want := range map[string]string{
		"flash:x.bin": "flash:/x.bin", "flash:/x.bin": "flash:/x.bin", "flash://d//x.bin": "flash:/d/x.bin",
		"flash:": "flash:/", "flash:/d/": "flash:/d", "running-config": "running-config",
	} {
		if got := CleanPath(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestParseFileSystems(t *testing.T) {
	text := "File Systems:\n\n     Size(b)     Free(b)      Type  Flags  Prefixes\n" +
		"*  11353194496  9936510976   disk     rw   flash: bootflash: flash-1:\n" +
		"             -           -   opaque   ro   tar:\n" +
		"             0   100663296   disk     ro   sup-image:\n" +
		"      20288000    12185600   flash    rw   slot0:#\n" +
		"    4000000000  3000000000   usbflash rw   usbflash0: flash:\n" +
		"    1622147072  1360527360   disk     rw   flash-2:stby-flash:#\n"
	want := []FileSystem{
		{[]string{"flash:", "bootflash:", "flash-1:"}, 11353194496, 9936510976, "disk", "rw", true},
		{[]string{"tar:"}, -1, -1, "opaque", "ro", false},
		{[]string{"sup-image:"}, 0, 100663296, "disk", "ro", false},
		{[]string{"slot0:"}, 20288000, 12185600, "flash", "rw", false},
		{[]string{"usbflash0:", "flash:"}, 4000000000, 3000000000, "usbflash", "rw", false},
		{[]string{"flash-2:", "stby-flash:"}, 1622147072, 1360527360, "disk", "rw", false},
	}
	got, err := ParseFileSystems(text)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("error %v\n got %+v\nwant %+v", err, got, want)
	}
	if _, err := ParseFileSystems("% Invalid input detected at '^' marker.\n"); cause.Of(err) != cause.CommandRejected {
		t.Errorf("refused: %v", err)
	}
}
