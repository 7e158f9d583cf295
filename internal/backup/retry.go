package backup

import (
	"context"
	"errors"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// silentTries is how often a device is tried that accepts the connection and
// then sends nothing: each time costs the whole patience of a login.
const silentTries = 2

// kept is the files that the attempts so far have put into the vault, by path.
type kept map[string]api.File

// find returns f as an attempt kept it, unless the device's listing has another
// size meanwhile.
func (k kept) find(f api.File) (api.File, bool) {
	done, ok := k[f.Path]
	return done, ok && (f.Size < 0 || f.Size == done.Size)
}

// attempts is all attempts of one backup so far.
type attempts struct {
	count    int
	silent   int   // of these with a device that sent nothing
	kept     kept  // by all of them
	last     error // of the last one
	report   visit // the one to report: the furthest, or one that nothing else may hide
	fragment error // of an attempt whose large blocks did not pass
	repeated int   // packets that we repeated
	warnings []string
}

// add takes the outcome of one more attempt. The one that got furthest is
// reported; one that succeeded or met a dangerous question is always reported.
func (a *attempts) add(v visit) {
	a.count++
	a.last = v.err
	a.repeated += v.repeated
	if errors.Is(v.err, cause.ErrSilent) {
		a.silent++
	}
	for _, f := range v.files {
		if f.SHA256 != "" {
			a.kept[f.Path] = f
		}
	}
	for _, w := range v.warnings {
		if !slices.Contains(a.warnings, w) { // an earlier attempt may have said it
			a.warnings = append(a.warnings, w)
		}
	}
	if a.conclusive() || !v.reach.short(a.report.reach) {
		a.report = v
	}
	if cause.Of(v.err) == cause.FragmentsDropped {
		a.fragment = v.err
	}
}

// conclusive reports whether the last attempt succeeded or met a dangerous
// question: it is reported, and no other follows.
func (a *attempts) conclusive() bool { return a.last == nil || cause.Of(a.last) == cause.UnsafePrompt }

// cures says how to prevent an attempt that was lost, where a later one did
// better by itself.
func (a *attempts) cures() []string {
	if a.fragment == nil || !a.conclusive() {
		return nil
	}
	return []string{"an attempt failed because " + a.fragment.Error() + "; to prevent that: " + cause.Hint(a.fragment)}
}

// again reports whether one more attempt is due, and waits until it is. If ctx
// ends, that is the error to report.
func (a *attempts) again(ctx context.Context, j job) bool {
	waits := j.waits()
	switch {
	case a.count == 0:
		return true
	case a.conclusive():
		return false
	case ctx.Err() != nil:
		a.report.err = cause.Ended(ctx)
		return false
	case !cause.Transient(cause.Of(a.last)), a.count > len(waits), a.silent >= silentTries:
		return false
	}
	j.log().Info("attempt failed", "device", j.device.Name, "cause", cause.Of(a.last), "err", a.last)
	j.tell(api.Event{Device: j.device.Name, Step: api.StepWait})
	if !sleep(ctx, waits[a.count-1]) {
		a.report.err = cause.Ended(ctx)
		return false
	}
	return true
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
