package backup

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
	"flashwarden/internal/vault"
)

// run is the backup of one device: all its attempts.
type run struct {
	*Runner
	device api.Device
	opts   Options

	result   api.BackupResult
	kept     map[string]api.File // proved in this run, by path
	facts    ios.Facts
	image    flash.File // what the device runs, or would start from; zero when not found
	listings []ios.Listing
	found    flash.Contents // of the listings
	session  Device
	reach    reach    // of the present attempt
	gained   bool     // a file was kept since the session began
	warnings []string // of all attempts: what a person should know although nothing failed
}

// Backup backs one device up. It always returns a Result; what failed is in
// it.
func (r *Runner) Backup(ctx context.Context, d api.Device, o Options) api.BackupResult {
	o.Policy = cmp.Or(o.Policy, api.Policy(d.Files), r.Policy, api.PolicyRebuild)
	run := &run{Runner: r, device: d, opts: o, kept: make(map[string]api.File)}
	run.result = api.BackupResult{Device: d.Name, Started: time.Now().UTC().Truncate(time.Second), Files: []api.File{}}
	began := time.Now()
	err := run.attempts(ctx)
	run.settle(err)
	run.compareUnits()
	run.result.Notes = append(run.result.Notes, run.warnings...)
	run.result.Seconds = math.Round(time.Since(began).Seconds()*10) / 10
	if !o.DryRun {
		run.keepSnapshot(ctx)
	}
	res := run.result
	r.tell(api.Event{Device: d.Name, Step: api.StepDone, Status: res.Status, Cause: res.Cause, Bytes: res.BytesCopied, Seconds: res.Seconds})
	return res
}

// trial is how one attempt ended.
type trial struct {
	err   error
	reach reach
	files []api.File
}

// reach is how far an attempt came: steps of the way, and bytes of the file
// that was being copied when it ended.
type reach struct {
	steps int
	bytes int64
}

func (a reach) short(b reach) bool {
	return a.steps < b.steps || a.steps == b.steps && a.bytes < b.bytes
}

// attempts tries until nothing is missing, the failure is one that trying
// again does not cure, or the attempts are used up. What is told is the
// attempt that got furthest; a dangerous question is told in any case.
func (r *run) attempts(ctx context.Context) error {
	var furthest trial
	var cured []string
	waits := r.waits()
	for {
		r.result.Attempts++
		r.reach = reach{}
		err := r.attempt(ctx)
		switch {
		case err == nil || cause.Of(err) == cause.UnsafePrompt:
			r.result.Notes = append(r.result.Notes, cured...)
			return err
		case ctx.Err() != nil:
			return cause.Ended(ctx)
		case !r.reach.short(furthest.reach):
			furthest = trial{err, r.reach, r.result.Files}
		}
		if !cause.Transient(cause.Of(err)) || r.result.Attempts > len(waits) {
			r.result.Files = furthest.files
			return furthest.err
		}
		if cause.Of(err) == cause.FragmentsDropped {
			cured = []string{"an attempt was lost because " + err.Error() + "; so that no other is: " + cause.Hint(err)}
		}
		r.log().Info("attempt failed", "device", r.device.Name, "cause", cause.Of(err), "err", err)
		r.tell(api.Event{Device: r.device.Name, Step: api.StepWait})
		if !sleep(ctx, waits[r.result.Attempts-1]) {
			return cause.Ended(ctx)
		}
	}
}

// came notes that the attempt has come a step further.
func (r *run) came() { r.reach = reach{steps: r.reach.steps + 1} }

// attempt is one login and what follows. Files that an earlier attempt proved
// are not looked at again.
func (r *run) attempt(ctx context.Context) error {
	if err := r.dial(ctx); err != nil {
		return err
	}
	defer r.hangUp()
	selected, err := r.look(ctx)
	if err != nil {
		return err
	}
	r.result.Files = selected
	if r.opts.DryRun {
		return r.plan(selected)
	}
	for i := range selected {
		if err := r.save(ctx, &selected[i]); err != nil {
			r.skipRest(selected[i:], err)
			return err
		}
		r.came()
	}
	return nil
}

func (r *run) dial(ctx context.Context) error {
	r.tell(api.Event{Device: r.device.Name, Step: api.StepLogin})
	dev, err := r.Dial(ctx, r.device)
	if c := cause.Of(err); c != cause.ConnectTimeout && c != cause.ConnectRefused {
		r.came() // somebody answered
	}
	if err != nil {
		return err
	}
	r.came()
	r.session, r.gained = dev, false
	return nil
}

