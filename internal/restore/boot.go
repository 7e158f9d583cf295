package restore

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// setBootLines decides which images the boot lines name: the restored one,
// then what ran before. Nothing is to be done where the device boots the
// restored one first already.
func (r *run) setBootLines() error {
	if !r.opts.SetBoot {
		return nil
	}
	place := r.bootPlace()
	if r.view.found.Unit(place.FS) != "" {
		return refuse(fmt.Sprintf("--to %s with --set-boot: all members boot the same file, each from its own flash", place.FS),
			"leave out --to, or --set-boot")
	}
	first := r.bootPath(place)
	if r.install {
		first = place.FS + "packages.conf"
	}
	if err := r.configsBoot(first); err != nil {
		return err
	}
	if r.bootsFirst(first) {
		return nil
	}
	r.boot = []string{first}
	if second := r.secondBoot(first); second != "" {
		r.boot = append(r.boot, second)
	}
	r.bootLines = ios.BootLines(r.pathList(), r.view.found.Stacked() && place.FS == "flash:", r.boot)
	r.note("`write memory` saves the whole running-config, with whatever else was changed in it and not saved")
	return r.noteManualBoot()
}

var bootLine = regexp.MustCompile(`(?m)^boot system (?:switch \S+ )?(?:flash )?([^;\s]+)`)

// configsBoot refuses a startup-config among the files whose own boot lines
// would take the place of those that are asked for, at the next start.
func (r *run) configsBoot(first string) error {
	for _, t := range r.targets {
		name := flash.ParsePath(t.Path).Base()
		if t.state == api.Equal || name != "startup-config" && name != "config.text" {
			continue
		}
		text, err := r.blobText(t.SHA256)
		if err != nil {
			return err
		}
		// A line may name the directory of the image, or the image in it.
		m := bootLine.FindStringSubmatch(text)
		if m != nil && !r.view.within(flash.ParsePath(first), flash.ParsePath(m[1])) {
			return refuse(fmt.Sprintf("%s of the snapshot boots %s first, and --set-boot %s", t.Path, m[1], first),
				"leave one of the two out: name the files with --file")
		}
	}
	return nil
}

// maxConfig is the most of a configuration that is read, in bytes.
const maxConfig = 4 << 20

func (r *run) blobText(sha string) (string, error) {
	blob, err := r.Vault.OpenBlob(sha)
	if err != nil {
		return "", cause.Wrap(cause.VaultError, err, "read a configuration", api.Say("run `flashwarden check`"))
	}
	defer blob.Close()
	text, err := io.ReadAll(io.LimitReader(blob, maxConfig))
	if err != nil {
		return "", cause.Wrap(cause.VaultError, err, "read a configuration", api.Say("run `flashwarden check`"))
	}
	return string(text), nil
}

// bootPlace is where the image to boot will be.
func (r *run) bootPlace() flash.Path {
	p := flash.ParsePath(r.image.Path)
	if r.opts.To != "" {
		return p.On(r.opts.To)
	}
	if family := r.view.found.Family(p.FS); r.view.found.Unit(p.FS) != "" && r.view.found.Listed(family) {
		return p.On(family)
	}
	return p
}

// bootPath is a path as a boot line has it: as the device itself prints it,
// where it has printed it; packages.conf without a slash, as IOS-XE documents
// it; else whole.
func (r *run) bootPath(p flash.Path) string {
	for _, printed := range append(r.view.next(), r.view.facts.Image, r.selection.Snapshot.Facts.Image) {
		if flash.ParsePath(printed) == p && !strings.HasSuffix(printed, "/") {
			return printed
		}
	}
	if p.Rel == "packages.conf" {
		return p.FS + p.Rel
	}
	return p.String()
}

// bootsFirst reports whether every unit boots this file first.
func (r *run) bootsFirst(p string) bool {
	for _, u := range r.view.boot.Units {
		next := u.NextStartFiles()
		if len(next) == 0 || !r.view.same(next[0], p) {
			return false
		}
	}
	return len(r.view.boot.Units) > 0
}

// secondBoot is what the device boots if the first is not there: what it runs,
// else what it was to boot, as far as that is in flash.
func (r *run) secondBoot(first string) string {
	var candidates []string
	if running, ok := r.view.running(); ok {
		candidates = append(candidates, r.bootPath(running))
	}
	for _, p := range append(candidates, r.view.next()...) {
		if _, there := r.view.entry(p); there && !r.view.same(p, first) {
			return p
		}
	}
	return ""
}

