package ios

import (
	"slices"
	"strconv"
	"strings"

	"flashwarden/internal/lazyregexp"
)

// Boot is the content of show boot or show bootvar. The first unit is the one
// that answered; a stack or a second supervisor adds more.
type Boot struct {
	Units []BootUnit
}

// BootUnit is one block of show boot. A variable that does not exist on the
// device is empty or nil.
type BootUnit struct {
	Unit               string   // "active", "standby", "switch 2"
	Path               string   // verbatim, with suffixes like ",12;"
	Files              []string // the files of Path, in the order tried
	NextPath           string   // like Path, under "Boot Variables on next reload"
	NextFiles          []string // the files of NextPath
	ConfigFile         string   // flash:/config.text
	PrivateConfigFile  string   // flash:/private-config.text
	ManualBoot         *bool    // nil when not printed, or not set
	HasManualBoot      bool     // Manual Boot is printed, set or not, as on a Catalyst
	EnableBreak        *bool    // nil when not printed
	BootMode           string   // "DEVICE"
	ConfigRegister     string   // "0x2102"
	ConfigRegisterNext string   // "will be 0x… at next reload"
	PathList           bool     // printed as "BOOT path-list": one setting that holds the whole list, as on a Catalyst with classic IOS

	showsNext bool // the block has a part for the next reload, which may be empty
}

// ActiveFirst returns b with the block of the active member of a stack first.
// show boot prints the blocks in the order of their numbers.
func (b Boot) ActiveFirst(members []Member) Boot {
	active := slices.IndexFunc(members, func(m Member) bool { return m.Active })
	if active < 0 {
		return b
	}
	name := "switch " + strconv.Itoa(members[active].Number)
	i := slices.IndexFunc(b.Units, func(u BootUnit) bool { return u.Unit == name })
	if i <= 0 {
		return b
	}
	units := slices.Delete(slices.Clone(b.Units), i, i+1)
	return Boot{Units: slices.Insert(units, 0, b.Units[i])}
}

// NextStartFiles returns the files of [BootUnit.NextStart], in the order in
// which the device tries them.
func (u BootUnit) NextStartFiles() []string {
	if u.showsNext {
		return u.NextFiles
	}
	return u.Files
}

// NextStart returns the boot path of the next start. This is the variable for
// the next reload if the device prints one, and the current one otherwise.
func (u BootUnit) NextStart() string {
	if u.showsNext {
		return u.NextPath
	}
	return u.Path
}

var (
	bootSwitch   = lazyregexp.New(`^Switch (\d+)$`)
	bootRegister = lazyregexp.New(`(?i)^Configuration register is (0x[0-9a-f]+)(?:\s+\(will be (0x[0-9a-f]+))?`)
	// BOOT path-list      : flash:/x.bin
	// BOOT variable = flash:packages.conf;
	// MANUAL_BOOT variable does not exist
	bootSetting = lazyregexp.New(`^([A-Za-z][A-Za-z _/-]*?)( variable)?(?:\s*[:=]\s*(.*)| does not exist)$`)
	bootOption  = lazyregexp.New(`,\d+$`)
	nxosBoot    = lazyregexp.New(`(?m)^\s*(?:NXOS|kickstart|system) variable = `)
	asaBoot     = lazyregexp.New(`(?m)^\s*Current BOOT variable = `)
)

// ParseBoot reads show boot and show bootvar (Cisco IOS Configuration
// Fundamentals Command Reference): the "path-list" of classic switches and the
// "variable" of routers and IOS-XE, for one or several units. Output without
// any boot setting is an error.
func ParseBoot(text string) (Boot, error) {
	switch {
	case nxosBoot.MatchString(text):
		return Boot{}, unsupported("(NX-OS)")
	case asaBoot.MatchString(text):
		return Boot{}, unsupported("Adaptive Security Appliance")
	}
	if err := cutOff("show boot", text); err != nil {
		return Boot{}, err
	}
	p := bootParser{unit: "active", index: map[string]int{}}
	for _, line := range linesOf(text) {
		p.line(strings.TrimSpace(line))
	}
	if p.settings > 0 { // show version has the register too
		return Boot{Units: p.units}, nil
	}
	return Boot{}, nothingRead("show boot", "boot setting", text)
}

// bootParser remembers the block of show boot to which the next line belongs.
type bootParser struct {
	units []BootUnit
	index map[string]int // of units, by name
	unit  string         // the block of the next line
	next  bool           // within "Boot Variables on next reload"

	settings int // number of settings read, without the register
}

func (p *bootParser) line(line string) {
	unit := p.unit
	if rest, ok := strings.CutPrefix(line, "Standby "); ok {
		line, unit = rest, "standby"
	}
	if m := bootSwitch.FindStringSubmatch(line); m != nil {
		p.unit, p.next = "switch "+m[1], false
		return
	}
	switch line {
	case "Current Boot Variables:":
		p.next = false
		return
	case "Boot Variables on next reload:":
		p.next = true
		p.of(unit).showsNext = true
		return
	}
	if m := bootRegister.FindStringSubmatch(line); m != nil {
		u := p.of(unit)
		u.ConfigRegister, u.ConfigRegisterNext = m[1], m[2]
		return
	}
	if m := bootSetting.FindStringSubmatch(line); m != nil {
		p.set(unit, m[1]+m[2], m[3])
	}
}

// of returns the block of the unit. It creates a new unit.
func (p *bootParser) of(unit string) *BootUnit {
	i, ok := p.index[unit]
	if !ok {
		i = len(p.units)
		p.index[unit] = i
		p.units = append(p.units, BootUnit{Unit: unit})
	}
	return &p.units[i]
}

// set keeps one setting. It ignores settings that a backup does not need.
func (p *bootParser) set(unit, name, value string) {
	switch name {
	case "BOOT path-list", "BOOT variable":
		u := p.of(unit)
		u.PathList = u.PathList || name == "BOOT path-list"
		if p.next {
			u.NextPath, u.NextFiles = value, bootFiles(value)
		} else {
			u.Path, u.Files = value, bootFiles(value)
		}
	case "Config file", "CONFIG_FILE variable":
		p.of(unit).ConfigFile = value
	case "Private Config file":
		p.of(unit).PrivateConfigFile = value
	case "Manual Boot", "MANUAL_BOOT variable":
		u := p.of(unit)
		u.ManualBoot, u.HasManualBoot = yesOrNo(value), true
	case "Enable Break", "ENABLE_BREAK variable":
		p.of(unit).EnableBreak = yesOrNo(value)
	case "Boot Mode", "BOOTMODE variable":
		p.of(unit).BootMode = value
	default:
		return
	}
	p.settings++
}

// bootFiles splits "a,12;b,12;" into its files.
func bootFiles(path string) []string {
	var files []string
	for file := range strings.SplitSeq(path, ";") {
		if file = bootOption.ReplaceAllString(strings.TrimSpace(file), ""); file != "" {
			files = append(files, file)
		}
	}
	return files
}

func yesOrNo(value string) *bool {
	switch strings.ToLower(value) {
	case "yes", "1":
		yes := true
		return &yes
	case "no", "0":
		no := false
		return &no
	}
	return nil
}
