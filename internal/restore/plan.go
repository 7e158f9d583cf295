package restore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// target is one file that is to be on the device.
type target struct {
	api.File        // Path is where on the device; the rest is of the snapshot
	state    string // Equal, Absent, Differs
	there    int64  // bytes of what is there; -1: nothing, or not known
}

// step is one part of a restore: what it will type, and what does it.
type step struct {
	commands []string
	run      func(ctx context.Context) error
}

// plan looks at the device and decides what is to be done, or refuses. It
// changes nothing.
func (r *run) plan(ctx context.Context) error {
	r.tell(r.device.Name, api.StepLook, "", 0, -1)
	var err error
	if r.view, err = look(ctx, r.session, r.opts.To); err != nil {
		return err
	}
	r.result.Facts = backup.Facts(r.view.facts)
	r.note(r.selection.Notes...)
	r.noteOtherDevice()
	if err := r.aim(); err != nil {
		return err
	}
	for i := range r.targets {
		if err := r.compare(ctx, &r.targets[i]); err != nil {
			return err
		}
	}
	if err := r.probeDigest(ctx); err != nil {
		return err
	}
	if err := r.checkInstallMode(); err != nil {
		return err
	}
	if err := r.mayReplace(ctx); err != nil {
		return err
	}
	if err := r.mayDelete(ctx); err != nil {
		return err
	}
	if err := r.setBootLines(); err != nil {
		return err
	}
	return r.layOut()
}

// refuse is the error of a restore that is refused for safety.
func refuse(seen, hint string) error {
	return cause.Wrap(cause.Cancelled, ErrRefused, seen, api.Say(hint))
}

func (r *run) note(notes ...string) {
	for _, n := range notes {
		if !slices.Contains(r.result.Notes, n) {
			r.result.Notes = append(r.result.Notes, n)
		}
	}
}

// noteOtherDevice says that a snapshot is not of this device.
func (r *run) noteOtherDevice() {
	s, f := r.selection.Snapshot, r.view.facts
	if s.Facts.Model != f.Model {
		r.note(fmt.Sprintf("the snapshot is of %s, a %s; this is a %s: see that the image is for it", s.Device, s.Facts.Model, f.Model))
	} else if s.Facts.Serial != f.Serial {
		r.note(fmt.Sprintf("the snapshot is of serial number %s; this is %s", s.Facts.Serial, f.Serial))
	}
}

// aim decides where each file goes: where it was, or to the file system that
// the user names; what is named and boots, or is to boot next, goes to every
// member.
func (r *run) aim() error {
	for _, f := range r.selection.Files {
		fs := flash.ParsePath(f.Path).FS
		where := []string{fs}
		switch {
		case r.opts.To != "":
			where = []string{r.opts.To}
		case boots(f) && (r.selection.Named || r.opts.SetBoot) && r.view.found.Unit(fs) == "":
			where = append(where, r.view.found.Siblings(fs)...)
		}
		for _, to := range where {
			if !r.view.found.Listed(to) {
				return cause.New(cause.SourceMissing, fmt.Sprintf("%s has no %s for %s", r.device.Name, to, f.Path),
					api.Say("choose the files with --file, or another file system with --to; `show file systems` on the device lists them"))
			}
			r.add(f, to)
		}
	}
	slices.SortStableFunc(r.targets, func(a, b target) int { return order(a.File) - order(b.File) })
	return nil
}

// add makes f a target in the file system to. Where a member's own file is in
// the snapshot as well, that one is taken.
func (r *run) add(f api.File, to string) {
	t := target{File: f, there: -1}
	t.Path = flash.ParsePath(f.Path).On(to).String()
	i := slices.IndexFunc(r.targets, func(have target) bool { return r.view.same(have.Path, t.Path) })
	switch {
	case i < 0:
		r.targets = append(r.targets, t)
	case r.view.same(f.Path, t.Path):
		r.targets[i] = t
	}
}

