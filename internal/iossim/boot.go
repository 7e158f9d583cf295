package iossim

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// boot is the running image and everything that the next start depends on.
type boot struct {
	running string   // the system image file
	lines   []string // boot system lines of the running-config, without "boot system"
	units   []unit   // the first one is the one that answers
	unsaved bool     // the running-config differs from the startup-config
	again   bool     // it was started again since it was made
	loader  bool     // no image to boot: the switch stays in its boot loader
	lost    []int    // other units that stayed in their boot loader at the last start
	ignores bool     // SWITCH_IGNORE_STARTUP_CFG: it does not read its startup-config at a start
}

// unit is one boot loader: of the switch itself, of another member of a stack,
// or of the second supervisor.
type unit struct {
	boots    []string // BOOT, as the loader reads it
	manual   bool     // MANUAL_BOOT
	register uint16   // the config-register at the last start
	next     uint16   // the config-register for the next start
}

// newBoot returns the boot settings of a new switch.
func newBoot(p *profile, o Options) boot {
	boots := p.Boots
	if o.Boots != nil {
		boots = o.Boots
	}
	if boots == nil {
		boots = []string{p.Image}
	}
	b := boot{running: p.Image, lines: slices.Clone(boots), ignores: o.IgnoreStartup && p.can(romVariables)}
	if !p.BootList && len(boots) > 0 {
		b.lines = []string{strings.Join(boots, ";")}
	}
	for i, line := range b.lines {
		b.lines[i] = strings.TrimSpace(p.BootWord + " " + line)
	}
	for i := range 1 + len(p.Members) {
		u := unit{boots: boots, manual: o.ManualBoot == i+1 && p.can(showBoot), register: p.Register, next: p.Register}
		if i > 0 && p.Members[i-1].Boots != nil {
			u.boots = p.Members[i-1].Boots
		}
		if i > 0 && o.OtherBoots != nil {
			u.boots = o.OtherBoots
		}
		if p.can(romVariables) {
			u.register, u.next = p.Register, p.Register
			b.units = append(b.units, u)
			continue
		}
		setDefault(&o.Register, p.Register)
		if o.RegisterUnit == 0 || o.RegisterUnit == i+1 || !p.can(showBootvar) {
			u.register, u.next = o.Register, o.Register
			if o.RegisterNext != 0 {
				u.next = o.RegisterNext
			}
		}
		b.units = append(b.units, u)
	}
	return b
}

// upSince returns the uptime before this process started.
func (b boot) upSince() string {
	if b.again {
		return ""
	}
	return "3 weeks, 2 days, "
}

// configCommands lists the commands of global configuration mode that a restore
// needs.
func configCommands() []command {
	line := func(s *session, a []string) { s.addBoot(a[0]) }
	word := func(before string) func(*session, []string) {
		return func(s *session, a []string) { s.addBoot(before + a[0]) }
	}
	clear := func(s *session, _ []string) { s.removeBoot("") }
	without := func(before string) func(*session, []string) {
		return func(s *session, a []string) { s.removeBoot(before + a[0]) }
	}
	return []command{
		{"boot system Path", true, always, line},
		{"boot system flash Path", true, always, word("flash ")},
		{"boot system switch all Path", true, stackable, word("switch all ")},
		{"boot system switch <1-9> Path", true, stackable, func(s *session, a []string) { s.setMember(a[0], a[1]) }},
		{"no boot system", true, always, clear},
		{"no boot system Path", true, always, without("")},
		{"no boot system flash Path", true, always, without("flash ")},
		{"no boot system switch all", true, stackable, clear},
		{"no boot system switch all Path", true, stackable, without("switch all ")},
		{"exit", true, always, (*session).endConfiguration},
		{"end", true, always, (*session).endConfiguration},
	}
}

func (s *session) configure(_ []string) {
	s.say("Enter configuration commands, one per line.  End with CNTL/Z.\n")
	s.configuring = true
}

func (s *session) endConfiguration(_ []string) { s.configuring = false }

