package flash

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"flashwarden/internal/ios"
)

// table is show file systems with these rows; the first one is the default.
func table(t testing.TB, rows ...string) []ios.FileSystem {
	text := "File Systems:\n\n       Size(b)       Free(b)      Type  Flags  Prefixes\n"
	for i, r := range rows {
		mark := " "
		if i == 0 {
			mark = "*"
		}
		text += mark + "    32514048      11530240      disk     rw   " + r + "\n"
	}
	systems, err := ios.ParseFileSystems(text)
	if err != nil || len(systems) != len(rows) {
		t.Fatalf("%d file systems, %v:\n%s", len(systems), err, text)
	}
	return ios.JoinStandby(systems)
}

// device is the file systems of one device: the rows of its table and the
// names under which files are listed.
type device struct {
	rows   []string
	listed []string
	active int // the member of a stack that answers; 0: not known
}

func (d device) facts() ios.Facts {
	if d.active == 0 {
		return ios.Facts{}
	}
	return ios.Facts{Stack: []ios.StackSwitch{{Number: 9}, {Number: d.active, Local: true}}}
}

func (d device) systems(t testing.TB) Systems {
	var rows []ios.FileSystem
	if len(d.rows) > 0 {
		rows = table(t, d.rows...)
	}
	var listings []ios.Listing
	for _, fs := range d.listed {
		listings = append(listings, ios.Listing{FileSystem: fs, Path: fs + "/", Table: rows})
	}
	return NewSystems(d.facts(), listings)
}

// The devices whose names are compared.
var (
	c2960        = device{rows: []string{"flash:", "nvram:"}, listed: []string{"flash:", "nvram:"}}
	c3750Stack   = device{rows: []string{"flash: flash1:", "flash2:"}, listed: []string{"flash:", "flash2:"}}
	c2960XStack  = device{rows: []string{"flash:flash-1:", "flash-2:stby-flash:", "flash-3:"}, listed: []string{"flash:", "flash-2:", "flash-3:"}}
	c9300        = device{rows: []string{"flash: bootflash: flash-1:", "crashinfo: crashinfo-1:"}, listed: []string{"flash:"}}
	c9300Stack   = device{rows: []string{"flash: bootflash: flash-1:", "flash-2: stby-flash:", "flash-3:"}, listed: []string{"flash:", "flash-2:", "flash-3:"}}
	c9300Old     = device{rows: []string{"flash:", "crashinfo:", "usbflash0:"}, listed: []string{"flash:"}}
	c9400        = device{rows: []string{"bootflash: flash:", "stby-bootflash:", "stby-crashinfo:"}, listed: []string{"bootflash:", "stby-bootflash:"}}
	c9407R       = device{rows: []string{"bootflash: flash:", "bootflash-1-1:", "stby-bootflash:", "stby-crashinfo:"}, listed: []string{"bootflash:", "bootflash-1-1:"}}
	c9500SVL     = device{rows: []string{"bootflash: flash:", "bootflash-1:", "disk0:", "disk0-1:", "stby-bootflash:", "stby-disk0:"}, listed: []string{"bootflash:", "bootflash-1:", "disk0:", "disk0-1:"}}
	c9606RQuad   = device{rows: []string{"bootflash: flash:", "bootflash-1-1:", "bootflash-2-0:", "stby-bootflash:"}, listed: []string{"bootflash:", "bootflash-1-1:", "bootflash-2-0:", "stby-bootflash:"}}
	isr4300      = device{rows: []string{"bootflash: flash:", "usb0:"}, listed: []string{"bootflash:"}}
	isr2900      = device{rows: []string{"flash0: flash:#", "flash1:", "usbflash0:"}, listed: []string{"flash0:", "flash1:"}}
	csr1000v     = device{rows: []string{"bootflash:"}, listed: []string{"bootflash:"}}
	c4500        = device{rows: []string{"bootflash:", "cat4000_flash:", "slot0:", "slavebootflash:"}, listed: []string{"bootflash:", "cat4000_flash:", "slot0:", "slavebootflash:"}}
	c6500        = device{rows: []string{"disk0:", "disk1:", "sup-bootdisk:", "bootflash:", "slavedisk0:", "slavesup-bootdisk:"}, listed: []string{"disk0:", "disk1:", "sup-bootdisk:", "slavedisk0:", "slavesup-bootdisk:"}}
	ie4000       = device{rows: []string{"flash:", "sdflash:"}, listed: []string{"flash:"}} // the card could not be listed
	noTable      = device{listed: []string{"flash:", "nvram:"}}
	noTableFlash = func(fs ...string) device { return device{listed: fs} }
)