// hangUp ends the terminal session. What had to be read was read: an error
// here changes nothing, and is only logged.
func (r *run) hangUp() {
	if err := r.session.Close(); err != nil {
		r.log().Debug("close terminal", "device", r.device.Name, "err", err)
	}
}

// look reads what the device is and has, and selects the files.
func (r *run) look(ctx context.Context) ([]api.File, error) {
	r.tell(api.Event{Device: r.device.Name, Step: api.StepLook})
	f, err := r.session.Facts(ctx)
	if err != nil {
		return nil, err
	}
	r.came()
	r.result.Facts = Facts(f)
	listings, err := r.session.Files(ctx)
	if err != nil {
		return nil, err
	}
	r.came()
	found := flash.Read(f, listings)
	r.facts, r.listings, r.found, r.result.Notes = f, listings, found, r.session.Skipped()
	image, how := flash.Running(f, found)
	r.image = image
	switch how {
	case flash.Runs:
		r.result.Facts.Image = image.String()
	case flash.Boots:
		r.result.Notes = append(r.result.Notes, fmt.Sprintf("the running image %q is in no flash of the device; taken was what BOOT names, %s", f.Image, image))
	}
	if how != flash.NotFound {
		r.result.Notes = append(r.result.Notes, unitNotes(f, image, found)...)
	}
	if how == flash.NotFound || !isBootPointer(image.Rel) {
		return Select(f, listings, nil, r.opts.Policy), nil
	}
	r.result.Notes = append(r.result.Notes, "install mode: there is no single bootable .bin; packages.conf and its packages together are the image")
	return r.selectInstalled(ctx, found.OnEveryUnit(image))
}

// selectInstalled is Select for install mode: the boot pointer of each unit
// says which packages belong to it.
func (r *run) selectInstalled(ctx context.Context, pointers []flash.File) ([]api.File, error) {
	packages := make(map[string][]string)
	var unknown []api.File
	for _, pointer := range pointers {
		names, err := r.packages(ctx, pointer)
		if endsRun(cause.Of(err)) {
			return nil, err
		}
		if err != nil {
			unknown = append(unknown, unknownPackages(pointer, err))
		}
		packages[pointer.FS] = names
	}
	return append(unknown, Select(r.facts, r.listings, packages, r.opts.Policy)...), nil
}

// packages reads which packages the boot pointer of install mode names.
func (r *run) packages(ctx context.Context, pointer flash.File) ([]string, error) {
	text, err := r.session.Text(ctx, pointer.String())
	if err != nil {
		return nil, err
	}
	names, err := ios.ParsePackages(text)
	if err != nil {
		return nil, cause.Wrap(cause.ImageNotFound, err, "read "+pointer.String(), api.Say("compare `more "+pointer.String()+"` with `show install summary` on the device"))
	}
	return names, nil
}

// unknownPackages stands for the packages that a boot pointer names when it
// cannot be read, so that the rest is still saved.
func unknownPackages(pointer flash.File, err error) api.File {
	f := api.File{Path: pointer.Dir().Join("*.pkg").String(), Kind: api.KindPackage, Size: -1}
	note(&f, err)
	return f
}

// save proves one file and puts it into the vault. It returns an error when
// the run cannot go on; what concerns this file alone is noted in it.
func (r *run) save(ctx context.Context, f *api.File) error {
	if done, ok := r.keptAs(*f); ok {
		*f = done
		return nil
	}
	if f.Cause != "" {
		return nil
	}
	err := r.saveOnce(ctx, f)
	if cause.Of(err) == cause.SessionLost && r.gained && ctx.Err() == nil {
		// The line died between files, as it does when a long copy outlasts the
		// VTY's idle timeout: one new line goes on where the old one ended.
		r.hangUp()
		if err = r.dial(ctx); err == nil {
			err = r.saveOnce(ctx, f)
		}
	}
	if err == nil {
		r.gained = true
		r.kept[f.Path] = *f
		r.tell(api.Event{Device: r.device.Name, Step: api.StepKept, File: f.Path, Bytes: f.Size, Size: f.Size})
		return nil
	}
	note(f, err)
	if endsRun(cause.Of(err)) {
		return err
	}
	return nil
}

