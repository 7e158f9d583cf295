package backup

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/vault"
)

// run is the backup of one device: all its attempts.
type run struct {
	*Runner
	device catalog.Device
	opts   Options

	result   Result
	kept     map[string]vault.File // proved in this run, by path
	listings []ios.Listing
	session  Device
	gained   bool // a file was kept since the session began
	noDigest bool // the device has no verify /md5
}

// Backup backs one device up. It always returns a Result; what failed is in
// it.
func (r *Runner) Backup(ctx context.Context, d catalog.Device, o Options) Result {
	o.Policy = cmp.Or(o.Policy, Policy(d.Files), r.Policy, Rebuild)
	run := &run{Runner: r, device: d, opts: o, kept: make(map[string]vault.File)}
	run.result = Result{Device: d.Name, Started: time.Now().UTC().Truncate(time.Second), Files: []vault.File{}}
	began := time.Now()
	err := run.attempts(ctx)
	run.settle(err)
	run.result.Seconds = math.Round(time.Since(began).Seconds()*10) / 10
	if !o.DryRun {
		run.keepSnapshot(ctx)
	}
	r.tell(Event{Device: d.Name, Step: StepDone, Result: &run.result})
	return run.result
}

// attempts tries until nothing is missing, the failure is one that trying
// again does not cure, or the attempts are used up. The error is that of the
// attempt that got furthest.
func (r *run) attempts(ctx context.Context) error {
	var furthest error
	reached := -1
	for {
		r.result.Attempts++
		err := r.attempt(ctx)
		if got := r.progress(); err != nil && got > reached {
			furthest, reached = err, got
		}
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return cancelled(ctx)
		}
		waits := r.waits()
		if !cause.Of(err).Transient() || r.result.Attempts > len(waits) {
			return furthest
		}
		r.log().Info("attempt failed", "device", r.device.Name, "cause", cause.Of(err), "err", err)
		r.tell(Event{Device: r.device.Name, Step: StepWait})
		if !sleep(ctx, waits[r.result.Attempts-1]) {
			return cancelled(ctx)
		}
	}
}

// progress measures how far the run has come: a later attempt that dies at
// the login tells less than an earlier one that died in a copy.
func (r *run) progress() int {
	score := len(r.kept) * 2
	if r.result.Facts.OS != "" {
		score++
	}
	if len(r.result.Files) > 0 {
		score++
	}
	return score
}

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
	}
	return nil
}