// addBoot adds a boot system line. A Catalyst with classic IOS replaces its one
// setting, at once, in the environment of its loader (Catalyst 3750 software
// configuration guide, "Assigning the Switch IP Address and Default Gateway",
// table of environment variables).
func (s *session) addBoot(line string) {
	if s.sw.profile.BootWord == "flash" && !strings.Contains(line, " ") {
		line = "flash " + line // as the configuration of these devices has it
	}
	s.changeBoot(func(b *boot) {
		if s.sw.profile.BootList {
			if !slices.Contains(b.lines, line) {
				b.lines = append(b.lines, line)
			}
			return
		}
		b.lines = []string{line}
		b.setList(strings.Split(bootFile(line), ";"), strings.HasPrefix(line, "switch all "))
	})
}

// setMember sets BOOT of one member of a stack.
func (s *session) setMember(number, list string) {
	s.changeBoot(func(b *boot) {
		line := "switch " + number + " "
		b.setUnit(line + list)
		if !s.sw.profile.BootList {
			b.lines = append(slices.DeleteFunc(slices.Clone(b.lines), func(l string) bool { return strings.HasPrefix(l, line) }), line+list)
		}
	})
}

// removeBoot removes the boot system line of exactly this text, or all with "".
func (s *session) removeBoot(line string) {
	s.changeBoot(func(b *boot) {
		b.lines = slices.DeleteFunc(slices.Clone(b.lines), func(l string) bool { return line == "" || l == line })
		if !s.sw.profile.BootList {
			b.setList(nil, true)
		}
	})
}

// setList sets BOOT in the loader of the unit that answers, or of all.
func (b *boot) setList(boots []string, all bool) {
	b.units[0].boots = boots
	for i := range b.units {
		if all {
			b.units[i].boots = boots
		}
	}
}

var unitLine = regexp.MustCompile(`^switch ([1-9]) (\S+)$`)

// setUnit sets BOOT by a line for one unit. It reports false for any other line.
func (b *boot) setUnit(line string) bool {
	m := unitLine.FindStringSubmatch(line)
	if m == nil {
		return false
	}
	if n, err := strconv.Atoi(m[1]); err == nil && n <= len(b.units) {
		b.units[n-1].boots = strings.Split(m[2], ";")
	}
	return true
}

// bootFile returns the file of a boot system line.
func bootFile(line string) string { return line[strings.LastIndexByte(line, ' ')+1:] }

func (s *session) changeBoot(change func(*boot)) {
	if s.sw.strikes(func(f *Faults) *Times { return &f.IgnoreBoot }) {
		return
	}
	s.sw.mu.Lock()
	change(&s.sw.boot)
	s.sw.boot.unsaved = true
	lines := s.sw.boot.lines
	s.sw.mu.Unlock()
	text := withBootLines(s.sw.textFile("system:running-config"), lines)
	if err := s.sw.flash.replace("system:running-config", text); err != nil {
		s.say(fmt.Sprintf("%% %v\n", err))
	}
}

// withBootLines returns a configuration with these boot system lines in place
// of its own: where they were, else at the place that IOS has for them.
func withBootLines(config string, lines []string) string {
	var out []string
	at := -1
	for line := range strings.Lines(config) {
		switch {
		case strings.HasPrefix(line, "boot system "):
			if at < 0 {
				at = len(out)
			}
			continue
		case at < 0 && (strings.HasPrefix(line, "boot-end-marker") || strings.HasPrefix(line, "interface ")):
			at = len(out)
		}
		out = append(out, line)
	}
	if at < 0 {
		return config
	}
	var own []string
	for _, line := range lines {
		own = append(own, "boot system "+line+"\n")
	}
	return strings.Join(slices.Insert(out, at, own...), "")
}

// bootLinesOf returns the boot system lines of a configuration.
func bootLinesOf(config string) []string {
	var lines []string
	for line := range strings.Lines(config) {
		if rest, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "boot system "); ok {
			lines = append(lines, rest)
		}
	}
	return lines
}

