package restore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// planning is everything that a plan is made of, except the answers to
// questions about single files.
type planning struct {
	device    api.Device
	request   api.Restore // the files to delete are whole paths
	selection Selection
	view      view
	via       way
}

// Plan looks at a device and returns the steps that restore files of a
// snapshot. It changes nothing. A request that contradicts itself or names
// nothing is an *api.Problem, and contacts no device. Where the device must
// not be changed as requested, the plan has refusals and no steps.
func (r *Runner) Plan(ctx context.Context, d api.Device, s api.Snapshot, req api.Restore, events func(api.Event)) (api.Plan, error) {
	sel, err := selected(s, req)
	if err == nil {
		err = check(req, sel)
	}
	if err != nil {
		return api.Plan{}, err
	}
	l, err := r.connect(ctx, d, reporterFor(d.Name, events))
	if err != nil {
		return api.Plan{}, cancelledOr(ctx, err)
	}
	defer l.hangUp()
	l.report(api.Event{Step: api.StepLook, Size: -1})
	v, err := look(ctx, l, d.Name, systems(req, sel))
	if err != nil {
		return api.Plan{}, cancelledOr(ctx, err)
	}
	plan, err := r.plan(ctx, l, planning{device: d, request: cleaned(req, d.Name), selection: sel, view: v, via: r.way(ctx, d, l)})
	if err != nil {
		return api.Plan{}, cancelledOr(ctx, err)
	}
	plan.Digest, err = plan.Sum()
	return plan, err
}

// answers is what the device and the vault say about single files.
type answers struct {
	files       []api.PlannedFile // with their states
	digests     map[string]ios.Digest
	removals    []api.PlanStep
	startup     map[string][]ios.BootLine // of each startup-config that is written, by its path
	provisioned map[flash.Path][]string   // the packages that each provisioning file of the plan names
	noDigest    bool                      // the device computes none: files are proved by reading them back
	notes       []string
}

// plan asks the device and the vault about single files, then decides.
func (r *Runner) plan(ctx context.Context, l *line, p planning) (api.Plan, error) {
	files, refused := p.aim()
	a, err := compare(ctx, l, files)
	if err != nil {
		return api.Plan{}, err
	}
	if a.noDigest, err = p.computesNone(ctx, l, a); err != nil {
		return api.Plan{}, err
	}
	removals, stay := p.removals(a.files)
	refused = slices.Concat(p.quiet(), p.readOnly(a.files), refused)
	var lacking []api.Problem
	if a.removals, lacking, err = r.held(ctx, l, p.device.Name, removals, a); err != nil {
		return api.Plan{}, err
	}
	var unsaved []api.Problem
	if a, unsaved, err = r.rewritten(ctx, l, p, a); err != nil {
		return api.Plan{}, err
	}
	var encrypted string
	if a.startup, encrypted, err = r.startups(ctx, p.view, a.files); err != nil {
		return api.Plan{}, err
	}
	a.notes = append(a.notes, p.keyOf(encrypted)...)
	if a.provisioned, err = r.newProvisioning(ctx, p.view, a.files); err != nil {
		return api.Plan{}, err
	}
	return p.decide(a, slices.Concat(refused, stay, lacking, unsaved)), nil
}

// rewritten has the files restored after the boot lines that are equal now, but which the
// write memory of these lines replaces: with the running-config, for one. The content that
// is there now must be in the vault, like that of each file that differs.
func (r *Runner) rewritten(ctx context.Context, l *line, p planning, a answers) (answers, []api.Problem, error) {
	startup, _, err := r.startups(ctx, p.view, a.files)
	if err != nil {
		return a, nil, err
	}
	boot, after := p.boot(a.files, startup), a
	after.files, after.notes = slices.Clone(a.files), slices.Clone(a.notes)
	var replaced []api.PlanStep
	for i, f := range a.files {
		if f.State == api.Equal && p.view.saves(boot, f.Path) {
			after.files[i].State, after.files[i].Evidence = api.Differs, ""
			after.notes = append(after.notes, f.Path+" has the content of the snapshot now; `write memory` replaces it, so that it is restored after that")
			replaced = append(replaced, api.PlanStep{Kind: api.PlanDelete, Path: f.Path, Size: f.There})
		}
	}
	if len(replaced) == 0 {
		return a, nil, nil
	}
	if startup, _, err = r.startups(ctx, p.view, after.files); err != nil {
		return a, nil, err
	}
	if again := p.boot(after.files, startup); len(again.stages) == 0 && len(again.refused) == 0 {
		return a, nil, nil // the device boots it first, also by this startup-config
	}
	if after.noDigest, err = p.computesNone(ctx, l, after); err != nil { // nothing was to be written before
		return a, nil, err
	}
	held, lacking, err := r.held(ctx, l, p.device.Name, replaced, after)
	after.removals = append(slices.Clip(a.removals), held...)
	return after, lacking, err
}

