package ios

import (
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// seed adds every golden text, as it is and in pieces.
func seed(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "c*", "*"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden texts: %v", err)
	}
	for _, file := range files {
		name, _ := filepath.Rel("testdata", file)
		text := golden(f, filepath.ToSlash(name))
		f.Add(text)
		f.Add(text[len(text)/3:])
	}
	for _, text := range []string{
		"%Error opening flash:/x (No such file or directory)\n", "       ^\n% Invalid input detected at '^' marker.\n",
		"*Mar  1 00:01:39.123: %SYS-5-CONFIG_I: x\n", "\x1b[2J\a\x00\xff\r\n", "sw1#",
	} {
		f.Add(text)
	}
}

// checkError fails for a long error, or for one that would send control
// characters to a terminal.
func checkError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	text := err.Error()
	if len(text) > 1200 || strings.ContainsFunc(text, unicode.IsControl) {
		t.Errorf("error of %d bytes: %q", len(text), text)
	}
}

func FuzzParseVersion(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseVersion(text)
		checkError(t, err)
		if err == nil && (v.Version == "" || v.OS != "ios" && v.OS != "iosxe") {
			t.Errorf("no error and no version: %+v", v)
		}
		if len(v.Members) > strings.Count(text, "\n")+1 {
			t.Errorf("%d members", len(v.Members))
		}
		NewFacts(v, Boot{})
	})
}

func FuzzParseBoot(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text string) {
		b, err := ParseBoot(text)
		checkError(t, err)
		if err == nil && len(b.Units) == 0 || len(b.Units) > strings.Count(text, "\n")+1 {
			t.Errorf("%d units", len(b.Units))
		}
	})
}

func FuzzParseDir(f *testing.F) {
	seed(f)
	f.Add("  1   .. image        C2BDD16F 22A8D24   33 36199852 Jun 26 2006 19:17:23 +01:00 x.bin\n")
	f.Add("File  Length   Name/status\n  1   5427700  c2600-i-mz.122-12e.bin [deleted]\n[9939304 bytes used, 6313624 available, 16252928 total]\n")
	f.Fuzz(func(t *testing.T, text string) {
		listings, err := ParseDir("dir /all flash:", text)
		checkError(t, err)
		lines := strings.Count(text, "\n") + 1
		if err == nil && len(listings) == 0 || len(listings) > lines {
			t.Errorf("%d listings", len(listings))
		}
		for _, l := range listings {
			if l.FileSystem == "" || !strings.HasPrefix(l.Path, l.FileSystem) || len(l.Entries) > lines {
				t.Errorf("listing %q %q of %d entries", l.FileSystem, l.Path, len(l.Entries))
			}
			for _, e := range l.Entries {
				if e.Size < -1 || e.Index < -1 || len(e.Name) > len(text) {
					t.Errorf("entry %+v", e)
				}
				CleanPath(l.FilePath(e))
			}
		}
	})
}

func FuzzParseFileSystems(f *testing.F) {
	seed(f)
	f.Add("*  11353194496    9936510976      disk     rw   flash: bootflash: flash-1:\n")
	f.Fuzz(func(t *testing.T, text string) {
		systems, err := ParseFileSystems(text)
		checkError(t, err)
		for _, s := range systems {
			if len(s.Prefixes) == 0 || s.Size < -1 {
				t.Errorf("%+v", s)
			}
		}
	})
}

func FuzzParseVerify(f *testing.F) {
	seed(f)
	f.Add("..Done!\nverify /md5 (flash:x) = 6b61400490cfc9788148239053055bac\n")
	f.Add("CCO Hash        MD5 : 6DCA357446C1E6ED204F0C578CC465DC\n")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseVerify(text)
		checkError(t, err)
		if damage := ImageDamage(text); len(damage) > 4*(120*4+10) || strings.ContainsFunc(damage, unicode.IsControl) {
			t.Errorf("damage of %d bytes: %q", len(damage), damage)
		}
		isDigest := func(s string, digits int) bool {
			return s == "" || len(s) == digits && strings.Trim(s, "0123456789abcdef") == ""
		}
		if !isDigest(d.MD5, 32) || !isDigest(d.SHA512, 128) {
			t.Errorf("%+v", d)
		}
	})
}