// TestNamesOfFileSystems has both directions of the rule: two names of one
// file system are equal, two file systems never are.
func TestNamesOfFileSystems(t *testing.T) {
	for _, c := range []struct {
		why    string
		device device
		a, b   string
		same   bool
	}{
		{"one name", c2960, "flash:", "flash:", true},
		{"one row of the table", c9300, "flash:", "bootflash:", true},
		{"one row of the table", c9300, "bootflash:", "flash-1:", true},
		{"one row of the table, marked #", isr2900, "flash:", "flash0:", true},
		{"one row of the table, glued", c2960XStack, "flash-2:", "stby-flash:", true},
		{"one row of the table, of the active member", c3750Stack, "flash:", "flash1:", true},
		{"one row of the table, listed under the first", isr4300, "flash:", "bootflash:", true},
		{"a path without a file system means the default one", c6500, "", "disk0:", true},
		{"a path without a file system, no table", noTable, "", "flash:", true},

		{"two rows of the table", c6500, "disk0:", "disk1:", false},
		{"two rows of the table", c6500, "disk0:", "sup-bootdisk:", false},
		{"two rows of the table", c6500, "bootflash:", "sup-bootdisk:", false},
		{"two rows of the table", isr2900, "flash:", "flash1:", false},
		{"two rows of the table", isr2900, "flash0:", "usbflash0:", false},
		{"two rows of the table", c4500, "bootflash:", "cat4000_flash:", false},
		{"two rows of the table", c9300Old, "flash:", "usbflash0:", false},
		{"two rows of the table, one of them not listed", ie4000, "flash:", "sdflash:", false},
		{"the other supervisor's", c9400, "bootflash:", "stby-bootflash:", false},
		{"the other supervisor's", c4500, "bootflash:", "slavebootflash:", false},
		{"the other supervisor's", c6500, "disk0:", "slavedisk0:", false},
		{"the other switch's, in two rows", c9500SVL, "bootflash-1:", "stby-bootflash:", true},
		{"the other switch's, in two rows", c9500SVL, "disk0-1:", "stby-disk0:", true},
		{"the other supervisor's, in two rows", c9407R, "bootflash-1-1:", "stby-bootflash:", true},
		{"the other switch's", c9500SVL, "bootflash:", "bootflash-1:", false},
		{"the other switch's", c9500SVL, "disk0-1:", "bootflash-1:", false},
		{"one of several other supervisors'", c9606RQuad, "bootflash-1-1:", "stby-bootflash:", false},
		{"another member's", c3750Stack, "flash:", "flash2:", false},
		{"another member's", c9300Stack, "bootflash:", "flash-2:", false},
		{"two other members'", c9300Stack, "flash-2:", "flash-3:", false},
		{"flash is no NVRAM", c2960, "flash:", "nvram:", false},

		{"documented: IOS-XE takes bootflash: for flash:", c9300Old, "bootflash:", "flash:", true},
		{"documented: IOS-XE takes flash: for bootflash:", csr1000v, "flash:", "bootflash:", true},
		{"documented: flash: is typed, flash0: printed", noTableFlash("flash0:"), "flash:", "flash0:", true},
		{"documented: flash: is typed, sdflash: printed", noTableFlash("sdflash:"), "flash:", "sdflash:", true},
		{"documented: flash: is slot0: where there is no flash:", noTableFlash("slot0:"), "flash:", "slot0:", true},
		{"seen: a CSR says boot:", csr1000v, "boot:", "bootflash:", true},
		{"documented: flash: is the active member's", device{rows: []string{"flash:", "flash2:"}, listed: []string{"flash:"}, active: 1}, "flash1:", "flash:", true},
		{"documented: flash: is the active member's, listed by its number", device{listed: []string{"flash1:", "flash2:"}, active: 2}, "flash:", "flash2:", true},
		{"documented: both are the other supervisor's", c4500, "stby-bootflash:", "slavebootflash:", true},
		{"documented: both are member 2's", c9300Stack, "flash2:", "flash-2:", true},
		{"documented: the other supervisor's too", device{rows: []string{"flash:", "stby-flash:"}, listed: []string{"flash:"}}, "stby-bootflash:", "stby-flash:", true},

		{"a member that was not listed", device{rows: []string{"flash:"}, listed: []string{"flash:"}, active: 1}, "flash2:", "flash:", false},
		{"a member, and who answers is not known", noTable, "flash1:", "flash:", false},
		{"an alias is no alias where it is a file system of its own", device{rows: []string{"flash:", "bootflash:"}, listed: []string{"flash:"}}, "bootflash:", "flash:", false},
		{"an alias is no alias where both were listed", noTableFlash("flash:", "bootflash:"), "bootflash:", "flash:", false},
		{"an alias that fits two", c4500, "flash:", "bootflash:", false},
		{"an alias that fits two", c4500, "flash:", "slot0:", false},
		{"an alias in the wrong direction", noTable, "sdflash:", "flash:", false},
		{"an alias in the wrong direction", noTable, "slot0:", "flash:", false},
		{"an alias of an alias", c9300Old, "boot:", "flash:", false},
		{"no alias is documented", noTable, "disk0:", "flash:", false},
		{"no alias is documented", noTableFlash("disk0:"), "flash:", "disk0:", false},
		{"no alias is documented", noTableFlash("disk0:"), "disk1:", "disk0:", false},
		{"no alias is documented", csr1000v, "sup-bootflash:", "bootflash:", false},
		{"no alias is documented", csr1000v, "harddisk:", "bootflash:", false},
		{"no alias is documented", noTable, "usbflash0:", "flash:", false},
		{"flash1: of a router is a slot", noTableFlash("flash0:"), "flash1:", "flash:", false},
		{"the network", noTable, "tftp:", "flash:", false},
		{"nothing is known", device{}, "flash:", "bootflash:", false},
	} {
		s := c.device.systems(t)
		for _, pair := range [][2]string{{c.a, c.b}, {c.b, c.a}} {
			a, b := Path{pair[0], "d/x.bin"}, Path{pair[1], "d/x.bin"}
			if s.SameSystem(a.FS, b.FS) != c.same || s.Same(a, b) != c.same {
				t.Errorf("%s: %q and %q are the same: %t", c.why, a.FS, b.FS, !c.same)
			}
			if c.same && s.Apart(a.FS, b.FS) {
				t.Errorf("%s: %q and %q are one and apart", c.why, a.FS, b.FS)
			}
			if s.Same(a, Path{b.FS, "x.bin"}) || s.Same(a.On(a.FS), Path{b.FS, ""}) {
				t.Errorf("%s: files of other names are the same", c.why)
			}
		}
	}
}

