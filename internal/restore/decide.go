package restore

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
	"flashwarden/internal/transfer"
)

// decide makes the plan from the answers. It is pure: the same answers make the
// same plan.
func (p planning) decide(a answers, refused []api.Problem) api.Plan {
	boot := p.boot(a.files, a.startup)
	steps := p.steps(a, boot)
	restart, note := p.restart(boot, len(steps) > 0)
	steps = append(steps, restart...)
	if len(boot.refused) == 0 && len(refused) == 0 {
		refused = slices.Concat(p.unsafeReload(boot, a, steps), p.unsafeStartup(a, steps), p.damagedStart(boot, a, steps), p.shortStart(boot, a, steps))
	}
	after, short := room(p.view, steps)
	if short != nil {
		refused = append(refused, p.noSpace(*short, -after[flash.ParsePath(short.Path).FS], a.files))
	}
	plan := api.Plan{
		Request: p.request, Snapshot: p.selection.Snapshot.ID, Files: append([]api.PlannedFile{}, a.files...), Steps: []api.PlanStep{}, Commands: []string{},
		Space: p.space(after), Notes: distinct(p.selection.Notes, p.otherDevice(), p.notShown(), a.notes, boot.notes, p.vlans(a.files), note), Refusals: append(boot.refused, refused...),
		Server: p.via.server.String(), VRF: p.via.vrf, CopyBy: p.via.by, Port: p.via.documented().port,
	}
	plan.Seen = see(p.view, directories(p.view, a.files, a.removals))
	if len(plan.Refusals) > 0 {
		return plan
	}
	plan.Refusals = []api.Problem{}
	for _, s := range steps {
		s.Commands = commands(plan, s)
		plan.Steps, plan.Commands = append(plan.Steps, s), append(plan.Commands, s.Commands...)
		if s.Kind == api.PlanCopy || s.Kind == api.PlanStartup {
			plan.Bytes += s.Size
		}
	}
	return plan
}

