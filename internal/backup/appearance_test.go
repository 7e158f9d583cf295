package backup

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"flashwarden/api"
	"flashwarden/internal/ios"
)

// shown is what a device shows to a look.
type shown struct {
	facts    ios.Facts
	listings []api.Listing
	config   []string
}

func (s shown) appearance() appearance {
	config := strings.Join(s.config, "\n")
	return appearance{facts: comparedLines(s.facts, api.PolicyRebuild), files: without(filesIn(s.listings), ios.WrittenByItself(config)),
		config: ios.WithoutVolatile(config), saved: ios.StartupWritten(config)}
}

// looksDifferent reports whether a look would find a difference from a to b.
func looksDifferent(a, b shown) bool {
	was, now := a.appearance(), b.appearance()
	return len(was.factChanges(now))+len(was.fileChanges(now))+len(was.configChanges(now)) > 0
}

var (
	aName = rapid.StringMatching(`[a-z]{1,6}(\.bin|\.text)?`)
	aDate = rapid.StringMatching(`Mar [1-9] 19(93|94) 0[0-9]:[0-5][0-9]:[0-5][0-9] \+00:00`)
	aSize = rapid.Int64Range(0, 99)
	aWord = rapid.StringMatching(`[A-Za-z0-9:/."]{0,6}`)
	aLine = rapid.StringMatching(`(hostname|vlan|interface) [a-z0-9]{1,4}`)
)

func drawShown(t *rapid.T) shown {
	s := shown{config: rapid.SliceOfN(aLine, 1, 5).Draw(t, "config")}
	s.facts = ios.Facts{Hostname: aWord.Draw(t, "hostname"), OS: aWord.Draw(t, "os"), Version: aWord.Draw(t, "version"), Model: aWord.Draw(t, "model"),
		Serial: aWord.Draw(t, "serial"), Mode: aWord.Draw(t, "mode"), Image: aWord.Draw(t, "image"), BootPath: aWord.Draw(t, "boot"), Register: aWord.Draw(t, "register"),
		Serials: rapid.SliceOfN(aWord, 0, 3).Draw(t, "serials"), ConfigFile: aWord.Draw(t, "config file"), PrivateFile: aWord.Draw(t, "private file")}
	for i := range rapid.IntRange(0, 3).Draw(t, "members") {
		s.facts.Members = append(s.facts.Members, ios.Member{Number: i + 1, Model: aWord.Draw(t, "member"), Version: aWord.Draw(t, "version")})
		s.facts.Starts = append(s.facts.Starts, ios.Start{Unit: aWord.Draw(t, "unit"), Path: aWord.Draw(t, "path")})
	}
	for _, path := range []string{"flash:/", "flash:/dir", "flash2:/"} {
		l := api.Listing{Path: path, Free: aSize.Draw(t, "free")}
		for _, name := range rapid.SliceOfNDistinct(aName, 2, 5, rapid.ID).Draw(t, "names") {
			l.Entries = append(l.Entries, api.Entry{Name: name, Size: aSize.Draw(t, "size"), Modified: aDate.Draw(t, "date")})
		}
		s.listings = append(s.listings, l)
	}
	return s
}

func (s shown) clone() shown {
	s.facts.Serials, s.facts.Members, s.facts.Starts = slices.Clone(s.facts.Serials), slices.Clone(s.facts.Members), slices.Clone(s.facts.Starts)
	s.listings, s.config = slices.Clone(s.listings), slices.Clone(s.config)
	for i := range s.listings {
		s.listings[i].Entries = slices.Clone(s.listings[i].Entries)
	}
	return s
}

