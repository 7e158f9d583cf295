package flash

import (
	"slices"
	"strconv"
	"strings"

	"flashwarden/internal/ios"
	"flashwarden/internal/lazyregexp"
)

// Systems is the file systems of one device with all their names. The zero
// value knows none: then only names that are spelled alike are equal.
type Systems struct {
	rows   []row
	table  bool   // the device printed show file systems
	active string // the unit that answers: "switch 2"; empty where it is not known
}

// row is one file system.
type row struct {
	names    []string // the first one is the name that its files are listed under
	listed   bool
	standard bool // paths without a file system mean this one
}

// NewSystems learns the file systems from the table that the listings carry
// and from the listings themselves.
func NewSystems(f ios.Facts, listings []ios.Listing) Systems {
	s := Systems{active: activeUnit(f)}
	if i := slices.IndexFunc(listings, func(l ios.Listing) bool { return len(l.Table) > 0 }); i >= 0 {
		s.table = true
		for _, r := range listings[i].Table {
			s.rows = append(s.rows, row{names: slices.Clone(r.Prefixes), standard: r.Default})
		}
	}
	for _, l := range listings {
		s.addListed(l.FileSystem)
	}
	return s
}

// Named is the file systems that are known by nothing but their names.
func Named(names ...string) Systems {
	var s Systems
	for _, name := range names {
		s.addListed(name)
	}
	return s
}

// addListed enters a file system whose files were listed under name. A name
// that the table does not have may be an alias of one that it has.
func (s *Systems) addListed(name string) {
	i := s.exact(name)
	if i < 0 && s.table {
		i = s.documented(name)
	}
	if i < 0 {
		s.rows = append(s.rows, row{names: []string{name}, listed: true})
		return
	}
	r := &s.rows[i]
	if r.listed && r.names[0] == name {
		return
	}
	others := slices.DeleteFunc(slices.Clone(r.names), func(n string) bool { return n == name })
	if r.listed { // under another name, which stays the first one
		r.names = append(others, name)
		return
	}
	r.names, r.listed = append([]string{name}, others...), true
}

// activeUnit is the member of a stack that answers.
func activeUnit(f ios.Facts) string {
	for _, m := range f.Members {
		if m.Active {
			return "switch " + strconv.Itoa(m.Number)
		}
	}
	for _, m := range f.Stack {
		if m.Local {
			return "switch " + strconv.Itoa(m.Number)
		}
	}
	return ""
}

// aliases are names that Cisco documents, or that devices print, for a file
// system that their table calls otherwise. They count only where the name is
// no file system of its own, and where one file system alone fits.
//
//   - flash: is slot0: on platforms without a device called flash: (Cisco IOS
//     Configuration Fundamentals Command Reference, "Using the Cisco IOS File
//     System"), flash0: on routers of the 1900 to 3900 series and sdflash: on the
//     800M, which take flash: and print the other name.
//   - bootflash: and flash: are one on IOS-XE: the table of a Catalyst 9000 or a
//     4300 router has both names in one row, older ones have either alone.
//   - boot:packages.conf is what a CSR 1000V says that it runs; its only file
//     system is bootflash:.
//
// flash: never stands for disk0:, because a device with disk0: has others
// beside it.
var aliases = map[string][]string{
	"flash:":     {"bootflash:", "flash0:", "sdflash:", "slot0:"},
	"bootflash:": {"flash:"},
	"boot:":      {"bootflash:"},
}

// exact is the row that has a name, or -1.
func (s Systems) exact(fs string) int {
	return slices.IndexFunc(s.rows, func(r row) bool { return slices.Contains(r.names, fs) })
}

