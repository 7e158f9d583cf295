package restore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// mayBoot refuses boot lines unless each file of the restore that boots was
// proved in an earlier step, they are those of the plan's files, the first of
// these was proved, and the others are there.
func (a application) mayBoot(step int, done outcome) error {
	for _, f := range a.plan.Files {
		ok := !boots(f.Kind) || slices.ContainsFunc(done.files, func(d api.File) bool { return d.Path == f.Path })
		if needsProof(f) {
			ok = slices.ContainsFunc(a.plan.Steps[:step], func(s api.PlanStep) bool { return s.Kind == api.PlanProve && s.Path == f.Path })
		}
		if !ok {
			return notBooted(f.Path + " was not proved on the device")
		}
	}
	target := a.bootTarget()
	if len(target) == 0 || len(a.view.boot.Units) == 0 || !a.isStage(a.plan.Steps[step], target) {
		return notBooted("the boot lines of the plan are not those of its files")
	}
	installs := slices.ContainsFunc(a.plan.Steps[step:], func(s api.PlanStep) bool { return s.Kind == api.PlanInstall })
	for i, file := range target {
		_, there := a.view.Image(flash.ParsePath(file))
		restored := slices.ContainsFunc(done.files, func(d api.File) bool { return boots(d.Kind) && a.view.sameOnUnits(d.Path, file) })
		installed := installs && flash.ParsePath(file).Base() == "packages.conf"
		if !restored && (!there || i == 0) && !installed {
			return notBooted(file + " was not proved on the device")
		}
	}
	return nil
}

// bootTarget is the files that the device boots after all boot steps.
func (a application) bootTarget() []string {
	var target []string
	for _, s := range a.plan.Steps {
		if s.Kind == api.PlanBoot {
			target = s.Boot
		}
	}
	return target
}

// isStage reports whether a step has the lines of one of the stages towards the
// target.
func (a application) isStage(s api.PlanStep, target []string) bool {
	return slices.ContainsFunc(a.view.bootStages(target), func(stage ios.BootStage) bool {
		return slices.Equal(stage.Lines, s.Lines) && slices.Equal(stage.Boot, s.Boot)
	})
}

func notBooted(seen string) error {
	return cause.New(cause.Internal, seen+": no boot line is written", nil)
}

// setBoot writes the boot lines, saves them, and checks that they hold. If any
// of that fails, it puts the former boot settings back.
func (a application) setBoot(ctx context.Context, s api.PlanStep, done outcome) (outcome, error) {
	a.line.report(api.Event{Step: api.StepChange, File: s.Lines[len(s.Lines)-1], Size: -1})
	done.changed = true
	err := a.line.Configure(ctx, s.Lines)
	if err == nil {
		err = a.change(ctx, ios.SaveConfig())
	}
	if err == nil {
		err = a.checkBoot(ctx, s.Boot)
	}
	if err == nil {
		done.boot = s.Boot
		return done, nil
	}
	done.boot, done.setting = nil, a.undoBoot(ctx)
	return done, err
}

// undoBoot puts the boot settings back that the plan saw, also when the user
// broke off. It returns what became of them. Only what the device shows afterwards
// counts: a command that was refused, or whose session was lost, may have worked.
func (a application) undoBoot(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
	defer cancel()
	err := a.overNewLine(ctx, func() error { return a.putBack(ctx) })
	if err != nil {
		err = errors.Join(err, a.line.renew(ctx)) // it may be in configuration mode
		a.log().Info("put the boot lines back", "device", a.plan.Request.Device, "err", err)
	}
	now := a.bootState(ctx)
	if now.is(a, err == nil) {
		return "the boot lines are as they were"
	}
	return fmt.Sprintf("the boot lines are not proved, and the former ones (%s) could not be put back%s; look at `show boot` and at "+
		"`show running-config | include ^boot system` before the device is started again", strings.Join(a.view.next(), ";"), now)
}

// putBack types what puts the boot settings back.
func (a application) putBack(ctx context.Context) error {
	now, err := a.line.BootConfig(ctx)
	if err != nil {
		return err
	}
	lines := ios.RestoreBootLines(now.Lines, a.view.config.Lines)
	if a.view.boot.Units[0].PathList {
		lines = a.formerLists()
	}
	if len(lines) > 0 {
		err = a.line.Configure(ctx, lines)
	}
	if cause.Of(err) == cause.SessionLost {
		return err
	}
	return errors.Join(err, a.change(ctx, ios.SaveConfig()))
}

// bootState is the boot settings that a device shows; nil where they cannot be read.
type bootState struct {
	running, saved *[]ios.BootLine // boot lines of the two configurations
	units          []ios.BootUnit
}

func (a application) bootState(ctx context.Context) bootState {
	if a.line.Device == nil {
		return bootState{}
	}
	var now bootState
	if b, err := a.line.Boot(ctx); err == nil {
		now.units = b.Units
	}
	if config, err := a.line.BootConfig(ctx); err == nil {
		now.running = &config.Lines
	}
	if saved, err := a.line.saved(ctx); err == nil && saved != nil {
		now.saved = &saved.Lines
	}
	return now
}

// saved reads the startup-config as far as a restore depends on it; nil if the device
// refuses to show it, or shows only a part.
func (l *line) saved(ctx context.Context) (*ios.BootConfig, error) {
	config, err := l.SavedBootConfig(ctx)
	switch c := cause.Of(err); {
	case err == nil:
		return &config, nil
	case c == cause.NotPermittedOnDevice || c == cause.CommandRejected:
		l.log.Info("read the startup-config", "err", err)
		return nil, nil
	}
	return nil, err
}

