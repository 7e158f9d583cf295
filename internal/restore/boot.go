package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// ErrNoSpace says that a file system of the device has not enough room.
var ErrNoSpace = errors.New("not enough space on the device")

// bootChange is how a restore changes what the device boots next.
type bootChange struct {
	image   api.File // of the snapshot; zero when nothing boots
	install bool     // the image is expanded by install add, not booted itself
	place   flash.Path
	files   []string // to boot next, in order; none: it is so already, or was not asked for
	stages  []ios.BootStage
	notes   []string
	refused []api.Problem
}

func (b bootChange) refuse(seen string, fix api.Fix) bootChange {
	b.refused = append(b.refused, refusal(seen, fix))
	return b
}

// boot decides which images the boot lines name: the restored one, then the one
// that ran before. Nothing changes where the device boots the restored one
// first already. It refuses what would leave a device in install mode with an
// image that it does not boot from.
func (p planning) boot(files []api.PlannedFile, startup map[string][]ios.BootLine) bootChange {
	image, err := p.selection.Bootable()
	if !p.request.SetBoot && !p.request.Reload || err != nil {
		return bootChange{}
	}
	b := bootChange{image: image, place: p.bootPlace(image)}
	if !p.request.SetBoot {
		return b
	}
	b.install = image.Kind == api.KindImage && p.view.facts.Mode == "install" && p.view.facts.OS == "iosxe"
	if b.install && !p.request.Reload {
		return b.refuse(fmt.Sprintf("%s is in install mode, which does not boot %s itself: `install add file … activate commit` expands it and restarts the device", p.device.Name, image.Path),
			api.Say("add ").Option("reload", "").Say(", or leave out ").Option("set_boot", ""))
	}
	if why := p.view.mayNotSave(); why != nil {
		b.refused = append(b.refused, *why)
		return b
	}
	if why := p.otherPlatform(image); why != nil {
		b.refused = append(b.refused, *why)
		return b
	}
	if p.view.Unit(b.place.FS) != "" {
		return b.refuse(fmt.Sprintf("the files go only to %s, but all members boot the same file, each from its own flash", b.place.FS),
			api.Say("leave out ").Option("to", "").Say(", or ").Option("set_boot", ""))
	}
	return p.bootLines(b, files, startup)
}

// bootLines makes the lines of configuration mode.
func (p planning) bootLines(b bootChange, files []api.PlannedFile, startup map[string][]ios.BootLine) bootChange {
	first := p.spelling(b.place)
	if b.install {
		first = b.place.FS + "packages.conf"
	}
	if why := p.bootsOtherwise(first, files, startup); why != nil {
		b.refused = append(b.refused, *why)
		return b
	}
	if p.bootsFirst(first) && (len(startup) > 0 || p.view.savedBoots(first)) {
		return b
	}
	if len(p.view.boot.Units) == 0 {
		return b.refuse("the device shows no boot settings, so new ones could not be proved",
			api.Say("set them by hand: ").Type(api.OnDevice, "boot system").Say("; leave out ").Option("set_boot", ""))
	}
	for _, l := range p.view.config.Lines {
		if file := l.File(); !p.view.boot.Units[0].PathList && (file == "" || strings.Contains(file, ";") || l.Unit() != "") {
			return b.refuse(fmt.Sprintf("the running-config has the line %q, whose place among new boot lines is not certain", l),
				api.Say("remove it in configuration mode (").Type(api.OnDevice, "no "+string(l)).Say("), or leave out ").Option("set_boot", ""))
		}
	}
	if why := p.view.savingStrands(); why != nil {
		b.refused = append(b.refused, *why)
		return b
	}
	b.files = []string{first}
	if second := p.secondBoot(first); second != "" {
		b.files = append(b.files, second)
	}
	b.stages = p.view.bootStages(b.files)
	b.notes = slices.Concat([]string{"`write memory` saves the whole running-config, with all its other unsaved changes"}, p.view.savedDiffers(), manualBoot(p.view.boot))
	return b
}