// writeMemory saves the running-config for the next start. On devices with
// boot system lines, BOOT of every loader has those of the saved configuration
// (Configuration Fundamentals Command Reference, "boot system": the lines count
// after copy running-config startup-config).
func (s *session) writeMemory(_ []string) {
	s.say("Building configuration...\n")
	if s.sw.strikes(func(f *Faults) *Times { return &f.BusyNVRAM }) {
		s.say("startup-config file open failed (Device or resource busy)\n")
		return
	}
	text := s.sw.textFile("system:running-config")
	if err := errors.Join(s.sw.flash.write("nvram:startup-config", []byte(text)), s.sw.flash.writeKeys()); err != nil {
		s.say(fmt.Sprintf("%%Error writing nvram:startup-config (%v)\n", err))
		return
	}
	s.sw.mu.Lock()
	s.sw.boot.unsaved = false
	s.sw.mu.Unlock()
	s.sw.readBoot()
	s.say("[OK]\n")
}

// readBoot sets BOOT of every loader to the boot system lines of the
// startup-config.
func (s *Switch) readBoot() {
	if !s.profile.BootList {
		return
	}
	lines := bootLinesOf(s.textFile("nvram:startup-config"))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.boot.read(lines, true)
}

// waits reports whether this is a Catalyst with IOS-XE, whose loader does not
// search for an image.
func (s *Switch) waits() bool { return s.profile.can(showBoot) && s.profile.BootList }

// showROMVariables prints variables of the loader. The form is written by hand.
func (s *session) showROMVariables(_ []string) {
	s.sw.mu.Lock()
	ignores := s.sw.boot.ignores
	s.sw.mu.Unlock()
	text := "ROMMON variables:\n PS1=\"switch: \"\n"
	if ignores {
		text += " SWITCH_IGNORE_STARTUP_CFG=\"1\"\n"
	}
	s.show(text)
}

// bits of the config-register (Cisco, "Use of the Configuration Register on All
// Cisco Routers").
const (
	bootField   = 0x000F
	ignoreNVRAM = 0x8040 // 0x0040, or 0x8000 with diagnostic messages
)

// The reasons why a loader does not start an image by itself.
var (
	errManual   = errors.New("Manual Boot is on: it waits in its boot loader")
	errROMMON   = errors.New("boot field 0 of the config-register: it stays in ROMMON")
	errNoImage  = errors.New("BOOT names no image that is there")
	errNoSearch = errors.New("BOOT is empty, and this loader does not search for an image")
)

// Boots returns the image that the loader of a unit would start now by itself.
// The first unit is 1.
//
// The rules are those of the boot loaders. MANUAL_BOOT ends the start (Catalyst
// 3750 software configuration guide, environment variables). Boot field 0 stays
// in ROMMON, 1 starts the first image in flash, 2 to F the files of BOOT in
// their order ("Use of the Configuration Register on All Cisco Routers"). An
// empty BOOT starts the first image in flash, on a Catalyst after a depth-first
// search; a Catalyst with IOS-XE has no such rule in its guide. Where BOOT names
// only files that are not there, some loaders search and others wait: this one
// waits.
func (s *Switch) Boots(unit int) (string, error) {
	s.mu.Lock()
	u := s.boot.units[unit-1]
	s.mu.Unlock()
	return s.bootsOf(unit, u)
}

// BootsAgain is Boots for the start after the next one: where BOOT comes from the
// startup-config, the next start sets it.
func (s *Switch) BootsAgain(unit int) (string, error) {
	s.mu.Lock()
	next, ignored := boot{units: slices.Clone(s.boot.units)}, s.boot.ignores || s.boot.units[0].next&ignoreNVRAM != 0
	s.mu.Unlock()
	lines := bootLinesOf(s.textFile("nvram:startup-config"))
	if !ignored && s.setsBoot(lines, ignored) {
		next.read(lines, s.profile.BootList)
	}
	return s.bootsOf(unit, next.units[unit-1])
}

// read sets BOOT by the boot system lines of a configuration: each names one file of a
// list, or sets the whole.
func (b *boot) read(lines []string, list bool) {
	var all []string
	for _, line := range lines {
		all = append(all, bootFile(line))
		if !list && !b.setUnit(line) {
			b.setList(strings.Split(bootFile(line), ";"), strings.HasPrefix(line, "switch all "))
		}
	}
	if list {
		b.setList(all, true)
	}
}