// bootBy reports whether every unit boots next what boot lines say.
func (v view) bootBy(lines []ios.BootLine) bool {
	return !slices.ContainsFunc(v.boot.Units, func(u ios.BootUnit) bool { return !slices.Equal(v.bootFiles(lines, u.Unit), u.NextStartFiles()) })
}

// is reports whether every unit boots next what it did when the plan was made, and
// both configurations have their former boot lines. Where the startup-config cannot
// be read, it counts as having them if it was saved without an error.
func (s bootState) is(a application, saved bool) bool {
	same := func(x, y ios.BootUnit) bool { return slices.Equal(x.NextStartFiles(), y.NextStartFiles()) }
	if !slices.EqualFunc(s.units, a.view.boot.Units, same) || s.running == nil || !slices.Equal(*s.running, a.view.config.Lines) {
		return false
	}
	if s.saved == nil {
		return saved
	}
	return slices.Equal(*s.saved, a.view.config.Lines) || a.view.saved != nil && slices.Equal(*s.saved, a.view.saved.Lines)
}

// String says what the device shows, for a person who has to put it right. It is
// empty if nothing could be read.
func (s bootState) String() string {
	var shown []string
	for _, config := range []struct {
		name  string
		lines *[]ios.BootLine
	}{{"the running-config", s.running}, {"the startup-config", s.saved}} {
		switch {
		case config.lines == nil:
		case len(*config.lines) == 0:
			shown = append(shown, config.name+" has no boot line")
		default:
			shown = append(shown, config.name+" has "+listed(*config.lines))
		}
	}
	for _, u := range s.units {
		shown = append(shown, u.Unit+" boots "+cmp.Or(strings.Join(u.NextStartFiles(), ";"), "nothing")+" next")
	}
	if len(shown) == 0 {
		return ""
	}
	return " (now " + strings.Join(shown, ", ") + ")"
}

// listed is boot lines in a sentence.
func listed(lines []ios.BootLine) string {
	var quoted []string
	for _, l := range lines {
		quoted = append(quoted, "`"+string(l)+"`")
	}
	return strings.Join(quoted, ", ")
}

// undoWithin is how long it may take to put boot lines back.
const undoWithin = 5 * time.Minute

// formerLists is the lines that set BOOT of a Catalyst with one setting, and of
// each member of a stack, as the plan saw it: those of the configuration, if each
// member boots by them.
func (a application) formerLists() []string {
	units := a.view.boot.Units
	first := units[0].NextStartFiles()
	if former := a.view.config.Lines; len(former) > 0 && a.view.bootBy(former) {
		var lines []string
		for _, l := range former {
			lines = append(lines, string(l))
		}
		return lines
	}
	if len(first) == 0 {
		return []string{"no boot system"}
	}
	if !a.view.Stacked() {
		return ios.SetBootList(false, first).Lines
	}
	lines := ios.SetBootList(true, first).Lines
	for _, u := range units[1:] {
		if next := u.NextStartFiles(); !slices.Equal(next, first) && len(next) > 0 {
			lines = append(lines, "boot system "+u.Unit+" "+strings.Join(next, ";"))
		}
	}
	return lines
}

// checkBoot compares what every unit boots next, and boots first by the startup-config, with
// the boot lines.
func (a application) checkBoot(ctx context.Context, files []string) error {
	b, err := a.line.Boot(ctx)
	if err != nil {
		return err
	}
	for _, u := range b.Units {
		if !slices.EqualFunc(u.NextStartFiles(), files, a.view.sameOnUnits) {
			return cause.New(cause.CommandRejected, fmt.Sprintf("%s: show boot says %q, and not %q", u.Unit, u.NextStart(), strings.Join(files, ";")),
				api.Say("look at ").Type(api.OnDevice, "show boot").Say(" and ").Type(api.OnDevice, "show running-config | include boot").
					Say(" on the device, and set it by hand before it is started again"))
		}
	}
	if len(b.Units) == 0 {
		return cause.New(cause.CommandRejected, "show boot says nothing after the boot lines were saved",
			api.Say("look at it by hand before the device is started again"))
	}
	now := a.view
	if now.saved, err = a.line.saved(ctx); err == nil && !now.savedBoots(files[0]) {
		err = cause.New(cause.CommandRejected, "the startup-config boots "+cmp.Or(listed(now.saved.Lines), "nothing")+" after `write memory`, and not "+files[0],
			api.Say("compare ").Type(api.OnDevice, "show startup-config").Say(" with ").Type(api.OnDevice, "show running-config").Say(" before the device is started again"))
	}
	return err
}

// canStart looks at the device again, and refuses to start it if a unit would
// not return.
func (a application) canStart(ctx context.Context, s api.PlanStep, done outcome) error {
	v, err := look(ctx, a.line, a.plan.Request.Device, nil)
	if err != nil {
		return err
	}
	why := v.unsafe(v.loaders())
	if s.Kind == api.PlanInstall { // the files come with the step
		why = nil
		for _, l := range v.loaders() {
			if why == nil {
				why = v.unsafeSettings(l)
			}
		}
	}
	switch {
	case why == nil:
		return nil
	case done.changed:
		return cause.New(cause.UnsafeBoot, why.Detail, why.Fix)
	}
	return cause.Wrap(cause.UnsafeBoot, ErrRefused, why.Detail, why.Fix)
}
