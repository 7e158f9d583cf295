package restore

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// loader is what the boot loader of one unit reads: of the device itself, of
// another member of a stack, or of the second supervisor.
type loader struct {
	unit     string   // as show boot calls it: "active", "switch 2", "standby"
	own      bool     // it is the unit that answers
	started  []string // BOOT of the last start
	next     []string // BOOT of the next start
	manual   bool     // MANUAL_BOOT: it waits for somebody to type boot
	register ios.Register
	after    ios.Register // the config-register for the next start
	ignores  bool         // it ignores the startup-config by a variable of its loader, not by the config-register
	unknown  string       // why its settings are not known; empty: they are
	state    string       // of a member of a stack that is not ready: "V-Mismatch"; else empty
}

// loaders is the boot loaders of all units, that of the unit that answers first.
// A unit without a block in show boot starts as the one that answers: the boot
// lines of the configuration count for all.
func (v view) loaders() []loader {
	if len(v.boot.Units) == 0 {
		return []loader{v.loader(ios.BootUnit{Unit: "the device"}, true, "it shows no boot settings")}
	}
	all := []loader{v.loader(v.boot.Units[0], true, "")}
	var blocks [][]string
	for _, u := range v.boot.Units[1:] {
		all = append(all, v.loader(u, false, ""))
		blocks = append(blocks, []string{u.Unit})
	}
	for _, fs := range v.others() {
		names := v.UnitNames(fs)
		shown := func(block []string) bool { return slices.Contains(names, block[0]) }
		if slices.ContainsFunc(blocks, shown) || len(names) == 0 {
			continue
		}
		blocks = append(blocks, names[:1])
		l := v.loader(v.boot.Units[0], false, "")
		l.unit = names[0]
		all = append(all, l)
	}
	if members := len(v.facts.Members); len(all) < members {
		all = append(all, v.loader(ios.BootUnit{Unit: "a member of the stack"}, false,
			fmt.Sprintf("show version lists %d members, and the device shows boot settings or flash of only %d", members, len(all))))
	}
	return v.withStates(all)
}

// withStates adds the states of members that are there and not ready. One of
// another version may be loading the software of the stack (auto-upgrade, Catalyst
// 3750 software configuration guide, "Managing Switch Stacks").
func (v view) withStates(all []loader) []loader {
	for _, s := range v.facts.Stack {
		if s.State == "Ready" || s.State == "Provisioned" || s.State == "Removed" {
			continue
		}
		name := fmt.Sprintf("switch %d", s.Number)
		i := slices.IndexFunc(all, func(l loader) bool { return l.unit == name })
		if i < 0 {
			i, all = len(all), append(all, v.loader(ios.BootUnit{Unit: name}, false, ""))
		}
		all[i].state = s.State
	}
	return all
}

// others is the file systems of other units that correspond to one with an
// image of this unit.
func (v view) others() []string {
	families := []string{"", flash.ParsePath(v.facts.Image).FS}
	for _, n := range v.next() {
		families = append(families, flash.ParsePath(n).FS)
	}
	var found []string
	for _, fs := range families {
		for _, other := range v.Siblings(v.Canonical(fs)) {
			if !slices.Contains(found, other) {
				found = append(found, other)
			}
		}
	}
	return found
}

// loader collects the settings of one unit. If show boot does not print a setting of
// another unit, that of the unit that answers counts.
func (v view) loader(u ios.BootUnit, own bool, unknown string) loader {
	l := loader{unit: u.Unit, own: own, started: u.Files, next: u.NextStartFiles(), manual: u.ManualBoot != nil && *u.ManualBoot,
		ignores: v.config.IgnoresStartup || v.romVariables.IgnoresStartup(), unknown: unknown}
	now, after := u.ConfigRegister, u.ConfigRegisterNext
	if now == "" {
		now, after = v.facts.Register, v.facts.NextRegister
	}
	if after == "" {
		after = now
	}
	if now == "" && v.facts.OS == "iosxe" && v.catalyst() { // see BootConfig.IgnoresStartup
		now, after = bootsNormally, bootsNormally
	}
	var known, nextKnown bool
	l.register, known = ios.ParseRegister(now)
	l.after, nextKnown = ios.ParseRegister(after)
	if (!known || !nextKnown) && unknown == "" {
		l.unknown = "show version prints no config-register"
	}
	return l
}

// bootsNormally is the config-register with which the other settings of a loader
// count.
const bootsNormally = "0x2102"

