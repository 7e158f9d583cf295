package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// change types one command that changes the device.
func (a application) change(ctx context.Context, c ios.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a.line.report(api.StepChange, c.Line, 0, -1)
	return a.line.Do(ctx, c)
}

func (a application) mkdir(ctx context.Context, s api.PlanStep, done outcome) (outcome, error) {
	done.changed = true
	return done, a.change(ctx, ios.MakeDirectory(s.Path))
}

// remove deletes a file. Immediately before, it proves that the file is the one
// of the plan, that the vault holds its content whole, and that the device does
// not need it.
func (a application) remove(ctx context.Context, s api.PlanStep, done outcome) (outcome, error) {
	if used := a.view.inUse(s.Path); used != "" {
		return done, done.stop(s.Path+" is not deleted: "+used, api.Say("boot another image first"))
	}
	sha, err := a.keptNow(ctx, s, done)
	if err != nil {
		return done, err
	}
	if err := a.Vault.Prove(ctx, sha, s.Size); err != nil {
		return done, cause.Wrap(cause.VaultError, err, s.Path+" is not deleted", checkData(a.plan.Request.Device))
	}
	done.changed = true
	if err := a.change(ctx, ios.Delete(s.Path)); err != nil {
		return done, err
	}
	done.deleted = append(slices.Clip(done.deleted), s.Path)
	return done, nil
}

// keptNow returns the SHA-256 under which the vault holds the present content
// of a file.
func (a application) keptNow(ctx context.Context, s api.PlanStep, done outcome) (string, error) {
	device := a.plan.Request.Device
	if s.ReadBack {
		sha, err := a.readBack(ctx, s)
		if err == nil {
			err = a.holds(ctx, device, s.Path, sha, s.Size)
		}
		return sha, done.refuseUnlessChanged(err)
	}
	d, err := a.line.digest(ctx, s.Path, s.Size)
	if err != nil {
		return "", err
	}
	if d.MD5 != s.MD5 {
		return "", done.stop(s.Path+" has changed since the plan was made", api.Say("make a new plan: ").Do("restore", device))
	}
	sha, err := a.kept(ctx, device, s)
	return sha, done.refuseUnlessChanged(err)
}

// stop is the error of a step that must not be done: a refusal as long as
// nothing was changed.
func (o outcome) stop(seen string, fix api.Fix) error {
	if o.changed {
		return cause.New(cause.Cancelled, seen, fix)
	}
	return refuse(seen, fix)
}

// refuseUnlessChanged makes an error of the vault's lack a refusal as long as
// nothing was changed.
func (o outcome) refuseUnlessChanged(err error) error {
	if errors.Is(err, errNotKept) {
		return o.stop(err.Error(), cause.FixOf(err))
	}
	return err
}

// checkData is the fix where a blob of the vault is not what its name says.
func checkData(device string) api.Fix {
	return api.Say("run ").Do("check").With("read_data", "").Say(", and back the device up again: ").Do("backup", device).With("recopy", "")
}

// proveThere reads back a file of which only the size was compared.
func (a application) proveThere(ctx context.Context, s api.PlanStep, done outcome) (outcome, error) {
	sha, err := a.readBack(ctx, s)
	if err == nil && sha != s.SHA256 {
		err = cause.New(cause.DigestMismatch, s.Path+" has the size of the snapshot's file and other content",
			api.Say("add ").Option("replace", "").Say(", or restore it to another place with ").Option("to", "").Say("; no boot line was written"))
	}
	return done, err
}

// mayBoot refuses boot lines unless each file of the restore that boots was
// proved in an earlier step, the lines name one of them first, and the others
// are there.
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
	s := a.plan.Steps[step]
	if len(s.Boot) == 0 || len(a.view.boot.Units) == 0 || !slices.Equal(s.Lines, bootLinesFor(a.view, s.Boot)) {
		return notBooted("the boot lines of the plan are not those of its files")
	}
	installs := slices.ContainsFunc(a.plan.Steps[step:], func(s api.PlanStep) bool { return s.Kind == api.PlanInstall })
	for i, file := range s.Boot {
		_, there := a.view.Image(flash.ParsePath(file))
		restored := slices.ContainsFunc(done.files, func(d api.File) bool { return boots(d.Kind) && a.view.sameOnUnits(d.Path, file) })
		installed := installs && flash.ParsePath(file).Base() == "packages.conf"
		if !restored && (!there || i == 0) && !installed {
			return notBooted(file + " was not proved on the device")
		}
	}
	return nil
}

func notBooted(seen string) error {
	return cause.New(cause.Internal, seen+": no boot line is written", nil)
}

// setBoot writes the boot lines, saves them, and checks that they hold.
func (a application) setBoot(ctx context.Context, s api.PlanStep, done outcome) (outcome, error) {
	a.line.report(api.StepChange, s.Lines[len(s.Lines)-1], 0, -1)
	done.changed = true
	if err := a.line.Configure(ctx, s.Lines); err != nil {
		return done, err
	}
	if err := a.change(ctx, ios.SaveConfig()); err != nil {
		return done, err
	}
	if err := a.checkBoot(ctx, s.Boot); err != nil {
		return done, err
	}
	done.boot = s.Boot
	return done, nil
}

// checkBoot compares what every unit boots next with the boot lines.
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
	return nil
}

// canStart refuses to start the device again when it would find nothing to
// boot.
func (a application) canStart(ctx context.Context) error {
	v, err := look(ctx, a.line, "")
	if err != nil {
		return err
	}
	next := v.next()
	for _, file := range next {
		p := flash.ParsePath(file)
		if _, there := v.Image(p); there || p.FS == "tftp:" {
			return nil
		}
	}
	image := func(p flash.Path) bool { return p.Base() != "packages.conf" }
	if len(next) == 0 && slices.ContainsFunc(v.bootable(), image) {
		return nil
	}
	device := a.plan.Request.Device
	return cause.New(cause.ImageNotFound, fmt.Sprintf("%s is not started again: of the files that it boots next (%s) none is in flash", device, strings.Join(next, ";")),
		api.Say("set the boot lines: ").Do("restore", device).With("set_boot", ""))
}