// quiet refuses a device that asks no questions, because it would erase and overwrite
// without asking (Configuration Fundamentals Command Reference, "file prompt").
func (p planning) quiet() []api.Problem {
	if p.view.config.FilePrompt != "quiet" {
		return nil
	}
	return []api.Problem{{Cause: cause.UnsafePrompt, Exit: api.ExitRefused,
		Detail: p.device.Name + " has `file prompt quiet` in its running-config: it may erase or overwrite without a question",
		Fix:    api.Say("type in configuration mode: ").Type(api.OnDevice, "file prompt alert").Say("; it is the default of IOS")}}
}

// check refuses a request that contradicts itself.
func check(req api.Restore, sel Selection) error {
	var err error
	var fix api.Fix
	if to := flash.ParsePath(req.To); req.To != "" && (to.FS != req.To || to.FS == ":") { // flash:2: is a partition
		err = fmt.Errorf("%q is not a file system to restore to: want its name with a colon, for example \"usbflash0:\"", req.To)
	}
	for _, p := range req.Delete {
		if !strings.Contains(p, ":") {
			err = fmt.Errorf("%q cannot be deleted: want the whole path, as flash:/dir/x.bin", p)
		}
	}
	if req.SetBoot && err == nil {
		_, err = sel.Bootable()
		fix = api.Say("name the image with ").Option("file", "")
	}
	if err == nil {
		return nil
	}
	return &api.Problem{Detail: err.Error(), Fix: fix, Exit: api.ExitUsage, Err: err}
}

// systemName matches the text that a user types as the name of a file system, or of a
// partition.
var systemName = regexp.MustCompile(`^[A-Za-z0-9_-]+:(?:\d{1,2}:)?$`)

// systems are the file systems that a request names, and those of the files that it
// restores. A network is none: the place of a received file on the device is not known.
func systems(req api.Restore, sel Selection) []string {
	var names []string
	add := func(fs string) {
		if systemName.MatchString(fs) && !flash.IsNetwork(fs) && !slices.Contains(names, fs) {
			names = append(names, fs)
		}
	}
	add(req.To)
	for _, p := range req.Delete {
		add(flash.ParsePath(p).FS)
	}
	for _, f := range sel.Files {
		if req.To == "" {
			add(flash.ParsePath(f.Path).FS)
		}
	}
	return names
}

// cleaned returns a request whose names are written in one way.
func cleaned(req api.Restore, device string) api.Restore {
	req.Device, req.Delete = device, slices.Clone(req.Delete)
	for i, p := range req.Delete {
		req.Delete[i] = flash.ParsePath(p).String()
	}
	return req
}

// compare finds out which of the files that are there are equal.
func compare(ctx context.Context, l *line, files []api.PlannedFile) (answers, error) {
	a := answers{files: slices.Clone(files), digests: make(map[string]ios.Digest)}
	for i, f := range a.files {
		if f.State != api.Differs || f.There >= 0 && f.There != f.Size {
			continue
		}
		d, err := l.digest(ctx, f.Path, f.There)
		if err != nil {
			return a, err
		}
		a.digests[f.Path] = d
		a.files[i] = judged(f, d)
		if a.files[i].Evidence == api.EvidenceSize && a.notes == nil {
			a.notes = []string{"size checked only: this device cannot compute MD5. Files with the evidence size-only count as equal if their size is"}
		}
	}
	return a, nil
}

// computesNone finds out whether the device computes no digests of any file:
// the plan says how files will be proved. It asks about a file that is no
// image, which need not be there: old software computes a digest of images
// alone, and says of a missing image nothing about it.
func (p planning) computesNone(ctx context.Context, l *line, a answers) (bool, error) {
	writes := func(f api.PlannedFile) bool { return f.State != api.Equal }
	if !slices.ContainsFunc(a.files, writes) {
		return false, nil
	}
	for _, f := range a.files {
		if d, asked := a.digests[f.Path]; asked && !p.embedsHash(f.Path) {
			return d.MD5 == "" && d.SHA512 == "", nil
		}
	}
	file, size, ok := p.toProbe(a.files)
	if !ok {
		return false, nil
	}
	d, err := l.digest(ctx, file, size)
	if cause.Of(err) == cause.SourceMissing {
		return false, nil
	}
	return d.MD5 == "" && d.SHA512 == "", err
}