// compare says what is in the place of a target.
func (r *run) compare(ctx context.Context, t *target) error {
	if err := r.copyTo(*t, "name").Validate(); err != nil {
		return err
	}
	e, there := r.view.entry(t.Path)
	switch {
	case !there:
		t.state = api.Absent
		return nil
	case e.IsDir():
		return refuse(t.Path+" is a directory on the device", "choose another place with --to, or remove it by hand")
	}
	t.state, t.there = api.Differs, e.Entry.Size
	if t.there >= 0 && t.there != t.Size {
		return nil
	}
	d, err := r.digest(ctx, t.Path, t.there)
	if err != nil {
		return err
	}
	switch compared(d, t.File) {
	case same:
		t.state, t.Evidence = api.Equal, evidenceOf(d)
	case unknown:
		if t.there != t.Size {
			return nil
		}
		t.state, t.Evidence = api.Equal, api.EvidenceSize
		r.note("the device computes no digest of what counts as equal with the evidence size-only: only the size was compared")
	}
	return nil
}

// The outcomes of a comparison.
const (
	same = iota
	other
	unknown // there is no digest to compare
)

// compared says whether a digest of the device is that of a file of the
// snapshot.
func compared(d ios.Digest, f api.File) int {
	switch {
	case d.MD5 != "" && f.MD5 != "":
		return outcome(d.MD5 == f.MD5)
	case d.SHA512 != "" && f.SHA512 != "":
		return outcome(d.SHA512 == f.SHA512)
	}
	return unknown
}

func outcome(equal bool) int {
	if equal {
		return same
	}
	return other
}

func evidenceOf(d ios.Digest) string {
	if d.MD5 != "" {
		return api.EvidenceMD5
	}
	return api.EvidenceSHA512
}

// digest asks the device for the digest of one of its files; empty where it
// computes none.
func (r *run) digest(ctx context.Context, p string, size int64) (ios.Digest, error) {
	r.tell(r.device.Name, api.StepVerify, p, 0, size)
	v, err := r.session.Digest(ctx, p, size, nil)
	r.noDigest = err == nil && v.MD5 == "" && v.SHA512 == ""
	return v.Digest, err
}

// probeDigest learns whether the device computes digests at all, where nothing
// was compared yet: the plan shows how the files will be proved.
func (r *run) probeDigest(ctx context.Context) error {
	i := slices.IndexFunc(r.targets, func(t target) bool { return t.state == api.Absent })
	if i < 0 {
		return nil
	}
	_, err := r.digest(ctx, r.targets[i].Path, 0)
	if cause.Of(err) == cause.SourceMissing {
		return nil
	}
	return err
}

// mayReplace refuses to touch files with other content, unless the user said
// so, nothing runs from them, and the vault holds them.
func (r *run) mayReplace(ctx context.Context) error {
	for _, t := range r.targets {
		if t.state != api.Differs {
			continue
		}
		if why := r.view.inUse(t.Path); why != "" && boots(t.File) {
			return refuse(fmt.Sprintf("%s is on %s with other content, and %s", t.Path, r.device.Name, why),
				"a file that is in use is never replaced; restore under another place with --to, or boot another image first")
		}
		if !r.opts.Replace {
			return refuse(fmt.Sprintf("%s is on %s with other content (%d bytes there, %d bytes in the snapshot)", t.Path, r.device.Name, t.there, t.Size),
				"restore other files with --file, or add --replace, which deletes it once the vault is shown to hold it")
		}
		if err := r.vaultHolds(ctx, t.Path, t.there); err != nil {
			return err
		}
	}
	return nil
}