// pathList reports whether BOOT is one setting that holds the whole list.
func (r *run) pathList() bool {
	return len(r.view.boot.Units) > 0 && r.view.boot.Units[0].PathList
}

// noteManualBoot says where the boot lines will not be obeyed.
func (r *run) noteManualBoot() error {
	for _, u := range r.view.boot.Units {
		if u.ManualBoot != nil && *u.ManualBoot {
			r.note(fmt.Sprintf("%s has Manual Boot on: it waits in its boot loader after a reload, whatever the boot lines say", u.Unit))
		}
	}
	if len(r.view.boot.Units) == 0 {
		return refuse("the device shows no boot settings, so that new ones could not be proved", "set them by hand: boot system; leave out --set-boot")
	}
	return nil
}

func (r *run) bootStep() step {
	commands := append([]string{"configure terminal"}, r.bootLines...)
	return step{append(commands, "end", ios.SaveConfig().Line, "show boot"), r.setBoot}
}

// setBoot writes the boot lines, saves them, and looks whether they hold. No
// line names a file that was not proved on the device.
func (r *run) setBoot(ctx context.Context) error {
	if err := r.proveBootFiles(ctx); err != nil {
		return err
	}
	r.tell(r.device.Name, api.StepChange, r.bootLines[len(r.bootLines)-1], 0, -1)
	r.changed = true
	if err := r.session.Configure(ctx, r.bootLines); err != nil {
		return err
	}
	if err := r.do(ctx, ios.SaveConfig()); err != nil {
		return err
	}
	if err := r.checkBoot(ctx); err != nil {
		return err
	}
	r.result.Boot = r.boot
	return nil
}

// proveBootFiles makes sure that the first boot line names a file that is
// proved on every member, read back where the device computes no digest.
func (r *run) proveBootFiles(ctx context.Context) error {
	for _, t := range r.targets {
		if !boots(t.File) || t.state != api.Equal || t.Evidence != api.EvidenceSize {
			continue
		}
		sha, err := r.readBack(ctx, t.Path, t.Size)
		if err != nil {
			return err
		}
		if sha != t.SHA256 {
			return cause.New(cause.DigestMismatch, t.Path+" has the size of the snapshot's file and other content", api.Say("add --replace, or restore it to another place with --to; no boot line was written"))
		}
	}
	for _, t := range r.targets {
		if boots(t.File) && !slices.ContainsFunc(r.result.Files, func(f api.File) bool { return f.Path == t.Path }) {
			return cause.New(cause.Internal, t.Path+" was not proved on the device: no boot line is written", nil)
		}
	}
	return nil
}

// checkBoot compares what the device says that it boots next with what it was
// told, on every unit.
func (r *run) checkBoot(ctx context.Context) error {
	b, err := r.session.Boot(ctx)
	if err != nil {
		return err
	}
	for _, u := range b.Units {
		if !slices.EqualFunc(u.NextStartFiles(), r.boot, r.view.same) {
			return cause.New(cause.CommandRejected, fmt.Sprintf("%s: show boot says %q, and not %q", u.Unit, u.NextStart(), strings.Join(r.boot, ";")),
				api.Say("look at `show boot` and `show running-config | include boot` on the device, and set it by hand before it is started again"))
		}
	}
	if len(b.Units) == 0 {
		return cause.New(cause.CommandRejected, "show boot says nothing after the boot lines were saved", api.Say("look at it by hand before the device is started again"))
	}
	r.view.boot = b
	return nil
}

// canStart refuses to start the device again when it would find nothing to
// boot.
func (r *run) canStart(ctx context.Context) error {
	v, err := look(ctx, r.session, "")
	if err != nil {
		return err
	}
	next := v.next()
	for _, p := range next {
		if _, there := v.entry(p); there {
			return nil
		}
		if strings.HasPrefix(p, "tftp:") {
			return nil
		}
	}
	images := v.bootable()
	if len(next) == 0 && slices.ContainsFunc(images, func(p string) bool { return flash.ParsePath(p).Base() != "packages.conf" }) {
		return nil
	}
	return cause.New(cause.ImageNotFound, fmt.Sprintf("%s is not started again: of what it boots next (%s) nothing is in flash", r.device.Name, strings.Join(next, ";")),
		api.Say("set the boot lines: flashwarden restore "+r.device.Name+" --set-boot"))
}

// tellProved notes a file that is on the device and proved.
func (r *run) tellProved(f api.File) {
	r.tell(r.device.Name, api.StepProved, f.Path, f.Size, f.Size)
	r.result.Files = append(r.result.Files, f)
}