// savedDiffers notes that write memory replaces a startup-config with other boot lines than
// those of the running-config: somebody may have put it there for the next start.
func (v view) savedDiffers() []string {
	if v.saved == nil || v.saved.Absent || slices.Equal(v.saved.Lines, v.config.Lines) {
		return nil
	}
	shown := "no boot line"
	if len(v.saved.Lines) > 0 {
		shown = listed(v.saved.Lines)
	}
	return []string{"`write memory` replaces a startup-config with other boot lines than those of the running-config: it has " + shown}
}

// bootsOtherwise refuses a startup-config by which a unit boots another file first than the
// one that boot lines are asked for: it is written after them.
func (p planning) bootsOtherwise(first string, files []api.PlannedFile, startup map[string][]ios.BootLine) *api.Problem {
	for _, f := range files {
		lines, written := startup[f.Path]
		for _, l := range p.view.loaders() {
			named := p.view.bootFiles(lines, l.unit)
			var boots string
			switch {
			case !written, len(named) == 0 && !p.view.linesCount():
				continue
			case len(named) == 0:
				boots = "has no boot line"
			case !p.view.within(flash.ParsePath(first), flash.ParsePath(named[0])):
				boots = fmt.Sprintf("boots %s first", named[0])
			default:
				continue
			}
			why := refusal(fmt.Sprintf("%s of the snapshot %s, and not %s", f.Path, boots, first), api.Say("leave one of the two out: name the files with ").Option("file", ""))
			return &why
		}
	}
	return nil
}

// bootStages makes the changes by which a device with boot settings boots files
// in this order.
func (v view) bootStages(files []string) []ios.BootStage {
	all := v.Stacked() && flash.ParsePath(files[0]).FS == "flash:"
	if v.boot.Units[0].PathList {
		return []ios.BootStage{ios.SetBootList(all, files)}
	}
	return ios.AddBootLines(v.config.Lines, all, files, v.sameOnUnits)
}

// manualBoot notes the units that will not start by themselves.
func manualBoot(b ios.Boot) []string {
	var notes []string
	for _, u := range b.Units {
		if u.ManualBoot != nil && *u.ManualBoot {
			notes = append(notes, fmt.Sprintf("%s has Manual Boot on: after a reload it waits in its boot loader; the boot lines have no effect", u.Unit))
		}
	}
	return notes
}

// bootPlace is where the image to boot will be. A file of another unit is
// booted from the flash of the unit that answers.
func (p planning) bootPlace(image api.File) flash.Path {
	at := flash.ParsePath(image.Path)
	if p.request.To != "" {
		return at.On(p.view.Canonical(p.request.To))
	}
	if family := p.view.Family(at.FS); p.view.Unit(at.FS) != "" && p.view.Listed(family) {
		return at.On(family)
	}
	return at.On(p.view.Canonical(at.FS))
}

// spelling is a path as a boot line has it: as the device itself prints it, if it
// has printed it. Another file has a slash after its file system if the files that
// the device has printed have one: the loader of a flash without directories may
// take a slash as a part of the name. packages.conf has none, as IOS-XE documents it.
func (p planning) spelling(at flash.Path) string {
	slash := p.view.oneSetting()
	for i, printed := range p.printed() {
		if flash.ParsePath(printed) == at {
			return printed
		}
		if i == 0 {
			slash = strings.Contains(printed, ":/")
		}
	}
	if !slash || at.Rel == "packages.conf" {
		return at.FS + at.Rel
	}
	return at.String()
}

// printed is the images in flash whose paths the device has printed, beginning with
// the one that boots next.
func (p planning) printed() []string {
	all := slices.Concat(p.view.next(), []string{p.view.facts.Image, p.selection.Snapshot.Facts.Image})
	return slices.DeleteFunc(all, func(printed string) bool {
		at := flash.ParsePath(printed)
		return at.FS == "" || at.Rel == "" || flash.IsNetwork(at.FS) || strings.HasSuffix(printed, "/")
	})
}