func FuzzRejected(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text string) {
		checkError(t, Rejected(text))
		if len(StripSyslog(text)) > len(text) {
			t.Error("stripping made the text longer")
		}
	})
}

func FuzzCopyAnswer(f *testing.F) {
	seed(f)
	for _, question := range []string{
		"Source filename []?", "Address or name of remote host [10.0.0.9]?", "Destination filename [x]?", "Which partition? [default = 2]",
		"Copy 'x' from Flash to server\n  as 'x'? [yes/no]", "Erase flash: before copying? [confirm]",
	} {
		f.Add(question)
	}
	f.Fuzz(func(t *testing.T, question string) {
		for _, c := range []Copy{backup, restore} {
			answer, stop := c.Answer(question)
			checkError(t, stop)
			if strings.ContainsFunc(answer, unicode.IsControl) || strings.ContainsAny(answer, " ?") {
				t.Errorf("answer %q", answer)
			}
			if stop == nil && (answer == "yes" || answer == "y" || answer == "") && destroys.MatchString(withoutErase.ReplaceAllString(quotedPart.ReplaceAllString(StripSyslog(question), " "), " ")) {
				t.Errorf("consented with %q to %q", answer, question)
			}
		}
	})
}

func FuzzCopyResult(f *testing.F) {
	seed(f)
	f.Add("!!!\n10 bytes copied in 1.0 secs (10 bytes/sec)\n")
	f.Add("....%Error writing tftp://10.0.0.1/k3f9-2m7x-q1zz (Timed out)\n[OK - 5/4096 bytes]\nFlash copy took 0:00:01 [hh:mm:ss]")
	f.Fuzz(func(t *testing.T, text string) {
		r := backup.Result(text)
		if r.Bytes < -1 || r.Seconds < 0 || r.OK && (r.Error != "" || r.Bytes == 0) || len(r.Error) > len(text) {
			t.Errorf("%+v", r)
		}
	})
}

func FuzzParseImageName(f *testing.F) {
	f.Add("flash:/c3750-ipservicesk9-mz.150-2.SE8.bin")
	f.Add("isr4300-universalk9.03.16.04b.S.155-3.S4b-ext.SPA.bin")
	f.Fuzz(func(t *testing.T, name string) {
		if image, ok := ParseImageName(name); ok && image.Platform == "" {
			t.Errorf("%q: %+v", name, image)
		}
	})
}

func FuzzParsePackages(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text string) {
		names, err := ParsePackages(text)
		checkError(t, err)
		if err == nil && len(names) == 0 || len(names) > len(text)/4 {
			t.Errorf("%d names", len(names))
		}
	})
}

// FuzzParseOthers tests the parsers of the diagnosis.
func FuzzParseOthers(f *testing.F) {
	seed(f)
	for _, text := range []string{
		"Switch/Stack Mac Address : aaaa.ddff.dddd\n*1       Active   689c.e2ff.b9d9     3      V04     Ready\n",
		"NAME: \"1\", DESCR: \"x\"\nPID: x , VID: V01, SN: y\n",
		"[ Switch 1 ] Installed Package(s) Information:\nIMG   C    17.10.01.0.160408\nAuto abort timer: inactive\n",
		"Extended IP access list 101\n    10 permit udp any host 10.4.1.1 eq 1985 (67 matches)\n",
		"Vlan1  10.76.119.164   YES NVRAM  administratively down down\n", "ip tftp source-interface Vlan2\nip tftp blocksize 8192\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		stack, err := ParseSwitch(text)
		checkError(t, err)
		items, err := ParseInventory(text)
		checkError(t, err)
		install, err := ParseInstall(text)
		checkError(t, err)
		lists, err := ParseAccessLists(text)
		checkError(t, err)
		interfaces, err := ParseInterfaceBrief(text)
		checkError(t, err)
		config, err := ParseTFTPConfig(text)
		checkError(t, err)
		if max(len(stack.Switches), len(items), len(install.Locations), len(lists), len(interfaces), len(config.Lines)) > lines {
			t.Error("more facts than lines")
		}
	})
}
