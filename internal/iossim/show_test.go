package iossim

import (
	"crypto/md5"
	"crypto/sha512"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"flashwarden/internal/testlevel"
)

// Each listing in the format of its IOS, in full.
func TestListings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ profile, command, want string }{
		{"c3500xl", "dir flash:html", `Directory of flash:/html/

  6  -rwx         110   May 17 2004 08:41:57  homepage.htm
  7  -rwx        9381   May 17 2004 08:41:58  toolbar.js

3612672 bytes total (1784320 bytes free)
`},
		{"c3750-stack", "show file systems | include flash", "*     32514048      14211072     flash     rw   flash: flash1:\n      32514048      14211072     flash     rw   flash2:\n"},
		{"c9500-svl", "show file systems | include bootflash", "*  11250098176   11250028544      disk     rw   bootflash: flash:\n   11250171904   11250106368      disk     rw   bootflash-2:\n   11250171904   11250106368      disk     rw   stby-bootflash:\n"},
		{"c3750-stack", "dir flash2:config.text", `Directory of flash2:/config.text

    4  -rwx        3508   Nov 3 2023 09:11:47 +00:00  config.text

32514048 bytes total (14211072 bytes free)
`},
		{"c3750", "dir nvram:", `Directory of nvram:/

    1  -rw-        3509                    <no date>  startup-config
    2  ----        3096                    <no date>  private-config
    3  -rw-        5824                    <no date>  multiple-fs

524288 bytes total (511859 bytes free)
`},
		{"c3750", "dir /recursive c3750-ipservicesk9-mz.150-2.SE8", `Directory of flash:/c3750-ipservicesk9-mz.150-2.SE8

    7  drwx         448   Mar 1 1993 00:05:12 +00:00  html
  381  -rwx    18286080   Mar 1 1993 00:09:35 +00:00  c3750-ipservicesk9-mz.150-2.SE8.bin
  382  -rwx         442   Mar 1 1993 00:11:30 +00:00  info

Directory of flash:/c3750-ipservicesk9-mz.150-2.SE8/html

    8  -rwx          78   Mar 1 1993 00:05:14 +00:00  index.htm

32514048 bytes total (14211072 bytes free)
`},
		{"c9300", "dir flash-1:vlan.dat", `Directory of flash:/vlan.dat

131086  -rw-             3496   Mar 5 2024 15:40:19 +00:00  vlan.dat

11353194496 bytes total (11296243712 bytes free)
`},
		{"c9300", "dir core", "Directory of flash:/core/\n\nNo files in directory\n\n11353194496 bytes total (11296243712 bytes free)\n"},
		{"c9300", "dir tftp:", "Directory of tftp:/\n\nNo files in directory\n\nNo space information available\n"},
		{"c9300", "dir flash", "%Error opening flash:/flash (No such file or directory)\n"},
		{"c9300", "dir slot0:", "%Error opening slot0: (Invalid argument)\n"},
		{"c9300", "show flash | include vlan|length|avail", "-#- --length-- ---------date/time--------- path\n 19       3496 Mar 05 2024 15:40:19.0000000000 +00:00 vlan.dat\n11296243712 bytes available (56950784 bytes used)\n"},
		{"c9300", "show file systems | include flash|nvram", "*  11353194496   11296243712      disk     rw   flash: bootflash: flash-1:\n       2097152       2089771     nvram     rw   nvram:\n"},
	} {
		s := launch(t, c.profile, Options{})
		l := atPrompt(t, s)
		if got := outputOf(s, l, c.command); got != c.want {
			t.Errorf("%s: %s\n%s\nwant\n%s", c.profile, c.command, got, c.want)
		}
	}
}

// outputOf returns the output of a command, with LF line ends.
func outputOf(s *Switch, l *line, command string) string {
	return strings.ReplaceAll(l.run(command, s.Hostname()+"#"), "\r\n", "\n")
}