// TestApart has pairs that are proved to be two file systems. Others must
// count as one where a file is protected.
func TestApart(t *testing.T) {
	for _, c := range []struct {
		device device
		a, b   string
		apart  bool
	}{
		{c6500, "disk0:", "disk1:", true},
		{c9300Stack, "flash:", "flash-2:", true},
		{ie4000, "flash:", "sdflash:", true},
		{noTableFlash("disk0:", "disk1:"), "disk0:", "disk1:", true},
		{noTableFlash("flash:", "flash2:"), "flash:", "flash2:", true},
		{noTableFlash("flash:", "bootflash:"), "flash:", "bootflash:", false}, // may be one
		{noTableFlash("flash0:", "flash:"), "flash:", "flash0:", false},
		{noTable, "flash:", "disk0:", false}, // disk0: is not known
		{c9300, "flash:", "bootflash:", false},
		{c2960, "flash:", "nowhere:", false},
	} {
		s := c.device.systems(t)
		if s.Apart(c.a, c.b) != c.apart || s.Apart(c.b, c.a) != c.apart {
			t.Errorf("%s and %s are apart: %t", c.a, c.b, !c.apart)
		}
	}
}

func TestCanonical(t *testing.T) {
	for _, c := range []struct {
		device   device
		fs, want string
		listed   bool
	}{
		{c9300, "bootflash:", "flash:", true},
		{isr2900, "flash:", "flash0:", true},
		{isr2900, "usbflash0:", "usbflash0:", false},
		{c9300Old, "bootflash:", "flash:", true},
		{c2960XStack, "stby-flash:", "flash-2:", true},
		{ie4000, "sdflash:", "sdflash:", false},
		{c2960, "nowhere:", "nowhere:", false},
		{device{}, "", "", false},
		// The files are listed under another name than the first of the row.
		{device{rows: []string{"flash: bootflash:"}, listed: []string{"bootflash:", "flash:", "bootflash:"}}, "flash:", "bootflash:", true},
		{device{rows: []string{"bootflash:"}, listed: []string{"flash:", "bootflash:", "flash:"}}, "bootflash:", "flash:", true},
	} {
		s := c.device.systems(t)
		if got := s.Canonical(c.fs); got != c.want || s.Listed(c.fs) != c.listed {
			t.Errorf("%q: %q, listed %t", c.fs, got, !c.listed)
		}
	}
}