// documented is the only row that a name stands for by the documented aliases,
// or -1.
func (s Systems) documented(fs string) int {
	found := -1
	for i, r := range s.rows {
		if !slices.ContainsFunc(r.names, func(name string) bool { return s.standsFor(fs, name) }) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}

// standsFor reports whether the documentation lets name stand for the file
// system known.
//
// As viewed from any member of a stack, flash: is the flash of that member
// (Catalyst 2960-X, "Working with the Flash File System"): flash1: or flash-1:
// of the active member 1. slavebootflash: and stby-bootflash: are both the
// bootflash: of the other supervisor.
func (s Systems) standsFor(name, known string) bool {
	own, unit := s.split(name)
	knownOwn, knownUnit := s.split(known)
	sameUnit := unit == knownUnit || s.answers(unit) && s.answers(knownUnit)
	return sameUnit && (own == knownOwn || slices.Contains(aliases[own], knownOwn))
}

// answers reports whether a unit is the one that answers.
func (s Systems) answers(unit string) bool { return unit == "" || unit == s.active }

// row is the row that a name means, or -1.
func (s Systems) row(fs string) int {
	if fs == "" {
		if i := slices.IndexFunc(s.rows, func(r row) bool { return r.standard }); i >= 0 {
			return i
		}
		fs = "flash:"
	}
	if i := s.exact(fs); i >= 0 {
		return i
	}
	return s.documented(fs)
}

// Canonical is the one name of a file system under which its files are listed.
// A name that is not known is returned as it is.
func (s Systems) Canonical(fs string) string {
	if i := s.row(fs); i >= 0 {
		return s.rows[i].names[0]
	}
	return fs
}

// Listed reports whether the files of a file system were listed.
func (s Systems) Listed(fs string) bool {
	i := s.row(fs)
	return i >= 0 && s.rows[i].listed
}

// SameSystem reports whether two names mean one file system.
func (s Systems) SameSystem(a, b string) bool { return s.Canonical(a) == s.Canonical(b) }

// Same reports whether two paths mean one file.
func (s Systems) Same(a, b Path) bool {
	return a.Rel != "" && a.Rel == b.Rel && s.SameSystem(a.FS, b.FS)
}

// Apart reports whether two names are proved to mean two file systems. If the
// answer protects a file, names without this proof must count as the same file
// system.
func (s Systems) Apart(a, b string) bool {
	i, j := s.row(a), s.row(b)
	if i < 0 || j < 0 || i == j {
		return false
	}
	return s.table || !s.standsFor(a, b) && !s.standsFor(b, a)
}

var (
	otherUnit   = lazyregexp.New(`^(?:stby-|slave)`)
	flashMember = lazyregexp.New(`^flash([1-9]\d?):$`)
	numbered    = lazyregexp.New(`^([a-z]+\d?)-([1-9]\d?)(?:-(\d))?:$`)
)

// split parts a name into the name that the unit itself uses, and the unit, as
// show boot calls it: flash2: and flash-2: are flash: of "switch 2", bootflash-2:
// is bootflash: of "switch 2", stby-bootflash: and slavebootflash: are bootflash:
// of "standby". bootflash-1-1: is that of supervisor R1 in chassis 1. The unit is
// empty where the name has none. Beside flash0:, flash1: is a slot of a router.
func (s Systems) split(fs string) (own, unit string) {
	if rest := otherUnit.ReplaceAllString(fs, ""); rest != fs && rest != ":" {
		own, _ = s.split(rest)
		return own, "standby"
	}
	if m := flashMember.FindStringSubmatch(fs); m != nil && s.exact("flash0:") < 0 {
		return "flash:", "switch " + m[1]
	}
	if m := numbered.FindStringSubmatch(fs); m != nil {
		unit = "switch " + m[2]
		if m[3] != "" {
			unit += " R" + m[3]
		}
		return m[1] + ":", unit
	}
	return fs, ""
}

// names is all names of a file system.
func (s Systems) names(fs string) []string {
	if i := s.row(fs); i >= 0 {
		return s.rows[i].names
	}
	return []string{fs}
}

// UnitNames is every name of the unit that a file system belongs to: "switch 2"
// and "standby" for "flash-2: stby-flash:". There are none for the unit that
// answers.
func (s Systems) UnitNames(fs string) []string {
	var units []string
	for _, name := range s.names(fs) {
		_, unit := s.split(name)
		if s.answers(unit) {
			return nil
		}
		if !slices.Contains(units, unit) {
			units = append(units, unit)
		}
	}
	return units
}

// Unit is the first of UnitNames; empty for the unit that answers.
func (s Systems) Unit(fs string) string {
	if units := s.UnitNames(fs); len(units) > 0 {
		return units[0]
	}
	return ""
}

// Family is what a file system is to its own unit: flash: for flash2: and
// flash-2:, bootflash: for stby-bootflash:.
func (s Systems) Family(fs string) string {
	for _, name := range s.names(fs) {
		if _, unit := s.split(name); unit == "" {
			return s.Canonical(fs)
		}
	}
	own, _ := s.split(s.names(fs)[0])
	return s.Canonical(own)
}

// SameOnUnits reports whether two paths mean one file, or the same file of two
// units: flash:/x.bin and flash2:/x.bin.
func (s Systems) SameOnUnits(a, b Path) bool {
	return a.Rel != "" && a.Rel == b.Rel && s.Family(a.FS) == s.Family(b.FS)
}

// Siblings is the listed file systems that are to other units what fs is to
// its own.
func (s Systems) Siblings(fs string) []string {
	self, family := s.row(fs), s.Family(fs)
	var out []string
	for i, r := range s.rows {
		if i != self && r.listed && s.Family(r.names[0]) == family {
			out = append(out, r.names[0])
		}
	}
	return out
}

// OnUnit is the listed file system that a unit itself calls fs.
func (s Systems) OnUnit(unit, fs string) (string, bool) {
	if s.Unit(fs) != "" {
		return s.Canonical(fs), s.Listed(fs)
	}
	family := s.Family(fs)
	for _, r := range s.rows {
		name := r.names[0]
		if r.listed && s.Family(name) == family && slices.Contains(s.UnitNames(name), unit) {
			return name, true
		}
	}
	return "", false
}

// Stacked reports whether flash of another switch of a stack is listed.
func (s Systems) Stacked() bool {
	return slices.ContainsFunc(s.rows, func(r row) bool {
		return r.listed && strings.HasPrefix(s.Unit(r.names[0]), "switch ")
	})
}