// bootsFirst reports whether every unit boots this file first.
func (p planning) bootsFirst(file string) bool {
	for _, u := range p.view.boot.Units {
		next := u.NextStartFiles()
		if len(next) == 0 || !p.view.sameOnUnits(next[0], file) {
			return false
		}
	}
	return len(p.view.boot.Units) > 0
}

// secondBoot is what the device boots if the first is not there: the image that
// it runs, else one that it was to boot, as far as that is in flash.
func (p planning) secondBoot(first string) string {
	var candidates []string
	if running, ok := p.view.running(); ok {
		candidates = append(candidates, p.spelling(running.Path))
	}
	for _, file := range append(candidates, p.view.next()...) {
		if _, starts := p.view.image(p.view.loaders()[0], file); starts && !p.view.sameOnUnits(file, first) {
			return file
		}
	}
	return ""
}

// bootSteps writes boot lines. They only name proved files: if only the size of a
// file was compared, the file is read back before.
func bootSteps(b bootChange, files []api.PlannedFile) []api.PlanStep {
	if len(b.stages) == 0 {
		return nil
	}
	var steps []api.PlanStep
	for _, f := range files {
		if needsProof(f) {
			steps = append(steps, api.PlanStep{Kind: api.PlanProve, Path: f.Path, Size: f.Size, FileKind: f.Kind, SHA256: f.SHA256, ReadBack: true})
		}
	}
	for _, stage := range b.stages {
		steps = append(steps, api.PlanStep{Kind: api.PlanBoot, Lines: stage.Lines, Boot: stage.Boot})
	}
	return steps
}

// needsProof reports whether a file that boots is there, and only its size was
// compared.
func needsProof(f api.PlannedFile) bool {
	return boots(f.Kind) && f.State == api.Equal && f.Evidence == api.EvidenceSize
}

// restart is the step that starts the device again, if that was asked for and
// something of it would change; else a note that says why not.
func (p planning) restart(b bootChange, more bool) (steps []api.PlanStep, notes []string) {
	if !p.request.Reload {
		return nil, nil
	}
	s := api.PlanStep{Kind: api.PlanReload}
	s.Image, s.Version = p.wanted(b)
	if !more && (s.Image == "" || p.view.same(s.Image, p.view.facts.Image)) && (s.Version == "" || ios.SameRelease(s.Version, p.view.facts.Version)) {
		return nil, []string{"the device is not started again: it already runs the requested image"}
	}
	if b.install {
		s.Kind, s.Path, s.Size = api.PlanInstall, b.place.FS+b.place.Rel, b.image.Size
	}
	return []api.PlanStep{s}, slices.Concat([]string{s.Kind + ": unsaved changes of the running-config are lost"}, p.otherUnits(), p.patches(b.install))
}

// otherUnits notes where to look for the units that do not answer after a restart.
func (p planning) otherUnits() []string {
	units := p.view.loaders()
	if len(units) < 2 {
		return nil
	}
	show := "show switch"
	if units[1].unit == "standby" {
		show = "show redundancy"
	}
	return []string{"the result is about the unit that answers after the restart: see with `" + show + "` whether the others have returned too"}
}

// patches notes software that the device loses when it starts again: packages that
// are not committed, and patches that an image which is installed does not have.
func (p planning) patches(installs bool) []string {
	var notes []string
	for _, location := range p.view.facts.Install {
		for _, l := range location.Packages {
			if l.State == "U" || l.State == "D" {
				notes = append(notes, fmt.Sprintf("%s %s is %s and not committed: after the restart the device runs its committed software; `install commit` keeps what runs now",
					l.Type, l.FilenameVersion, l.StateWord()))
			}
		}
	}
	for _, l := range p.selection.Snapshot.Facts.Install {
		if installs && l.Type != "IMG" && (l.State == api.StateCommitted || l.State == api.StateActivated) {
			notes = append(notes, fmt.Sprintf("%s %s is not part of the image: install it after the restart (`install add file`)", l.Type, l.Name))
		}
	}
	return notes
}

