package iossim

import (
	"errors"
	"strings"
	"testing"
)

// TestLoaders decides what each boot loader starts: the tests of restores rely
// on it.
func TestLoaders(t *testing.T) {
	const cisco4500, cisco2900 = "cat4500e-entservicesk9-mz.122-54.SG1.bin", "flash0:c2900-universalk9-mz.SPA.152-4.M1.bin"
	for name, c := range map[string]struct {
		profile string
		o       Options
		remove  string
		cut     string // a file of which only the first half is there
		unit    int
		image   string
		err     error
	}{
		"the file of BOOT":           {profile: "isr2900", image: cisco2900},
		"ROMMON":                     {profile: "isr2900", o: Options{Register: 0x2100}, err: errROMMON},
		"ROMMON from the next start": {profile: "isr2900", o: Options{RegisterNext: 0x2100}, err: errROMMON},
		"ROMMON no more":             {profile: "isr2900", o: Options{Register: 0x2100, RegisterNext: 0x2102}, image: cisco2900},
		"the first image":            {profile: "isr2900", o: Options{Register: 0x2101, Boots: []string{"flash0:gone"}}, image: strings.Replace(cisco2900, ":", ":/", 1)},
		"BOOT names nothing":         {profile: "isr2900", o: Options{Boots: []string{"flash0:gone"}}, err: errNoImage},
		"BOOT names a configuration": {profile: "c2950", o: Options{Boots: []string{"flash:config.text"}}, err: errNoImage},
		"the second of BOOT":         {profile: "isr2900", o: Options{Boots: []string{"flash0:gone", cisco2900}}, image: cisco2900},
		"BOOT is empty":              {profile: "isr2900", o: Options{Boots: []string{}}, image: strings.Replace(cisco2900, ":", ":/", 1)},
		"BOOT is empty, XE switch":   {profile: "c9300-stack", o: Options{Boots: []string{}}, err: errNoSearch},
		"no register":                {profile: "c9300-stack", o: Options{Register: 0x2100}, image: "flash:packages.conf"},
		"a patch":                    {profile: "c9300-smu", o: Options{Boots: []string{"flash:cat9k_iosxe.17.09.04a.CSCsim00001.SPA.smu.bin"}}, err: errNoImage},
		"manual boot":                {profile: "c2950", o: Options{ManualBoot: 1}, err: errManual},
		"manual boot of another":     {profile: "c3750-stack", o: Options{ManualBoot: 2}, unit: 2, err: errManual},
		"a package is missing":       {profile: "c9300-stack", remove: "flash-2:cat9k-rpbase.17.09.04a.SPA.pkg", unit: 2, err: errNoImage},
		"of the other supervisor":    {profile: "c4500-redundant", unit: 2, image: "slavebootflash:" + cisco4500},
		"its register":               {profile: "c4500-redundant", o: Options{Register: 0x2100, RegisterUnit: 2}, unit: 2, err: errROMMON},
		"and not the first one's":    {profile: "c4500-redundant", o: Options{Register: 0x2100, RegisterUnit: 2}, image: "bootflash:" + cisco4500},
		"cut short":                  {profile: "isr2900", cut: cisco2900, err: errNoImage},
		"a package is cut short":     {profile: "c9300-stack", cut: "flash:cat9k-rpbase.17.09.04a.SPA.pkg", err: errNoImage},
		"deleted, not squeezed":      {profile: "c4500-redundant", remove: "bootflash:" + cisco4500, err: errNoImage},
	} {
		s, err := New(c.profile, c.o)
		if err != nil {
			t.Fatal(err)
		}
		if c.remove != "" {
			err = s.Remove(c.remove)
		}
		if whole, there := s.File(c.cut); there {
			err = s.Write(c.cut, whole[:len(whole)/2])
		}
		image, boots := s.Boots(max(c.unit, 1))
		if err != nil || image != c.image || !errors.Is(boots, c.err) {
			t.Errorf("%s: it starts %q, %v, %v; want %q, %v", name, image, boots, err, c.image, c.err)
		}
	}
}

// TestDeletedFilesKeepTheirSpace frees space on flash of class B by squeeze, and
// elsewhere at once.
func TestDeletedFilesKeepTheirSpace(t *testing.T) {
	for profile, path := range map[string]string{"isr2800": "flash:watch.tcl", "c2950": "flash:/vlan.dat"} {
		s, err := New(profile, Options{})
		if err != nil {
			t.Fatal(err)
		}
		fs, _, err := s.flash.split(path)
		before := s.flash.free(fs)
		if err = errors.Join(err, s.Remove(path)); err != nil {
			t.Fatal(err)
		}
		if freed := s.flash.free(fs) > before; freed == fs.squeeze {
			t.Errorf("%s: freed %t", profile, freed)
		}
		s.flash.reclaim(fs)
		if s.flash.free(fs) <= before {
			t.Errorf("%s: nothing is free after squeeze", profile)
		}
	}
}

// TestQuiet asks nothing under "file prompt quiet".
func TestQuiet(t *testing.T) {
	s := launch(t, "c2950", Options{FilePrompt: "quiet"})
	l := atPrompt(t, s)
	l.send("delete flash:/vlan.dat\r\r")
	l.expect(s.Hostname()+"#", "[confirm]")
	if _, there := s.File("flash:/vlan.dat"); there {
		t.Error("the file is there")
	}
}