// at is the place that a unit calls p. ok is false where it is on no listed flash
// of that unit: no loader reads the flash of another unit.
func (v view) at(l loader, p flash.Path) (flash.Path, bool) {
	of := v.UnitNames(p.FS)
	switch {
	case l.own:
		return p, len(of) == 0
	case len(of) > 0 && !slices.Contains(of, l.unit):
		return p, false
	}
	fs, ok := v.OnUnit(l.unit, v.Canonical(p.FS))
	return p.On(fs), ok
}

// image finds the file that a unit starts if its BOOT names file. A directory is
// none: no loader looks inside.
func (v view) image(l loader, file string) (flash.File, bool) {
	at, ok := v.at(l, flash.ParsePath(file))
	if !ok {
		return flash.File{}, false
	}
	f, there := v.File(at)
	return f, there && v.canStart(f)
}

// canStart reports whether a loader may start a file: an image that is not
// empty, or a provisioning file whose packages are all there.
func (v view) canStart(f flash.File) bool {
	if f.Entry.Size == 0 || f.IsDir() || !flash.KeepsImages(f.FS) || ios.IsPatch(f.Rel) {
		return false
	}
	if path.Ext(f.Rel) == ".conf" {
		packages, read := v.provisioned[f.Path]
		missing := func(name string) bool {
			pkg, there := v.File(f.Dir().Join(name))
			return !there || pkg.Entry.Size == 0
		}
		return read && !slices.ContainsFunc(packages, missing)
	}
	return looksLikeImage(f) || v.Same(f.Path, flash.ParsePath(v.facts.Image))
}

// looksLikeImage reports whether the name of a file is that of an image.
func looksLikeImage(f flash.File) bool {
	if ext := path.Ext(f.Rel); ext == ".bin" || ext == ".tar" || ext == ".pkg" {
		return ext == ".bin"
	}
	_, named := ios.ParseImageName(f.Rel)
	return named
}

// images is the images that a unit may start from: those that its BOOT names, and
// all of its default flash. No loader searches another file system, not even that
// of the running image.
func (v view) images(l loader) []flash.Path {
	var found []flash.Path
	add := func(f flash.File, ok bool) {
		if ok && !slices.Contains(found, f.Path) {
			found = append(found, f.Path)
		}
	}
	for _, file := range l.next {
		add(v.image(l, file))
	}
	home, ok := v.at(l, flash.Path{FS: v.Canonical("")})
	for _, f := range v.All() {
		add(f, ok && v.SameSystem(f.FS, home.FS) && v.canStart(f))
	}
	return found
}

// strands names the first unit that would have no image left once these files
// are gone; empty if there is none. A file that is not proved to be another
// one counts as gone.
func (v view) strands(gone []string) string {
	for _, l := range v.loaders() {
		all := v.images(l)
		left := slices.DeleteFunc(slices.Clone(all), func(have flash.Path) bool {
			return slices.ContainsFunc(gone, func(name string) bool {
				p := flash.ParsePath(name)
				return strings.EqualFold(have.Rel, p.Rel) && !v.Apart(have.FS, p.FS)
			})
		})
		if len(all) > 0 && len(left) == 0 {
			return l.unit
		}
	}
	return ""
}

// unsafe says why a unit would not return from a reload; nil where all would.
// Its rules are those of the boot loaders; see [ios.Register] and the sections
// on the environment variables of the Catalyst configuration guides. It refuses
// every uncertain case.
func (v view) unsafe(loaders []loader) *api.Problem {
	for _, l := range loaders {
		if why := v.unsafeSettings(l); why != nil {
			return why
		}
		if why := v.unsafeFiles(l); why != nil {
			return why
		}
		if why := v.unsafeSaved(l); why != nil {
			return why
		}
	}
	return nil
}