// wanted is the image and the version that the device has to return with; each
// empty where it is not known.
func (p planning) wanted(b bootChange) (image, version string) {
	if b.image.Path == "" {
		if next := p.view.next(); len(next) > 0 {
			image = next[0]
		}
		return image, ""
	}
	image = b.place.String()
	if b.install {
		image = b.place.FS + "packages.conf"
	}
	if !p.request.SetBoot && !p.bootsFirst(image) {
		return "", "" // restored, but it does not boot next
	}
	if parsed, ok := ios.ParseImageName(b.image.Path); ok {
		version = parsed.Version
	}
	captured := p.selection.Snapshot.Facts
	if p.view.sameOnUnits(b.image.Path, captured.Image) {
		version = captured.Version
	}
	return image, version
}

// unsafeReload refuses a plan that starts a device again which would not return
// from it.
func (p planning) unsafeReload(b bootChange, a answers, steps []api.PlanStep) []api.Problem {
	if len(steps) == 0 {
		return nil
	}
	last := steps[len(steps)-1].Kind
	if last != api.PlanReload && last != api.PlanInstall {
		return nil
	}
	after := p.after(a, steps)
	if len(b.files) > 0 || len(a.startup) > 0 {
		after.saved = nil // these steps write others
	}
	loaders := after.loaders()
	for i := range loaders {
		if len(b.files) > 0 {
			loaders[i].next = b.files
		}
		if why := after.unsafeSettings(loaders[i]); why != nil && last == api.PlanInstall {
			return []api.Problem{*why}
		}
	}
	if why := after.unsafe(loaders); why != nil && last == api.PlanReload {
		return []api.Problem{*why}
	}
	return nil
}

// unsafeStartup refuses a startup-config whose boot lines name no image that
// would be there, or only images that are damaged or cut short where the device
// starts a good one now: it would not return from its next start, whenever that is.
func (p planning) unsafeStartup(a answers, steps []api.PlanStep) []api.Problem {
	after := p.after(a, steps)
	for _, f := range a.files {
		lines, written := a.startup[f.Path]
		for i, l := range after.loaders() {
			before := p.view.loaders()[i]
			l.next = p.view.bootFiles(lines, l.unit)
			named := fmt.Sprintf("boots %s, and none of these is an image in the flash of %s", strings.Join(l.next, ", "), l.unit)
			doubt := p.doubts(after, a, l)
			switch {
			case !written:
				continue
			case after.unsafeFiles(l) == nil && (doubt == "" || p.view.unsafeFiles(before) != nil || p.doubts(p.view, answers{}, before) != ""):
				continue // it is sure to start, or is not sure now
			case after.unsafeFiles(l) == nil:
				named = "boots " + doubt
			case len(l.next) == 0 && (!p.view.linesCount() || p.view.unsafeFiles(before) != nil):
				continue
			case len(l.next) == 0:
				named = fmt.Sprintf("has no boot line, and the default flash of %s has no image: it boots %s now", l.unit, strings.Join(before.next, ", "))
			}
			return []api.Problem{*unsafeBoot(f.Path+" of the snapshot "+named,
				api.Say("restore the image of the snapshot too, or leave this file out: name the files with ").Option("file", ""))}
		}
	}
	return nil
}