// The listing and the bytes agree, in every file system of every profile.
func TestSizesInListings(t *testing.T) {
	testlevel.NeedFull(t, "takes a second of CPU or of waiting")
	t.Parallel()
	line := regexp.MustCompile(`^ *\d+  [-rwx]{4} +(\d+) .* (\S+)$`)
	for _, profile := range Profiles() {
		s, err := New(profile, Options{})
		if err != nil {
			t.Fatal(err)
		}
		sizes := map[string]int{} // number of files by "/name size"
		listed := 0
		for _, path := range s.Files() {
			if data, _ := s.File(path); !strings.HasPrefix(path, "system:") {
				sizes[fmt.Sprint(path[strings.LastIndexByte(path, '/'):], " ", len(data))]++
				listed++
			}
		}
		n := 0
		for row := range strings.Lines(s.dirAllFileSystems(true)) {
			if m := line.FindStringSubmatch(strings.TrimSuffix(row, "\n")); m != nil && sizes["/"+m[2]+" "+m[1]] > 0 {
				sizes["/"+m[2]+" "+m[1]]--
				n++
			}
		}
		if n != listed {
			t.Errorf("%s: %d files of %d stand in the listings with their size", profile, n, listed)
		}
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	s := launch(t, "c9300", Options{})
	l := atPrompt(t, s)
	data, _ := s.File("flash:/vlan.dat")
	sum, long := fmt.Sprintf("%x", md5.Sum(data)), fmt.Sprintf("%x", sha512.Sum512(data))
	wrong := strings.Repeat("0", 32)
	for command, want := range map[string]string{
		"verify /md5 flash:/vlan.dat":                             ".Done!\nverify /md5 (flash:/vlan.dat) = " + sum + "\n\n\n",
		"verify /md5 vlan.dat":                                    ".Done!\nverify /md5 (flash:/vlan.dat) = " + sum + "\n\n\n",
		"verify /sha512 flash:vlan.dat":                           ".Done!\nverify /sha512 (flash:vlan.dat) = " + long + "\n\n\n",
		"verify /md5 flash:vlan.dat " + strings.ToUpper(sum):      ".Done!\nVerified (flash:vlan.dat) = " + sum + "\n",
		"verify /md5 flash:vlan.dat " + wrong:                     ".Done!\n%Error verifying flash:vlan.dat\nComputed signature  = " + sum + "\nSubmitted signature = " + wrong + "\n",
		"verify /md5 flash:x":                                     "%Error opening flash:/x (No such file or directory)\n",
		"verify /md5 flash:core":                                  "%Error reading flash:/core (Is a directory)\n",
		"verify flash:vlan.dat":                                   "%Error verifying flash:vlan.dat\n%ERROR: Not able to process Signature in flash:vlan.dat.\n",
		"verify flash:cat9k-wlc.17.09.04a.SPA.pkg | include none": "",
	} {
		if got := outputOf(s, l, command); got != want && !strings.Contains(command, "|") {
			t.Errorf("%s\n%s\nwant\n%s", command, got, want)
		}
	}
	xl := launch(t, "c3500xl", Options{})
	if got := outputOf(xl, atPrompt(t, xl), "verify flash:info"); got != "Verified flash:info\n" {
		t.Errorf("verify on a 3500XL: %s", got)
	}
}

// A device would accept each configuration, and none has a secret.
func TestConfigurations(t *testing.T) {
	t.Parallel()
	for _, profile := range Profiles() {
		s := launch(t, profile, Options{Username: "admin", Password: "pass-in-clear", Hostname: "sw-named"})
		running, ok := s.File("system:running-config")
		startup, ok2 := s.File("nvram:startup-config")
		if !ok || !ok2 || string(running) != string(startup) {
			t.Errorf("%s: running-config and startup-config differ", profile)
		}
		text := string(running)
		if !strings.Contains(text, "\nhostname sw-named\n") || !strings.HasSuffix(text, "\nend\n") || strings.Contains(text, "in-clear") {
			t.Errorf("%s: running-config\n%s", profile, text)
		}
		if out := regexp.MustCompile(`(?m)(password|secret) (\S+) `).FindAllStringSubmatch(text, -1); len(out) == 0 {
			t.Errorf("%s: no secret in the configuration to look at", profile)
		} else {
			for _, m := range out {
				if m[1] != "secret" || m[2] != "5" && m[2] != "9" {
					t.Errorf("%s: %s is no hash", profile, m[0])
				}
			}
		}
	}
}

// Every text for the commands of a profile exists and can be filled.
func TestTextsFill(t *testing.T) {
	t.Parallel()
	for _, profile := range Profiles() {
		p, err := findProfile(profile)
		if err != nil {
			t.Fatal(err)
		}
		names := []string{"show_version", "show_ip_interface_brief", "running-config"}
		for needs, more := range map[feature][]string{
			showBoot: {"show_boot"}, showBootvar: {"show_bootvar"}, stackable: {"show_switch", "show_inventory"},
		} {
			if p.can(needs) {
				names = append(names, more...)
			}
		}
		for _, name := range names {
			text, err := p.text(name, fill{Hostname: "sw", Address: "192.0.2.1", Image: "flash:i", BootLines: []string{"flash:b"}, units: make([]unit, 3), Uplink: "Vlan1"})
			if err != nil || text == "" || strings.Contains(text, "<no value>") {
				t.Errorf("%s/%s: %v\n%s", p.name, name, err, text)
			}
		}
	}
}