func TestUnitsOfFileSystems(t *testing.T) {
	for _, c := range []struct {
		device   device
		fs       string
		units    string
		family   string
		siblings string
	}{
		{c3750Stack, "flash:", "", "flash:", "flash2:"},
		{c3750Stack, "flash1:", "", "flash:", "flash2:"},
		{c3750Stack, "flash2:", "switch 2", "flash:", "flash:"},
		{c2960XStack, "flash-2:", "switch 2, standby", "flash:", "flash:, flash-3:"},
		{c9300Stack, "bootflash:", "", "flash:", "flash-2:, flash-3:"},
		{c9300Stack, "stby-bootflash:", "switch 2, standby", "flash:", "flash:, flash-3:"},
		{c9400, "flash:", "", "bootflash:", "stby-bootflash:"},
		{c9400, "stby-bootflash:", "standby", "bootflash:", "bootflash:"},
		{c9500SVL, "bootflash-1:", "switch 1, standby", "bootflash:", "bootflash:"},
		{c9500SVL, "stby-disk0:", "switch 1, standby", "disk0:", "disk0:"},
		{c9500SVL, "flash:", "", "bootflash:", "bootflash-1:"},
		{c9407R, "stby-bootflash:", "switch 1 R1, standby", "bootflash:", "bootflash:"},
		{c9606RQuad, "bootflash-2-0:", "switch 2 R0", "bootflash:", "bootflash:, bootflash-1-1:, stby-bootflash:"},
		{c4500, "slavebootflash:", "standby", "bootflash:", "bootflash:"},
		{c6500, "disk0:", "", "disk0:", "slavedisk0:"},
		{c6500, "disk1:", "", "disk1:", ""},
		{c6500, "slavesup-bootdisk:", "standby", "sup-bootdisk:", "sup-bootdisk:"},
		{c6500, "sup-bootdisk:", "", "sup-bootdisk:", "slavesup-bootdisk:"},
		{isr2900, "flash0:", "", "flash0:", ""},
		{isr2900, "flash1:", "", "flash1:", ""},
		{noTableFlash("flash1:", "flash2:"), "flash2:", "switch 2", "flash:", "flash1:"},
		{device{listed: []string{"flash1:", "flash2:"}, active: 2}, "flash2:", "", "flash2:", "flash1:"},
		{device{}, "flash-16:", "switch 16", "flash:", ""},
		{device{}, "usbflash1:", "", "usbflash1:", ""},
		{device{}, "slave:", "", "slave:", ""},
		{device{}, "nvram:", "", "nvram:", ""},
	} {
		s := c.device.systems(t)
		units, siblings := strings.Join(s.UnitNames(c.fs), ", "), strings.Join(s.Siblings(c.fs), ", ")
		if units != c.units || s.Family(c.fs) != c.family || siblings != c.siblings {
			t.Errorf("%q: of %q, family %q, siblings %q", c.fs, units, s.Family(c.fs), siblings)
		}
		if first, _, _ := strings.Cut(c.units, ", "); s.Unit(c.fs) != first {
			t.Errorf("%q: of %q", c.fs, s.Unit(c.fs))
		}
	}
}