// after is the view of the device once the steps are done, as far as its files
// go.
func (p planning) after(a answers, steps []api.PlanStep) view {
	v := p.view
	var removed []flash.Path
	var added []flash.File
	for _, s := range steps {
		at := flash.ParsePath(s.Path)
		at.FS = v.Canonical(at.FS)
		switch s.Kind {
		case api.PlanDelete:
			removed = append(removed, at)
		case api.PlanMkdir:
			added = append(added, flash.File{Path: at, Entry: ios.Entry{Name: at.Base(), Type: ios.TypeDirectory}})
		case api.PlanCopy, api.PlanStartup:
			added = append(added, flash.File{Path: at, Entry: ios.Entry{Name: at.Base(), Size: s.Size, Type: ios.TypeFile}})
		}
	}
	v.Contents = v.After(removed, added)
	v.provisioned = maps.Clone(v.provisioned)
	if v.provisioned == nil {
		v.provisioned = make(map[flash.Path][]string)
	}
	for path, packages := range a.provisioned {
		v.provisioned[path] = packages
	}
	return v
}

// linesCount reports whether the boot lines of the startup-config alone decide what
// the device boots, so that one without any has it start the first image in its
// default flash: that of a router or a chassis ("Loading and Managing System Images",
// on the startup process). BOOT of a Catalyst is a variable of its loader.
func (v view) linesCount() bool {
	return len(v.boot.Units) > 0 && !v.boot.Units[0].PathList && !v.catalyst()
}

// startups reads the boot lines of each startup-config that will be written: at the
// next start they take the place of those that are there. The result is by path, and
// has an entry for one without boot lines, too.
// encrypted is a configuration that has passwords of type 6; empty if none has.
func (r *Runner) startups(ctx context.Context, v view, files []api.PlannedFile) (lines map[string][]ios.BootLine, encrypted string, err error) {
	lines = make(map[string][]ios.BootLine)
	for _, f := range files {
		if f.State == api.Equal || !v.readsAtStart(f.Path) {
			continue
		}
		lines[f.Path] = nil
		text, err := r.blobText(ctx, f.SHA256)
		if err != nil {
			return nil, "", cause.Wrap(cause.VaultError, err, "read a configuration", api.Say("run ").Do("check"))
		}
		for line := range strings.Lines(text) {
			switch line = strings.TrimSpace(line); {
			case strings.HasPrefix(line, "boot system "):
				lines[f.Path] = append(lines[f.Path], ios.BootLine(line))
			case line == "password encryption aes":
				encrypted = f.Path
			}
		}
	}
	return lines, encrypted, nil
}

// bootFiles is the files that boot lines name for a unit, in their order. A line
// for one member of a stack counts for that member alone, and for every unit whose
// number is not known. A Catalyst with classic IOS has one setting for each member, so that the
// last line counts.
func (v view) bootFiles(lines []ios.BootLine, unit string) []string {
	var files []string
	numbered := strings.HasPrefix(unit, "switch ")
	for _, l := range lines {
		if of := l.Unit(); of != "" && of != unit && numbered {
			continue
		}
		if numbered && v.oneSetting() {
			files = nil
		}
		files = append(files, strings.Split(l.File(), ";")...)
	}
	return files
}

// newProvisioning reads the packages that each provisioning file among the files
// names.
func (r *Runner) newProvisioning(ctx context.Context, v view, files []api.PlannedFile) (map[flash.Path][]string, error) {
	named := make(map[flash.Path][]string)
	for _, f := range files {
		if f.Kind != api.KindBootPointer || f.State == api.Equal && v.provisioned[flash.ParsePath(f.Path)] != nil {
			continue
		}
		text, err := r.blobText(ctx, f.SHA256)
		if err != nil {
			return nil, cause.Wrap(cause.VaultError, err, "read a provisioning file", api.Say("run ").Do("check"))
		}
		packages, err := ios.ParsePackages(text)
		if err == nil { // else nothing starts from it
			named[flash.ParsePath(f.Path)] = packages
		}
	}
	return named, nil
}

// maxConfig is the most of a configuration that is read, in bytes.
const maxConfig = 4 << 20

func (r *Runner) blobText(ctx context.Context, sha string) (string, error) {
	blob, err := r.Vault.OpenBlob(ctx, sha)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(blob, maxConfig))
	return string(text), errors.Join(err, blob.Close())
}
