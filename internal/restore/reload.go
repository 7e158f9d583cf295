package restore

import (
	"context"
	"fmt"
	"time"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// addRestart adds the step that starts the device again, where it was asked
// for and something of it would change.
func (r *run) addRestart() {
	if !r.opts.Reload {
		return
	}
	wanted, version := r.wanted()
	if len(r.steps) == 0 && (wanted == "" || r.view.same(wanted, r.view.facts.Image)) && (version == "" || version == r.view.facts.Version) {
		r.note("the device is not started again: it runs what was asked for")
		return
	}
	change := ios.Reload()
	if r.install {
		change = ios.InstallAdd(r.installPath())
	}
	r.steps = append(r.steps, step{[]string{change.Line}, func(ctx context.Context) error { return r.restart(ctx, change) }})
}

// installPath is where the image that install add expands will be.
func (r *run) installPath() string {
	p := r.bootPlace()
	return p.FS + p.Rel
}

// wanted is the image and the version that the device is to come back with;
// each empty where it is not known.
func (r *run) wanted() (image, version string) {
	snapshot := r.selection.Snapshot.Facts
	switch {
	case r.install:
		image = "flash:packages.conf"
	case r.image.Path != "":
		image = r.bootPlace().String()
	}
	if image == "" {
		if next := r.view.next(); len(next) > 0 {
			image = next[0]
		}
		return image, ""
	}
	if parsed, ok := ios.ParseImageName(r.image.Path); ok {
		version = parsed.Version
	}
	if r.view.found.SameOnUnits(flash.ParsePath(r.image.Path), flash.ParsePath(snapshot.Image)) {
		version = snapshot.Version
	}
	if !r.opts.SetBoot && !r.bootsFirst(image) {
		return "", "" // restored, but not what boots next
	}
	return image, version
}

// restart asks again, starts the device, and waits until it is back with what
// is wanted.
func (r *run) restart(ctx context.Context, change ios.Change) error {
	if err := r.canStart(ctx); err != nil {
		return err
	}
	agreed, err := r.ask(ctx, Question{Device: r.device.Name, Text: fmt.Sprintf("Start %s again now? What was not saved in its running-config is lost.", r.device.Name)})
	if err != nil {
		return err
	}
	if !agreed {
		r.note("the device was not started again: nobody agreed")
		return nil
	}
	before, err := r.session.Uptime(ctx)
	if err != nil {
		return err
	}
	r.tell(r.device.Name, api.StepChange, change.Line, 0, -1)
	r.changed = true
	began := time.Now()
	if err := r.session.Restart(ctx, change); err != nil {
		return err
	}
	r.hangUp()
	return r.awaitReturn(ctx, began, before)
}

// awaitReturn looks again and again whether the device is back.
func (r *run) awaitReturn(ctx context.Context, began time.Time, before time.Duration) error {
	limit := orDefault(r.Return, 30*time.Minute)
	poll := time.NewTicker(orDefault(r.Poll, 10*time.Second))
	defer poll.Stop()
	var last error
	for {
		r.tell(r.device.Name, api.StepReload, "", 0, -1)
		back, err := r.isBack(ctx, began, before)
		if back {
			return err
		}
		if last = err; time.Since(began) > limit {
			return cause.Wrap(cause.ConnectTimeout, last, fmt.Sprintf("%s did not come back within %s of its reload", r.device.Name, limit),
				api.Say("look at its console"))
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return cause.New(cause.Cancelled, "cancelled while "+r.device.Name+" was starting again", api.Say("see that it comes back: flashwarden device test "+r.device.Name))
		}
	}
}

// isBack dials the device and reports whether it was started again; err says
// then what it came back with instead of what was wanted. One that has been up
// for longer than since the reload is still going down.
func (r *run) isBack(ctx context.Context, began time.Time, before time.Duration) (back bool, err error) {
	if err := r.dial(ctx); err != nil {
		return false, err
	}
	up, err := r.session.Uptime(ctx)
	// Uptime counts whole minutes.
	if err == nil && up > time.Since(began)+time.Minute && up >= before {
		err = cause.New(cause.ConnectTimeout, r.device.Name+" has not gone down yet", nil)
	}
	if err != nil {
		r.hangUp()
		return false, err
	}
	facts, err := r.session.Facts(ctx)
	if err != nil {
		r.hangUp()
		return false, err
	}
	r.result.Facts = backup.Facts(facts)
	image, version := r.wanted()
	if image != "" && !r.view.same(facts.Image, image) || version != "" && facts.Version != version {
		return true, cause.New(cause.ImageNotFound, fmt.Sprintf("%s is back with %s from %s, wanted was %s from %s", r.device.Name, facts.Version, facts.Image, version, image),
			api.Say("look at `show boot` on the device"))
	}
	return true, nil
}