func TestSameOnUnits(t *testing.T) {
	s := Named("flash1:", "flash-2:", "usbflash0:")
	image := ParsePath("flash:/d/x.bin")
	for p, want := range map[string]bool{"flash1:/d/x.bin": true, "flash-2:/d/x.bin": true, "flash:/x.bin": false, "usbflash0:/d/x.bin": false, "flash:": false} {
		if s.SameOnUnits(image, ParsePath(p)) != want {
			t.Errorf("%s: %t", p, !want)
		}
	}
	if (Systems{}).SameOnUnits(ParsePath("disk0:/x"), ParsePath("disk1:/x")) {
		t.Error("disk0: and disk1: are the same")
	}
}

func TestOnUnit(t *testing.T) {
	for _, c := range []struct {
		device   device
		unit, fs string
		want     string // empty: none
	}{
		{c3750Stack, "switch 2", "flash:", "flash2:"},
		{c3750Stack, "switch 2", "flash2:", "flash2:"},
		{c3750Stack, "switch 3", "flash:", ""},
		{c9300Stack, "standby", "bootflash:", "flash-2:"},
		{c9300Stack, "switch 3", "bootflash:", "flash-3:"},
		{c9300Stack, "switch 2", "flash-3:", "flash-3:"}, // its own name says which
		{c9500SVL, "standby", "flash:", "bootflash-1:"},
		{c9500SVL, "standby", "disk0:", "disk0-1:"},
		{c6500, "standby", "disk0:", "slavedisk0:"},
		{c6500, "standby", "sup-bootdisk:", "slavesup-bootdisk:"},
		{c6500, "standby", "disk1:", ""},
	} {
		if got, ok := c.device.systems(t).OnUnit(c.unit, c.fs); got != c.want || ok != (c.want != "") {
			t.Errorf("%s of %s: %q, %t", c.fs, c.unit, got, ok)
		}
	}
}