// bootsOf returns the image that the loader of a unit starts with these settings.
func (s *Switch) bootsOf(nr int, u unit) (string, error) {
	field := u.next & bootField
	switch {
	case u.manual:
		return "", errManual
	case field == 0 && s.profile.BootList:
		return "", errROMMON
	case field == 1 && s.profile.BootList, len(u.boots) == 0 && !s.waits():
		return s.firstImage(nr)
	case len(u.boots) == 0:
		return "", errNoSearch
	}
	for _, image := range u.boots {
		if here := s.pathOn(nr, image); s.starts(here) {
			return here, nil
		}
	}
	return "", errNoImage
}

// pathOn returns the path of a file that a unit calls path.
func (s *Switch) pathOn(unit int, name string) string {
	fs, rest, _ := strings.Cut(name, ":")
	if unit > 1 {
		if here, ok := s.profile.Members[unit-2].Flash[fs+":"]; ok {
			return here + rest
		}
	}
	return name
}

// firstImage returns the first image in the default flash of a unit.
func (s *Switch) firstImage(unit int) (string, error) {
	home := s.flash.home
	fs, _, err := s.flash.split(s.pathOn(unit, home))
	if err != nil {
		return "", err
	}
	for _, f := range s.flash.files(fs) {
		if s.starts(fs.prefix+"/"+f.path) && !strings.HasSuffix(f.path, ".conf") {
			return fs.prefix + "/" + f.path, nil
		}
	}
	return "", errNoImage
}

// starts reports whether a loader can start a file: an image that is there and whole, or
// a provisioning file whose packages are all beside it.
func (s *Switch) starts(name string) bool {
	f, err := s.flash.lookup(name)
	if err != nil || f.dir || f.deleted || f.size == 0 || strings.Contains(f.path, ".smu.") {
		return false
	}
	data, err := f.body.all()
	if err != nil {
		return false
	}
	if strings.HasSuffix(f.path, ".conf") {
		packages := packagesIn(string(data))
		missing := func(pkg string) bool {
			p, err := s.flash.lookup(name[:strings.IndexByte(name, ':')+1] + path.Join(path.Dir(f.path), pkg))
			return err != nil || p.deleted || p.size == 0 || s.flash.isCutShort(p.body)
		}
		return len(packages) > 0 && !slices.ContainsFunc(packages, missing)
	}
	return (isImage(f.path) || strings.HasPrefix(string(data), "\x7fELF")) && !s.flash.isCutShort(f.body)
}

// packagesIn returns the packages that a provisioning file names.
func packagesIn(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		for _, word := range strings.Fields(line) {
			if strings.HasSuffix(word, ".pkg") && !strings.HasPrefix(line, "#") {
				names = append(names, word)
			}
		}
	}
	return names
}

// Units returns the number of units with a boot loader.
func (s *Switch) Units() int { return 1 + len(s.profile.Members) }

// InLoader reports whether the switch, or another unit of it, stayed in its boot
// loader at the last start.
func (s *Switch) InLoader() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.boot.loader || len(s.boot.lost) > 0
}

// Bootable reports whether every unit would start an image by itself.
func (s *Switch) Bootable() bool {
	for unit := range s.Units() {
		if _, err := s.Boots(unit + 1); err != nil {
			return false
		}
	}
	return true
}

// BootNext returns BOOT of the unit that answers, in order.
func (s *Switch) BootNext() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.boot.units[0].boots)
}

// Wipe empties every flash file system, BOOT and the startup-config, like
// somebody who erases everything on a running switch. The running image stays in memory and goes on.
func (s *Switch) Wipe() error {
	for _, fs := range s.flash.systems {
		if fs.flags == "rw" && fs.total > 0 && fs.kind != "nvram" {
			if err := s.flash.erase(fs.prefix); err != nil {
				return err
			}
		}
	}
	if err := s.flash.replace("system:running-config", withBootLines(s.textFile("system:running-config"), nil)); err != nil {
		return err
	}
	if err := s.flash.remove("nvram:startup-config"); err != nil && err != errNoSuchFile {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.boot.lines = nil
	s.boot.setList(nil, true)
	return nil
}

// Remove deletes one file, like somebody at the console.
func (s *Switch) Remove(path string) error { return s.flash.remove(path) }

// Touch sets the date of a file to now, like a copy of the same bytes over it.
func (s *Switch) Touch(path string) error { return s.flash.touch(path) }

// Write stores a file. It replaces a file of the same path.
func (s *Switch) Write(path string, data []byte) error { return s.flash.write(path, data) }