// meaningless changes nothing that a look compares.
var meaningless = map[string]func(t *rapid.T, s *shown){
	"free space": func(t *rapid.T, s *shown) { s.listings[0].Free++ },
	"the order of entries": func(t *rapid.T, s *shown) {
		s.listings[0].Entries = rapid.Permutation(s.listings[0].Entries).Draw(t, "order")
	},
	"the order of listings": func(t *rapid.T, s *shown) { slices.Reverse(s.listings) },
	"a log":                 func(t *rapid.T, s *shown) { s.add(api.Entry{Name: "boot.log", Size: aSize.Draw(t, "size")}) },
	"the time of the change": func(t *rapid.T, s *shown) {
		s.config = append(s.config, "! Last configuration change at "+aWord.Draw(t, "time"))
	},
	"the clock of NTP":         func(t *rapid.T, s *shown) { s.config = append(s.config, "ntp clock-period "+aWord.Draw(t, "period")) },
	"the spelling of a date":   func(t *rapid.T, s *shown) { e := s.entry(t); e.Modified = strings.Replace(e.Modified, " ", "  ", 1) },
	"the stack as show switch": func(t *rapid.T, s *shown) { s.facts.Stack = []ios.StackSwitch{{Number: 1}} },
}

// meaningful changes one thing that a look has to find.
var meaningful = map[string]func(t *rapid.T, s *shown){
	"hostname":               func(t *rapid.T, s *shown) { s.facts.Hostname += "x" },
	"os":                     func(t *rapid.T, s *shown) { s.facts.OS += "x" },
	"version":                func(t *rapid.T, s *shown) { s.facts.Version += "x" },
	"model":                  func(t *rapid.T, s *shown) { s.facts.Model += "x" },
	"mode":                   func(t *rapid.T, s *shown) { s.facts.Mode += "x" },
	"serial":                 func(t *rapid.T, s *shown) { s.facts.Serial += "x" },
	"serial numbers":         func(t *rapid.T, s *shown) { s.facts.Serials = append(s.facts.Serials, "x") },
	"image":                  func(t *rapid.T, s *shown) { s.facts.Image += "x" },
	"boot":                   func(t *rapid.T, s *shown) { s.facts.BootPath += "x" },
	"register":               func(t *rapid.T, s *shown) { s.facts.Register += "x" },
	"manual boot":            func(t *rapid.T, s *shown) { s.facts.ManualBoot += "x" },
	"a unit's manual boot":   func(t *rapid.T, s *shown) { s.start().ManualBoot += "x" },
	"a unit's register":      func(t *rapid.T, s *shown) { s.start().Register += "x" },
	"a unit's next register": func(t *rapid.T, s *shown) { s.start().NextRegister += "x" },
	"deleted":                func(t *rapid.T, s *shown) { e := s.entry(t); e.Deleted = !e.Deleted },
	"config file":            func(t *rapid.T, s *shown) { s.facts.ConfigFile += "x" },
	"private config":         func(t *rapid.T, s *shown) { s.facts.PrivateFile += "x" },
	"a member":               func(t *rapid.T, s *shown) { s.facts.Members = append(s.facts.Members, ios.Member{Number: 9}) },
	"a boot path":            func(t *rapid.T, s *shown) { s.facts.Starts = append(s.facts.Starts, ios.Start{Unit: "switch 9"}) },
	"size":                   func(t *rapid.T, s *shown) { s.entry(t).Size += 100 },
	"date":                   func(t *rapid.T, s *shown) { e := s.entry(t); e.Modified = strings.Replace(e.Modified, "Mar", "Apr", 1) },
	"no date":                func(t *rapid.T, s *shown) { s.entry(t).Modified = "" },
	"a directory":            func(t *rapid.T, s *shown) { s.entry(t).Directory = true },
	"a new name":             func(t *rapid.T, s *shown) { s.entry(t).Name += "x" },
	"a new file":             func(t *rapid.T, s *shown) { s.add(api.Entry{Name: "fresh", Size: 1}) },
	"a second entry":         func(t *rapid.T, s *shown) { s.add(*s.entryIn(t, 0)) },
	"a lost file":            func(t *rapid.T, s *shown) { s.listings[0].Entries = s.listings[0].Entries[1:] },
	"a line":                 func(t *rapid.T, s *shown) { s.config = append(s.config, "vlan 4095x") },
	"a lost line":            func(t *rapid.T, s *shown) { s.config = s.config[1:] },
	"a changed line":         func(t *rapid.T, s *shown) { s.config[0] += "x" },
	"the startup-config": func(t *rapid.T, s *shown) {
		s.config = append(s.config, "! NVRAM config last updated at 10:00:00 UTC Mon Jan 5 2026 by x")
	},
}