// unsafeSettings looks at the settings of a unit, not at its files. A device without a
// startup-config has no address when it starts.
func (v view) unsafeSettings(l loader) *api.Problem {
	register := func(value ios.Register) string { return fmt.Sprintf("config-register 0x%X", value) }
	after := fmt.Sprintf("0x%X", uint16(l.after))
	switch {
	case l.state != "":
		return unsafeBoot(fmt.Sprintf("%s is not started again: `show switch` shows the state %q, and it may be loading its software", l.unit, l.state),
			api.Say("wait until ").Type(api.OnDevice, "show switch").Say(" shows Ready, or start the stack again by hand: ").Type(api.OnDevice, "reload"))
	case l.unknown != "":
		return unsafeBoot(l.unit+" is not started again: "+l.unknown,
			api.Say("look at ").Type(api.OnDevice, "show version").Say(" and ").Type(api.OnDevice, "show boot").Say(", and start it again by hand: ").Type(api.OnDevice, "reload"))
	case l.manual:
		return unsafeBoot(l.unit+" has Manual Boot on: after a reload it waits in its boot loader",
			api.Say("type in configuration mode: ").Type(api.OnDevice, "no boot manual").Say(", then ").Type(api.OnDevice, "write memory"))
	case l.ignores:
		return unsafeBoot(l.unit+" ignores its startup-config after a reload (`system ignore startupconfig`), and cannot be reached",
			api.Say("type in configuration mode: ").Type(api.OnDevice, noIgnore).Say(", then ").Type(api.OnDevice, "write memory"))
	case v.saved != nil && v.saved.Absent:
		return unsafeBoot(l.unit+" is not started again: it has no startup-config, and cannot be reached after a reload",
			api.Say("save the running-config, if it is right: ").Type(api.OnDevice, "write memory").Say("; or restore a startup-config too: name it with ").Option("file", ""))
	case l.after.IgnoresStartup():
		return unsafeBoot(fmt.Sprintf("the config-register of %s is %s: after a reload it ignores its startup-config, and cannot be reached", l.unit, after),
			api.Say("type in configuration mode: ").Type(api.OnDevice, register(l.after.ReadingStartup())))
	case l.after.BootField() < 2:
		return unsafeBoot(fmt.Sprintf("the config-register of %s is %s: its boot field is %d, so that BOOT does not count after a reload", l.unit, after, l.after.BootField()),
			api.Say("type in configuration mode: ").Type(api.OnDevice, register(l.after.ReadingStartup()&^0xF|2)))
	}
	return nil
}

// unsafeFiles looks at the files that a unit starts from.
func (v view) unsafeFiles(l loader) *api.Problem {
	fix := api.Say("set the boot lines: ").Do("restore", v.name).With("set_boot", "").Say(", or type them in configuration mode: ").Type(api.OnDevice, "boot system")
	for _, file := range l.next {
		if _, ok := v.image(l, file); ok {
			return nil
		}
	}
	switch {
	case len(l.next) > 0:
		return unsafeBoot(fmt.Sprintf("%s is not started again: of the files that it boots next (%s) none is an image in its flash", l.unit, strings.Join(l.next, ";")), fix)
	case v.facts.OS == "iosxe" && v.catalyst():
		return unsafeBoot(l.unit+" is not started again: its BOOT is empty", fix)
	case len(v.images(l)) == 0:
		return unsafeBoot(l.unit+" is not started again: there is no image in its flash", fix)
	}
	return nil
}

// unsafeSaved looks at the boot lines of the startup-config, if they are known. The device
// reads them while it starts, and may boot by them, now or the next time. They differ from
// BOOT if somebody copied another startup-config there.
func (v view) unsafeSaved(l loader) *api.Problem {
	if v.saved == nil || v.saved.Absent {
		return nil
	}
	l.next = v.savedFiles(l)
	why := v.unsafeFiles(l)
	says := fmt.Sprintf("boots %s, and none of these is an image in its flash", strings.Join(l.next, ";"))
	switch {
	case why == nil, len(l.next) == 0 && !v.linesCount():
		return nil
	case len(l.next) == 0:
		says = "has no boot line, and its default flash has no image"
	}
	return unsafeBoot(fmt.Sprintf("%s is not started again: its startup-config %s", l.unit, says),
		api.Say("compare ").Type(api.OnDevice, "show startup-config | include ^boot system").Say(" with ").
			Type(api.OnDevice, "show running-config | include ^boot system").Say("; if the running-config is right, type ").Type(api.OnDevice, "write memory"))
}

// savedFiles is the files that the boot lines of the startup-config name for a unit.
func (v view) savedFiles(l loader) []string {
	if v.saved == nil {
		return nil
	}
	return v.bootFiles(v.saved.Lines, l.unit)
}

// savedBoots reports whether every unit boots this file first by the startup-config, as far
// as it is known. BOOT of a Catalyst stays as it is if no line sets it.
func (v view) savedBoots(file string) bool {
	for _, l := range v.loaders() {
		named := v.savedFiles(l)
		switch {
		case v.saved == nil:
		case len(named) == 0 && v.linesCount(), len(named) > 0 && !v.sameOnUnits(named[0], file):
			return false
		}
	}
	return true
}

// catalyst reports whether the device has Manual Boot, as Catalysts have.
func (v view) catalyst() bool {
	return slices.ContainsFunc(v.boot.Units, func(u ios.BootUnit) bool { return u.HasManualBoot })
}

