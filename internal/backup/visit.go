package backup

import (
	"context"
	"errors"
	"slices"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// job is one backup as it was asked for. It does not change while it runs.
type job struct {
	*Runner
	device api.Device
	opts   Options
}

// event is progress with one file.
func (j job) event(step api.Step, f api.File) api.Event {
	return api.Event{Device: j.device.Name, Step: step, File: f.Path, Size: f.Size}
}

// visit is the outcome of one attempt.
type visit struct {
	look     confirmation // of a backup that may be a look
	sight    sight
	files    []api.File // selected; those with a SHA-256 are in the vault
	plan     *api.BackupPlan
	warnings []string // what a person should know although nothing failed
	reach    reach
	repeated int   // packets that we repeated
	err      error // why the attempt ended early; nil when every file was tried
}

// visit makes one attempt: log in, confirm the newest snapshot if that is enough, else look, and take the selected files one after
// the other. Files that an earlier attempt kept are not looked at again.
func (j job) visit(ctx context.Context, earlier kept) (v visit) {
	l, err := j.logIn(ctx)
	v.reach.steps = stepsOfLogin(err)
	if err != nil {
		v.err = err
		return v
	}
	defer l.hangUp()
	if j.opts.Look && len(earlier) == 0 {
		v.look, v.err = j.confirm(ctx, l)
		defer v.look.end()
		if v.err != nil || v.look.snapshot.ID != "" {
			return v
		}
	}
	v.sight, v.err = j.look(ctx, l)
	if len(v.look.why) > 0 {
		v.sight.notes = append(v.sight.notes, fullBackupNote(v.look.why))
	}
	v.reach.steps += v.sight.steps
	v.files = v.sight.selected
	switch {
	case v.err != nil:
		return v
	case j.opts.DryRun:
		v.plan, v.err = j.plan(ctx, l, v.sight)
		return v
	}
	for i, f := range v.files {
		if done, ok := earlier.find(f); ok {
			v.files[i], v.sight.unsure = done, true
		} else if f.Cause == "" {
			t := try{wanted: f}
			for l.again(ctx, &t) {
				t.taken, t.err = j.take(ctx, l, f)
			}
			v.enter(i, t.taken, t.err)
			if endsVisit(cause.Of(t.err)) {
				v.skip(i+1, earlier, t.err)
				v.rescue(ctx, l)
				return v
			}
		}
		v.reach = reach{steps: v.reach.steps + 1}
	}
	missing, err := j.unsavedPackages(context.WithoutCancel(ctx), v.files)
	v.files, v.err = append(v.files, missing...), err
	return v
}

// enter notes what became of the file of this number.
func (v *visit) enter(i int, t taken, err error) {
	v.files[i] = t.file
	v.warnings = append(v.warnings, t.warnings...)
	v.sight.notes = append(v.sight.notes, t.notes...)
	v.reach.bytes = t.moved
	v.repeated += t.retransmits
	if err != nil {
		note(&v.files[i], err)
		return
	}
	v.warnings = append(v.warnings, keptImageWarnings(t.file, v.sight)...)
}

// skip ends the attempt: the files from this number on were not tried because
// of err.
func (v *visit) skip(from int, earlier kept, err error) {
	v.err = err
	for i := from; i < len(v.files); i++ {
		f := &v.files[i]
		if done, ok := earlier.find(*f); ok {
			*f = done
		} else if f.Cause == "" {
			note(f, err)
			f.Message, f.NotTried = "not tried: "+f.Message, true
		}
	}
}

// rescue keeps the running-config of a device whose transfers fail: it is read
// from the terminal. How far the attempt came stays as it was.
func (v *visit) rescue(ctx context.Context, l *line) {
	i := slices.IndexFunc(v.files, func(f api.File) bool { return f.Path == api.RunningConfigPath && f.SHA256 == "" })
	if i < 0 || !sparesTerminal(cause.Of(v.err)) {
		return
	}
	reach := v.reach
	t := try{wanted: api.File{Path: v.files[i].Path, Kind: v.files[i].Kind, Size: -1}}
	for l.again(ctx, &t) {
		t.taken, t.err = l.job.take(ctx, l, t.wanted)
	}
	v.enter(i, t.taken, t.err)
	v.reach = reach
}

// sparesTerminal names the failures of a transfer after which commands may still
// be typed on the device.
func sparesTerminal(c cause.Cause) bool {
	switch c {
	case cause.NoRequest, cause.WrongSource, cause.TIDBlocked, cause.FragmentsDropped, cause.TransportRestricted,
		cause.Stalled, cause.RefusedByServer, cause.SpoolFull, cause.DeviceNoSpace:
		return true
	}
	return false
}

// note records why a file is missing.
func note(f *api.File, err error) {
	f.Cause, f.Message, f.Hint = cause.Of(err), cause.Text(err), cause.Hint(err)
	f.MD5, f.SHA256, f.SHA512, f.Evidence, f.Copied, f.Image = "", "", "", "", false, nil
}

// endsVisit separates failures of the device or of this host, after which no
// other file needs to be tried, from those of one file.
func endsVisit(c cause.Cause) bool {
	switch c {
	case "", cause.ImageNotFound, cause.SourceMissing, cause.NotPermittedOnDevice, cause.CommandRejected, cause.SizeMismatch, cause.DigestMismatch:
		return false
	}
	return true
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

// stepsOfLogin is how far a login came: no connection (0), a connection (1), a
// device that spoke (2), a session (3).
func stepsOfLogin(err error) int {
	switch c := cause.Of(err); {
	case err == nil:
		return 3
	case errors.Is(err, cause.ErrSilent):
		return 1
	case c == cause.ConnectRefused, c == cause.ConnectTimeout:
		return 0
	}
	return 2
}