// mayDelete refuses to delete what is in use, what is not there, what the
// vault does not hold, and the last file that boots.
func (r *run) mayDelete(ctx context.Context) error {
	left := r.view.bootable()
	for i, p := range r.opts.Delete {
		p = flash.ParsePath(p).String()
		r.opts.Delete[i] = p
		if err := ios.Typeable("file", p); err != nil {
			return err
		}
		e, there := r.view.entry(p)
		why := r.view.inUse(p)
		switch {
		case !there || e.IsDir():
			return refuse(fmt.Sprintf("--delete %s: there is no such file on %s", p, r.device.Name), "give the whole path, as flash:/dir/x.bin; see `dir` on the device")
		case why != "":
			return refuse(fmt.Sprintf("--delete %s: %s", p, why), "boot another image first")
		case slices.ContainsFunc(r.targets, func(t target) bool { return r.view.same(t.Path, p) && t.state == api.Equal }):
			return refuse(fmt.Sprintf("--delete %s: it is among the files to restore, and equal", p), "leave it out of one of the two")
		}
		if left = slices.DeleteFunc(left, func(have string) bool { return r.view.same(have, p) }); len(left) == 0 {
			return refuse(fmt.Sprintf("--delete %s: it is the last file that %s could boot", p, r.device.Name), "restore an image first")
		}
		if err := r.vaultHolds(ctx, p, e.Entry.Size); err != nil {
			return err
		}
	}
	return nil
}

// vaultHolds refuses a file that the vault does not hold. Where the device
// computes no digest, that is shown when the file is about to go, by reading
// it back.
func (r *run) vaultHolds(ctx context.Context, p string, size int64) error {
	d, err := r.digest(ctx, p, size)
	if err != nil || d.MD5 == "" {
		return err
	}
	_, err = r.kept(ctx, p, d.MD5, size)
	return err
}

// kept returns the SHA-256 under which the vault holds the content of a
// device's file.
func (r *run) kept(ctx context.Context, p, md5 string, size int64) (string, error) {
	sha, ok, err := r.Catalog.Known(ctx, md5, size)
	if err != nil {
		return "", cause.Wrap(cause.VaultError, err, "look up "+p, api.Say("run `flashwarden check`"))
	}
	if !ok || !r.Vault.HasBlob(sha, size) {
		return "", r.notKept(p)
	}
	return sha, nil
}

// notKept is the error for a file of the device that the vault does not hold.
func (r *run) notKept(p string) error {
	seen := "the vault does not hold the content of " + p
	hint := fmt.Sprintf("back it up first: flashwarden backup %s --files all", r.device.Name)
	if r.changed {
		return cause.New(cause.Cancelled, seen, api.Say(hint))
	}
	return refuse(seen, hint)
}

// checkInstallMode refuses what would leave a device in install mode with an
// image that it does not boot from.
func (r *run) checkInstallMode() error {
	if !r.opts.SetBoot && !r.opts.Reload {
		return nil
	}
	b, err := r.selection.Bootable()
	switch {
	case err != nil && r.opts.SetBoot:
		return refuse(err.Error(), "name the image with --file")
	case err != nil:
		return nil
	}
	r.image = b
	r.install = r.opts.SetBoot && b.Kind == api.KindImage && r.view.facts.Mode == "install" && r.view.facts.OS == "iosxe"
	if r.install && !r.opts.Reload {
		return refuse(fmt.Sprintf("%s is in install mode, where %s is not booted itself but expanded by `install add file … activate commit`, which starts the device again", r.device.Name, b.Path),
			"add --reload, or leave out --set-boot")
	}
	return nil
}

// layOut makes the steps and the plan that shows them, and refuses where the
// space is short.
func (r *run) layOut() error {
	if err := r.checkSpace(); err != nil {
		return err
	}
	for _, p := range r.opts.Delete {
		r.steps = append(r.steps, r.deleteStep(p))
	}
	r.addDirectories()
	for _, t := range r.targets {
		if order(t.File) < afterBoot {
			r.addFile(t)
		}
	}
	if len(r.bootLines) > 0 {
		r.steps = append(r.steps, r.bootStep())
	}
	for _, t := range r.targets {
		if order(t.File) >= afterBoot {
			r.addFile(t)
		}
	}
	r.addRestart()
	r.result.Plan = r.shown()
	return nil
}

