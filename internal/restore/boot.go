package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
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
	lines   []string // of configuration mode
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
func (p planning) boot(files []api.PlannedFile, startup map[string]string) bootChange {
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
		return b.refuse(fmt.Sprintf("%s is in install mode, where %s is not booted itself but expanded by `install add file … activate commit`, which starts the device again", p.device.Name, image.Path),
			api.Say("add ").Option("reload", "").Say(", or leave out ").Option("set_boot", ""))
	}
	if p.view.Unit(b.place.FS) != "" {
		return b.refuse(fmt.Sprintf("the files go to %s alone, and all members boot the same file, each from its own flash", b.place.FS),
			api.Say("leave out ").Option("to", "").Say(", or ").Option("set_boot", ""))
	}
	return p.bootLines(b, files, startup)
}

// bootLines makes the lines of configuration mode.
func (p planning) bootLines(b bootChange, files []api.PlannedFile, startup map[string]string) bootChange {
	first := p.spelling(b.place)
	if b.install {
		first = b.place.FS + "packages.conf"
	}
	for _, f := range files {
		if line, reads := startup[f.Path]; reads && !p.view.within(flash.ParsePath(first), flash.ParsePath(line)) {
			return b.refuse(fmt.Sprintf("%s of the snapshot boots %s first, and not %s", f.Path, line, first),
				api.Say("leave one of the two out: name the files with ").Option("file", ""))
		}
	}
	if p.bootsFirst(first) {
		return b
	}
	if len(p.view.boot.Units) == 0 {
		return b.refuse("the device shows no boot settings, so that new ones could not be proved",
			api.Say("set them by hand: ").Type(api.OnDevice, "boot system").Say("; leave out ").Option("set_boot", ""))
	}
	b.files = []string{first}
	if second := p.secondBoot(first); second != "" {
		b.files = append(b.files, second)
	}
	b.lines = bootLinesFor(p.view, b.files)
	b.notes = append([]string{"`write memory` saves the whole running-config, with whatever else was changed in it and not saved"}, manualBoot(p.view.boot)...)
	return b
}

// bootLinesFor makes the lines by which a device with boot settings boots files
// in this order.
func bootLinesFor(v view, files []string) []string {
	all := v.Stacked() && flash.ParsePath(files[0]).FS == "flash:"
	return ios.BootLines(v.boot.Units[0].PathList, all, files)
}

// manualBoot notes the units that will not start by themselves.
func manualBoot(b ios.Boot) []string {
	var notes []string
	for _, u := range b.Units {
		if u.ManualBoot != nil && *u.ManualBoot {
			notes = append(notes, fmt.Sprintf("%s has Manual Boot on: it waits in its boot loader after a reload, whatever the boot lines say", u.Unit))
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

// spelling is a path as a boot line has it: as the device itself prints it, if
// it has printed it; packages.conf without a slash, as IOS-XE documents it;
// else whole.
func (p planning) spelling(at flash.Path) string {
	for _, printed := range append(p.view.next(), p.view.facts.Image, p.selection.Snapshot.Facts.Image) {
		if flash.ParsePath(printed) == at && !strings.HasSuffix(printed, "/") {
			return printed
		}
	}
	if at.Rel == "packages.conf" {
		return at.FS + at.Rel
	}
	return at.String()
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
		if _, there := p.view.Image(flash.ParsePath(file)); there && !p.view.sameOnUnits(file, first) {
			return file
		}
	}
	return ""
}

// bootSteps writes boot lines. They only name proved files: a file of which
// only the size was compared is read back before.
func bootSteps(b bootChange, files []api.PlannedFile) []api.PlanStep {
	if len(b.lines) == 0 {
		return nil
	}
	var steps []api.PlanStep
	for _, f := range files {
		if needsProof(f) {
			steps = append(steps, api.PlanStep{Kind: api.PlanProve, Path: f.Path, Size: f.Size, FileKind: f.Kind, SHA256: f.SHA256, ReadBack: true})
		}
	}
	return append(steps, api.PlanStep{Kind: api.PlanBoot, Lines: b.lines, Boot: b.files})
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
	if !more && (s.Image == "" || p.view.same(s.Image, p.view.facts.Image)) && (s.Version == "" || s.Version == p.view.facts.Version) {
		return nil, []string{"the device is not started again: it already runs the requested image"}
	}
	if b.install {
		s.Kind, s.Path = api.PlanInstall, b.place.FS+b.place.Rel
	}
	return []api.PlanStep{s}, append([]string{s.Kind + ": unsaved changes of the running-config are lost"}, manualBoot(p.view.boot)...)
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

var bootLine = regexp.MustCompile(`(?m)^boot system (?:switch \S+ )?(?:flash )?([^;\s]+)`)

// startupBoots reads the first boot line of each startup-config among the files
// that will be written: at the next start it would take the place of those that
// are asked for. The result is by path; a configuration without one is left
// out.
func (r *Runner) startupBoots(ctx context.Context, files []api.PlannedFile) (map[string]string, error) {
	lines := make(map[string]string)
	for _, f := range files {
		name := flash.ParsePath(f.Path).Base()
		if f.State == api.Equal || name != "startup-config" && name != "config.text" {
			continue
		}
		text, err := r.blobText(ctx, f.SHA256)
		if err != nil {
			return nil, cause.Wrap(cause.VaultError, err, "read a configuration", api.Say("run ").Do("check"))
		}
		if m := bootLine.FindStringSubmatch(text); m != nil {
			lines[f.Path] = m[1]
		}
	}
	return lines, nil
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
