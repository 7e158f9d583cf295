package ios

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"flashwarden/internal/cause"
)

// parsers lists the parsers whose result decides on the files of a backup, each
// with an output.
var parsers = map[string]struct {
	parse  func(text string) error
	output string
}{
	"show version": {func(text string) error { _, err := ParseVersion(text); return err },
		"Cisco IOS Software, C3750 Software (C3750-IPBASE-M), Version 12.2(55)SE1, RELEASE SOFTWARE (fc1)\n\nsw1 uptime is 1 week\n" +
			"System image file is \"flash:/c3750.bin\"\n\nSwitch Ports Model              SW Version            SW Image\n" +
			"------ ----- -----              ----------            ----------\n*    1 28    WS-C3750G-24TS-1U  12.2(55)SE1           C3750-IPBASE-M\n\n" +
			"Configuration register is 0xF\n"},
	"show boot": {func(text string) error { _, err := ParseBoot(text); return err },
		"BOOT path-list      : flash:/c3750.bin\nConfig file         : flash:/config.text\n"},
	"dir": {func(text string) error { _, err := ParseDir("dir flash:", text); return err },
		"Directory of flash:/\n\n    2  -rwx     8980740   Mar 1 1993 00:05:45 +00:00  c3750.bin\n\n15998976 bytes total (6000000 bytes free)\n"},
	"show file systems": {func(text string) error { _, err := ParseFileSystems(text); return err },
		"File Systems:\n\n       Size(b)       Free(b)      Type  Flags  Prefixes\n*     15998976       6000000     flash     rw   flash: flash1:\n"},
	"show switch": {func(text string) error { _, err := ParseSwitch(text); return err },
		"Switch/Stack Mac Address : aaaa.ddff.dddd\n*1       Active   689c.e2ff.b9d9     3      V04     Ready\n"},
}

// TestCutOff cuts outputs anywhere. Half a word must not become a fact.
func TestCutOff(t *testing.T) {
	for name, p := range parsers {
		if err := p.parse(p.output); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := p.parse(p.output + "sw1#"); err != nil {
			t.Errorf("%s with the prompt behind it: %v", name, err)
		}
		for n := 1; n < len(p.output); n++ {
			cut := p.output[:n]
			last := cut[strings.LastIndexByte(cut, '\n')+1:]
			if err := p.parse(cut); strings.TrimSpace(last) != "" && !isPromptOrEcho(last) && err == nil {
				t.Errorf("%s: read %q", name, cut)
			}
		}
	}
}

// TestGarbage tests texts that are no output of the command at all.
func TestGarbage(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for name, p := range parsers {
		texts := []string{"", "\n\n", "sw1#\n", "\x00\xff\x1b[2J\n", "  ?\n", "1 2 x\n", "BOOT\n", strings.Repeat("x", 1<<16) + "\n"}
		for range 200 {
			words := strings.Fields(p.output)
			rnd.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
			texts = append(texts, strings.Join(words[:min(3, len(words))], "\t")+"\n")
		}
		for range 20 { // where a row may lack its last word
			texts = append(texts, fmt.Sprintf("%d\t-rwx\t%d\n", rnd.IntN(9), rnd.IntN(1<<24)))
		}
		for _, text := range texts {
			// Some boot loaders print only attributes, size and name.
			if err := p.parse(text); err == nil && !strings.HasPrefix(text, "-rwx") {
				t.Errorf("%s: read %.80q", name, text)
			}
		}
		for other, q := range parsers {
			if other != name && p.parse(q.output) == nil {
				t.Errorf("%s read the output of %s", name, other)
			}
		}
	}
}

// TestUnreadableRows has one row of an unknown form in a table. The parser
// reports it and returns the other rows.
func TestUnreadableRows(t *testing.T) {
	row := func(output, like, unlike string) string { return strings.Replace(output, like, like+unlike, 1) }
	_, err := ParseVersion(row(parsers["show version"].output, "C3750-IPBASE-M\n", "     2 28    WS-C3750G-24TS-1U\n"))
	if err == nil || !strings.Contains(err.Error(), `"2 28    WS-C3750G-24TS-1U"`) {
		t.Errorf("show version: %v", err)
	}
	systems, err := ParseFileSystems(row(parsers["show file systems"].output, "flash1:\n", "   1598976  600 flash  flash2:\n"))
	if err == nil || !strings.Contains(err.Error(), "flash2:") || len(systems) != 1 {
		t.Errorf("show file systems: %v, %v", systems, err)
	}
	const odd = "   3  -rw-  <odd>  Mar 1 1993 00:05:45 +00:00  config.text\n"
	listings, err := ParseDir("dir flash:", row(parsers["dir"].output, "c3750.bin\n", odd+"    4  -rwx     4   Mar 1 1993 00:05:45 +00:00  vlan.dat\n"))
	if !errors.Is(err, ErrUnread) || !strings.Contains(err.Error(), "config.text") || len(listings) != 1 ||
		len(listings[0].Entries) != 2 || len(listings[0].Unread) != 1 || !strings.Contains(listings[0].Unread[0], "config.text") || listings[0].Free != 6000000 {
		t.Errorf("dir: %+v, %v", listings, err)
	}
	if listings, err := ParseDir("dir flash:", odd); err == nil || len(listings) > 0 {
		t.Errorf("dir without a listing: %+v, %v", listings, err)
	}
	stack, err := ParseSwitch(row(parsers["show switch"].output, "Ready\n", " 2       Member   who knows\n"))
	if err == nil || !strings.Contains(err.Error(), "who knows") || len(stack.Switches) != 1 {
		t.Errorf("show switch: %v, %v", stack, err)
	}
}

// TestOtherProducts has the first lines of other Cisco systems.
func TestOtherProducts(t *testing.T) {
	for product, text := range map[string]string{
		"NX-OS":  "Cisco Nexus Operating System (NX-OS) Software\nTAC support: http://www.cisco.com/tac\nSoftware\n  BIOS: version 07.61\n",
		"ASA":    "\nCisco Adaptive Security Appliance Software Version 9.8(2)\nFirepower Extensible Operating System Version 2.2(2.52)\n",
		"CatOS":  "WS-C6509 Software, Version NmpSW: 8.5(8)\nCopyright (c) 1995-2006 by Cisco Systems\n",
		"IOS XR": "Cisco IOS XR Software, Version 6.1.2[Default]\nCopyright (c) 2016 by Cisco Systems, Inc.\n",
	} {
		_, err := ParseVersion(text)
		if cause.Of(err) != cause.UnsupportedDevice || !strings.Contains(err.Error(), product) || cause.Hint(err) == "" {
			t.Errorf("%s: %v", product, err)
		}
	}
	for _, text := range []string{"NXOS variable = bootflash:/nxos.7.0.3.I7.3.bin\n", "\nBOOT variable = disk0:/asa.bin\nCurrent BOOT variable = disk0:/asa.bin\n"} {
		if _, err := ParseBoot(text); cause.Of(err) != cause.UnsupportedDevice {
			t.Errorf("%q: %v", text, err)
		}
	}
}