// keptAs returns f as an earlier attempt kept it, unless the device's listing
// says meanwhile that it has another size.
func (r *run) keptAs(f api.File) (api.File, bool) {
	done, ok := r.kept[f.Path]
	return done, ok && (f.Size < 0 || f.Size == done.Size)
}

// endsRun tells failures of the device or of this host from those of one
// file.
func endsRun(c cause.Cause) bool {
	switch c {
	case "", cause.ImageNotFound, cause.SourceMissing, cause.NotPermittedOnDevice, cause.CommandRejected, cause.SizeMismatch, cause.DigestMismatch:
		return false
	}
	return true
}

// note records why a file is missing.
func note(f *api.File, err error) {
	f.Cause, f.Message, f.Hint = cause.Of(err), err.Error(), cause.Hint(err)
	f.MD5, f.SHA256, f.SHA512, f.Evidence, f.Copied, f.Image = "", "", "", "", false, nil
}

// skipRest marks the files that were not tried because of the first one.
func (r *run) skipRest(files []api.File, err error) {
	for i := range files[1:] {
		f := &files[1+i]
		if done, ok := r.keptAs(*f); ok {
			*f = done
		} else if f.Cause == "" {
			note(f, err)
			f.Message = "not tried: " + f.Message
		}
	}
}

// settle decides the result's status and its cause: that of the most
// important missing file, else of what ended the run. A dangerous question
// comes before both.
func (r *run) settle(err error) {
	res := &r.result
	missing := slices.IndexFunc(res.Files, func(f api.File) bool { return f.Cause != "" })
	switch {
	case err == nil && missing < 0:
		res.Status = api.StatusOK
		return
	case len(r.kept) > 0 && !r.opts.DryRun:
		res.Status = api.StatusIncomplete
	default:
		res.Status = api.StatusFailed
	}
	alone := missing >= 0 && !endsRun(cause.Cause(res.Files[missing].Cause)) // before whatever ended the run
	if err == nil || alone && cause.Of(err) != cause.UnsafePrompt {
		f := res.Files[missing]
		res.Cause, res.Message, res.Hint = f.Cause, f.Message, f.Hint
		return
	}
	res.Cause, res.Message, res.Hint = cause.Of(err), err.Error(), cause.Hint(err)
}

// keepSnapshot writes the snapshot of what was proved. A backup that cannot
// write it has failed, whatever it copied.
func (r *run) keepSnapshot(ctx context.Context) {
	res := &r.result
	if len(r.kept) == 0 {
		return
	}
	s := api.Snapshot{
		Format: 1, ID: vault.NewID(r.device.Name, res.Started), Device: r.device.Name, Address: r.device.Address,
		Status: res.Status, Started: res.Started, Seconds: res.Seconds, BytesCopied: res.BytesCopied,
		Facts: res.Facts, Files: res.Files, Listings: keepListings(r.listings), Notes: res.Notes,
	}
	if err := r.Vault.PutSnapshot(s); err != nil {
		r.fail(cause.Wrap(cause.VaultError, err, "write snapshot", api.Say("run `flashwarden check`")))
		return
	}
	res.Snapshot = s.ID
	// The snapshot is safe in the vault; a cancelled context must not keep it
	// out of the index.
	if err := r.Catalog.Index(context.WithoutCancel(ctx), s); err != nil {
		r.fail(cause.Wrap(cause.VaultError, err, "index snapshot "+s.ID, api.Say("run the backup again; the vault itself is whole")))
	}
}

func (r *run) fail(err error) {
	r.result.Status = api.StatusFailed
	r.result.Cause, r.result.Message, r.result.Hint = cause.Of(err), err.Error(), cause.Hint(err)
}

func keepListings(in []ios.Listing) []api.Listing {
	out := make([]api.Listing, 0, len(in))
	for _, l := range in {
		v := api.Listing{Path: l.Path, Total: l.Total, Free: l.Free, Entries: make([]api.Entry, 0, len(l.Entries))}
		for _, e := range l.Entries {
			v.Entries = append(v.Entries, api.Entry{Name: e.Name, Size: e.Size,
				Directory: e.Type == ios.TypeDirectory, Modified: e.Modified})
		}
		out = append(out, v)
	}
	return out
}

// sleep waits for d and reports whether ctx still runs.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
