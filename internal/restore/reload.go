package restore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// restart starts the device again, and waits until it is back with the image
// and version of the step.
func (a application) restart(ctx context.Context, s api.PlanStep, done outcome) (outcome, error) {
	if err := a.canStart(ctx, s, done); err != nil {
		return done, err
	}
	before, err := a.line.Uptime(ctx)
	if err != nil {
		return done, err
	}
	change := startAgain(a.plan, s)
	a.line.report(api.Event{Step: api.StepChange, File: change.Line, Size: -1})
	done.changed = true
	began := time.Now()
	if err := a.line.Restart(ctx, change); err != nil {
		return done, a.notRestarted(change, err)
	}
	a.line.hangUp()
	return a.awaitReturn(ctx, s, done, began, before)
}

// startAgain is the command that starts the whole device again. With a second
// supervisor or chassis, reload may start only one of them, and the other takes over
// with the image that it runs; see [ios.ReloadShelf].
func startAgain(p api.Plan, s api.PlanStep) ios.Change {
	switch {
	case s.Kind == api.PlanInstall:
		return ios.InstallAdd(s.Path)
	case hasStandby(p):
		return ios.ReloadShelf()
	}
	return ios.Reload()
}

// notRestarted adds what to type if the device does not know the command that
// restarts both units. It is not replaced by reload without asking: on some devices
// that starts only one of them again.
func (a application) notRestarted(change ios.Change, err error) error {
	if change.Line != ios.ReloadShelf().Line || cause.Of(err) != cause.CommandRejected {
		return err
	}
	return cause.Wrap(cause.CommandRejected, err, a.plan.Request.Device+" was not started again",
		api.Say("look with ").Type(api.OnDevice, "show redundancy").Say(" whether its other supervisor or chassis is ready, then type ").Type(api.OnDevice, change.Line).
			Say(" by hand; if the device does not know it, type ").Type(api.OnDevice, "reload").Say(" and read which units it restarts before you confirm"))
}

// hasStandby reports whether the device of a plan has a second supervisor or
// chassis. One that is not ready may have flash and show no boot settings.
func hasStandby(p api.Plan) bool {
	shown := func(u api.BootUnit) bool { return u.Unit == "standby" }
	listed := func(l api.Listing) bool {
		fs := flash.ParsePath(l.Path).FS
		return flash.Named(fs).Unit(fs) == "standby"
	}
	return slices.ContainsFunc(p.Seen.Boot, shown) || slices.ContainsFunc(p.Seen.Listings, listed)
}

// awaitReturn tries to log in again and again until the device is back.
func (a application) awaitReturn(ctx context.Context, s api.PlanStep, done outcome, began time.Time, before time.Duration) (outcome, error) {
	device, limit := a.plan.Request.Device, orDefault(a.Return, 30*time.Minute)
	poll := time.NewTicker(orDefault(a.Poll, 10*time.Second))
	defer poll.Stop()
	for {
		a.line.report(api.Event{Step: api.StepReload, Size: -1})
		facts, err := a.facts(ctx, began, before)
		if err == nil {
			done.facts = facts.API()
			return done, a.wanted(s, facts)
		}
		a.line.hangUp()
		if time.Since(began) > limit {
			fix := api.Say("look at its console")
			if hasStandby(a.plan) {
				fix = fix.Say("; its other supervisor may have taken over with the image that it runs: ").Type(api.OnDevice, "show redundancy")
			}
			return done, cause.Wrap(cause.ConnectTimeout, err, fmt.Sprintf("%s did not return within %s of its reload", device, limit), fix)
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return done, cause.New(cause.Cancelled, "cancelled while "+device+" was starting again", api.Say("check that it returns: ").Do("device test", device))
		}
	}
}

// facts dials the device and reads its facts, if it was started again. One that
// has been up for longer than since the reload is still going down.
func (a application) facts(ctx context.Context, began time.Time, before time.Duration) (ios.Facts, error) {
	if err := a.line.renew(ctx); err != nil {
		return ios.Facts{}, err
	}
	up, err := a.line.Uptime(ctx)
	if err != nil {
		return ios.Facts{}, err
	}
	if up > time.Since(began)+time.Minute && up >= before { // it counts whole minutes
		return ios.Facts{}, cause.New(cause.ConnectTimeout, a.plan.Request.Device+" has not gone down yet", nil)
	}
	return a.line.Facts(ctx)
}

// wanted compares a device that has returned with the image and version of the
// step.
func (a application) wanted(s api.PlanStep, f ios.Facts) error {
	if (s.Image == "" || a.view.sameOnUnits(f.Image, s.Image)) && (s.Version == "" || ios.SameRelease(f.Version, s.Version)) {
		return nil
	}
	return cause.New(cause.ImageNotFound, fmt.Sprintf("%s restarted with %s from %s, but should run %s from %s", a.plan.Request.Device, f.Version, f.Image, s.Version, s.Image),
		api.Say("look at ").Type(api.OnDevice, "show boot").Say(" on the device"))
}

func orDefault(d, def time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return def
}