// addDirectories makes the directories that are missing, the outer ones
// first.
func (r *run) addDirectories() {
	made := make(map[string]bool)
	for _, t := range r.targets {
		if t.state == api.Equal {
			continue
		}
		var missing []string
		for dir := flash.ParsePath(t.Path).Dir(); dir.Rel != ""; dir = dir.Dir() {
			p := dir.String()
			if _, there := r.view.entry(p); !there && !made[p] {
				made[p] = true
				missing = append(missing, p)
			}
		}
		slices.Reverse(missing)
		for _, p := range missing {
			change := ios.MakeDirectory(p)
			r.steps = append(r.steps, step{[]string{change.Line}, func(ctx context.Context) error { return r.do(ctx, change) }})
		}
	}
}

func (r *run) addFile(t target) {
	if t.state == api.Equal {
		t.Copied = false
		r.result.Files = append(r.result.Files, t.File)
		return
	}
	r.steps = append(r.steps, r.fileStep(t))
}

// shown is the plan as the user sees it.
func (r *run) shown() *api.Plan {
	p := &api.Plan{Files: []api.PlannedFile{}, Commands: []string{}, Space: []api.Space{}, Notes: append([]string{}, r.result.Notes...)}
	for _, t := range r.targets {
		p.Files = append(p.Files, api.PlannedFile{Path: t.Path, State: t.state, Size: t.Size, There: t.there})
		if t.state != api.Equal {
			p.Bytes += t.Size
		}
	}
	for _, s := range r.steps {
		p.Commands = append(p.Commands, s.commands...)
	}
	for fs, after := range r.after {
		p.Space = append(p.Space, api.Space{FileSystem: fs, Before: r.view.found.Free(fs), After: after})
	}
	slices.SortFunc(p.Space, func(a, b api.Space) int { return strings.Compare(a.FileSystem, b.FileSystem) })
	return p
}

// checkSpace goes through the steps in their order and refuses where a file
// system would be full.
func (r *run) checkSpace() error {
	r.after = make(map[string]int64)
	gain := func(p string, bytes int64) int64 {
		fs := r.view.found.Canonical(flash.ParsePath(p).FS)
		if _, ok := r.after[fs]; !ok {
			if r.after[fs] = r.view.found.Free(fs); r.after[fs] < 0 {
				delete(r.after, fs) // the device does not say
				return 0
			}
		}
		r.after[fs] += bytes
		return r.after[fs]
	}
	for _, p := range r.opts.Delete {
		e, _ := r.view.entry(p)
		gain(p, max(e.Entry.Size, 0))
	}
	for _, t := range r.targets {
		if t.state == api.Equal {
			continue
		}
		if left := gain(t.Path, max(t.there, 0)-t.Size); left < 0 {
			return r.noSpace(t, left)
		}
	}
	return nil
}

// noSpace says what could be deleted for t: files that nothing starts from,
// the largest first.
func (r *run) noSpace(t target, left int64) error {
	fs := flash.ParsePath(t.Path).FS
	type candidate struct {
		path string
		size int64
	}
	var all []candidate
	for _, f := range r.view.found.Files(fs) {
		p, size := f.String(), f.Entry.Size
		wanted := slices.ContainsFunc(r.targets, func(t target) bool { return r.view.same(t.Path, p) })
		goes := slices.ContainsFunc(r.opts.Delete, func(d string) bool { return r.view.same(d, p) })
		if size > 0 && r.view.inUse(p) == "" && !wanted && !goes && fs != "nvram:" {
			all = append(all, candidate{p, size})
		}
	}
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Or(cmp.Compare(b.size, a.size), strings.Compare(a.path, b.path)) })
	hint := "nothing there may be deleted; restore fewer files with --file, or to another file system with --to"
	if len(all) > 0 {
		var words []string
		for _, c := range all[:min(len(all), 8)] {
			words = append(words, fmt.Sprintf("--delete %s (%d bytes)", c.path, c.size))
		}
		hint = "what could go, once the vault is shown to hold it: " + strings.Join(words, ", ")
	}
	return cause.Wrap(cause.DeviceNoSpace, ErrNoSpace,
		fmt.Sprintf("%s has %d bytes free; %s and what goes before it need %d more", fs, r.view.found.Free(fs), t.Path, -left), api.Say(hint))
}

// ErrNoSpace says that a file system of the device has not enough room.
var ErrNoSpace = errors.New("not enough space on the device")