func TestStacked(t *testing.T) {
	for name, c := range map[string]struct {
		device device
		want   bool
	}{
		"stack": {c3750Stack, true}, "one switch": {c9300, false}, "two supervisors": {c9400, false}, "router": {isr2900, false},
		"a stack listed by numbers": {noTableFlash("flash1:", "flash2:"), true},
	} {
		if got := c.device.systems(t).Stacked(); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestTheActiveMember takes its number from show version where show switch is
// silent.
func TestTheActiveMember(t *testing.T) {
	f := ios.Facts{Members: []ios.Member{{Number: 1}, {Number: 2, Active: true}}}
	s := NewSystems(f, []ios.Listing{{FileSystem: "flash:", Path: "flash:/"}})
	if !s.SameSystem("flash-2:", "flash:") || s.SameSystem("flash-1:", "flash:") {
		t.Error("flash: is not the active member's")
	}
}

// TestTablesOfDevices reads the tables that were collected: each name means
// its own row.
func TestTablesOfDevices(t *testing.T) {
	files, err := filepath.Glob("../../../shared/corpus/*/show_file_systems/*.txt")
	if err != nil || len(files) == 0 {
		t.Skip("no collected tables here: ../shared/corpus is absent")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := ios.ParseFileSystems(string(text))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		s := NewSystems(ios.Facts{}, []ios.Listing{{FileSystem: "flash:", Path: "flash:/", Table: rows}})
		for i, a := range rows {
			for j, b := range rows {
				if same := s.SameSystem(a.Prefixes[0], b.Prefixes[0]); same != (i == j) || s.Apart(a.Prefixes[0], b.Prefixes[0]) == same {
					t.Errorf("%s: %s and %s: same %t", file, a.Prefixes[0], b.Prefixes[0], same)
				}
			}
		}
	}
}

// TestTheRule holds for any table: names of one row are equal, names of two
// rows never are, and equality is symmetric and transitive for any names.
func TestTheRule(t *testing.T) {
	all := []string{"flash:", "bootflash:", "flash0:", "flash1:", "flash2:", "flash-1:", "flash-2:", "stby-flash:", "stby-bootflash:", "slavebootflash:",
		"disk0:", "disk1:", "slavedisk0:", "sdflash:", "slot0:", "sup-bootflash:", "boot:", "usbflash0:", "nvram:"}
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.Permutation(all).Draw(t, "names")[:rapid.IntRange(0, 8).Draw(t, "known")]
		rowOf := make(map[string]int)
		var rows []ios.FileSystem
		for _, name := range names {
			if len(rows) == 0 || rapid.Bool().Draw(t, "new row") {
				rows = append(rows, ios.FileSystem{Default: len(rows) == 0})
			}
			rows[len(rows)-1].Prefixes = append(rows[len(rows)-1].Prefixes, name)
			rowOf[name] = len(rows) - 1
		}
		var listings []ios.Listing
		for _, fs := range rapid.SliceOfN(rapid.SampledFrom(all), 0, 4).Draw(t, "listed") {
			listings = append(listings, ios.Listing{FileSystem: fs, Path: fs + "/", Table: rows})
		}
		if len(listings) == 0 {
			rowOf = nil // no listing carries the table
		}
		s := NewSystems(device{active: rapid.IntRange(0, 3).Draw(t, "active")}.facts(), listings)
		for _, a := range all {
			for _, b := range all {
				checkPair(t, s, rowOf, a, b)
			}
		}
		for _, l := range listings {
			if !s.Listed(l.FileSystem) {
				t.Fatalf("%s is not listed", l.FileSystem)
			}
		}
	})
}

func checkPair(t *rapid.T, s Systems, rowOf map[string]int, a, b string) {
	same := s.SameSystem(a, b)
	i, knownA := rowOf[a]
	j, knownB := rowOf[b]
	if knownA && knownB && same != (i == j) {
		t.Fatalf("%s is in row %d, %s in row %d; same: %t", a, i, b, j, same)
	}
	if same != s.SameSystem(b, a) || same && s.Apart(a, b) {
		t.Fatalf("%s and %s: same %t, apart %t", a, b, same, s.Apart(a, b))
	}
	if same && (s.Listed(a) != s.Listed(b) || !slices.Equal(s.Siblings(a), s.Siblings(b)) || s.Family(a) != s.Family(b)) {
		t.Fatalf("%s and %s are one and not alike", a, b)
	}
	if slices.Contains(s.Siblings(a), s.Canonical(b)) && same {
		t.Fatalf("%s is its own sibling", a)
	}
}