// start is the last of the other units; a new one if there is none.
func (s *shown) start() *ios.Start {
	if len(s.facts.Starts) == 0 {
		s.facts.Starts = []ios.Start{{Unit: "switch 8"}}
	}
	return &s.facts.Starts[len(s.facts.Starts)-1]
}

func (s *shown) add(e api.Entry) { s.listings[0].Entries = append(s.listings[0].Entries, e) }

func (s *shown) entry(t *rapid.T) *api.Entry {
	return s.entryIn(t, rapid.IntRange(0, len(s.listings)-1).Draw(t, "listing"))
}

func (s *shown) entryIn(t *rapid.T, listing int) *api.Entry {
	entries := s.listings[listing].Entries
	return &entries[rapid.IntRange(0, len(entries)-1).Draw(t, "entry")]
}

// TestAppearance draws what a device shows, and changes it: a look finds each change that
// matters, and no other one.
func TestAppearance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := drawShown(t)
		noise := rapid.SliceOf(rapid.SampledFrom(slices.Sorted(maps.Keys(meaningless)))).Draw(t, "noise")
		noisy := func(s shown) shown {
			for _, name := range noise {
				meaningless[name](t, &s)
			}
			return s
		}
		same := noisy(before.clone())
		if looksDifferent(before, same) || looksDifferent(same, before) {
			t.Fatalf("these are the same for a look:\n%+v\n%+v", before, same)
		}
		name := rapid.SampledFrom(slices.Sorted(maps.Keys(meaningful))).Draw(t, "change")
		other := before.clone()
		meaningful[name](t, &other)
		if other = noisy(other); !looksDifferent(before, other) {
			t.Fatalf("no difference after %s:\n%+v\n%+v", name, before, other)
		}
	})
}

// TestAppearanceEachChange makes every change once.
func TestAppearanceEachChange(t *testing.T) {
	for name, change := range meaningful {
		rapid.Custom(func(t *rapid.T) bool {
			before := drawShown(t)
			after := before.clone()
			if change(t, &after); !looksDifferent(before, after) {
				panic("no difference after " + name)
			}
			return true
		}).Example(1)
	}
}

func TestFileSystemsOfLook(t *testing.T) {
	dated := func(name string) []api.Entry { return []api.Entry{{Name: name, Modified: modified}} }
	nvram := api.Listing{Path: "nvram:/", Entries: []api.Entry{{Name: "startup-config"}}}
	for want, c := range map[string]struct {
		listings   []api.Listing
		configFile string
	}{
		"flash:":                {[]api.Listing{{Path: "flash:/", Entries: dated("config.text")}, {Path: "flash:/html"}, nvram}, "flash:/config.text"},
		"flash: nvram:":         {[]api.Listing{{Path: "flash:/", Entries: []api.Entry{{Name: "config.text"}}}, nvram}, "flash:/config.text"},
		"flash: flash-2:":       {[]api.Listing{{Path: "flash:/", Entries: dated("nvram_config")}, {Path: "flash-2:/"}, nvram}, ""},
		"flash: usb1: nvram:":   {[]api.Listing{{Path: "flash:/", Entries: dated("config.text")}, {Path: "usb1:/"}, nvram}, "flash:/config.text"},
		"bootflash: nvram:":     {[]api.Listing{{Path: "bootflash:/", Entries: dated("x.bin")}, {Path: "bootflash:/nvram_config", Entries: dated("nvram_config")}, nvram}, ""},
		"flash0: nvram: usb0:":  {[]api.Listing{{Path: "flash0:/", Entries: dated("config.text")}, nvram, {Path: "usb0:/"}}, "flash0:/other.text"},
		"flash: flash1: nvram:": {[]api.Listing{{Path: "flash:1:"}, {Path: "flash:2:"}, {Path: "flash1:/"}, nvram}, ""},
	} {
		s := api.Snapshot{Listings: c.listings}
		if strings.Contains(want, "usb1:") { // it has a certificate
			s.Files = []api.File{{Path: "nvram:/startup-config"}, {Path: "nvram:/x.cer"}}
		}
		if got := strings.Join(systemsOf(s, ios.Facts{ConfigFile: c.configFile}), " "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