// distinct joins notes and leaves out those that were said before.
func distinct(all ...[]string) []string {
	out := []string{}
	for _, n := range slices.Concat(all...) {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// otherDevice notes that a snapshot is of another device.
func (p planning) otherDevice() []string {
	s, f := p.selection.Snapshot, p.view.facts
	switch {
	case s.Facts.Model != f.Model:
		return []string{fmt.Sprintf("the snapshot is of %s, a %s; this is a %s: check that the image is for it", s.Device, s.Facts.Model, f.Model)}
	case s.Facts.Serial != f.Serial:
		return []string{fmt.Sprintf("the snapshot is of serial number %s; this is %s", s.Facts.Serial, f.Serial)}
	}
	return nil
}

// notShown notes that the startup-config, by which the device boots after a power failure, was
// not compared.
func (p planning) notShown() []string {
	if p.view.saved != nil || !p.request.SetBoot && !p.request.Reload {
		return nil
	}
	return []string{"this account cannot read the startup-config, so that its boot lines are not checked: look at `show startup-config | include ^boot system`"}
}

// keyOf notes that a configuration of another device has passwords of type 6: their
// key is in no configuration (Cisco, "Encrypted Preshared Key").
func (p planning) keyOf(encrypted string) []string {
	captured := p.selection.Snapshot
	if encrypted == "" || captured.Facts.Serial == p.view.facts.Serial {
		return nil
	}
	return []string{fmt.Sprintf("%s has passwords of type 6, whose key is in no configuration: set the key of %s on this device "+
		"(`key config-key password-encrypt` in configuration mode), or these passwords do not work", encrypted, captured.Device)}
}

// vlans notes that a VLAN database that is written counts for more than one switch.
func (p planning) vlans(files []api.PlannedFile) []string {
	for _, f := range files {
		if f.Kind == api.KindVLAN && f.State != api.Equal {
			return []string{f.Path + " also holds the VTP domain and its revision number: if that number is higher than the domain's now, " +
				"the VTP servers and clients of the domain take these VLANs after the next start; compare `show vtp status` first"}
		}
	}
	return nil
}

// steps is all steps in their order, except the restart: deletions that the
// user named, directories, files that are read while the device starts from
// the new image, boot lines, and then files that the next start reads.
func (p planning) steps(a answers, boot bootChange) []api.PlanStep {
	var steps []api.PlanStep
	for _, s := range a.removals {
		switch {
		case slices.Contains(p.request.Delete, s.Path):
			steps = append(steps, s)
		case inNVRAM(s.Path) || p.view.saves(boot, s.Path): // `write memory` may replace it, so that it is proved first
			s.Kind = api.PlanHeld
			steps = append(steps, s)
		}
	}
	steps = append(steps, p.directories(a.files)...)
	for _, f := range a.files {
		if rank(f) < afterBoot {
			steps = append(steps, fileSteps(api.PlanCopy, f, a, false)...)
		}
	}
	steps = append(steps, bootSteps(boot, a.files)...)
	for _, f := range a.files {
		if rank(f) >= afterBoot {
			steps = append(steps, fileSteps(api.PlanStartup, f, a, p.view.saves(boot, f.Path))...)
		}
	}
	return steps
}

// directories is the steps that make missing directories, the outer ones
// first.
func (p planning) directories(files []api.PlannedFile) []api.PlanStep {
	made := make(map[flash.Path]bool)
	var steps []api.PlanStep
	for _, f := range files {
		if f.State == api.Equal {
			continue
		}
		var missing []api.PlanStep
		for dir := flash.ParsePath(f.Path).Dir(); dir.Rel != ""; dir = dir.Dir() {
			if _, there := p.view.Entry(dir); !there && !made[dir] {
				made[dir] = true
				missing = append(missing, api.PlanStep{Kind: api.PlanMkdir, Path: dir.String()})
			}
		}
		slices.Reverse(missing)
		steps = append(steps, missing...)
	}
	return steps
}

// saves reports whether the boot lines are saved by a `write memory` that also writes this
// file: the startup-config, or the private keys of a Catalyst with classic IOS, which each
// member of a stack keeps in flash beside it.
func (v view) saves(boot bootChange, file string) bool {
	keys := flash.ParsePath(cmp.Or(v.facts.PrivateFile, "flash:/private-config.text"))
	return len(boot.stages) > 0 && (v.readsAtStart(file) || v.oneSetting() && v.SameOnUnits(flash.ParsePath(file), keys))
}

// fileSteps puts one file onto the device: the old one goes first. In nvram: a
// copy replaces the old one by itself, and so does one of a file that was saved by an
// earlier step.
func fileSteps(kind string, f api.PlannedFile, a answers, saved bool) []api.PlanStep {
	if f.State == api.Equal {
		return nil
	}
	// On a Catalyst nvram: is config.text in flash under another name.
	s := api.PlanStep{Kind: kind, Path: f.Path, Size: f.Size, FileKind: f.Kind, MD5: f.MD5, SHA256: f.SHA256, SHA512: f.SHA512,
		ReadBack: a.noDigest, Unless: (inNVRAM(f.Path) || saved) && !a.noDigest}
	i := slices.IndexFunc(a.removals, func(r api.PlanStep) bool { return r.Path == f.Path })
	if i < 0 || inNVRAM(f.Path) || saved {
		s.Overwrite = i >= 0 || saved
		return []api.PlanStep{s}
	}
	return []api.PlanStep{a.removals[i], s}
}

// commands is what a step types. The plan's own steps say all of it, so that a
// plan whose commands are others was changed.
func commands(p api.Plan, s api.PlanStep) []string {
	proof := "verify /md5 " + s.Path
	if s.ReadBack {
		proof = wayOf(p).line(transfer.File{Path: s.Path, Size: -1})
	}
	switch s.Kind {
	case api.PlanDelete:
		return []string{proof, ios.Delete(s.Path).Line}
	case api.PlanHeld:
		return []string{proof}
	case api.PlanMkdir:
		return []string{ios.MakeDirectory(s.Path).Line}
	case api.PlanCopy, api.PlanStartup:
		copied := []string{wayOf(p).line(transfer.File{Path: s.Path, Size: s.Size, ToDevice: true}), proof}
		if s.Unless {
			return append([]string{proof}, copied...)
		}
		return copied
	case api.PlanProve:
		return []string{proof}
	case api.PlanBoot:
		return slices.Concat([]string{"configure terminal"}, s.Lines, []string{"end", ios.SaveConfig().Line, "show boot"})
	case api.PlanReload, api.PlanInstall:
		return []string{startAgain(p, s).Line}
	}
	return nil
}

// room goes through the steps in their order. It returns the free bytes that
// are left, by file system, as far as the device says how many there are, and
// the first step for which they do not suffice.
func room(v view, steps []api.PlanStep) (after map[string]int64, short *api.PlanStep) {
	after = make(map[string]int64)
	deleted := make(map[string]bool)
	for i, s := range steps {
		gain := max(s.Size, 0)
		switch s.Kind {
		case api.PlanDelete:
			deleted[s.Path] = true
			if !v.freesAtOnce(flash.ParsePath(s.Path).FS) {
				gain = 0
			}
		case api.PlanCopy, api.PlanStartup:
			e, there := v.entry(s.Path)
			if gain = -s.Size; there && !deleted[s.Path] {
				gain += max(e.Entry.Size, 0)
			}
		case api.PlanInstall:
			if short := installs(v, after, s); short != nil {
				return after, short
			}
			continue
		default:
			continue
		}
		if !take(v, after, flash.ParsePath(s.Path).FS, gain) {
			return after, &steps[i]
		}
	}
	return after, nil
}

// take adds bytes to the free ones of a file system; gain is negative for a file
// that is written. It reports false if they do not suffice. Where the device does
// not say how many there are, they do.
func take(v view, after map[string]int64, fs string, gain int64) bool {
	fs = v.Canonical(fs)
	left, begun := after[fs]
	if !begun {
		left = v.Free(fs)
	}
	if !begun && left < 0 {
		return true
	}
	after[fs] = left + gain
	return after[fs] >= 0 || gain >= 0
}

// installs takes the room for the packages of an image from every unit. They are
// about as large as the image (release notes of the Catalyst 9000 switches,
// "Upgrading the Switch Software"). It returns the step on the first unit that has
// not enough, or nil.
func installs(v view, after map[string]int64, s api.PlanStep) *api.PlanStep {
	at := flash.ParsePath(s.Path)
	for _, fs := range append([]string{v.Canonical(at.FS)}, v.Siblings(at.FS)...) {
		if !take(v, after, fs, -s.Size) {
			s.Path = at.On(fs).String()
			return &s
		}
	}
	return nil
}

// space is the room before and after, sorted by file system.
func (p planning) space(after map[string]int64) []api.Space {
	out := []api.Space{}
	for fs, left := range after {
		out = append(out, api.Space{FileSystem: fs, Before: p.view.Free(fs), After: left})
	}
	slices.SortFunc(out, func(a, b api.Space) int { return strings.Compare(a.FileSystem, b.FileSystem) })
	return out
}

// noSpace says what could be deleted for a step: files that nothing starts
// from, the largest first.
func (p planning) noSpace(short api.PlanStep, missing int64, files []api.PlannedFile) api.Problem {
	fs := flash.ParsePath(short.Path).FS
	candidates := slices.DeleteFunc(p.view.Files(fs), func(f flash.File) bool {
		wanted := slices.ContainsFunc(files, func(t api.PlannedFile) bool { return p.view.same(t.Path, f.String()) })
		last := p.view.strands(append(slices.Clone(p.request.Delete), f.String())) != ""
		return last || f.Entry.Size <= 0 || p.view.inUse(f.String()) != "" || wanted || slices.Contains(p.request.Delete, f.String()) || fs == "nvram:"
	})
	slices.SortFunc(candidates, func(a, b flash.File) int {
		return cmp.Or(cmp.Compare(b.Entry.Size, a.Entry.Size), strings.Compare(a.Rel, b.Rel))
	})
	fix := p.makeRoom(candidates)
	if !p.view.freesAtOnce(fs) {
		fix = squeeze(fix.Say(". "), fs)
	}
	what := short.Path
	if short.Kind == api.PlanInstall {
		what = "the packages of " + short.Path
	}
	return failure(cause.Wrap(cause.DeviceNoSpace, ErrNoSpace,
		fmt.Sprintf("%s has %d bytes free; %s and the files before it need %d more", fs, p.view.Free(fs), what, missing), fix))
}

// makeRoom is the fix of a file system without room: what to delete. A request
// that restores everything would only delete if a deletion were added to it, so
// that the deletion is a command of its own there.
func (p planning) makeRoom(candidates []flash.File) api.Fix {
	if len(candidates) == 0 {
		return api.Say("nothing there may be deleted; restore fewer files with ").Option("file", "").Say(", or to another file system with ").Option("to", "")
	}
	added := p.request
	added.Delete = []string{candidates[0].String()}
	alone := added.DeletesOnly()
	fix := api.Say("add one or more of these options; each file is deleted only after confirming that the vault has a copy: ")
	if alone {
		fix = api.Say("delete one or more of these files, then restore again: ")
	}
	for i, f := range candidates[:min(len(candidates), 8)] {
		if i > 0 {
			fix = fix.Say(", ")
		}
		if alone {
			fix = fix.Then(api.Do("restore", p.device.Name).With("delete", f.String()))
		} else {
			fix = fix.Option("delete", f.String())
		}
		fix = fix.Say(" (%d bytes)", f.Entry.Size)
	}
	return fix
}

// freesAtOnce reports whether a deletion frees space at once. On flash of class A
// and B it only marks the file, and squeeze or erase frees the space. Disks are
// class C, and so is the flash of Catalysts with one boot setting; of other
// flash the class is not known (Configuration Fundamentals Configuration Guide,
// "Class A, B and C Flash File Systems").
func (v view) freesAtOnce(fs string) bool {
	if v.facts.OS == "iosxe" || v.oneSetting() {
		return true
	}
	row, ok := v.row(fs)
	return ok && row.Type != "flash"
}

// row is the row of a file system in show file systems.
func (v view) row(fs string) (ios.FileSystem, bool) {
	i := slices.IndexFunc(v.table, func(row ios.FileSystem) bool {
		return slices.ContainsFunc(row.Prefixes, func(name string) bool { return v.SameSystem(name, fs) })
	})
	if i < 0 {
		return ios.FileSystem{}, false
	}
	return v.table[i], true
}

// squeeze adds to a fix that a deletion alone may free nothing.
func squeeze(fix api.Fix, fs string) api.Fix {
	return fix.Say("On this flash a deletion may free nothing until you type ").Type(api.OnDevice, "squeeze "+fs).
		Say(" (old routers have only ").Type(api.OnDevice, "erase "+fs).Say(", which removes everything); look at ").Type(api.OnDevice, "dir "+fs).Say(" before you restore again")
}