// oneSetting reports whether BOOT is one setting that holds the whole list, as on a Catalyst
// with classic IOS.
func (v view) oneSetting() bool { return len(v.boot.Units) > 0 && v.boot.Units[0].PathList }

// noIgnore is the line of configuration mode with which a Catalyst with IOS-XE
// reads its startup-config again.
const noIgnore = "no system ignore startupconfig switch all"

// unsafeBoot is the refusal of a step after which the device would not return.
func unsafeBoot(seen string, fix api.Fix) *api.Problem {
	return &api.Problem{Cause: cause.UnsafeBoot, Detail: seen, Fix: fix, Exit: api.ExitRefused}
}

// mayNotSave refuses to save the running-config of a device that ignored its
// startup-config: it would save a nearly empty configuration over the good one.
func (v view) mayNotSave() *api.Problem {
	for _, l := range v.loaders() {
		value := l.register
		if !value.IgnoresStartup() {
			value = l.after
		}
		switch {
		case value.IgnoresStartup():
			return runsWithout(fmt.Sprintf("the config-register of %s is 0x%X", l.unit, uint16(value)), fmt.Sprintf("config-register 0x%X", uint16(value.ReadingStartup())))
		case l.ignores:
			return runsWithout(l.unit+" has `system ignore startupconfig`", noIgnore)
		}
	}
	return nil
}

// savingStrands refuses to save the running-config if its boot lines name no image in the
// flash of a unit that would start now, by BOOT or by the startup-config. If new boot lines are not proved, a restore saves the
// former ones again, and these count for all units. A unit can have other boot settings if a
// change was not saved or did not reach the unit. A Catalyst with classic IOS has its setting
// in each loader.
func (v view) savingStrands() *api.Problem {
	for _, l := range v.loaders() {
		starts := func(next []string) bool {
			l.next = next
			return v.unsafeFiles(l) == nil
		}
		running, next := v.bootFiles(v.config.Lines, l.unit), l.next
		if saved := v.savedFiles(l); len(saved) > 0 && !starts(next) {
			next = saved
		}
		if v.boot.Units[0].PathList || !starts(next) || starts(running) {
			continue
		}
		return unsafeBoot(fmt.Sprintf("%s boots %s next, and the boot lines of the running-config (%s) name no image in its flash: `write memory` would make it boot by them",
			l.unit, strings.Join(next, ";"), strings.Join(running, ";")),
			api.Say("copy such an image to that flash, or set the boot lines by hand (").Type(api.OnDevice, "boot system").Say("), type ").Type(api.OnDevice, "write memory").
				Say(" and look at ").Type(api.OnDevice, "show boot").Say("; or leave out ").Option("set_boot", ""))
	}
	return nil
}

// runsWithout refuses to save for a setting with which a device may run without
// its startup-config. line ends that setting.
func runsWithout(setting, line string) *api.Problem {
	return unsafeBoot(setting+", so that the device may run without its startup-config; `write memory` would replace that by the running one",
		api.Say("compare ").Type(api.OnDevice, "show startup-config").Say(" with ").Type(api.OnDevice, "show running-config").Say(", load it if it is not in force (").
			Type(api.OnDevice, "copy startup-config running-config").Say("), type in configuration mode ").
			Type(api.OnDevice, line).Say(", then ").Type(api.OnDevice, "write memory").
			Say(" and ").Type(api.OnDevice, "reload").Say("; or leave out ").Option("set_boot", ""))
}

// provisioning reads the packages that each provisioning file names from which
// a unit runs or starts. One that cannot be read is left out: nothing starts
// from it.
func provisioning(ctx context.Context, dev Device, v view) (map[flash.Path][]string, error) {
	named := make(map[flash.Path][]string)
	for _, l := range v.loaders() {
		for _, file := range slices.Concat([]string{v.facts.Image}, l.started, l.next, v.savedFiles(l), v.bootFiles(v.config.Lines, l.unit)) {
			at, ok := v.at(l, flash.ParsePath(file))
			f, there := v.File(at)
			if _, read := named[f.Path]; !ok || !there || read || path.Ext(f.Rel) != ".conf" {
				continue
			}
			text, err := dev.Text(ctx, f.String())
			if ctx.Err() != nil || cause.Of(err) == cause.SessionLost {
				return nil, err
			}
			packages, parseErr := ios.ParsePackages(text)
			if errors.Join(err, parseErr) == nil {
				named[f.Path] = packages
			}
		}
	}
	return named, nil
}