// toProbe chooses the file that a device is asked about: one that is not there,
// else the smallest one, else any that is not there.
func (p planning) toProbe(files []api.PlannedFile) (file string, size int64, ok bool) {
	absent := func(f api.PlannedFile) bool { return f.State == api.Absent }
	if i := slices.IndexFunc(files, func(f api.PlannedFile) bool { return absent(f) && !p.embedsHash(f.Path) }); i >= 0 {
		return files[i].Path, 0, true
	}
	small := slices.DeleteFunc(p.view.All(), func(f flash.File) bool {
		return f.IsDir() || f.Entry.Size <= 0 || !flash.KeepsImages(f.FS) || p.embedsHash(f.String())
	})
	if len(small) > 0 {
		f := slices.MinFunc(small, func(a, b flash.File) int { return cmp.Compare(a.Entry.Size, b.Entry.Size) })
		return f.String(), f.Entry.Size, true
	}
	if i := slices.IndexFunc(files, absent); i >= 0 {
		return files[i].Path, 0, true
	}
	return "", 0, false
}

// embedsHash reports whether a file may be an image or a package.
func (p planning) embedsHash(file string) bool {
	switch strings.ToLower(path.Ext(file)) {
	case ".bin", ".pkg":
		return true
	}
	_, named := ios.ParseImageName(file)
	return named || p.view.same(file, p.view.facts.Image)
}

// judged decides by its digest whether a file that is there is equal. Without a
// digest the size decides.
func judged(f api.PlannedFile, d ios.Digest) api.PlannedFile {
	switch compareDigests(d, f.File()) {
	case same:
		f.State, f.Evidence = api.Equal, evidenceOf(d)
	case unknown:
		if f.There == f.Size {
			f.State, f.Evidence = api.Equal, api.EvidenceSize
		}
	}
	return f
}

// The outcomes of a comparison.
const (
	same = iota
	other
	unknown // there is no digest to compare
)

// compareDigests compares a digest of the device with a file of the snapshot.
func compareDigests(d ios.Digest, f api.File) int {
	equal := d.MD5 == f.MD5
	switch {
	case d.MD5 != "" && f.MD5 != "":
	case d.SHA512 != "" && f.SHA512 != "":
		equal = d.SHA512 == f.SHA512
	default:
		return unknown
	}
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

// held names the vault's blob for each file that will be deleted, and refuses
// those that the vault does not hold. Where the device computes no MD5, that is
// decided by reading the file back, immediately before it is deleted.
func (r *Runner) held(ctx context.Context, l *line, device string, removals []api.PlanStep, a answers) (held []api.PlanStep, refused []api.Problem, err error) {
	for _, s := range removals {
		d, asked := a.digests[s.Path]
		if !asked {
			if d, err = l.digest(ctx, s.Path, s.Size); err != nil {
				return nil, nil, err
			}
		}
		s.MD5, s.ReadBack = d.MD5, a.noDigest || d.MD5 == ""
		if s.MD5 == "" {
			held = append(held, s)
			continue
		}
		s.SHA256, err = r.kept(ctx, device, s)
		switch {
		case errors.Is(err, errNotKept):
			refused = append(refused, refusal(err.Error(), cause.FixOf(err)))
		case err != nil:
			return nil, nil, err
		}
		held = append(held, s)
	}
	return held, refused, nil
}

// errNotKept says that the vault does not hold the content of a file.
var errNotKept = errors.New("a file that cannot be restored is never deleted")

// kept returns the SHA-256 under which the vault holds the content of a
// device's file, found by its MD5 and size; errNotKept where it does not.
func (r *Runner) kept(ctx context.Context, device string, s api.PlanStep) (string, error) {
	sha, ok, err := r.Catalog.Known(ctx, s.MD5, s.Size)
	if err != nil {
		return "", cause.Wrap(cause.VaultError, err, "look up "+s.Path, api.Say("run ").Do("check"))
	}
	if !ok {
		return "", notKept(device, s.Path)
	}
	if err := r.holds(ctx, device, s.Path, sha, s.Size); err != nil {
		return "", err
	}
	return sha, nil
}

// holds returns errNotKept where the vault does not hold the content of a
// device's file, and another error where it cannot say.
func (r *Runner) holds(ctx context.Context, device, p, sha string, size int64) error {
	has, err := r.Vault.HasBlob(ctx, sha, size)
	switch {
	case err != nil:
		return cause.Wrap(cause.VaultError, err, "look up "+p, api.Say("run ").Do("check"))
	case !has:
		return notKept(device, p)
	}
	return nil
}

func notKept(device, p string) error {
	return cause.Wrap(cause.Cancelled, errNotKept, "the vault does not hold the content of "+p,
		api.Say("back it up first: ").Do("backup", device).With("files", "all"))
}