func (r *run) dial(ctx context.Context) error {
	r.tell(Event{Device: r.device.Name, Step: StepLogin})
	dev, err := r.Dial(ctx, r.device)
	if err != nil {
		return err
	}
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
func (r *run) look(ctx context.Context) ([]vault.File, error) {
	r.tell(Event{Device: r.device.Name, Step: StepLook})
	f, err := r.session.Facts(ctx)
	if err != nil {
		return nil, err
	}
	if r.listings, err = r.session.Files(ctx); err != nil {
		return nil, err
	}
	r.result.Notes = r.session.Skipped()
	r.result.Facts = vault.Facts{Hostname: f.Hostname, OS: f.OS, Version: f.Version, Model: f.Model,
		Serial: f.Serial, Mode: f.Mode, Image: f.Image}
	found := locate(r.listings)
	image, ok := RunningImage(f, found)
	if ok {
		r.result.Facts.Image = image.path()
	}
	packages, err := r.packages(ctx, image, ok)
	if err != nil {
		return nil, err
	}
	return Select(f, r.listings, packages, r.opts.Policy), nil
}

// packages reads which packages the boot pointer of install mode names.
func (r *run) packages(ctx context.Context, image located, ok bool) ([]string, error) {
	if !ok || !isBootPointer(image.rel) {
		return nil, nil
	}
	text, err := r.session.Text(ctx, image.path())
	if err != nil {
		return nil, err
	}
	names, err := ios.ParsePackages(text)
	if err != nil {
		return nil, cause.Wrap(cause.ImageNotFound, err, "read "+image.path(), "")
	}
	r.result.Notes = append(r.result.Notes, "install mode: there is no single bootable .bin; packages.conf and its packages together are the image")
	return names, nil
}

// save proves one file and puts it into the vault. It returns an error when
// the run cannot go on; what concerns this file alone is noted in it.
func (r *run) save(ctx context.Context, f *vault.File) error {
	if done, ok := r.kept[f.Path]; ok {
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
		r.tell(Event{Device: r.device.Name, Step: StepKept, File: f.Path, Bytes: f.Size, Size: f.Size})
		return nil
	}
	note(f, err)
	if endsRun(cause.Of(err)) {
		return err
	}
	return nil
}

// endsRun tells failures of the device or of this host from those of one
// file.
func endsRun(c cause.Cause) bool {
	switch c {
	case cause.SourceMissing, cause.NotPermittedOnDevice, cause.CommandRejected, cause.SizeMismatch, cause.DigestMismatch:
		return false
	}
	return true
}

// note records why a file is missing.
func note(f *vault.File, err error) {
	f.Cause, f.Message, f.Hint = string(cause.Of(err)), err.Error(), cause.Hint(err)
	f.MD5, f.SHA256, f.Evidence, f.Copied = "", "", "", false
}

// skipRest marks the files that were not tried because of the first one.
func (r *run) skipRest(files []vault.File, err error) {
	for i := range files[1:] {
		f := &files[1+i]
		if done, ok := r.kept[f.Path]; ok {
			*f = done
		} else if f.Cause == "" {
			note(f, err)
			f.Message = "not tried: " + f.Message
		}
	}
}

// settle decides the result's status and its cause: that of the most
// important missing file, else of what ended the run.
func (r *run) settle(err error) {
	res := &r.result
	missing := slices.IndexFunc(res.Files, func(f vault.File) bool { return f.Cause != "" })
	switch {
	case err == nil && missing < 0:
		res.Status = vault.StatusOK
		return
	case len(r.kept) > 0 && !r.opts.DryRun:
		res.Status = vault.StatusIncomplete
	default:
		res.Status = vault.StatusFailed
	}
	if err != nil {
		res.Cause, res.Message, res.Hint = string(cause.Of(err)), err.Error(), cause.Hint(err)
	} else {
		f := res.Files[missing]
		res.Cause, res.Message, res.Hint = f.Cause, f.Message, f.Hint
	}
}

// keepSnapshot writes the snapshot of what was proved. A backup that cannot
// write it has failed, whatever it copied.
func (r *run) keepSnapshot(ctx context.Context) {
	res := &r.result
	if len(r.kept) == 0 {
		return
	}
	s := vault.Snapshot{
		Format: 1, ID: vault.NewID(r.device.Name, res.Started), Device: r.device.Name, Address: r.device.Address,
		Status: res.Status, Started: res.Started, Seconds: res.Seconds, BytesCopied: res.BytesCopied,
		Facts: res.Facts, Files: res.Files, Listings: keepListings(r.listings),
	}
	if err := r.Vault.PutSnapshot(s); err != nil {
		r.fail(cause.Wrap(cause.VaultError, err, "write snapshot", "run `flashwarden check`"))
		return
	}
	res.Snapshot = s.ID
	// The snapshot is safe in the vault; a cancelled context must not keep it
	// out of the index.
	if err := r.Catalog.Index(context.WithoutCancel(ctx), s); err != nil {
		r.fail(cause.Wrap(cause.VaultError, err, "index snapshot "+s.ID, "run the backup again; the vault itself is whole"))
	}
}

func (r *run) fail(err error) {
	r.result.Status = vault.StatusFailed
	r.result.Cause, r.result.Message, r.result.Hint = string(cause.Of(err)), err.Error(), cause.Hint(err)
}

func keepListings(in []ios.Listing) []vault.Listing {
	out := make([]vault.Listing, 0, len(in))
	for _, l := range in {
		v := vault.Listing{Path: l.Path, Total: l.Total, Free: l.Free, Entries: make([]vault.Entry, 0, len(l.Entries))}
		for _, e := range l.Entries {
			v.Entries = append(v.Entries, vault.Entry{Name: e.Name, Size: e.Size,
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

// cancelled is the error of a run whose context ended.
func cancelled(ctx context.Context) error {
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && cause.Of(err) != cause.Internal {
		return err
	}
	return cause.New(cause.Cancelled, "cancelled", "")
}
